//! The rules, one a row.

use super::case::Case;
use super::chain::{Chain, EQUALIZATION, INT8, MIXED_PRECISION};
use crate::job::StrategyRequest;
use crate::report::{Finding, LayerFacts, Part, PictureRole, Remedy, Severity, Words, phrase};

/// Scores below this noise:signal are good enough not to speak of single layers.
const QUIET: f64 = 0.02;
/// From this noise:signal of the scores on, smaller contributions of layers are worth work.
const LOUD: f64 = 0.10;
/// A layer's contribution that is worth work when the scores are loud.
const LAYER_WHEN_LOUD: f64 = 0.01;
/// A layer's contribution from which on its weights are worth work.
const LAYER: f64 = 0.02;
/// Layers that one remedy puts in 16 bits.
const MAX_LAYERS: usize = 8;
/// Evaluation pictures with which an accuracy is told from chance.
const SOME_PICTURES: usize = 20;

/// A rule over a report.
pub struct Rule {
    /// Its id in reports.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The fields of the report that it looks at.
    pub looks_at: &'static str,
    /// The figure from which on it speaks, in words of `looks_at`.
    pub limit: f64,
    /// What it says, with `%{name}` where something that was found stands.
    pub text: &'static str,
    find: fn(&Case<'_>, f64) -> Option<Hit>,
}

/// What a rule found.
struct Hit {
    subject: Option<String>,
    words: Vec<(&'static str, Part)>,
    button: &'static str,
    remedy: Remedy,
}

impl Rule {
    /// Holds a report against the rule.
    pub(super) fn look(&self, case: &Case<'_>) -> Option<Finding> {
        Some(self.tell((self.find)(case, self.limit)?))
    }

