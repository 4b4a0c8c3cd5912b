//! The window's texts in other languages. The English text is the key, so that views read as what they show; a text
//! without a translation is shown in English. (A catalogue in the style of gettext in forty lines: the libraries that
//! were tried bring parsers of several formats into every build.)

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use octet_engine::report::{Words, fill_in};

/// The translations, English to Chinese.
const CHINESE: &str = include_str!("../locales/zh.json");

static SPEAKS_CHINESE: AtomicBool = AtomicBool::new(false);

/// Chooses the language from now on: Chinese, or English.
pub fn speak(chinese: bool) {
    SPEAKS_CHINESE.store(chinese, Ordering::Relaxed);
}

fn catalogue() -> &'static HashMap<String, String> {
    static CATALOGUE: OnceLock<HashMap<String, String>> = OnceLock::new();
    CATALOGUE.get_or_init(|| match serde_json::from_str(CHINESE) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            tracing::error!("the translations cannot be read: {error}");
            HashMap::new()
        }
    })
}

/// A text in the chosen language.
pub fn translated(english: &str) -> Cow<'_, str> {
    Cow::Borrowed(match SPEAKS_CHINESE.load(Ordering::Relaxed) {
        true => catalogue().get(english).map_or(english, String::as_str),
        false => english,
    })
}

/// A text with `%{name}` filled in. What is filled in is not looked at again, whatever it holds.
pub fn filled(english: &str, values: &[(&str, String)]) -> String {
    fill_in(&translated(english), |name| {
        values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    })
}

/// A sentence of the engine in the chosen language: what it says in English stands where a translation is missing, and in
/// reports that have nothing else.
pub fn said<'a>(english: &'a str, words: Option<&Words>) -> Cow<'a, str> {
    let speaks_english = !SPEAKS_CHINESE.load(Ordering::Relaxed);
    let words = words.filter(|_| !speaks_english);
    let said = words.and_then(|words| words.say(&|template| catalogue().get(template).map(String::as_str)));
    said.map_or(Cow::Borrowed(english), Cow::Owned)
}

/// A text in the language of the window: `tr!("Quantize")`, `tr!("%{n} pictures", n = 3)`.
#[macro_export]
macro_rules! tr {
    ($text:expr) => {
        $crate::i18n::translated($text)
    };
    ($text:expr, $($name:ident = $value:expr),+ $(,)?) => {
        ::std::borrow::Cow::<str>::Owned($crate::i18n::filled($text, &[$((stringify!($name), $value.to_string())),+]))
    };
}

/// A counted text in the language of the window: the first one for 1, the other one with `%{n}` for any other count:
/// `trn!(pictures, "1 picture", "%{n} pictures")`. A value named `n` stands in for the plain count.
#[macro_export]
macro_rules! trn {
    ($count:expr, $one:literal, $many:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        let count = $count;
        let text = if count == 1 { $one } else { $many };
        let values = [$((stringify!($name), $value.to_string()),)* ("n", count.to_string())];
        ::std::borrow::Cow::<str>::Owned($crate::i18n::filled(text, &values))
    }};
}

/// Marks a text that is translated where it is shown.
#[macro_export]
macro_rules! key {
    ($text:literal) => {
        $text
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_translation_fills_in_what_the_english_text_does() {
        let names = |text: &str| {
            let mut found: Vec<String> = text
                .split("%{")
                .skip(1)
                .filter_map(|t| t.split_once('}'))
                .map(|(n, _)| n.to_owned())
                .collect();
            found.sort();
            found
        };
        assert!(!catalogue().is_empty());
        for (english, chinese) in catalogue() {
            assert_eq!(names(english), names(chinese), "{english}");
            assert!(!chinese.trim().is_empty(), "{english}");
        }
    }

    #[test]
    fn values_are_filled_in_and_unknown_texts_stay() {
        assert_eq!(tr!("%{n} of %{m}, untranslated", n = 3, m = "x"), "3 of x, untranslated");
        assert_eq!(translated("untranslated"), "untranslated");
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        assert_eq!(tr!("%{a} and %{b}, 100 %{", a = "%{b}", b = "%{a}"), "%{b} and %{a}, 100 %{");
    }

    #[test]
    fn one_is_singular_and_all_else_plural() {
        let words = |n: usize| trn!(n, "1 cat of %{whom}", "%{n} cats of %{whom}", whom = "Ada").into_owned();
        assert_eq!([0, 1, 2].map(words), ["0 cats of Ada", "1 cat of Ada", "2 cats of Ada"]);
        assert_eq!(trn!(1000, "1 cat", "%{n} cats", n = "1,000"), "1,000 cats");
    }
}
