//! The only place with `unsafe`: vector instructions behind run-time detection, and views of aligned bytes as
//! numbers. Everything here gives the same integers as the portable kernels.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod cast;

pub(crate) use cast::{AlignedBytes, as_f32, as_i8, as_i16};

use crate::kernels::conv::Channels;
use crate::plan::{Conv, Step, TensorSlot};
use crate::target::Rounding;

/// Working memory of the vector kernels, one per thread.
#[derive(Clone, Default)]
pub(crate) struct Buffers {
    /// Pixels widened to 16 bits, one row of products' left sides each.
    #[cfg(target_arch = "x86_64")]
    rows: Vec<i16>,
}

/// A step prepared for this processor's vector unit.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
pub(crate) enum Packed {
    Gemm(avx2::Gemm),
    Depthwise(avx2::Depthwise),
    Wide(avx2::Wide),
}

/// No vector kernels exist for this processor.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Debug)]
pub(crate) enum Packed {}

impl Packed {
    /// Prepares a convolution; `None` when this processor or this layer has no vector kernel.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn new(step: &Step, slots: &[TensorSlot], rounding: Rounding, payload: &[u8]) -> Option<Self> {
        use crate::plan::Op;
        use crate::shape::DType;
        let Op::Conv(conv) = &step.op else { return None };
        let types = [step.inputs[0], step.output].map(|i| slots.get(usize::from(i)).map(|s| s.dtype()));
        if !std::arch::is_x86_feature_detected!("avx2") {
            return None;
        }
        let weights = crate::kernels::conv::bytes(payload, conv.weights)?;
        let channels = Channels::new(conv, payload)?;
        if types != [Some(DType::I8); 2] || conv.weight_type != DType::I8 {
            let [x_type, y_type] = [types[0]?, types[1]?];
            let wide = || avx2::Wide::new(conv, [x_type, y_type], weights, &channels, rounding);
            return (conv.groups == 1).then(|| Packed::Wide(wide()));
        }
        let blocks = Block::all(conv, rounding, &channels)?;
        if conv.groups == 1 {
            Some(Packed::Gemm(avx2::Gemm::new(conv, weights, blocks)))
        } else if conv.depthwise && conv.filters == conv.channels {
            let last = conv.filters.checked_sub(LANES)?;
            let last = Block::new(last, conv.filters, rounding, &channels);
            avx2::Depthwise::new(conv, weights, blocks, last).map(Packed::Depthwise)
        } else {
            None
        }
    }

    /// At least the bytes that a convolution takes, prepared for any of the kernels: for all threads, and in
    /// the [`Buffers`] of each.
    pub(crate) fn bytes(conv: &Conv) -> [usize; 2] {
        let (blocks, pairs) = (conv.filters.div_ceil(LANES), conv.taps().div_ceil(2));
        // Two weights of two bytes for each pair and lane.
        let block = pairs.saturating_mul(4 * LANES).saturating_add(size_of::<Block>());
        [blocks.saturating_mul(block).saturating_add(conv.channels), pairs.saturating_mul(4 * ROWS)]
    }

    /// No vector kernels exist for this processor.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn new(_: &Step, _: &[TensorSlot], _: Rounding, _: &[u8]) -> Option<Self> {
        None
    }

    /// Runs the convolution it was made from; `None` when the slices do not fit.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn run(&self, conv: &Conv, x: &[u8], y: &mut [u8], buffers: &mut Buffers) -> Option<()> {
        let window = &conv.window;
        let inputs = conv.batch * window.input[0] * window.input[1] * conv.channels;
        let outputs = conv.batch * window.output[0] * window.output[1] * conv.filters;
        let [x_bytes, y_bytes] = match self {
            Packed::Wide(wide) => wide.element_bytes(),
            _ => [1, 1],
        };
        if x.len() != inputs * x_bytes || y.len() != outputs * y_bytes {
            return None;
        }
        // SAFETY: `Packed::new` made this value only after it had found AVX2.
        unsafe {
            match self {
                Packed::Gemm(gemm) => gemm.run(conv, x, y, &mut buffers.rows),
                Packed::Depthwise(depthwise) => depthwise.run(conv, x, y),
                Packed::Wide(wide) => wide.run(conv, x, y, &mut buffers.rows),
            }
        }
        Some(())
    }

    /// Adds to `left[channel]` the number of positions whose running sum leaves `range`; `false` when this
    /// layer has no vector kernel for that.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn audit(
        &self,
        conv: &Conv,
        x: &[u8],
        range: [i32; 2],
        safe: impl Fn(usize) -> bool,
        (buffers, left): (&mut Buffers, &mut [u64]),
    ) -> bool {
        let window = &conv.window;
        let inputs = conv.batch * window.input[0] * window.input[1] * conv.channels;
        let Packed::Gemm(gemm) = self else { return false };
        // Twice a bias, a sum and a sum of magnitudes are added up in 32 bits.
        if conv.bound >= 1 << 29 || range[1] >= 1 << 29 || x.len() != inputs {
            return false;
        }
        // SAFETY: `Packed::new` made this value only after it had found AVX2.
        unsafe { gemm.audit(conv, x, range, safe, &mut buffers.rows, left) };
        true
    }

    /// Cannot be called: there is no such value.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn audit(
        &self,
        _: &Conv,
        _: &[u8],
        _: [i32; 2],
        _: impl Fn(usize) -> bool,
        _: (&mut Buffers, &mut [u64]),
    ) -> bool {
        match *self {}
    }

    /// Cannot be called: there is no such value.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn run(&self, _: &Conv, _: &[u8], _: &mut [u8], _: &mut Buffers) -> Option<()> {
        match *self {}
    }
}

