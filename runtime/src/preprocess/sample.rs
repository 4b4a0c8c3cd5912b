//! Where resizing reads.

use super::nearest;

/// How a picture's size is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resize {
    /// The pixel at `floor(index * source / destination)`, as ESP-DL does it.
    #[default]
    Nearest,
    /// Between the four pixels around the centre, in 8 fractional bits. Without antialias: a picture much larger
    /// than the network's input is better cropped, or sent smaller.
    Bilinear,
}

/// Two neighbours on a line and how much of the second counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Coordinate of the first.
    pub first: usize,
    /// Coordinate of the second.
    pub second: usize,
    /// Share of the second in 256ths, below 256.
    pub weight: u32,
}

impl Resize {
    /// What a destination coordinate reads. Both extents at most [`MAX_SIDE`](super::MAX_SIDE).
    pub(super) fn tap(self, index: usize, source: usize, destination: usize) -> Tap {
        match self {
            Resize::Nearest => {
                let at = nearest(index, source, destination);
                Tap { first: at, second: at, weight: 0 }
            }
            Resize::Bilinear => bilinear(index, source, destination),
        }
    }
}

/// The neighbours of the centre of a destination pixel: `(index + 1/2) * source / destination - 1/2`, rounded down
/// to 256ths and kept inside of the picture. Both extents are 1 to [`MAX_SIDE`](super::MAX_SIDE), and `index` is
/// below `destination`.
pub fn bilinear(index: usize, source: usize, destination: usize) -> Tap {
    // Whole part and remainder apart, so that 32 bits suffice.
    let (numerator, denominator) = ((2 * index + 1) * source, (2 * destination).max(1));
    let whole = numerator / denominator * 256 + numerator % denominator * 256 / denominator;
    let position = whole.saturating_sub(128);
    let last = source.saturating_sub(1);
    let first = (position / 256).min(last);
    Tap { first, second: (first + 1).min(last), weight: (position % 256) as u32 }
}

/// Mixes four bytes; half a step rounds up.
pub(super) fn mix([a, b, c, d]: [u8; 4], x: u32, y: u32) -> u8 {
    let line = |left: u8, right: u8| u32::from(left) * (256 - x) + u32::from(right) * x;
    ((line(a, b) * (256 - y) + line(c, d) * y + 0x8000) >> 16) as u8
}
