//! Convolutions with one group, and Gemm, where the input, the weights or the output are int16.
//!
//! Sums of int16 products need more than 32 bits. An int16 input is split as `256 * high + low` with
//! `low` in 0..=255, so that products have at most 23 bits and 64 pairs of them sum up in 32; those sums are
//! then added up in 64 bits.

use super::gemm::{pack, products};
use crate::kernels::conv::Channels;
use crate::kernels::{elem, requantize};
use crate::plan::Conv;
use crate::shape::DType;
use crate::simd::LANES;
use crate::target::Rounding;
use core::arch::x86_64::*;

/// Pairs of products, each below 2^24 in magnitude, whose sum stays below 2^30.
const PAIRS: usize = 64;

/// Rows of a register tile: three pixels of int16, or six of int8.
const ROWS: usize = 6;

/// Filters packed in blocks of 16.
#[derive(Debug)]
pub(crate) struct Wide {
    /// `[block][pair][lane][2]`.
    weights: Vec<i16>,
    /// Bias and shift of each output channel.
    channels: Vec<(i64, i32)>,
    pairs: usize,
    types: [DType; 2],
    rounding: Rounding,
}

impl Wide {
    pub(crate) fn new(
        conv: &Conv,
        types: [DType; 2],
        stored: &[u8],
        channels: &Channels<'_>,
        rounding: Rounding,
    ) -> Self {
        let order: [usize; LANES] = core::array::from_fn(|i| i);
        let weights = pack(conv, &order, |at| elem::get(conv.weight_type, stored, at) as i16);
        let channels = (0..conv.filters).map(|c| (channels.bias(c), channels.shift(c))).collect();
        Self { weights, channels, pairs: conv.taps().div_ceil(2), types, rounding }
    }

    /// Bytes of an element of the input and of the output.
    pub(crate) fn element_bytes(&self) -> [usize; 2] {
        self.types.map(DType::bytes)
    }

    /// Rows per pixel: the low and the high part of int16.
    fn parts(&self) -> usize {
        self.types[0].bytes()
    }

    /// `x` and `y` have the lengths that `conv` and the types imply.
    #[target_feature(enable = "avx2")]
    pub(crate) fn run(&self, conv: &Conv, x: &[u8], y: &mut [u8], rows: &mut Vec<i16>) {
        let (stride, step) = (2 * self.pairs, ROWS / self.parts());
        let pixels = conv.batch * conv.window.output[0] * conv.window.output[1];
        rows.clear();
        rows.resize(ROWS * stride, 0);
        for first in (0..pixels).step_by(step) {
            let count = step.min(pixels - first);
            for i in 0..count {
                let at = i * self.parts() * stride;
                self.gather(conv, x, first + i, &mut rows[at..at + self.parts() * stride]);
            }
            for (block, weights) in self.weights.chunks_exact(stride * LANES).enumerate() {
                let sums = self.sums(rows, weights);
                for (pixel, sums) in sums.chunks_exact(self.parts()).take(count).enumerate() {
                    let last = LANES.min(conv.filters - block * LANES);
                    for lane in 0..last {
                        let channel = block * LANES + lane;
                        // The first row is the low part, or the whole of int8.
                        let sum = sums[0][lane] + sums.get(1).map_or(0, |high| high[lane] * 256);
                        let at = (first + pixel) * conv.filters + channel;
                        self.store(conv, y, at, channel, sum);
                    }
                }
            }
        }
    }

    fn store(&self, conv: &Conv, y: &mut [u8], at: usize, channel: usize, sum: i64) {
        let (bias, shift) = self.channels[channel];
        let value = requantize(sum + bias, shift, self.rounding).clamp(-65536, 65536) as i32;
        elem::set(self.types[1], y, at, if conv.relu { value.max(0) } else { value });
    }

    /// 64-bit sums of all rows for 16 filters.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn sums(&self, rows: &[i16], weights: &[i16]) -> [[i64; LANES]; ROWS] {
        let mut total = [[0i64; LANES]; ROWS];
        for (index, weights) in weights.chunks(PAIRS * 2 * LANES).enumerate() {
            let zero = [[_mm256_setzero_si256(); 2]; ROWS];
            let part = products::<ROWS>(&rows[index * PAIRS * 2..], 2 * self.pairs, weights, zero);
            for (total, part) in total.iter_mut().zip(part) {
                for (half, sums) in part.into_iter().enumerate() {
                    let mut lanes = [0i32; 8];
                    // SAFETY: `lanes` has room for 8 sums.
                    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
                    for (total, lane) in total[half * 8..].iter_mut().zip(lanes) {
                        *total += i64::from(lane);
                    }
                }
            }
        }
        total
    }

    /// The window of one output pixel: one row of int8, or a row of low and a row of high parts of int16.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn gather(&self, conv: &Conv, x: &[u8], pixel: usize, rows: &mut [i16]) {
        let (w, depth, size) = (&conv.window, conv.channels, self.types[0].bytes());
        let area = w.output[0] * w.output[1];
        let (batch, oy, ox) = (pixel / area, pixel % area / w.output[1], pixel % w.output[1]);
        let (low, high) = rows.split_at_mut(2 * self.pairs);
        low.fill(0);
        high.fill(0);
        for ky in 0..w.kernel[0] {
            let Some(iy) = w.source(0, oy, ky) else { continue };
            for kx in 0..w.kernel[1] {
                let Some(ix) = w.source(1, ox, kx) else { continue };
                let from = ((batch * w.input[0] + iy) * w.input[1] + ix) * depth;
                let from = &x[from * size..(from + depth) * size];
                let to = (ky * w.kernel[1] + kx) * depth;
                if size == 1 {
                    for (low, &byte) in low[to..].iter_mut().zip(from) {
                        *low = i16::from(byte as i8);
                    }
                } else {
                    let to = low[to..].iter_mut().zip(&mut high[to..]);
                    for ((low, high), bytes) in to.zip(from.chunks_exact(2)) {
                        // Little endian: the first byte is the low part, the second, signed, the high one.
                        (*low, *high) = (i16::from(bytes[0]), i16::from(bytes[1] as i8));
                    }
                }
            }
        }
    }
}
