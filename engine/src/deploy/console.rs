//! The console protocol's desktop half (docs/console.md): events among the lines of the board, and commands to it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What begins every line of the protocol, with its version.
const MARKER: &str = "@octet1";
/// A board that sends no line ends does not fill the desktop's memory.
const MAX_LINE_BYTES: usize = 16 << 10;

/// An event of the firmware.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardEvent {
    /// Its name, e.g. `result`.
    pub event: String,
    /// Which event of this start of the board it is.
    pub seq: u64,
    /// All fields.
    pub fields: Value,
}

impl BoardEvent {
    /// A number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.fields.get(key)?.as_u64()
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str()
    }

    /// A CRC32: eight hexadecimal digits.
    pub fn crc32(&self, key: &str) -> Option<u32> {
        self.text(key).filter(|t| t.len() == 8).and_then(|t| u32::from_str_radix(t, 16).ok())
    }
}

/// A line of the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsoleLine {
    /// The text, without what a terminal would act on.
    pub text: String,
    /// What the firmware says with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<BoardEvent>,
    /// True when the line was meant to be an event and is damaged.
    #[serde(default)]
    pub damaged: bool,
    /// Events that were lost before this one.
    #[serde(default)]
    pub lost: u64,
}

/// Splits what arrives into lines, and reads the events among them.
#[derive(Debug, Default)]
pub struct ConsoleDecoder {
    line: Vec<u8>,
    next_seq: Option<u64>,
}

impl ConsoleDecoder {
    /// Takes bytes as they arrive; returns the lines that are complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<ConsoleLine> {
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => lines.extend(self.finish()),
                _ => {
                    self.line.push(byte);
                    if self.line.len() >= MAX_LINE_BYTES {
                        lines.extend(self.finish());
                    }
                }
            }
        }
        lines
    }

    /// Ends the line that is open.
    pub fn finish(&mut self) -> Option<ConsoleLine> {
        if self.line.is_empty() {
            return None;
        }
        let raw = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&raw);
        let text = text.trim_end_matches('\r');
        let (message, damaged) = match text.rfind(MARKER) {
            Some(at) => match read_event(&text[at + MARKER.len()..]) {
                Some(event) => (Some(event), false),
                None => (None, true),
            },
            None => (None, false),
        };
        let lost = message.as_ref().map_or(0, |event| self.count(event));
        Some(ConsoleLine { text: plain(text), message, damaged, lost })
    }

    /// How many events are missing before this one.
    fn count(&mut self, event: &BoardEvent) -> u64 {
        let expected = self.next_seq.replace(event.seq.saturating_add(1));
        match expected {
            // A board that started anew counts from 0.
            Some(expected) if event.seq >= expected => event.seq - expected,
            _ => 0,
        }
    }
}

/// ` 9ae0daaf {"seq":7,...}`
fn read_event(rest: &str) -> Option<BoardEvent> {
    let (crc, json) = rest.strip_prefix(' ')?.split_once(' ')?;
    if crc.len() != 8 || u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(json.as_bytes()) {
        return None;
    }
    let mut fields: Value = serde_json::from_str(json).ok()?;
    clean(&mut fields);
    let event = fields.get("event")?.as_str()?.to_owned();
    let seq = fields.get("seq")?.as_u64()?;
    Some(BoardEvent { event, seq, fields })
}

/// JSON escapes control characters, so that they come into texts although the line had none.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = plain(text),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        _ => {}
    }
}

/// The text without colours, control characters, and what turns the direction of what follows.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            // ESC [ parameters letter: the colours of ESP-IDF's log.
            if letters.next_if_eq(&'[').is_some() {
                while letters.next_if(|c| matches!(c, '0'..='?')).is_some() {}
                letters.next_if(|c| matches!(c, '@'..='~'));
            }
        } else if letter == '\t' {
            plain.push(' ');
        } else if !letter.is_control() && !is_hiding(letter) {
            plain.push(letter);
        }
    }
    plain
}

/// Separators of lines and paragraphs, and marks that change the direction of writing.
pub(super) fn is_hiding(letter: char) -> bool {
    matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A command with its end of line. Keys and values are the program's own: words without spaces.
pub fn command_line(word: &str, pairs: &[(&str, String)]) -> String {
    let mut line = format!("{MARKER} {word}");
    for (key, value) in pairs {
        let value: String = value.chars().filter(|c| c.is_ascii_graphic()).collect();
        line.push_str(&format!(" {key}={value}"));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(json: &str) -> String {
        format!("{MARKER} {:08x} {json}", crc32fast::hash(json.as_bytes()))
    }

    #[test]
    fn events_are_found_behind_other_tasks_output() {
        let mut decoder = ConsoleDecoder::default();
        let hello = event(r#"{"seq":0,"event":"hello","model_crc32":"0000abcd"}"#);
        let input = format!("\x1b[0;32mI (31) boot\x1b[0m\r\nwifi: half {hello}\r\n");
        let (first, second) = input.split_at(30);
        let mut lines = decoder.take(first.as_bytes());
        lines.extend(decoder.take(second.as_bytes()));
        assert_eq!(lines[0].text, "I (31) boot");
        assert_eq!((lines[0].message.clone(), lines[0].damaged), (None, false));
        let message = lines[1].message.as_ref().unwrap();
        assert_eq!((message.event.as_str(), message.crc32("model_crc32")), ("hello", Some(0xabcd)));
    }

    #[test]
    fn damaged_lines_are_told_and_gaps_counted() {
        let mut decoder = ConsoleDecoder::default();
        let text = [
            event(r#"{"seq":0,"event":"start"}"#),
            event(r#"{"seq":1,"event":"layer"}"#).replace("layer", "lazer"),
            event(r#"{"seq":3,"event":"layer"}"#),
            event(r#"{"seq":0,"event":"hello"}"#),
        ];
        let lines = decoder.take((text.join("\n") + "\n").as_bytes());
        assert!(lines[1].damaged && lines[1].message.is_none());
        assert_eq!([lines[0].lost, lines[2].lost, lines[3].lost], [0, 2, 0]);
    }

    #[test]
    fn escapes_in_json_bring_no_control_characters_in() {
        let line = event(
            r#"{"seq":0,"event":"result","top":[{"label":"\u001b[2Jcat\u009b\u202e\n"}],"x":{"y":"a\tb"}}"#,
        );
        let lines = ConsoleDecoder::default().take((line + "\n").as_bytes());
        let fields = &lines[0].message.as_ref().unwrap().fields;
        assert_eq!(
            (fields["top"][0]["label"].as_str(), fields["x"]["y"].as_str()),
            (Some("cat"), Some("a b"))
        );
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut decoder = ConsoleDecoder::default();
        let lines = decoder.take(&vec![b'x'; 3 * MAX_LINE_BYTES + 1]);
        assert_eq!(lines.len(), 3);
        assert_eq!(decoder.finish().unwrap().text, "x");
    }

    #[test]
    fn commands_hold_no_second_line() {
        let line =
            command_line("picture", &[("id", "3".to_owned()), ("format", "a b\n@octet1 quit".to_owned())]);
        assert_eq!(line, "@octet1 picture id=3 format=ab@octet1quit\n");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_control_characters_come_through(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut decoder = ConsoleDecoder::default();
            let mut lines = decoder.take(&bytes);
            lines.extend(decoder.finish());
            prop_assert!(lines.iter().all(|l| !l.text.chars().any(char::is_control)));
        }
    }
}