    fn tell(&self, hit: Hit) -> Finding {
        let subject = hit.subject.iter().map(|subject| ("subject", Part::from(subject.as_str())));
        let subject = subject.filter(|_| self.text.contains("%{subject}"));
        let words = Words::new(self.text, hit.words.into_iter().chain(subject));
        Finding::new(self.id, self.severity, hit.subject.clone(), words, hit.button, hit.remedy)
    }
}

/// See [`super::evaluation_overlap`].
pub(super) fn evaluation_overlap(pictures: usize) -> Option<Finding> {
    let rule = RULES.first()?;
    Some(rule.tell(overlap(pictures, rule.limit)?))
}

/// All rules, in the order in which those of one severity are told.
pub static RULES: [Rule; 14] = [
    Rule {
        id: "evaluation-overlap",
        severity: Severity::Problem,
        looks_at: "evaluation.calibration_overlap, above",
        limit: 0.0,
        text: "evaluation pictures that are calibration pictures too: %{count}; the accuracy is flattered",
        find: |case, limit| overlap(case.report.evaluation.as_ref()?.calibration_overlap, limit),
    },
    Rule {
        id: "float-network-guesses",
        severity: Severity::Problem,
        looks_at: "evaluation.float.top1, below (from 20 pictures on)",
        limit: 0.10,
        text: "the float network itself is right on only %{figure} of the evaluation pictures: their labels or the \
               pre-processing are not those it was trained with",
        find: |case, limit| {
            let evaluation = case.report.evaluation.as_ref()?;
            let top1 = evaluation.float?.top1;
            let is_imagenet =
                case.report.preprocessing_settings.get("mean").is_some_and(|mean| mean.starts_with("0.485"));
            let (button, mean, std) = match is_imagenet {
                true => ("Try inputs of -1..1", "0.5", "0.5"),
                false => ("Try ImageNet's mean and std", "0.485,0.456,0.406", "0.229,0.224,0.225"),
            };
            let settings = [("mean", mean), ("std", std)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
            let remedy = Remedy::Preprocessing { settings };
            (top1 < limit && evaluation.images >= SOME_PICTURES).then(|| Hit {
                subject: None,
                words: vec![("figure", percent(top1).into())],
                button,
                remedy,
            })
        },
    },
    Rule {
        id: "final-noise",
        severity: Severity::Problem,
        looks_at: "final.graphwise_nsr, above (Espressif's playbook: the last layer should stay under 10 %)",
        limit: LOUD,
        text: "the scores' noise:signal is %{figure} on the calibration pictures and should stay under 10 %",
        find: |case, limit| {
            let noise = case.noise().filter(|noise| *noise > limit)?;
            let (button, remedy) = better(case);
            Some(Hit { subject: None, words: vec![("figure", percent(noise).into())], button, remedy })
        },
    },
    Rule {
        id: "changed-classes",
        severity: Severity::Hint,
        looks_at: "final.agreement on 20 analysed pictures or more, where final-noise does not speak, below",
        limit: 0.9,
        text: "only %{figure} of the calibration pictures keep the class that the float network gives them; other strategies \
               may keep more",
        find: |case, limit| {
            let agreement = case.report.r#final.agreement.filter(|agreement| *agreement < limit)?;
            let is_quiet = case.noise().is_some_and(|noise| noise <= LOUD);
            let used = case.report.calibration.used.len();
            let pictures = case.report.analysed.map_or(used, |analysed| analysed.graphwise);
            let (button, remedy) = better(case);
            (is_quiet && pictures >= SOME_PICTURES).then(|| Hit {
                subject: None,
                words: vec![("figure", percent(agreement).into())],
                button,
                remedy,
            })
        },
    },
    Rule {
        id: "equalization-hurts",
        severity: Severity::Warning,
        looks_at: "final.graphwise_nsr with classic equalization on a chip with exponents per channel: above that of a \
                   reference run without it, or above",
        limit: 0.03,
        text: "with equalization the scores' noise:signal is %{figure}%{against}: it helps where channels share an \
               exponent, and on %{target} each has its own",
        find: |case, limit| {
            let noise = case.noise()?;
            let chain = case.chain();
            let equalizes = chain.has(EQUALIZATION) && case.choice(EQUALIZATION, "mode") == "classic";
            let without = case.reference.filter(|r| !Chain::of(r).has(EQUALIZATION));
            let without = without.and_then(|r| r.r#final.graphwise_nsr);
            let against = without.map_or_else(nothing, |w| {
                phrase(", without it %{other}", [("other", percent(w).into())]).into()
            });
            (case.per_channel && equalizes && noise > without.unwrap_or(limit)).then(|| Hit {
                subject: None,
                words: vec![
                    ("figure", percent(noise).into()),
                    ("against", against),
                    ("target", case.report.target.as_str().into()),
                ],
                button: "Leave equalization out",
                remedy: chain.without(EQUALIZATION).remedy(),
            })
        },
    },
    Rule {
        id: "worse-than-reference",
        severity: Severity::Warning,
        looks_at: "final.graphwise_nsr, more than this times that of a reference run with other strategies or settings",
        limit: 1.05,
        text: "the scores' noise:signal is %{figure}, in the run that it is compared with %{other}",
        find: |case, limit| {
            let (noise, reference) = (case.noise()?, case.reference?);
            let before = reference.r#final.graphwise_nsr?;
            let remedy = Chain::of(reference).remedy();
            (noise > limit * before && remedy != case.chain().remedy()).then(|| Hit {
                subject: None,
                words: vec![("figure", percent(noise).into()), ("other", percent(before).into())],
                button: "Take that run's strategies",
                remedy,
            })
        },
    },
    Rule {
        id: "weight-ranges",
        severity: Severity::Warning,
        looks_at: "layers.weight_range_ratio of int8 layers with one exponent, layers.coarse_channels and a \
                   layerwise_nsr from 2 % on (final.graphwise_nsr above 10 % where it was not measured), without \
                   equalization, from",
        limit: 50.0,
        text: "`%{subject}` has channels whose weight ranges differ %{figure}-fold but share one exponent; %{coarse} of \
               them keep 3 bits or fewer%{others}",
        find: |case, limit| {
            let is_loud = case.noise().is_some_and(|noise| noise > LOUD);
            let ratio = |l: &LayerFacts| {
                let is_coarse = l.bits == 8 && l.weight_exponents.len() == 1 && l.coarse_channels > Some(0);
                // Wide ranges alone do no harm, and equalization has its price: errors of other layers grow.
                let hurts = l.layerwise_nsr.map_or(is_loud, |nsr| nsr >= LAYER);
                l.weight_range_ratio.filter(|_| is_coarse && hurts)
            };
            let layers = case.layers_above(limit, ratio);
            let (most, layer) = layers.first()?;
            let chain = case.chain();
            (!chain.has(EQUALIZATION)).then(|| Hit {
                subject: Some(layer.name.clone()),
                words: vec![
                    ("figure", ratio_in_words(*most)),
                    ("coarse", layer.coarse_channels.unwrap_or(0).to_string().into()),
                    ("others", others(layers.len())),
                ],
                button: "Put equalization first",
                remedy: chain.with_equalization().remedy(),
            })
        },
    },
    Rule {
        id: "layers-that-hurt",
        severity: Severity::Warning,
        looks_at: "layers.layerwise_nsr of int8 layers, from (a fifth of it where final.graphwise_nsr is above 10 %)",
        limit: 0.05,
        text: "quantizing `%{subject}` alone makes %{figure} noise:signal in the scores%{others}",
        find: |case, limit| {
            let is_loud = case.noise().is_some_and(|noise| noise > LOUD);
            let limit = if is_loud { limit.min(LAYER_WHEN_LOUD) } else { limit };
            let layers = case.layers_above(limit, |l| l.layerwise_nsr.filter(|_| l.bits == 8));
            let (most, layer) = layers.first()?;
            let names: Vec<&str> = layers.iter().take(MAX_LAYERS).map(|(_, l)| l.name.as_str()).collect();
            Some(Hit {
                subject: Some(layer.name.clone()),
                words: vec![("figure", percent(*most).into()), ("others", others(layers.len()))],
                button: "Put them in 16 bits",
                remedy: in_16_bits(case, &names)?,
            })
        },
    },
    Rule {
        id: "accuracy-drop",
        severity: Severity::Warning,
        looks_at: "evaluation.float.top1 less evaluation.quantized.top1, above, where the interval of the float \
                   network's excludes it and final-noise does not speak",
        limit: 0.02,
        text: "quantization costs %{figure} points of top-1: %{float} becomes %{quantized}",
        find: |case, limit| {
            let evaluation = case.report.evaluation.as_ref()?;
            let (float, quantized) = (evaluation.float?, evaluation.quantized?);
            let lost = float.top1 - quantized.top1;
            let is_sure = quantized.top1 < float.top1_interval95[0];
            let is_told = case.noise().is_some_and(|noise| noise > LOUD);
            let (button, remedy) = better(case);
            (lost > limit && is_sure && !is_told).then(|| Hit {
                subject: None,
                words: vec![
                    ("figure", format!("{:.1}", lost * 100.0).into()),
                    ("float", percent(float.top1).into()),
                    ("quantized", percent(quantized.top1).into()),
                ],
                button,
                remedy,
            })
        },
    },
    Rule {
        id: "input-saturates",
        severity: Severity::Warning,
        looks_at: "input.beyond_range, above",
        limit: 0.02,
        text: "%{figure} of the values of the input `%{subject}` saturate at exponent %{exponent}",
        find: |case, limit| {
            let input = &case.report.input;
            let beyond = input.beyond_range.filter(|b| *b > limit)?;
            let chosen_by_int8 = case.chain().set(INT8, "input_observer", "minmax").map(Chain::remedy);
            let int8 = || StrategyRequest { id: INT8.to_owned(), settings: Default::default() };
            Some(Hit {
                subject: Some(input.name.clone()),
                words: vec![
                    ("figure", percent(beyond).into()),
                    ("exponent", input.output_exponent.to_string().into()),
                ],
                button: "Let nothing of the input saturate",
                remedy: chosen_by_int8.unwrap_or_else(|| Remedy::Pipeline { strategies: vec![int8()] }),
            })
        },
    },
    Rule {
        id: "clipping",
        severity: Severity::Warning,
        looks_at: "layers.beyond_range of layers with a graphwise noise:signal above 2 %, from",
        limit: 0.03,
        text: "calibration clips %{figure} of the values of `%{subject}`%{others}",
        find: |case, limit| {
            let is_noisy = |l: &LayerFacts| l.graphwise_nsr.is_none_or(|nsr| nsr > QUIET);
            let layers = case.layers_above(limit, |l| l.beyond_range.filter(|_| is_noisy(l)));
            let (most, layer) = layers.first()?;
            let weight = case.setting(INT8, "clip_weight").and_then(serde_json::Value::as_f64);
            let chain = case.chain();
            let (button, changed) = match (case.choice(INT8, "observer"), weight) {
                ("mse-pot", Some(weight)) if weight < 1.0 => {
                    ("Let clipping count more", chain.set(INT8, "clip_weight", 1.0))
                }
                ("mse-pot" | "minmax", _) => ("Clip nothing", chain.set(INT8, "observer", "minmax")),
                _ => ("Take the smallest squared error", chain.set(INT8, "observer", "mse-pot")),
            };
            let changes_something = case.choice(INT8, "observer") != "minmax";
            Some(Hit {
                subject: Some(layer.name.clone()),
                words: vec![("figure", percent(*most).into()), ("others", others(layers.len()))],
                button,
                remedy: changed.filter(|_| changes_something)?.remedy(),
            })
        },
    },
    Rule {
        id: "accumulator",
        severity: Severity::Warning,
        looks_at: "accumulators: layers whose sums leave the chip's accumulator under ESP-DL, more than",
        limit: 0.0,
        text: "sums of `%{subject}` leave the %{bits}-bit accumulator of %{target} in %{channels} channels on %{pictures} \
               pictures%{others}: there ESP-DL on the chip differs from the PC; Octet's own runtime does not",
        find: |case, limit| {
            let facts = &case.report.accumulators;
            // The first of the largest.
            let worst = facts.iter().rev().max_by_key(|f| f.values)?;
            let names: Vec<&str> = facts.iter().map(|f| f.name.as_str()).collect();
            let remedy = in_16_bits(case, &names)?;
            (facts.len() as f64 > limit).then(|| Hit {
                subject: Some(worst.name.clone()),
                words: vec![
                    ("bits", worst.limit_bits.to_string().into()),
                    ("target", case.report.target.as_str().into()),
                    ("channels", worst.channels.to_string().into()),
                    ("pictures", worst.pictures.to_string().into()),
                    ("others", others(facts.len())),
                ],
                button: "Put them in 16 bits",
                remedy,
            })
        },
    },
    Rule {
        id: "unseen-noise",
        severity: Severity::Warning,
        looks_at: "evaluation.output_nsr (above 2 %) over final.graphwise_nsr, above; not with equalization, after which \
                   the two are against different networks",
        limit: 2.0,
        text: "the scores' noise:signal is %{figure} on pictures that calibration has not seen and %{other} on those it \
               has: %{pictures} pictures are too few",
        find: |case, limit| {
            let (noise, unseen) = (case.noise()?, case.report.evaluation.as_ref()?.output_nsr);
            let used = case.report.calibration.used.len();
            let is_more = unseen > QUIET && unseen > limit * noise && !case.chain().has(EQUALIZATION);
            is_more.then(|| Hit {
                subject: None,
                words: vec![
                    ("figure", percent(unseen).into()),
                    ("other", percent(noise).into()),
                    ("pictures", used.into()),
                ],
                button: "Add calibration pictures",
                remedy: pictures(PictureRole::Calibration, 4 * used.max(16)),
            })
        },
    },
    Rule {
        id: "few-evaluation-pictures",
        severity: Severity::Hint,
        looks_at: "evaluation.images, below",
        limit: 100.0,
        text: "%{count} evaluation pictures: %{what} lies anywhere between %{low} and %{high}",
        find: |case, limit| {
            let evaluation = case.report.evaluation.as_ref()?;
            let (what, [low, high]) = match &evaluation.quantized {
                Some(accuracy) => (phrase("top-1", []), accuracy.top1_interval95),
                None => (phrase("agreement", []), evaluation.agreement_interval95),
            };
            ((evaluation.images as f64) < limit).then(|| Hit {
                subject: None,
                words: vec![
                    ("count", evaluation.images.into()),
                    ("what", what.into()),
                    ("low", percent(low).into()),
                    ("high", percent(high).into()),
                ],
                button: "Add evaluation pictures",
                remedy: pictures(PictureRole::Evaluation, 400),
            })
        },
    },
];

fn overlap(pictures_of_both: usize, limit: f64) -> Option<Hit> {
    (pictures_of_both as f64 > limit).then(|| Hit {
        subject: None,
        words: vec![("count", pictures_of_both.into())],
        button: "Take other evaluation pictures",
        remedy: pictures(PictureRole::Evaluation, 0),
    })
}

fn pictures(role: PictureRole, at_least: usize) -> Remedy {
    Remedy::Pictures { role, at_least, leave_out: Vec::new() }
}

/// What to try next when the whole is too noisy.
fn better(case: &Case<'_>) -> (&'static str, Remedy) {
    let chain = case.chain();
    let observer = case.choice(INT8, "observer");
    if !matches!(observer, "" | "mse-pot")
        && let Some(changed) = chain.clone().set(INT8, "observer", "mse-pot")
    {
        return ("Choose exponents by squared error", changed.remedy());
    }
    if !chain.has(EQUALIZATION) {
        return ("Put equalization first", chain.with_equalization().remedy());
    }
    if !chain.has(MIXED_PRECISION) {
        return ("Search for layers to put in 16 bits", chain.with_search().remedy());
    }
    let enough = 4 * case.report.calibration.used.len().max(16);
    ("Add calibration pictures", pictures(PictureRole::Calibration, enough))
}

/// Operations in 16 bits, without ending a search that the run had.
fn in_16_bits(case: &Case<'_>, names: &[&str]) -> Option<Remedy> {
    let searched = case.chain().has(MIXED_PRECISION)
        && case.choice(MIXED_PRECISION, "search") != "off"
        && (case.choice(MIXED_PRECISION, "search") == "on"
            || case.choice(MIXED_PRECISION, "layers").trim().is_empty());
    let chain = case.chain().with_int16(names)?;
    let chain = if searched { chain.still_searching()? } else { chain };
    Some(chain.remedy())
}

/// Where there is nothing to add.
fn nothing() -> Part {
    Part::Plain(String::new())
}

/// A ratio of ranges; beyond this one channel is as good as empty, and its digits tell nothing.
fn ratio_in_words(ratio: f64) -> Part {
    const MOST: u32 = 10_000;
    match ratio > f64::from(MOST) {
        true => phrase("more than %{n}", [("n", MOST.to_string().into())]).into(),
        false => format!("{ratio:.0}").into(),
    }
}

fn others(count: usize) -> Part {
    match count.saturating_sub(1) {
        0 => nothing(),
        1 => phrase(" (1 other likewise)", []).into(),
        n => phrase(" (%{n} others likewise)", [("n", n.into())]).into(),
    }
}

/// `7.2 %`, with digits enough for small figures.
fn percent(value: f64) -> String {
    match value * 100.0 {
        v if v != 0.0 && v < 1.0 => format!("{v:.2} %"),
        v => format!("{v:.1} %"),
    }
}

#[cfg(test)]
mod tests;
