//! Convolutions with one group, and Gemm: a matrix of pixels times the filters.

use super::{Epilogue, load_i32, store};
use crate::plan::Conv;
use crate::simd::{Block, LANES, ORDER};
use core::arch::x86_64::*;

/// Pixels widened at a time: their rows and the weights of a block stay in the caches.
pub(super) const CHUNK: usize = 60;

/// Pixels of a register tile: 6 x 2 sums, 2 weights and a broadcast fill the 16 registers.
const TILE: usize = 6;

/// Filters packed in blocks of 16, pairs of products next to each other.
#[derive(Debug)]
pub(crate) struct Gemm {
    /// `[block][pair][lane in ORDER][2]`.
    weights: Vec<i16>,
    blocks: Vec<Block>,
    /// Products per sum, halved and rounded up.
    pairs: usize,
    /// A pixel's row is the input pixel itself.
    direct: bool,
}

impl Gemm {
    pub(crate) fn new(conv: &Conv, stored: &[u8], blocks: Vec<Block>) -> Self {
        let (taps, depth) = (conv.taps(), conv.depth());
        let pairs = taps.div_ceil(2);
        let mut weights = vec![0i16; blocks.len() * pairs * 2 * LANES];
        let lanes = weights.chunks_exact_mut(2 * LANES);
        for (index, lanes) in lanes.enumerate() {
            let (block, pair) = (index / pairs, index % pairs);
            for (lane, both) in lanes.chunks_exact_mut(2).enumerate() {
                let filter = block * LANES + ORDER[lane];
                for (i, weight) in both.iter_mut().enumerate() {
                    let k = 2 * pair + i;
                    if filter < conv.filters && k < taps {
                        *weight = i16::from(stored[conv.weight_index(filter, k / depth, k % depth)] as i8);
                    }
                }
            }
        }
        let w = &conv.window;
        let plain = w.kernel == [1, 1] && w.stride == [1, 1] && w.pad == [0, 0] && w.pad_end == [0, 0];
        Self { weights, blocks, pairs, direct: plain && taps % 2 == 0 }
    }

    /// Elements of a pixel's row.
    pub(super) fn stride(&self) -> usize {
        2 * self.pairs
    }

    /// Blocks of output channels with their weights.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (&Block, &[i16])> {
        self.blocks.iter().zip(self.weights.chunks_exact(self.stride() * LANES))
    }

    /// The widened rows of `count` output pixels from `first` on.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn rows<'r>(
        &self,
        conv: &Conv,
        x: &[u8],
        first: usize,
        count: usize,
        rows: &'r mut Vec<i16>,
    ) -> &'r [i16] {
        let stride = self.stride();
        // Short runs are written 16 elements at a time: beyond the last row there is room for that.
        rows.resize(CHUNK * stride + LANES, 0);
        if self.direct {
            widen(&x[first * stride..(first + count) * stride], &mut rows[..count * stride]);
        } else {
            for i in 0..count {
                gather(conv, x, first + i, &mut rows[i * stride..(i + 1) * stride + LANES]);
            }
        }
        &rows[..count * stride]
    }

    /// `x` and `y` have the lengths that `conv` implies.
    #[target_feature(enable = "avx2")]
    pub(crate) fn run(&self, conv: &Conv, x: &[u8], y: &mut [u8], rows: &mut Vec<i16>) {
        let (filters, stride) = (conv.filters, self.stride());
        let pixels = y.len() / filters;
        for first in (0..pixels).step_by(CHUNK) {
            let count = CHUNK.min(pixels - first);
            let rows = self.rows(conv, x, first, count, rows);
            let out = &mut y[first * filters..(first + count) * filters];
            for (block, weights) in self.blocks() {
                let epilogue = Epilogue::new(block, conv.relu);
                let tiles = rows.chunks(TILE * stride).zip(out.chunks_mut(TILE * filters));
                for (rows, out) in tiles {
                    match rows.len() / stride {
                        6 => tile::<6>(rows, weights, block, &epilogue, out, filters),
                        5 => tile::<5>(rows, weights, block, &epilogue, out, filters),
                        4 => tile::<4>(rows, weights, block, &epilogue, out, filters),
                        3 => tile::<3>(rows, weights, block, &epilogue, out, filters),
                        2 => tile::<2>(rows, weights, block, &epilogue, out, filters),
                        _ => tile::<1>(rows, weights, block, &epilogue, out, filters),
                    }
                }
            }
        }
    }
}

