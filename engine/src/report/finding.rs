//! What a rule found, and what would help, as data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::Words;
use crate::job::StrategyRequest;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Could be better.
    Hint,
    /// Costs accuracy, or makes figures less sure.
    Warning,
    /// The result or its figures are not to be relied on.
    Problem,
}

/// Words in a form that this Octet does not know are none: the text is there as well.
fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Words>, D::Error> {
    let words = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(words).ok())
}

/// What a rule found in a run or in its pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id; docs/advice.md lists them.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// Name of the operation, tensor or picture that it is about; `null` for the whole.
    pub subject: Option<String>,
    /// What was found, in a sentence with its number.
    pub text: String,
    /// The same for programs that speak other languages; `null` in reports of Octet before it did.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "readable")]
    pub words: Option<Words>,
    /// The remedy in a few words, for a button.
    pub button: String,
    /// The remedy as data.
    pub remedy: Remedy,
    /// The remedy as arguments of `octet quantize`, quoted for a shell; they replace arguments of the same names, but
    /// `--leave-out` is added to others. Empty where none says it.
    pub arguments: String,
}

/// A change of what `octet quantize` is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remedy {
    /// Another chain of strategies.
    Pipeline {
        /// The whole chain in order, as in `pipeline.json`; settings that are not named keep their defaults.
        strategies: Vec<StrategyRequest>,
    },
    /// Another pre-processing.
    Preprocessing {
        /// Settings that change: `mean`, `std`, `resize`, `crop`, `bgr`, `grey`.
        settings: BTreeMap<String, String>,
    },
    /// Other pictures, which somebody has to choose.
    Pictures {
        /// Whose.
        role: PictureRole,
        /// Pictures that would be enough; 0 where their number is not the point.
        at_least: usize,
        /// Files to leave out, relative to their folder, or whole paths where several folders have a file of that
        /// name; at most 1000.
        leave_out: Vec<String>,
    },
}

/// What pictures are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureRole {
    /// Statistics.
    Calibration,
    /// Accuracy.
    Evaluation,
}

impl Finding {
    /// A finding; its arguments follow from its remedy.
    pub(crate) fn new(
        rule: &str,
        severity: Severity,
        subject: Option<String>,
        words: Words,
        button: &str,
        remedy: Remedy,
    ) -> Self {
        let arguments = remedy.arguments();
        Finding {
            rule: rule.to_owned(),
            severity,
            subject,
            text: words.text(),
            words: Some(words),
            button: button.to_owned(),
            remedy,
            arguments,
        }
    }
}

