//! Lines from the board: a marker, a CRC32 and one JSON object, built in a fixed buffer.

use core::fmt::{self, Write};

use crate::checksum::Crc32;
use crate::platform::Platform;

/// A line is no longer than this, its end included.
const LINE_BYTES: usize = 2048;
/// Room for `@octet1 01234567 `.
const HEAD_BYTES: usize = 17;
/// A text is cut so that it takes no more than this in JSON; the index beside it tells which it is.
const TEXT_BYTES: usize = 240;
/// The same for the name of a class.
const LABEL_BYTES: usize = 80;
/// The same for a sentence.
const MESSAGE_BYTES: usize = 640;

/// Writes events and counts them.
#[derive(Debug)]
pub(crate) struct Events {
    line: [u8; LINE_BYTES],
    used: usize,
    overflow: bool,
    /// Whether the next field or element needs a comma before it.
    comma: bool,
    sequence: u32,
}

impl Events {
    pub(crate) const fn new() -> Self {
        Self { line: [0; LINE_BYTES], used: 0, overflow: false, comma: false, sequence: 0 }
    }

    /// Begins an event. Without [`Event::send`] it is forgotten.
    pub(crate) fn event(&mut self, name: &str) -> Event<'_> {
        (self.used, self.overflow, self.comma) = (HEAD_BYTES, false, false);
        let sequence = self.sequence;
        let event = Event { events: self }.raw("{").number("seq", sequence);
        event.text("event", name)
    }

    /// The end of the line stays free for its line feed.
    fn push(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        match self.line.get_mut(self.used..end).filter(|_| end < LINE_BYTES) {
            Some(place) => {
                place.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
                self.used = end;
            }
            None => self.overflow = true,
        }
    }

    /// A JSON string of at most so many bytes between its quotes; what is beyond is left out.
    fn string(&mut self, value: impl fmt::Display, room: usize) {
        self.push(b"\"");
        // Writing into the buffer cannot fail.
        let _ = write!(Text { events: self, room }, "{value}");
        self.push(b"\"");
    }
}

impl Write for Events {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// An event that is being built. Fields stand in the order of the calls.
#[must_use]
pub(crate) struct Event<'e> {
    events: &'e mut Events,
}