/// Rows of 16-bit numbers that a vector kernel keeps at a time: no kernel has more.
const ROWS: usize = 64;

/// Output channels that a vector kernel computes together.
pub(crate) const LANES: usize = 16;

/// The order in which two registers of 8 x i32 hold 16 channels: what `packs_epi32` turns into 0..16.
pub(crate) const ORDER: [usize; LANES] = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15];

/// Bias and rounding of 16 output channels, in [`ORDER`].
///
/// `round(s / 2^shift)` = `(s + add + (odd & (s >> shift))) >> shift`: half up adds a half; half to even adds
/// one less than a half, plus one where the quotient's floor is odd.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Block {
    pub(crate) bias: [i32; LANES],
    pub(crate) add: [i32; LANES],
    pub(crate) odd: [i32; LANES],
    pub(crate) shift: [i32; LANES],
    /// The first of the channels.
    pub(crate) first: usize,
}

impl Block {
    /// The blocks of a layer; `None` when a sum or a rounding could leave 32 bits.
    fn all(conv: &Conv, rounding: Rounding, channels: &Channels<'_>) -> Option<Vec<Self>> {
        if conv.wide {
            return None;
        }
        for channel in 0..conv.filters {
            let shift = channels.shift(channel);
            if !(0..=30).contains(&shift) || conv.bound + (1 << shift) > i64::from(i32::MAX) {
                return None;
            }
        }
        let starts = (0..conv.filters).step_by(LANES);
        Some(starts.map(|first| Self::new(first, conv.filters, rounding, channels)).collect())
    }

    /// The block from channel `first` on; lanes beyond the last channel compute zeros.
    pub(crate) fn new(first: usize, filters: usize, rounding: Rounding, channels: &Channels<'_>) -> Self {
        let mut block = Self { bias: [0; LANES], add: [0; LANES], odd: [0; LANES], shift: [0; LANES], first };
        for (lane, offset) in ORDER.into_iter().enumerate() {
            let channel = first + offset;
            if channel >= filters {
                continue;
            }
            let shift = channels.shift(channel);
            block.bias[lane] = channels.bias(channel) as i32;
            block.shift[lane] = shift;
            if shift > 0 {
                let half = 1 << (shift - 1);
                (block.add[lane], block.odd[lane]) = match rounding {
                    Rounding::HalfUp => (half, 0),
                    Rounding::HalfEven => (half - 1, 1),
                };
            }
        }
        block
    }
}
