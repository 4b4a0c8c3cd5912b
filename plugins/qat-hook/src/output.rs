//! A child's output as lines of bounded length, read on threads of their own.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What is kept of a line; the rest is dropped.
pub(crate) const MAX_LINE_BYTES: usize = 2048;
/// Lines that were read and not yet looked at; a child that tells more waits.
const LINES_IN_FLIGHT: usize = 256;

/// The lines of several streams in the order in which they came. The channel closes when all streams have ended.
pub(crate) fn lines(streams: Vec<Box<dyn Read + Send>>) -> Receiver<String> {
    let (sender, receiver) = sync_channel(LINES_IN_FLIGHT);
    for stream in streams {
        let sender = sender.clone();
        // The thread ends with its stream, or with the first line that nobody wants any more.
        std::thread::spawn(move || read(stream, &sender));
    }
    receiver
}

fn read(stream: impl Read, sender: &SyncSender<String>) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(line)) = next_line(&mut reader) {
        if !line.is_empty() && sender.send(line).is_err() {
            return;
        }
    }
}

/// The next line without its end; `\r` ends a line too, as progress bars use it. `None` at the end of the stream.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(any.then(|| text(&line)));
        }
        any = true;
        let end = available.iter().position(|&b| b == b'\n' || b == b'\r');
        let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        let room = MAX_LINE_BYTES.saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let used = end.map_or(available.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(text(&line)));
        }
    }
}

/// Readable text: no control characters, which could steer a terminal.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end().chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &'static [u8]) -> Vec<String> {
        lines(vec![Box::new(bytes)]).iter().collect()
    }

    #[test]
    fn lines_end_with_any_line_end() {
        assert_eq!(all(b"one\ntwo\r\nbar 10%\rbar 20%\rlast"), ["one", "two", "bar 10%", "bar 20%", "last"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let endless = std::io::repeat(b'x').take(10_000_000).chain(&b"\nnext\n"[..]);
        let lines: Vec<String> = lines(vec![Box::new(endless)]).iter().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].len(), lines[1].as_str()), (MAX_LINE_BYTES, "next"));
    }

    #[test]
    fn garbage_becomes_readable() {
        assert_eq!(all(b"\x1b[31mred\x00\xff\n"), ["\u{fffd}[31mred\u{fffd}\u{fffd}"]);
    }
}