/// int8 to int16.
#[target_feature(enable = "avx2")]
#[inline]
fn widen(from: &[u8], to: &mut [i16]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i16::from(from as i8);
    }
}

/// The products' left sides of one output pixel: its window, zeros in the padding. `row` has 16 elements more
/// than the pixel needs; they belong to the next row, which is written later.
#[target_feature(enable = "avx2")]
#[inline]
fn gather(conv: &Conv, x: &[u8], pixel: usize, row: &mut [i16]) {
    let (w, depth) = (&conv.window, conv.channels);
    let area = w.output[0] * w.output[1];
    let (batch, oy, ox) = (pixel / area, pixel % area / w.output[1], pixel % w.output[1]);
    let first = w.source(1, ox, 0);
    // Whether a line of the window is one run of the input.
    let whole = w.dilation[1] == 1 && first.is_some_and(|f| f + w.kernel[1] <= w.input[1]);
    let run = w.kernel[1] * depth;
    let mut at = 0;
    for ky in 0..w.kernel[0] {
        let line = w.source(0, oy, ky).map(|iy| (batch * w.input[0] + iy) * w.input[1]);
        match line {
            None => row[at..at + run].fill(0),
            Some(line) if whole => {
                let from = &x[(line + first.unwrap_or(0)) * depth..];
                let to = &mut row[at..];
                match (from.first_chunk::<LANES>(), to.first_chunk_mut::<LANES>()) {
                    (Some(from), Some(to)) if run <= LANES => widen(from, to),
                    _ => widen(&from[..run], &mut to[..run]),
                }
            }
            Some(line) => {
                for (kx, to) in row[at..at + run].chunks_exact_mut(depth).enumerate() {
                    match w.source(1, ox, kx) {
                        Some(ix) => widen(&x[(line + ix) * depth..(line + ix + 1) * depth], to),
                        None => to.fill(0),
                    }
                }
            }
        }
        at += run;
    }
    // An odd number of products leaves one element, which meets a zero weight.
    row[at] = 0;
}

/// `P` pixels times 16 filters.
#[target_feature(enable = "avx2")]
#[inline]
fn tile<const P: usize>(
    rows: &[i16],
    weights: &[i16],
    block: &Block,
    epilogue: &Epilogue,
    out: &mut [u8],
    filters: usize,
) {
    let stride = weights.len() / LANES;
    assert!(rows.len() >= P * stride && out.len() >= P * filters);
    let mut sums = [load_i32(&block.bias); P];
    let (row, weight) = (rows.as_ptr(), weights.as_ptr());
    for pair in 0..stride / 2 {
        // SAFETY: a pair takes 32 weights, and stride / 2 pairs are stride * 16 = weights.len() of them.
        let (w0, w1) = unsafe {
            let at = weight.add(pair * 2 * LANES);
            (_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(LANES).cast()))
        };
        for (pixel, sums) in sums.iter_mut().enumerate() {
            // SAFETY: pixel < P and 2 * pair + 1 < stride, so both elements lie in the P * stride of `rows`.
            let both = unsafe { row.add(pixel * stride + 2 * pair).cast::<i32>().read_unaligned() };
            let x = _mm256_set1_epi32(both);
            sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, w0));
            sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(x, w1));
        }
    }
    for (pixel, &sums) in sums.iter().enumerate() {
        let start = pixel * filters + block.first;
        let end = (start + LANES).min((pixel + 1) * filters);
        store(&mut out[start..end], epilogue.finish(sums));
    }
}
