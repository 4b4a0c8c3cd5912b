//! Lines to the board, put together from the bytes as they arrive.

/// A longer line is ignored.
const LINE_BYTES: usize = 1200;

/// Puts lines together.
#[derive(Debug)]
pub(crate) struct Lines {
    line: [u8; LINE_BYTES],
    used: usize,
    /// The line is too long; it is skipped up to its end.
    skipping: bool,
    /// The line is complete; the next byte begins another.
    ended: bool,
}

impl Lines {
    pub(crate) const fn new() -> Self {
        Self { line: [0; LINE_BYTES], used: 0, skipping: false, ended: false }
    }

    /// Takes a byte; gives the line that it ends, without its end. Empty lines are none.
    pub(crate) fn take(&mut self, byte: u8) -> Option<&[u8]> {
        if core::mem::take(&mut self.ended) {
            self.used = 0;
        }
        if byte == b'\n' || byte == b'\r' {
            self.ended = true;
            let skipped = core::mem::take(&mut self.skipping);
            return self.line.get(..self.used).filter(|line| !skipped && !line.is_empty());
        }
        match self.line.get_mut(self.used) {
            Some(place) => {
                *place = byte;
                self.used += 1;
            }
            None => self.skipping = true,
        }
        None
    }
}