impl Remedy {
    /// The arguments of `octet quantize` that say the same; empty where none does.
    pub fn arguments(&self) -> String {
        let words: Vec<String> = match self {
            Remedy::Pipeline { strategies } => pipeline_arguments(strategies),
            Remedy::Preprocessing { settings } => {
                settings.iter().flat_map(|(k, v)| preprocessing_argument(k, v)).collect()
            }
            Remedy::Pictures { role: PictureRole::Calibration, leave_out, .. } if !leave_out.is_empty() => {
                leave_out.iter().flat_map(|file| ["--leave-out".to_owned(), file.clone()]).collect()
            }
            // DIR stands for what somebody has to choose.
            Remedy::Pictures { role: PictureRole::Calibration, .. } => {
                vec!["--images".to_owned(), "DIR".to_owned()]
            }
            Remedy::Pictures { role: PictureRole::Evaluation, .. } => {
                vec!["--eval".to_owned(), "DIR".to_owned()]
            }
        };
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A word for a shell. `shell_words` also quotes `=`, which means nothing inside of a word.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=".contains(c);
    match word.chars().all(is_plain) && !word.is_empty() && !word.starts_with('=') {
        true => Cow::Borrowed(word),
        false => shell_words::quote(word),
    }
}

fn preprocessing_argument(key: &str, value: &str) -> Vec<String> {
    match (key, value) {
        ("bgr" | "grey", "true") => vec![format!("--{key}")],
        ("bgr" | "grey", _) => Vec::new(),
        _ => vec![format!("--{key}"), value.to_owned()],
    }
}

/// The last part of an id, which stands for the whole where it is the only one.
fn short(strategies: &[StrategyRequest], id: &str) -> String {
    let last = |id: &str| id.rsplit('.').next().unwrap_or(id).to_owned();
    match strategies.iter().any(|s| last(&s.id) == last(id) && s.id != id) {
        true => id.to_owned(),
        false => last(id),
    }
}

fn pipeline_arguments(strategies: &[StrategyRequest]) -> Vec<String> {
    let chain: Vec<String> = strategies.iter().map(|s| short(strategies, &s.id)).collect();
    let mut words = vec!["--strategy".to_owned(), chain.join(",")];
    words.extend(typed_settings(strategies).into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
    words
}

/// The settings of a chain as `--set` takes them: by the strategy's id, or its place where the chain has it twice.
pub(crate) fn typed_settings(strategies: &[StrategyRequest]) -> Vec<String> {
    let is_twice = |id: &str| strategies.iter().filter(|s| s.id == id).count() > 1;
    let of_strategy = |(place, s): (usize, &StrategyRequest)| -> Vec<String> {
        let name = if is_twice(&s.id) { (place + 1).to_string() } else { short(strategies, &s.id) };
        s.settings.iter().map(|(key, value)| format!("{name}.{key}={}", as_typed(value))).collect()
    };
    strategies.iter().enumerate().flat_map(of_strategy).collect()
}

/// A value as `--set` reads it: text without quotes, unless it would be taken for something else.
fn as_typed(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) if serde_json::from_str::<serde_json::Value>(text).is_err() => {
            text.clone()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pipeline(strategies: &[(&str, Value)]) -> Remedy {
        let one = |(id, settings): &(&str, Value)| StrategyRequest {
            id: (*id).to_owned(),
            settings: settings.as_object().unwrap().clone().into_iter().collect(),
        };
        Remedy::Pipeline { strategies: strategies.iter().map(one).collect() }
    }

    #[test]
    fn words_of_an_unknown_form_leave_the_text() {
        let finding = json!({
            "rule": "r", "severity": "hint", "subject": null, "text": "so", "button": "b",
            "words": {"template": "%{n}", "values": {"n": 3}},
            "remedy": {"kind": "pictures", "role": "calibration", "at_least": 0, "leave_out": []},
            "arguments": "",
        });
        let finding: Finding = serde_json::from_value(finding).unwrap();
        assert_eq!((finding.text.as_str(), finding.words), ("so", None));
    }

    #[test]
    fn settings_of_a_strategy_that_comes_twice_are_told_by_its_place() {
        let remedy = pipeline(&[
            ("dev.octet.int8", json!({"observer": "kl"})),
            ("dev.octet.mixed-precision", json!({"layers": "a"})),
            ("dev.octet.mixed-precision", json!({})),
        ]);
        assert_eq!(
            remedy.arguments(),
            "--strategy int8,mixed-precision,mixed-precision --set int8.observer=kl --set 2.layers=a"
        );
    }

    #[test]
    fn a_pipeline_is_told_by_strategies_and_settings() {
        let remedy = pipeline(&[
            ("dev.octet.int8", json!({"clip_weight": 1.0, "observer": "kl"})),
            ("dev.octet.mixed-precision", json!({"layers": "/a b/Conv,$x", "except": "7"})),
        ]);
        assert_eq!(
            remedy.arguments(),
            "--strategy int8,mixed-precision --set int8.clip_weight=1.0 --set int8.observer=kl \
             --set 'mixed-precision.except=\"7\"' --set 'mixed-precision.layers=/a b/Conv,$x'"
        );
    }

    #[test]
    fn strategies_with_the_same_last_part_are_told_in_full() {
        let remedy = pipeline(&[("a.int8", json!({})), ("b.int8", json!({"k": true}))]);
        assert_eq!(remedy.arguments(), "--strategy a.int8,b.int8 --set b.int8.k=true");
    }

    #[test]
    fn other_remedies_have_arguments_where_there_are_some() {
        let settings = [("mean", "0.5"), ("bgr", "true"), ("grey", "false")];
        let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(Remedy::Preprocessing { settings }.arguments(), "--bgr --mean 0.5");
        let pictures = |role, leave_out: &[&str]| {
            let leave_out = leave_out.iter().map(|f| (*f).to_owned()).collect();
            Remedy::Pictures { role, at_least: 32, leave_out }.arguments()
        };
        assert_eq!(pictures(PictureRole::Calibration, &[]), "--images DIR");
        assert_eq!(pictures(PictureRole::Evaluation, &[]), "--eval DIR");
        assert_eq!(
            pictures(PictureRole::Calibration, &["cat/a b.jpg", "c.jpg"]),
            "--leave-out 'cat/a b.jpg' --leave-out c.jpg"
        );
    }

    #[test]
    fn a_remedy_is_read_as_it_was_written() {
        let remedy = pipeline(&[("dev.octet.int8", json!({"percentile": 0.99}))]);
        let text = serde_json::to_value(&remedy).unwrap();
        assert_eq!(
            text,
            json!({"kind": "pipeline", "strategies": [{"id": "dev.octet.int8", "settings": {"percentile": 0.99}}]})
        );
        assert_eq!(serde_json::from_value::<Remedy>(text).unwrap(), remedy);
    }
}