impl Event<'_> {
    /// Part of the JSON text as it is.
    fn raw(self, text: &str) -> Self {
        self.events.push(text.as_bytes());
        self
    }

    fn separate(self) -> Self {
        let comma = core::mem::replace(&mut self.events.comma, true);
        if comma { self.raw(",") } else { self }
    }

    /// The name of a field; the value follows.
    fn key(self, key: &str) -> Self {
        let event = self.separate();
        event.events.string(key, TEXT_BYTES);
        event.raw(":")
    }

    fn value(self, value: impl fmt::Display) -> Self {
        // Writing into the buffer cannot fail; it notes an overflow.
        let _ = write!(self.events, "{value}");
        self
    }

    /// An unsigned number.
    pub(crate) fn number(self, key: &str, value: impl Into<u64>) -> Self {
        self.key(key).value(value.into())
    }

    /// A size.
    pub(crate) fn size(self, key: &str, value: usize) -> Self {
        self.number(key, value as u64)
    }

    /// A number, or null.
    pub(crate) fn optional(self, key: &str, value: Option<impl Into<i64>>) -> Self {
        match value {
            Some(value) => self.key(key).value(value.into()),
            None => self.key(key).raw("null"),
        }
    }

    /// A count of cycles, or null.
    pub(crate) fn cycles(self, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number("cycles", value),
            None => self.key("cycles").raw("null"),
        }
    }

    /// A text.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        let event = self.key(key);
        event.events.string(value, TEXT_BYTES);
        event
    }

    /// A text, or null.
    pub(crate) fn optional_text(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.key(key).raw("null"),
        }
    }

    /// A CRC32 as eight hexadecimal digits.
    pub(crate) fn text_crc(self, key: &str, value: u32) -> Self {
        self.key(key).value(format_args!("\"{value:08x}\""))
    }

    /// The name of a class, shorter than other texts since there are ten in a line; or null.
    pub(crate) fn optional_label(self, value: Option<&str>) -> Self {
        let event = self.key("label");
        match value {
            Some(value) => event.events.string(value, LABEL_BYTES),
            None => event.events.push(b"null"),
        }
        event
    }

    /// A sentence made by formatting, cut to what fits.
    pub(crate) fn message(self, key: &str, value: impl fmt::Display) -> Self {
        let event = self.key(key);
        event.events.string(value, MESSAGE_BYTES);
        event
    }

    /// true or false.
    pub(crate) fn flag(self, key: &str, value: bool) -> Self {
        self.key(key).raw(if value { "true" } else { "false" })
    }

    /// A field that is an object; `fill` adds its fields.
    pub(crate) fn object(self, key: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        self.key(key).nested("{", "}", fill)
    }

    /// A field that is a list; `fill` adds its elements.
    pub(crate) fn list(self, key: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        self.key(key).nested("[", "]", fill)
    }

    /// An element of a list that is a number.
    pub(crate) fn element(self, value: impl fmt::Display) -> Self {
        self.separate().value(value)
    }

    /// An element of a list that is an object.
    pub(crate) fn element_object(self, fill: impl FnOnce(Self) -> Self) -> Self {
        self.separate().nested("{", "}", fill)
    }

    /// A score of 0..1 with six decimals; formatting floats would take many KiB of code.
    pub(crate) fn score(self, key: &str, value: f32) -> Self {
        // `as` saturates, and makes not-a-number 0.
        let millionths = ((value * 1e6 + 0.5) as u32).min(1_000_000);
        self.key(key).value(format_args!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000))
    }

    fn nested(self, open: &str, close: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        let event = self.raw(open);
        event.events.comma = false;
        let event = fill(event);
        event.events.comma = true;
        event.raw(close)
    }

    /// Sends the line. One that would be too long is replaced by an error that says so.
    pub(crate) fn send(self, platform: &mut dyn Platform) {
        let events = self.raw("}").events;
        if events.overflow {
            let event = events.event("error").optional("id", None::<u32>).text("code", "internal");
            return event.text("message", "an event was too long to be sent").send(platform);
        }
        let crc = Crc32::of(events.line.get(HEAD_BYTES..events.used).unwrap_or_default());
        let mut head = *b"@octet1 00000000 ";
        for (digit, shift) in head.iter_mut().skip(8).zip((0..8).rev()) {
            *digit = hex(crc >> (4 * shift));
        }
        if let Some(place) = events.line.first_chunk_mut() {
            *place = head;
        }
        if let Some(end) = events.line.get_mut(events.used) {
            *end = b'\n';
        }
        events.sequence = events.sequence.wrapping_add(1);
        platform.write(events.line.get(..=events.used).unwrap_or_default());
    }
}

/// The inside of a JSON string.
struct Text<'e> {
    events: &'e mut Events,
    room: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            let mut buffer = [0; 4];
            let code = u32::from(letter);
            let escaped = [b'\\', b'u', b'0', b'0', hex(code >> 4), hex(code)];
            let bytes = match letter {
                '"' => b"\\\"",
                '\\' => b"\\\\",
                // Also what a terminal would act on.
                '\0'..='\x1f' | '\x7f'..='\u{9f}' => escaped.as_slice(),
                _ => letter.encode_utf8(&mut buffer).as_bytes(),
            };
            // Once something was left out, so is all that follows.
            self.room = self.room.saturating_sub(bytes.len());
            if self.room == 0 {
                break;
            }
            self.events.push(bytes);
        }
        Ok(())
    }
}

fn hex(value: u32) -> u8 {
    b"0123456789abcdef"[(value & 15) as usize]
}
