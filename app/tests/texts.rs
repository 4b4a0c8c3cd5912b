//! Every text of the window has a translation, and every translation a text: the sources are read as `tools/texts.py`
//! reads them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Macros whose text is a key, and helpers that translate what they are given.
const CALLS: [&str; 13] = [
    "tr!",
    "trn!",
    "key!",
    "primary_button",
    "quiet_button",
    "icon_button",
    "heading",
    "section",
    "caption",
    "fact",
    "notice",
    "command",
    "row_ui",
];
/// Functions of the state whose words are translated where they are drawn.
const WORDS: [&str; 6] = ["title", "words", "explanation", "promise", "hint", "obstacle"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// All Rust sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A text in a source, with the innermost call and the function that it stands in.
#[derive(Debug, PartialEq)]
struct Literal {
    text: String,
    call: String,
    function: String,
}

impl Literal {
    fn is_key(&self) -> bool {
        let is_words = WORDS.contains(&self.function.as_str()) && ["", "Some"].contains(&self.call.as_str());
        CALLS.contains(&self.call.as_str()) || is_words
    }
}

/// What is open at a place of a source.
enum Open {
    Call(String),
    Function(String),
    Other,
}

/// Where the text that begins at `from` ends, and what it says.
fn quoted(body: &str, from: usize) -> (usize, String) {
    let (mut text, mut chars) = (String::new(), body[from..].char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (from + at + 1, text),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some('0') => text.push('\0'),
                Some('u') => {
                    let code: String = chars.by_ref().map(|(_, c)| c).take_while(|c| *c != '}').collect();
                    let code = u32::from_str_radix(code.trim_start_matches('{'), 16).unwrap();
                    text.push(char::from_u32(code).unwrap());
                }
                Some('\n') => {
                    let rest = chars.as_str();
                    let skipped = rest.len() - rest.trim_start().len();
                    while rest.len() - chars.as_str().len() < skipped {
                        chars.next();
                    }
                }
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    panic!("a text without an end: {text}");
}

fn literals(body: &str) -> Vec<Literal> {
    let (mut found, mut stack) = (Vec::new(), Vec::new());
    let (mut word, mut announced): (String, Option<String>) = (String::new(), None);
    let mut at = 0;
    while let Some(c) = body[at..].chars().next() {
        let rest = &body[at..];
        let raw = ["r#\"", "br#\"", "r\"", "br\""].iter().find(|start| rest.starts_with(**start));
        if let Some(start) = raw {
            let end = if start.contains('#') { "\"#" } else { "\"" };
            let inside = &rest[start.len()..];
            at += start.len() + inside.find(end).unwrap() + end.len();
            word.clear();
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if c == '"' {
            let (end, text) = quoted(body, at + 1);
            let call = stack.iter().rev().find_map(|open| match open {
                Open::Call(name) => Some(name.clone()),
                _ => None,
            });
            let function = stack.iter().rev().find_map(|open| match open {
                Open::Function(name) => Some(name.clone()),
                _ => None,
            });
            let (call, function) = (call.unwrap_or_default(), function.unwrap_or_default());
            found.push(Literal { text, call, function });
            (at, word) = (end, String::new());
        } else if c == '\'' {
            // A character, unless it is a lifetime.
            let mut next = rest.chars().skip(1);
            at += match (next.next(), next.next()) {
                (Some('\\'), _) => 4 + rest[3..].find('\'').unwrap(),
                (Some(letter), Some('\'')) => 2 + letter.len_utf8(),
                _ => 1,
            };
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let is_macro = rest[end..].starts_with('!');
            let own = &rest[..end + usize::from(is_macro)];
            if word == "fn" {
                announced = Some(own.to_owned());
            }
            at += own.len();
            word = own.to_owned();
        } else {
            let in_call = stack.iter().any(|open| matches!(open, Open::Call(_)));
            match c {
                '(' => stack.push(Open::Call(word.clone())),
                '{' if !in_call => stack.push(announced.take().map_or(Open::Other, Open::Function)),
                '{' | '[' => stack.push(Open::Other),
                ')' | '}' | ']' => drop(stack.pop()),
                _ => {}
            }
            at += c.len_utf8();
            if !c.is_whitespace() {
                word.clear();
            }
        }
    }
    found
}

/// The window's texts, with a file that has them.
fn texts() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for path in sources(&root().join("src/window")) {
        let source = fs::read_to_string(&path).unwrap();
        let body = source.split("#[cfg(test)]").next().unwrap();
        for literal in literals(body).into_iter().filter(Literal::is_key) {
            if literal.text.chars().any(char::is_alphabetic) {
                found.insert(literal.text, path.clone());
            }
        }
    }
    found
}

/// The engine's sentences: texts and buttons of its tables of rules, and the parts that are filled in.
fn sentences() -> BTreeMap<String, PathBuf> {
    let rooms = ["../engine/src/advise", "../engine/src/compare", "../engine/src/pictures/lint"];
    let mut found = BTreeMap::new();
    for path in rooms.iter().flat_map(|room| sources(&root().join(room))) {
        if path.ends_with("tests.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let body = source.split("#[cfg(test)]").next().unwrap();
        let fields = [" text: \"", " button: \""].into_iter().flat_map(|field| body.split(field).skip(1));
        let parts = literals(body).into_iter().filter(|l| l.call == "phrase").map(|l| l.text);
        let texts = fields.map(|rest| quoted(rest, 0).1).chain(parts);
        found.extend(texts.map(|text| (text, path.clone())));
    }
    found
}

fn translations() -> BTreeMap<String, String> {
    serde_json::from_slice(&fs::read(root().join("locales/zh.json")).unwrap()).unwrap()
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The texts of the engine and of plugins that come along which the window translates: titles, descriptions, remedies.
fn texts_of_others() -> String {
    let engine = ["advise", "compare", "doctor", "pictures/lint"].map(|room| format!("../engine/src/{room}"));
    let rooms = engine.into_iter().chain(["../plugins".to_owned()]);
    let files = rooms.flat_map(|room| sources(&root().join(room)));
    let all: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    in_one_line(&all.replace("///", "").replace("\\\n", "").replace("\\\"", "\""))
}

#[test]
fn calls_and_functions_around_a_text_are_told_apart() {
    let body = r#"
        fn title(&self) -> &'static str { match self { A => "one", B => key!("two \"x\" \u{2192}\n") } } // "no"
        fn other<'a>(c: char) { section(ui, if c == '"' { "three" } else { &format!("four") }); "five \
            and a half" }"#;
    let found = literals(body);
    let found: Vec<_> =
        found.iter().map(|l| (l.text.as_str(), l.call.as_str(), l.function.as_str())).collect();
    let expected = [
        ("one", "", "title"),
        ("two \"x\" →\n", "key!", "title"),
        ("three", "section", "other"),
        ("four", "format!", "other"),
        ("five and a half", "", "other"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_text_has_a_translation() {
    let known = translations();
    let sentences = sentences();
    assert!(sentences.len() > 50, "only {} sentences of the engine were found", sentences.len());
    let all = texts().into_iter().chain(sentences);
    let missing: Vec<_> = all.filter(|(text, _)| !known.contains_key(text)).collect();
    assert!(missing.is_empty(), "not in locales/zh.json: {missing:#?}");
}

#[test]
fn every_translation_has_a_text() {
    let (texts, others) = (texts(), texts_of_others());
    let is_used = |text: &String| texts.contains_key(text) || others.contains(&in_one_line(text));
    let stale: BTreeSet<String> = translations().into_keys().filter(|text| !is_used(text)).collect();
    assert!(stale.is_empty(), "nothing says this any more: {stale:#?}");
}

#[test]
fn settings_of_the_plugins_that_come_along_have_translated_titles() {
    let known = translations();
    let mut count = 0;
    for plugin in fs::read_dir(root().join("../plugins")).unwrap() {
        let file = plugin.unwrap().path().join("src/settings.rs");
        let Ok(source) = fs::read_to_string(file) else { continue };
        for rest in source.split("title = \"").skip(1) {
            let title = rest.split('"').next().unwrap();
            // A plugin's own name is the same in every language.
            if title.starts_with(char::is_lowercase) || title == "qat-hook" {
                continue;
            }
            count += 1;
            assert!(known.contains_key(title), "{title}");
        }
    }
    assert!(count > 20, "only {count} titles were found");
}
