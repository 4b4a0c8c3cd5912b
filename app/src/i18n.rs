//! The window's texts in other languages. The English text is the key, so that views read as what they show; a text
//! without a translation is shown in English. (A catalogue in the style of gettext in forty lines: the libraries that
//! were tried bring parsers of several formats into every build.)

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// A text with `%{name}` filled in.
pub fn filled(english: &str, values: &[(&str, String)]) -> String {
    let mut text = translated(english).into_owned();
    for (name, value) in values {
        text = text.replace(&format!("%{{{name}}}"), value);
    }
    text
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
}
