//! What the board said, decoded and searchable.

use std::collections::VecDeque;

use octet_engine::deploy::ConsoleLine;

use crate::board_words::line_text;

/// Lines that are kept; `console.log` in the run folder has more.
const MAX_LINES: usize = 10_000;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Text of the boot loader, ESP-IDF or a task.
    Text,
    /// An event of the firmware.
    Event,
    /// An error, or a line that was damaged on its way.
    Trouble,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardLine {
    /// What it is.
    pub kind: LineKind,
    /// Events in words, everything else as it came.
    pub text: String,
    /// For the search.
    lower: String,
}

/// The console.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoardConsole {
    /// The lines, oldest first.
    pub lines: VecDeque<BoardLine>,
    /// Lines that are no longer here.
    pub dropped: usize,
    /// Only lines with this text are shown.
    pub filter: String,
}

impl BoardConsole {
    /// Takes a line.
    pub fn note(&mut self, line: &ConsoleLine) {
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        let kind = match &line.message {
            Some(event) if event.event == "error" => LineKind::Trouble,
            Some(_) if line.lost > 0 => LineKind::Trouble,
            Some(_) => LineKind::Event,
            None if line.damaged || is_trouble(&line.text) => LineKind::Trouble,
            None => LineKind::Text,
        };
        let text = line_text(line);
        self.lines.push_back(BoardLine { kind, lower: text.to_lowercase(), text });
    }

    /// Forgets all lines.
    pub fn clear(&mut self) {
        (self.lines, self.dropped) = Default::default();
    }

    /// The lines that the filter lets through.
    pub fn found(&self) -> Vec<&BoardLine> {
        let filter = self.filter.trim().to_lowercase();
        self.lines.iter().filter(|line| filter.is_empty() || line.lower.contains(&filter)).collect()
    }

    /// The same as text.
    pub fn text(&self) -> String {
        self.found().iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// Errors of ESP-IDF's log, and its last words.
fn is_trouble(text: &str) -> bool {
    text.starts_with("E (") || text.contains("Guru Meditation") || text.contains("abort()")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> ConsoleLine {
        ConsoleLine { text: text.to_owned(), message: None, damaged: false, lost: 0 }
    }

    #[test]
    fn the_search_knows_no_case_and_old_lines_go() {
        let mut console = BoardConsole::default();
        for i in 0..MAX_LINES + 5 {
            console.note(&line(&format!("I (31) GRÖSSE {i}")));
        }
        assert_eq!((console.lines.len(), console.dropped), (MAX_LINES, 5));
        console.filter = " größe 100".to_owned();
        assert!(console.found().is_empty(), "ß and SS differ");
        console.filter = "grösse 10004".to_owned();
        assert_eq!(console.text(), "I (31) GRÖSSE 10004");
        console.clear();
        assert!(console.text().is_empty());
    }

    #[test]
    fn crashes_stand_out() {
        let mut console = BoardConsole::default();
        console.note(&line("Guru Meditation Error: Core 0 panic'ed"));
        console.note(&line("I (31) boot: ESP-IDF"));
        let kinds: Vec<LineKind> = console.lines.iter().map(|l| l.kind).collect();
        assert_eq!(kinds, [LineKind::Trouble, LineKind::Text]);
    }
}
