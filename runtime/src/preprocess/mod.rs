//! From a picture to the network's input on the chip, in integers and without a heap.
//!
//! By default this is ESP-DL's own path: nearest-neighbour resize of the whole picture and one table per channel.
//! [`Preparation`] reads the pixel formats of cameras ([`Frame`]) as well, and can crop, letterbox and resize bilinearly.
//! `--preprocess chip` on the desktop and the firmware use this; the float model's own preprocessing (bilinear
//! with antialias) is the engine's.

mod fit;
mod frame;
mod preparation;
mod sample;

pub use fit::{Fit, Placement, Rect};
pub use frame::{Frame, FrameError, MAX_SIDE, PixelFormat};
pub use preparation::{Channels, Preparation};
pub use sample::{Resize, Tap, bilinear};

use crate::kernels::{exp2_f32, round_f32};
use crate::shape::DType;
use crate::target::Rounding;

/// Integers for every byte of every channel: 3 x 256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    entries: [[i16; 256]; 3],
}

/// The buffers do not fit the stated sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {needed} values needed, {available} given")]
pub struct SizeError {
    /// Which buffer.
    pub what: &'static str,
    /// Values it needs.
    pub needed: usize,
    /// Values it has.
    pub available: usize,
}

impl Table {
    /// `saturate(round((pixel / 255 - mean) * (1 / std) * 2^-exponent))`, in f32 as ESP-DL does it: there mean
    /// and std are given in 0..255 units, so that the difference is `pixel - 255 * mean` and the factor
    /// `1 / (255 * std)`. `mean` and `std` are in 0..1 units, one per channel; `dtype` decides the saturation.
    pub fn new(mean: [f32; 3], std: [f32; 3], exponent: i32, dtype: DType, rounding: Rounding) -> Self {
        let (low, high) = dtype.range().unwrap_or((-128, 127));
        let scale = exp2_f32(-exponent);
        let entries = core::array::from_fn(|channel| {
            let (offset, factor) = (mean[channel] * 255.0, 1.0 / (std[channel] * 255.0));
            core::array::from_fn(|pixel| {
                let value = (pixel as f32 - offset) * factor * scale;
                round_f32(value, rounding).clamp(low, high) as i16
            })
        });
        Self { entries }
    }

    /// The integer for a byte of a channel (0 red, 1 green, 2 blue).
    pub fn get(&self, channel: usize, byte: u8) -> i16 {
        self.entries.get(channel).map_or(0, |t| t[usize::from(byte)])
    }
}

/// The source coordinate of a destination coordinate: `floor(index * source / destination)`.
pub fn nearest(index: usize, source: usize, destination: usize) -> usize {
    // In 64 bits, since coordinates of pictures on a 32-bit chip may multiply beyond 32.
    (index as u64 * source as u64 / destination.max(1) as u64) as usize
}

/// Resizes and quantizes a picture. `rgb` is `[source[0], source[1], 3]` (height, width), `out`
/// `[destination[0], destination[1], 3]`; `write` makes an output element of an integer of the table, for
/// instance `|q| q as i8`.
///
/// # Errors
/// When a buffer has another length than its extents say, or when the source is empty.
pub fn resize_nearest<T>(
    rgb: &[u8],
    source: [usize; 2],
    out: &mut [T],
    destination: [usize; 2],
    table: &Table,
    write: impl Fn(i16) -> T,
) -> Result<(), SizeError> {
    let check = |what, [h, w]: [usize; 2], available: usize| {
        let needed = h.saturating_mul(w).saturating_mul(3);
        if needed == available { Ok(()) } else { Err(SizeError { what, needed, available }) }
    };
    check("the picture", source, rgb.len())?;
    check("the network input", destination, out.len())?;
    if rgb.is_empty() && !out.is_empty() {
        return Err(SizeError { what: "the picture", needed: 3, available: 0 });
    }
    let line = source[1] * 3;
    for (y, out) in out.chunks_exact_mut((destination[1] * 3).max(1)).enumerate() {
        let start = nearest(y, source[0], destination[0]) * line;
        let from = rgb.get(start..start + line).unwrap_or_default();
        for (x, out) in out.chunks_exact_mut(3).enumerate() {
            let at = nearest(x, source[1], destination[1]) * 3;
            for (channel, (out, &byte)) in
                out.iter_mut().zip(from.get(at..at + 3).unwrap_or_default()).enumerate()
            {
                *out = write(table.get(channel, byte));
            }
        }
    }
    Ok(())
}
