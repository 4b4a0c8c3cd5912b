//! Reading what a worker writes. Whatever a plugin prints, a line takes no more memory than it may.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is kept of a line that is not the worker's own, and of a message for the log; the rest is dropped.
pub(super) const MAX_TEXT_BYTES: usize = 4096;

/// Longest message of the worker itself, as `report.json` may be long.
pub(super) const MAX_TELL_BYTES: usize = 64 << 20;

const BUFFER_BYTES: usize = 1 << 16;

/// A line, split where the nonce was found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RawLine {
    /// What a plugin or a library printed, shortened.
    pub(crate) text: String,
    /// What follows the nonce.
    pub(crate) tell: Option<Vec<u8>>,
    /// Whether the line's end was read, and not only the pipe's.
    pub(crate) ended: bool,
}

/// The lines of a pipe.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    nonce: Option<Vec<u8>>,
    unfinished: Arc<AtomicUsize>,
}

impl<R: Read> Lines<R> {
    /// Without a nonce everything is text.
    pub(crate) fn new(pipe: R, nonce: Option<&str>) -> Self {
        let nonce = nonce.filter(|n| !n.is_empty()).map(|n| n.as_bytes().to_vec());
        let reader = BufReader::with_capacity(BUFFER_BYTES, pipe);
        Lines { reader, nonce, unfinished: Arc::default() }
    }

    /// Bytes of the message that has begun and not yet ended, its nonce included; 0 between messages.
    pub(crate) fn unfinished(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.unfinished)
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// The pipe broke, or the worker's own message is longer than [`MAX_TELL_BYTES`].
    pub(crate) fn next(&mut self) -> std::io::Result<Option<RawLine>> {
        let mut text = Text::default();
        let mut tell: Option<Vec<u8>> = None;
        // The end of the text so far, in which the nonce may have begun.
        let mut open: Vec<u8> = Vec::new();
        let mut begun = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let at_end = chunk.is_empty();
            let newline = chunk.iter().position(|&byte| byte == b'\n');
            let part = &chunk[..newline.unwrap_or(chunk.len())];
            begun |= !at_end;
            match (&mut tell, &self.nonce) {
                (Some(tell), _) => tell.extend_from_slice(part),
                (None, None) => text.push(part),
                (None, Some(nonce)) => {
                    open.extend_from_slice(part);
                    if let Some(at) = find(&open, nonce) {
                        text.push(&open[..at]);
                        tell = Some(open.split_off(at + nonce.len()));
                        open.clear();
                    } else {
                        let sure = open.len().saturating_sub(nonce.len() - 1);
                        text.push(&open[..sure]);
                        open.drain(..sure);
                    }
                }
            }
            if let (Some(tell), Some(nonce)) = (&tell, &self.nonce) {
                self.unfinished.store(nonce.len() + tell.len(), Ordering::Relaxed);
                if tell.len() > MAX_TELL_BYTES {
                    return Err(Error::new(ErrorKind::InvalidData, "the message is too long"));
                }
            }
            let consumed = part.len() + usize::from(newline.is_some());
            self.reader.consume(consumed);
            if newline.is_some() || at_end {
                self.unfinished.store(0, Ordering::Relaxed);
                text.push(&open);
                let ended = newline.is_some();
                return Ok(begun.then(|| RawLine { text: text.finish(), tell, ended }));
            }
        }
    }
}

fn find(text: &[u8], nonce: &[u8]) -> Option<usize> {
    text.windows(nonce.len()).position(|window| window.first() == nonce.first() && window == nonce)
}

/// The beginning of a text of any length.
#[derive(Default)]
struct Text {
    kept: Vec<u8>,
    cut: bool,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        let room = MAX_TEXT_BYTES - self.kept.len();
        let (kept, dropped) = bytes.split_at(bytes.len().min(room));
        self.kept.extend_from_slice(kept);
        self.cut |= !dropped.is_empty();
    }

    fn finish(self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        let dots = if self.cut { "..." } else { "" };
        format!("{}{dots}", text.trim())
    }
}

/// The text, its end dropped where it is longer than a line of the log may be.
pub(super) fn shortened(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push_str("...");
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "octet-0123";

    fn all(input: impl Read) -> Vec<RawLine> {
        let mut lines = Lines::new(input, Some(NONCE));
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn line(text: &str, tell: Option<&str>) -> RawLine {
        RawLine { text: text.to_owned(), tell: tell.map(|t| t.as_bytes().to_vec()), ended: true }
    }

    #[test]
    fn the_worker_is_told_apart_from_what_a_plugin_prints() {
        let lines = all(&b"one\n\nocte octet-0123{}\nhalf a lineoctet-0123{1}\nthe end"[..]);
        let expected = [
            line("one", None),
            line("", None),
            line("octe", Some("{}")),
            line("half a line", Some("{1}")),
            RawLine { ended: false, ..line("the end", None) },
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_message_without_end_is_told_while_it_is_read() {
        struct Slow<'a>(Vec<&'a [u8]>, Vec<usize>, Option<Arc<AtomicUsize>>);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.1.extend(self.2.as_ref().map(|count| count.load(Ordering::Relaxed)));
                let part = if self.0.is_empty() { &[][..] } else { self.0.remove(0) };
                buffer[..part.len()].copy_from_slice(part);
                Ok(part.len())
            }
        }
        let mut pipe = Slow(vec![b"text octet-01", b"23{", b"\"a\"", b"}\nmore"], Vec::new(), None);
        let count = Arc::<AtomicUsize>::default();
        pipe.2 = Some(Arc::clone(&count));
        let mut lines = Lines::new(&mut pipe, Some(NONCE));
        lines.unfinished = count;
        assert!(lines.next().unwrap().unwrap().ended);
        assert!(!lines.next().unwrap().unwrap().ended);
        drop(lines);
        assert_eq!(pipe.1, [0, 0, 11, 14, 0]);
    }

    #[test]
    fn a_nonce_across_two_reads_is_found() {
        for before in BUFFER_BYTES - 12..BUFFER_BYTES + 2 {
            let input = format!("{}{NONCE}{{}}\n", "x".repeat(before));
            let lines = all(input.as_bytes());
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0].tell.as_deref(), Some(&b"{}"[..]), "{before}");
        }
    }

    #[test]
    fn a_line_without_end_keeps_only_its_beginning() {
        let lines = all(std::io::repeat(b'o').take(16 << 20));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].text.len(), MAX_TEXT_BYTES + 3);
        assert!(lines[0].text.ends_with("o..."));
    }

    #[test]
    fn a_message_that_is_too_long_is_an_error() {
        let endless = NONCE.as_bytes().chain(std::io::repeat(b'{'));
        assert!(Lines::new(endless, Some(NONCE)).next().is_err());
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(shortened("short".to_owned()), "short");
        let long = shortened("ä".repeat(MAX_TEXT_BYTES).replacen('ä', "a", 1));
        assert!(long.len() <= MAX_TEXT_BYTES + 3 && long.ends_with("ä..."));
    }
}
