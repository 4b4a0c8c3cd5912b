//! `octet evaluate`.

use std::sync::atomic::{AtomicUsize, Ordering};

use octet_engine::analyse::{Answers, Evaluation, check_labels, evaluate_answers, top};
use octet_engine::pictures::{Entry, Listing, Preprocessing, load_one};
use octet_engine::predict::{ChipPreprocessing, Predictor, Workspace};
use octet_engine::report::SkippedPicture;
use rayon::prelude::*;
use serde_json::json;

use super::args::{EvaluateArgs, PreprocessKind};
use super::output::{print_json, print_line};

/// One model with its way from pictures to answers.
struct Examinee {
    predictor: Predictor,
    preprocessing: Preprocessing,
    chip: Option<ChipPreprocessing>,
}

impl Examinee {
    fn ask(
        &self,
        workspace: &mut Workspace,
        entry: &Entry,
    ) -> anyhow::Result<Result<Vec<f32>, SkippedPicture>> {
        // Loading decides whether a picture is usable, also where the chip decodes it its own way.
        let picture = match load_one(entry, &self.preprocessing) {
            Ok(picture) => picture,
            Err(skipped) => return Ok(Err(skipped)),
        };
        let answer = match &self.chip {
            Some(chip) => chip.predict(&self.predictor, workspace, &entry.path)?,
            None => self.predictor.predict(workspace, &picture.to_nchw(&self.preprocessing))?,
        };
        Ok(Ok(answer.scores))
    }
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let target = args.target.as_deref().map(super::target).transpose()?;
    let settings = args.preprocessing.settings();
    let predictor = Predictor::open(&args.model, target.map(|t| t.target))?;
    let preprocessing = predictor.preprocessing(&settings)?;
    let chip = match args.preprocess {
        PreprocessKind::Model => None,
        PreprocessKind::Chip => Some(ChipPreprocessing::new(&predictor, &preprocessing)?),
    };
    let examinee = Examinee { predictor, preprocessing, chip };
    let reference = match &args.reference {
        Some(path) => {
            let predictor = Predictor::open(path, None)?;
            let (own, other) = (examinee.predictor.classes(), predictor.classes());
            if own != other {
                anyhow::bail!(
                    "the reference `{}` has {other} classes, the model {own}; take the float model that it was made of",
                    path.display()
                );
            }
            let preprocessing = predictor.preprocessing(&settings)?;
            Some(Examinee { predictor, preprocessing, chip: None })
        }
        None => None,
    };
    let listing = Listing::of_folder(&args.images, args.labels.as_deref())?;
    for unlisted in &listing.unlisted {
        tracing::warn!("{unlisted}");
    }
    let labels = listing.entries.iter().map(|e| (e.file.as_str(), e.class));
    check_labels(labels, examinee.predictor.classes()).map_err(anyhow::Error::msg)?;
    let done = AtomicUsize::new(0);
    let all = listing.entries.len();
    let results: anyhow::Result<Vec<_>> = listing
        .entries
        .par_iter()
        .map_init(
            || (examinee.predictor.workspace(), reference.as_ref().map(|r| r.predictor.workspace())),
            |(workspace, reference_workspace), entry| {
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_multiple_of(64) {
                    tracing::info!("{count} of {all} pictures");
                }
                let scores = match examinee.ask(workspace, entry)? {
                    Ok(scores) => scores,
                    Err(skipped) => return Ok(Err(skipped)),
                };
                let reference = match (&reference, reference_workspace) {
                    (Some(reference), Some(workspace)) => match reference.ask(workspace, entry)? {
                        Ok(scores) => Some(scores),
                        Err(skipped) => return Ok(Err(skipped)),
                    },
                    _ => None,
                };
                Ok(Ok((entry, scores, reference)))
            },
        )
        .collect();
    let mut skipped = listing.skipped.clone();
    let (mut answers, mut references) = (Answers::default(), Answers::default());
    let mut entries = Vec::new();
    for result in results? {
        match result {
            Ok((entry, scores, reference)) => {
                entries.push(entry);
                answers.scores.push(scores);
                references.scores.extend(reference);
            }
            Err(reason) => skipped.push(reason),
        }
    }
    if entries.is_empty() {
        let why = skipped.first().map_or_else(String::new, |s| format!("; `{}`: {}", s.file, s.reason));
        anyhow::bail!("there is no usable picture in {}{why}", args.images.display());
    }
    let labels: Vec<Option<usize>> = entries.iter().map(|e| e.class).collect();
    let evaluation = evaluate_answers(&answers, &labels, reference.is_some().then_some(&references));
    show(args, &examinee, &entries, &answers, &evaluation, &skipped)
}

fn show(
    args: &EvaluateArgs,
    examinee: &Examinee,
    entries: &[&Entry],
    answers: &Answers,
    evaluation: &Evaluation,
    skipped: &[SkippedPicture],
) -> anyhow::Result<()> {
    let target = examinee.predictor.target();
    let accuracy = evaluation.accuracy;
    if args.json {
        let mut object = json!({
            "model": args.model,
            "target": target.map(|(t, _)| t.as_str()),
            "images": entries.len(),
            "skipped": skipped,
            "preprocessing": examinee.preprocessing.described(),
            "top1": accuracy.map(|a| a.top1),
            "top5": accuracy.map(|a| a.top5),
            "interval95": accuracy.map(|a| a.top1_interval95),
            "agreement": evaluation.agreement,
            "agreement_interval95": evaluation.agreement_interval95,
            "output_nsr": evaluation.output_nsr,
        });
        if args.predictions {
            let list = entries.iter().zip(&answers.scores).map(
                |(entry, scores)| json!({"file": entry.file, "label": entry.class, "top5": top(scores, 5)}),
            );
            object["predictions"] = list.collect();
        }
        return print_json(&object);
    }
    if let Some((target, why)) = target {
        print_line(&format!("target      {} ({why})", target.as_str()));
    }
    print_line(&format!("pictures    {} ({} skipped)", entries.len(), skipped.len()));
    let percent = |v: f64| format!("{:.2} %", v * 100.0);
    if let Some(a) = accuracy {
        let [low, high] = a.top1_interval95;
        print_line(&format!("top-1       {} (95 %: {} to {})", percent(a.top1), percent(low), percent(high)));
        print_line(&format!("top-5       {}", percent(a.top5)));
    } else {
        print_line("top-1       not known without labels (--labels CSV, or sub-folders)");
    }
    if let (Some(agreement), Some(nsr)) = (evaluation.agreement, evaluation.output_nsr) {
        print_line(&format!("agreement   {} with the reference", percent(agreement)));
        print_line(&format!("noise       {} of the scores' signal", percent(nsr)));
    }
    for s in skipped {
        print_line(&format!("skipped     {}: {}", s.file, s.reason));
    }
    if args.predictions {
        for (entry, scores) in entries.iter().zip(&answers.scores) {
            let label = entry.class.map_or_else(|| "-".to_owned(), |class| class.to_string());
            let best: Vec<String> = top(scores, 5).iter().map(ToString::to_string).collect();
            print_line(&format!("{}  label {label}  answers {}", entry.file, best.join(" ")));
        }
    }
    Ok(())
}
