//! The app's threads that read what a worker writes.

use std::io::Read;
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::lines::{Lines, RawLine};
use super::protocol::Tell;
use super::runner::POLL_INTERVAL;

/// How long a message that has begun may stand still.
pub(super) const MESSAGE_GRACE: Duration = Duration::from_secs(10);
/// What of a message that cannot be read goes into the error.
const SHOWN_BYTES: usize = 200;
/// The worker's last words that go into an error message.
const STDERR_TAIL_BYTES: usize = 4096;

/// What came out of a worker.
pub(super) enum Line {
    /// A message.
    Tell(Box<Tell>),
    /// What a plugin or a library printed.
    Text(String),
    /// A message that is none.
    Unreadable(Unreadable),
    /// The pipe's end in the middle of this message.
    BrokenOff(String),
    /// A message that is too long to be one.
    TooLong,
    /// The pipe's end.
    End,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

/// A message of the worker's that cannot be read.
pub(super) struct Unreadable {
    /// Its beginning.
    pub(super) shown: String,
    /// What is wrong with it.
    pub(super) why: String,
}

/// Both readers block while the channel is full, and so does the worker in the end.
pub(super) fn read_stdout(mut lines: Lines<impl Read>, sender: &SyncSender<Line>) {
    let end = loop {
        let RawLine { text, tell, ended } = match lines.next() {
            Ok(Some(line)) => line,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => break Line::TooLong,
            Ok(None) | Err(_) => break Line::End,
        };
        // A plugin may leave an unfinished line of its own in front.
        if !text.is_empty() && sender.send(Line::Text(text)).is_err() {
            return;
        }
        let Some(json) = tell else { continue };
        let line = match serde_json::from_slice::<Tell>(&json) {
            Ok(tell) => Line::Tell(Box::new(tell.shortened())),
            Err(_) if !ended => Line::BrokenOff(beginning(&json)),
            Err(error) => Line::Unreadable(Unreadable { shown: beginning(&json), why: error.to_string() }),
        };
        if sender.send(line).is_err() {
            return;
        }
    };
    // The receiver may be gone, and then nobody has to know.
    let _ = sender.send(end);
}

/// The beginning of a message as a text of one line.
fn beginning(json: &[u8]) -> String {
    let cut = json.get(..SHOWN_BYTES);
    let text = String::from_utf8_lossy(cut.unwrap_or(json));
    let dots = if cut.is_some() && json.len() > SHOWN_BYTES { "..." } else { "" };
    let plain: String = text.trim().chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("{plain}{dots}")
}

/// Whatever it says there is text; its end is kept for the message of its death.
pub(super) fn read_stderr(stderr: impl Read, tail: &Mutex<Vec<u8>>, sender: &SyncSender<Line>) {
    let mut lines = Lines::new(stderr, None);
    while let Ok(Some(RawLine { text, .. })) = lines.next() {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(text.as_bytes());
        tail.push(b'\n');
        let excess = tail.len().saturating_sub(STDERR_TAIL_BYTES);
        tail.drain(..excess);
        drop(tail);
        if !text.is_empty() && sender.send(Line::Text(text)).is_err() {
            return;
        }
    }
}

/// How long the reader has been waiting for the rest of a message, in looks at it.
#[derive(Default)]
pub(super) struct Standstill {
    bytes: usize,
    looks: u32,
}

impl Standstill {
    /// Looks once more, a [`POLL_INTERVAL`] later. Counted are looks, not time, so that a process that was stopped
    /// together with its worker gives that as long as ever.
    pub(super) fn is_too_long(&mut self, bytes: usize) -> bool {
        let stands = bytes == self.bytes && bytes > 0;
        self.looks = if stands { self.looks + 1 } else { 0 };
        self.bytes = bytes;
        POLL_INTERVAL * self.looks > MESSAGE_GRACE
    }
}
