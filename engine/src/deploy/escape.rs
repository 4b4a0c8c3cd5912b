//! Texts as literals of the languages of a firmware project. Whatever a label or a name holds, it stays one literal.

/// What a generated file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C and preprocessed assembler.
    C,
    /// CMake.
    CMake,
    /// Values of sdkconfig files.
    Sdkconfig,
    /// Partition tables.
    Csv,
    /// Markdown.
    Markdown,
}

impl Language {
    /// By the name of a template, e.g. `main/project.c.j2`.
    pub fn of_file(name: &str) -> Option<Language> {
        let name = name.strip_suffix(".j2").unwrap_or(name);
        let file = name.rsplit('/').next().unwrap_or(name);
        match file.rsplit_once('.') {
            Some((_, "c" | "h" | "S" | "cpp")) => Some(Language::C),
            Some((_, "cmake")) => Some(Language::CMake),
            Some((_, "csv")) => Some(Language::Csv),
            Some((_, "md")) => Some(Language::Markdown),
            Some(("sdkconfig", _)) => Some(Language::Sdkconfig),
            _ => None,
        }
    }
}

/// The text as a complete literal, with its quotes.
///
/// # Errors
/// The language has no literal for it.
pub fn literal(language: Language, text: &str) -> Result<String, String> {
    match language {
        Language::C => Ok(c(text)),
        Language::CMake => quoted(text, |byte| matches!(byte, '\\' | '"' | '$' | ';' | '@')),
        Language::Sdkconfig => quoted(text, |byte| matches!(byte, '\\' | '"')),
        Language::Csv => csv(text),
        Language::Markdown => markdown(text),
    }
}

/// Printable ASCII as it is, everything else in octal, of which three digits are the longest: nothing that follows
/// can be taken for a part of it. Question marks are escaped, since two of them may begin a trigraph.
fn c(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for byte in text.bytes() {
        match byte {
            b'\\' | b'"' | b'?' => {
                literal.push('\\');
                literal.push(char::from(byte));
            }
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => literal.push_str(&format!("\\{byte:03o}")),
        }
    }
    literal.push('"');
    literal
}

/// In double quotes, with a backslash before what has a meaning there.
fn quoted(text: &str, special: impl Fn(char) -> bool) -> Result<String, String> {
    if let Some(odd) = text.chars().find(|c| c.is_control()) {
        return Err(format!("{text:?} holds the control character {odd:?}"));
    }
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for letter in text.chars() {
        if special(letter) {
            literal.push('\\');
        }
        literal.push(letter);
    }
    literal.push('"');
    Ok(literal)
}

/// Names and numbers; the readers of partition tables know no quotes.
fn csv(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match text.len() {
        1..=15 if text.chars().all(plain) => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is no name in a partition table: 1 to 15 letters, digits, dashes and underscores"
        )),
    }
}

/// A code span, whose fence is longer than any run of backticks in it.
fn markdown(text: &str) -> Result<String, String> {
    if let Some(odd) = text.chars().find(|c| c.is_control()) {
        return Err(format!("{text:?} holds the control character {odd:?}"));
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    Ok(format!("{fence} {text} {fence}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a C literal as a compiler does; `None` when it is not exactly one.
    fn read_c(literal: &str) -> Option<Vec<u8>> {
        let inner = literal.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
        let mut text = Vec::new();
        let mut at = 0;
        while at < inner.len() {
            match inner[at] {
                b'"' | b'\n' => return None,
                b'\\' => match inner.get(at + 1)? {
                    b'0'..=b'7' => {
                        let digits = std::str::from_utf8(inner.get(at + 1..at + 4)?).ok()?;
                        text.push(u8::from_str_radix(digits, 8).ok()?);
                        at += 4;
                        continue;
                    }
                    other => {
                        text.push(*other);
                        at += 1;
                    }
                },
                other => text.push(other),
            }
            at += 1;
        }
        Some(text)
    }

    /// Reads a literal with backslashes; `None` when it is not exactly one.
    fn read_quoted(literal: &str) -> Option<String> {
        let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
        let mut text = String::new();
        let mut letters = inner.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '"' | '\n' | '$' | ';' => return None,
                '\\' => text.push(letters.next()?),
                other => text.push(other),
            }
        }
        Some(text)
    }

    const HOSTILE: [&str; 12] = [
        "\"; system(\"reboot\"); //",
        "\\",
        "\\\"",
        "??/\"",
        "\"\n#include \"/etc/passwd\"",
        "${HOME}",
        "$ENV{PATH};b",
        "a\"\nCONFIG_X=y",
        "]] \") execute_process(COMMAND sh)",
        "\u{202e}label",
        "1\u{0}2",
        "@octet1 quit",
    ];

    #[test]
    fn hostile_texts_stay_one_literal() {
        for text in HOSTILE {
            assert_eq!(read_c(&c(text)).as_deref(), Some(text.as_bytes()), "{text:?}");
            match literal(Language::CMake, text) {
                Ok(cmake) => assert_eq!(read_quoted(&cmake).as_deref(), Some(text), "{text:?}"),
                Err(_) => assert!(text.chars().any(char::is_control), "{text:?}"),
            }
            assert!(literal(Language::Csv, text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_c(text in any::<String>()) {
            prop_assert_eq!(read_c(&c(&text)), Some(text.into_bytes()));
        }

        #[test]
        fn any_text_comes_back_from_cmake_or_is_refused(text in any::<String>()) {
            match literal(Language::CMake, &text) {
                Ok(literal) => prop_assert_eq!(read_quoted(&literal), Some(text)),
                Err(_) => prop_assert!(text.chars().any(char::is_control)),
            }
        }

        #[test]
        fn sdkconfig_values_have_one_line(text in any::<String>()) {
            if let Ok(literal) = literal(Language::Sdkconfig, &text) {
                prop_assert!(!literal.contains('\n') && literal.starts_with('"') && literal.ends_with('"'));
                let inner = &literal[1..literal.len() - 1];
                prop_assert!(!inner.replace("\\\\", "").replace("\\\"", "").contains('"'));
            }
        }

        #[test]
        fn partition_names_hold_nothing_that_separates(text in any::<String>()) {
            if let Ok(name) = literal(Language::Csv, &text) {
                prop_assert!(name.len() <= 15 && !name.contains([',', '"', '#', ' ', '\n']));
            }
        }
    }

    #[test]
    fn a_file_is_escaped_by_its_language() {
        assert_eq!(Language::of_file("main/project.c.j2"), Some(Language::C));
        assert_eq!(Language::of_file("octet.cmake.j2"), Some(Language::CMake));
        assert_eq!(Language::of_file("sdkconfig.octet.j2"), Some(Language::Sdkconfig));
        assert_eq!(Language::of_file("main/README"), None);
    }
}
