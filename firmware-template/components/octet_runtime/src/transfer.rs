//! A picture or a network input that arrives in parts.

use core::ops::Range;

use octet_runtime::preprocess::PixelFormat;

use crate::base64;
use crate::checksum::Crc32;
use crate::command::Options;

/// Most bytes of a part; as base64 they fit into a line.
pub(crate) const CHUNK_BYTES: usize = 768;

/// What arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A picture.
    Picture { format: PixelFormat, width: usize, height: usize },
    /// The network's input.
    Tensor,
}

/// A transfer that is going on.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    /// Where in the arena the bytes go.
    pub(crate) place: Range<usize>,
    /// CRC32 that the whole must have.
    pub(crate) crc32: u32,
    received: usize,
    sum: Crc32,
}

impl Transfer {
    pub(crate) fn new(kind: Kind, options: Options, place: Range<usize>, crc32: u32) -> Self {
        Self { kind, options, place, crc32, received: 0, sum: Crc32::default() }
    }

    /// The first byte that is still missing.
    pub(crate) fn offset(&self) -> usize {
        self.received
    }

    /// Whether all bytes are there.
    pub(crate) fn complete(&self) -> bool {
        self.received >= self.place.len()
    }

    /// Whether the whole is what was announced.
    pub(crate) fn intact(&self) -> bool {
        self.sum.value() == self.crc32
    }

    /// Takes a part. One that does not follow on what is there, or whose CRC32 is wrong, changes nothing that counts: the
    /// sender sees the old offset and sends again.
    pub(crate) fn add(&mut self, arena: &mut [u8], offset: usize, crc32: u32, data: &[u8]) {
        if offset != self.received {
            return;
        }
        let start = self.place.start.saturating_add(offset);
        let end = self.place.end.min(start.saturating_add(CHUNK_BYTES));
        let Some(room) = arena.get_mut(start..end) else { return };
        let Some(part) = base64::decode(data, room).and_then(|length| room.get(..length)) else { return };
        if Crc32::of(part) == crc32 {
            self.received += part.len();
            self.sum.add(part);
        }
    }
}
