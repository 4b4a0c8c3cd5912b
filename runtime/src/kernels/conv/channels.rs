//! Biases and shifts of output channels.

use crate::plan::{Conv, Span};
use octet_kernels::Finish;

/// Biases and shifts of the output channels, read from the file.
#[derive(Clone, Copy)]
pub(crate) struct Channels<'a> {
    bias: &'a [u8],
    bias_wide: bool,
    exponents: &'a [u8],
    shift: i32,
}

impl<'a> Channels<'a> {
    pub(crate) fn new(conv: &Conv, payload: &'a [u8]) -> Option<Self> {
        let exponents = Span { at: conv.exponents.at, len: conv.exponents.len.checked_mul(8)? };
        Some(Self {
            bias: bytes(payload, conv.bias)?,
            bias_wide: conv.bias_wide,
            exponents: bytes(payload, exponents)?,
            shift: conv.shift,
        })
    }

    /// The bias of a channel; 0 without one.
    #[inline]
    pub(crate) fn bias(&self, channel: usize) -> i64 {
        if self.bias_wide {
            word(self.bias, channel).map_or(0, i64::from_le_bytes)
        } else {
            word(self.bias, channel).map_or(0, |b| i64::from(i32::from_le_bytes(b)))
        }
    }

    /// e_y - e_x - e_w of a channel.
    #[inline]
    pub(crate) fn shift(&self, channel: usize) -> i32 {
        let index = if self.exponents.len() == 8 { 0 } else { channel };
        self.shift - word(self.exponents, index).map_or(0, i64::from_le_bytes) as i32
    }

    /// Whether every sum of a layer of bytes can be rounded in 32 bits: shifts of 0..=30, and room for adding a half. Looked
    /// at channel by channel, since channels that do nearly nothing have large biases and shifts.
    pub(crate) fn round_in_32_bits(&self, conv: &Conv) -> bool {
        let products = (conv.taps() as i64).saturating_mul(1 << 14);
        (0..conv.filters).all(|channel| {
            let shift = self.shift(channel);
            let bias = self.bias(channel).saturating_abs();
            (0..=30).contains(&shift)
                && products.saturating_add(bias).saturating_add((1 << shift) >> 1) <= i64::from(i32::MAX)
        })
    }
}

fn word<const N: usize>(bytes: &[u8], index: usize) -> Option<[u8; N]> {
    bytes.get(N * index..)?.first_chunk().copied()
}

/// The bytes of a range of the payload.
pub(crate) fn bytes(payload: &[u8], span: Span) -> Option<&[u8]> {
    payload.get(span.at as usize..(span.at as usize).checked_add(span.len as usize)?)
}

/// Bias and shift of a channel, as the fast kernels want them.
pub(super) fn finish(channels: &Channels<'_>, channel: usize) -> Finish {
    let shift = channels.shift(channel).clamp(0, 30);
    // A shift of 0 keeps all, so there is no half.
    let half = (1i64 << shift) >> 1;
    [(channels.bias(channel) + half) as u32, shift as u32]
}
