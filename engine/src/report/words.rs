//! Sentences that can be said in another language: their templates, and what is filled in.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sentence, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Words {
    /// The English text, with `%{name}` where a value stands.
    pub template: String,
    /// The values by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Part>,
}

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Part {
    /// A figure or a name, the same in every language.
    Plain(String),
    /// Words with a template of their own.
    Words(Words),
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Part::Plain(text)
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Part::Plain(text.to_owned())
    }
}

impl From<usize> for Part {
    fn from(count: usize) -> Self {
        Part::Plain(count.to_string())
    }
}

impl From<Words> for Part {
    fn from(words: Words) -> Self {
        Part::Words(words)
    }
}

/// A part of a sentence with a template of its own. Tests look for these calls: each template has a translation.
pub(crate) fn phrase<const N: usize>(template: &str, values: [(&str, Part); N]) -> Words {
    Words::new(template, values)
}

impl Words {
    /// A template with its values.
    pub(crate) fn new<'a>(template: &str, values: impl IntoIterator<Item = (&'a str, Part)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        Words { template: template.to_owned(), values: values.collect() }
    }

    /// In English.
    pub fn text(&self) -> String {
        self.say(&|template| Some(template)).unwrap_or_default()
    }

    /// In the language that `translated` translates templates to; `None` where one of them has no translation, since half
    /// a sentence in each of two languages helps nobody.
    pub fn say<'a>(&'a self, translated: &dyn Fn(&'a str) -> Option<&'a str>) -> Option<String> {
        let template = translated(&self.template)?;
        let mut said: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
        for (name, part) in &self.values {
            let words = match part {
                Part::Plain(text) => Cow::Borrowed(text.as_str()),
                Part::Words(words) => Cow::Owned(words.say(translated)?),
            };
            said.insert(name, words);
        }
        Some(fill_in(template, |name| said.get(name).map(|words| &**words)))
    }
}

/// A text with its `%{name}` filled in. What is filled in is not looked at again, whatever it holds; a name without a value
/// stays as it is.
pub fn fill_in<'v>(template: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut parts = template.split("%{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let filled = part.split_once('}').and_then(|(name, rest)| Some((value(name)?, rest)));
        match filled {
            Some((value, rest)) => whole.extend([value, rest]),
            None => whole.extend(["%{", part]),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let others = phrase(" (%{n} others)", [("n", 3.into())]);
        phrase(
            "`%{subject}` is %{figure}%{others}",
            [("subject", "%{figure}".into()), ("figure", "7 %".into()), ("others", others.into())],
        )
    }

    #[test]
    fn names_of_others_are_not_filled_in_again() {
        assert_eq!(words().text(), "`%{figure}` is 7 % (3 others)");
        assert_eq!(phrase("%{a} and %{", []).text(), "%{a} and %{");
    }

    #[test]
    fn a_sentence_is_in_one_language_or_in_none() {
        let sentence = ("`%{subject}` is %{figure}%{others}", "%{figure}：%{subject}%{others}");
        let part = (" (%{n} others)", "，等%{n}个");
        let own = |english: &str, (known, own): (&str, &'static str)| (known == english).then_some(own);
        let words = words();
        let whole = words.say(&|english| own(english, sentence).or(own(english, part)));
        assert_eq!(whole.as_deref(), Some("7 %：%{figure}，等3个"));
        assert_eq!(words.say(&|english| own(english, sentence)), None);
    }

    #[test]
    fn words_come_back_from_json() {
        let json = serde_json::to_string(&words()).unwrap();
        assert!(
            json.contains(r#""figure":"7 %""#) && json.contains(r#""others":{"template":" (%{n} others)""#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Words>(&json).unwrap(), words());
    }
}
