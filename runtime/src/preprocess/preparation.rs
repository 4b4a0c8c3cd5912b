//! The whole way from a frame to the integers of the network's input.

use super::sample::{self, Tap};
use super::{Fit, Frame, Placement, Resize, SizeError, Table};
use crate::shape::DType;

/// What the network's channels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red. The table stays in the order red, green, blue.
    Bgr,
    /// The luma `0.299 R + 0.587 G + 0.114 B` in every channel, by the table of that channel.
    Grey,
}

/// How frames become the network's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preparation {
    /// The integer for each byte of each channel.
    pub table: Table,
    /// What the network's channels are; a network with one channel always gets the luma.
    pub channels: Channels,
    /// How the size is changed.
    pub resize: Resize,
    /// Which part goes where.
    pub fit: Fit,
    /// Red, green and blue around a letterboxed picture.
    pub fill: [u8; 3],
}

impl Preparation {
    /// ESP-DL's own way: the whole picture, nearest pixels, red first.
    pub fn new(table: Table) -> Self {
        let (channels, resize, fit) = (Channels::default(), Resize::default(), Fit::default());
        Self { table, channels, resize, fit, fill: [0; 3] }
    }

    /// Writes the network's input: `[height, width, channels]` (1 or 3 channels) of `dtype` (int8 or int16, little
    /// endian).
    ///
    /// # Errors
    /// When `out` has another length than the extents say, or the extents are not those of a picture.
    pub fn write(
        &self,
        frame: &Frame<'_>,
        out: &mut [u8],
        dtype: DType,
        [height, width, channels]: [usize; 3],
    ) -> Result<(), SizeError> {
        let line = check(out.len(), dtype, [height, width, channels])?.max(1);
        let size = (channels * dtype.bytes()).max(1);
        let place = Placement::new(self.fit, [frame.width(), frame.height()], [width, height]);
        let (from, to) = (place.source, place.destination);
        for (y, out) in out.chunks_exact_mut(line).enumerate() {
            let row = y.checked_sub(to.y).filter(|&y| y < to.height);
            let row = row.map(|y| self.resize.tap(y, from.height, to.height).moved(from.y));
            for (x, out) in out.chunks_exact_mut(size).enumerate() {
                let column = x.checked_sub(to.x).filter(|&x| x < to.width);
                let column = column.map(|x| self.resize.tap(x, from.width, to.width).moved(from.x));
                let rgb = match (row, column) {
                    (Some(row), Some(column)) => self.sample(frame, column, row),
                    _ => self.fill,
                };
                self.pixel(rgb, out, dtype, channels);
            }
        }
        Ok(())
    }

    /// Turns an RGB picture of exactly the network's size into the network's input where it lies: its bytes are the
    /// last `buffer.len() / dtype.bytes()` ones of the buffer. Gives what [`Preparation::write`] gives, as long as
    /// nothing is cropped.
    ///
    /// # Errors
    /// As [`Preparation::write`]; and when the network does not have three channels.
    pub fn write_in_place(
        &self,
        buffer: &mut [u8],
        dtype: DType,
        [height, width, channels]: [usize; 3],
    ) -> Result<(), SizeError> {
        check(buffer.len(), dtype, [height, width, channels])?;
        if channels != 3 {
            return Err(SizeError { what: "channels of the network input", needed: 3, available: channels });
        }
        let size = 3 * dtype.bytes();
        let start = buffer.len() - buffer.len() / dtype.bytes();
        for index in 0..height * width {
            // What is written never reaches a pixel that is still to be read.
            let pixel = buffer.get(start + 3 * index..).and_then(|b| b.first_chunk::<3>()).copied();
            if let Some(out) = buffer.get_mut(size * index..size * (index + 1)) {
                self.pixel(pixel.unwrap_or_default(), out, dtype, channels);
            }
        }
        Ok(())
    }

    #[inline]
    fn sample(&self, frame: &Frame<'_>, x: Tap, y: Tap) -> [u8; 3] {
        let a = frame.rgb(x.first, y.first);
        if x.weight == 0 && y.weight == 0 {
            return a;
        }
        let (b, c) = (frame.rgb(x.second, y.first), frame.rgb(x.first, y.second));
        let d = frame.rgb(x.second, y.second);
        core::array::from_fn(|i| sample::mix([a[i], b[i], c[i], d[i]], x.weight, y.weight))
    }

    #[inline]
    fn pixel(&self, rgb: [u8; 3], out: &mut [u8], dtype: DType, channels: usize) {
        let [r, g, b] = rgb;
        let (bytes, order) = match self.channels {
            Channels::Rgb if channels == 3 => ([r, g, b], [0, 1, 2]),
            Channels::Bgr if channels == 3 => ([b, g, r], [2, 1, 0]),
            _ => ([luma(rgb); 3], [0, 1, 2]),
        };
        for ((out, byte), channel) in out.chunks_exact_mut(dtype.bytes()).zip(bytes).zip(order) {
            let integer = self.table.get(channel, byte).to_le_bytes();
            out.iter_mut().zip(integer).for_each(|(place, byte)| *place = byte);
        }
    }
}

impl Tap {
    fn moved(self, by: usize) -> Self {
        Self { first: self.first + by, second: self.second + by, ..self }
    }
}

/// Pillow's `convert("L")`: ITU-R 601-2 with 16 bits, rounded.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x8000) >> 16) as u8
}

/// Bytes of a line of the network's input.
fn check(bytes: usize, dtype: DType, [height, width, channels]: [usize; 3]) -> Result<usize, SizeError> {
    let wrong = |what, needed, available| Err(SizeError { what, needed, available });
    if dtype.range().is_none() {
        return wrong("bytes of an element of the network input, 1 or", 2, dtype.bytes());
    }
    if channels != 1 && channels != 3 {
        return wrong("channels of the network input, 1 or", 3, channels);
    }
    let line = width.saturating_mul(channels * dtype.bytes());
    let needed = line.saturating_mul(height);
    for side in [height, width] {
        if side == 0 || side > super::MAX_SIDE {
            return wrong("a side of the network input, at most", super::MAX_SIDE, side);
        }
    }
    if needed == bytes { Ok(line) } else { wrong("the network input", needed, bytes) }
}
