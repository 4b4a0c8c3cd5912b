//! The guide for authors of plugins says nothing that does not work: its commands are run, its files built, its outputs
//! compared, from top to bottom.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;

use octet_tests::{Workshop, root};
use serde_json::Value;

const GUIDE: &str = "docs/plugins.md";
const BEGIN: &str =
    "<!-- functions: made from plugin-api/include/octet_plugin.h by tests/tests/guide.rs -->\n";
const END: &str = "<!-- end of functions -->\n";
/// The first function that version 1.1 appended to the host table.
const FIRST_OF_1_1: &str = "cost";

fn guide() -> String {
    std::fs::read_to_string(root().join(GUIDE)).unwrap()
}

/// A block of code: the first line of its text, what stands behind the fence, and the text.
struct Block {
    line: usize,
    kind: Kind,
    text: String,
}

enum Kind {
    /// Commands.
    Shell,
    /// What the commands before print, among other things; `…` stands for anything.
    Output,
    /// A file.
    File(String),
}

/// All blocks. Code that the test does not know how to try may not be in the guide.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in markdown.lines().enumerate() {
        let place = format!("{GUIDE}:{}", index + 1);
        match (open.take(), line.strip_prefix("```")) {
            (None, None) => {
                assert!(!line.starts_with("    ") && !line.starts_with('\t'), "{place}: indented code")
            }
            (None, Some(info)) => {
                let kind = match info.split_once(" file=") {
                    Some(("rust" | "c", file)) => Kind::File(file.to_owned()),
                    None if info == "sh" => Kind::Shell,
                    None if info == "text" => Kind::Output,
                    _ => panic!("{place}: a block of `{info}` is not tested"),
                };
                open = Some(Block { line: index + 2, kind, text: String::new() });
            }
            (Some(block), Some("")) => blocks.push(block),
            (Some(mut block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
        }
    }
    assert!(open.is_none(), "{GUIDE}: a block does not end");
    blocks
}

/// Whether a line is another one in which `…` stands for anything.
fn fits(line: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').collect();
    let [first, middle @ .., last] = &parts[..] else { return line == pattern };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn everything_in_the_guide_works_from_top_to_bottom() {
    let workshop = Workshop::new("guide");
    let blocks = blocks(&guide());
    let note = |kind: &str, block: &Block| workshop.notes().join(format!("{kind}-{:04}", block.line));
    let mut script = String::new();
    for block in &blocks {
        match &block.kind {
            Kind::Shell => {
                writeln!(script, "exec >'{}' 2>&1\n{}", note("output", block).display(), block.text).unwrap();
            }
            Kind::File(path) => {
                let file = note("file", block);
                std::fs::write(&file, &block.text).unwrap();
                writeln!(script, "test -f {path}\ncat '{}' >{path}", file.display()).unwrap();
            }
            Kind::Output => {}
        }
    }
    let ran = workshop.run(&script);
    let printed_by = |block: &Block| std::fs::read_to_string(note("output", block)).ok();
    let last = blocks.iter().filter_map(printed_by).next_back().unwrap_or_default();
    assert_eq!(ran.code, 0, "the last commands printed:\n{last}{}", ran.stderr);
    let mut printed = String::new();
    for block in &blocks {
        match block.kind {
            Kind::Shell => printed = printed_by(block).unwrap_or_default(),
            Kind::Output => {
                let mut lines = printed.lines();
                for pattern in block.text.lines() {
                    let found = lines.any(|line| fits(line, pattern));
                    assert!(found, "{GUIDE}:{}: `{pattern}` is not printed:\n{printed}", block.line);
                }
            }
            Kind::File(_) => {}
        }
    }
    for (run, id) in [("finer", "org.example.finer"), ("headroom", "org.example.headroom")] {
        let report = workshop.work().join("runs").join(run).join("report.json");
        let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
        let strategy = &report["strategy"][1];
        assert_eq!(strategy["id"], id);
        let points = strategy["curves"][0]["points"].as_array().map_or(0, Vec::len);
        assert!(points > 2 || run != "finer", "{strategy}");
    }
}

#[test]
fn the_guide_lists_the_functions_of_the_header() {
    let guide = guide();
    let (before, rest) = guide.split_once(BEGIN).expect("the mark where the functions begin");
    let (_, after) = rest.split_once(END).expect("the mark where the functions end");
    let expected = format!("{before}{BEGIN}{}{END}{after}", functions());
    if std::env::var_os("OCTET_BLESS").is_some() {
        std::fs::write(root().join(GUIDE), &expected).unwrap();
    }
    assert!(
        guide == expected || std::env::var_os("OCTET_BLESS").is_some(),
        "{GUIDE} lists other functions than the header; run this test with OCTET_BLESS=1"
    );
}

/// A table of the host's functions with the first sentence of what the header says of each.
fn functions() -> String {
    let header = std::fs::read_to_string(root().join("plugin-api/include/octet_plugin.h")).unwrap();
    let (_, table) = header.split_once("typedef struct OctetHost {").unwrap();
    let (table, _) = table.split_once("} OctetHost;").unwrap();
    let mut text = String::from("\n| function | since | |\n| --- | --- | --- |\n");
    let (mut comment, mut since) = (String::new(), "1.0");
    for line in table.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("// ") {
            comment = format!("{comment} {words}");
            continue;
        }
        if let Some((name, _)) = line.strip_prefix("int32_t (*").and_then(|rest| rest.split_once(')')) {
            if name == FIRST_OF_1_1 {
                since = "1.1";
            }
            writeln!(text, "| `{name}` | {since} | {} |", first_sentence(&comment)).unwrap();
        }
        // The further lines of a declaration change nothing.
        comment.clear();
    }
    assert!(since == "1.1" && text.contains("| `last_error` | 1.0 |"), "{text}");
    text.push('\n');
    text
}

fn first_sentence(comment: &str) -> String {
    let comment = comment.trim();
    let end = comment.match_indices(". ").map(|(at, _)| at).find(|&at| !comment[..at].ends_with('.'));
    let sentence = comment[..end.unwrap_or(comment.len())].trim();
    // What ends in three dots needs no fourth.
    if sentence.ends_with('.') { sentence.to_owned() } else { format!("{sentence}.") }
}
