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
        let weights = pack(conv, &ORDER, |at| i16::from(stored[at] as i8));
        let w = &conv.window;
        let plain = w.kernel == [1, 1] && w.stride == [1, 1] && w.pad == [0, 0] && w.pad_end == [0, 0];
        Self {
            weights,
            blocks,
            pairs: conv.taps().div_ceil(2),
            direct: plain && conv.taps().is_multiple_of(2),
        }
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

/// Filters as `[block][pair][lane][2]`, lane `l` of a block being its filter `order[l]`; zeros beyond the last
/// filter and the last product. `weight` reads the stored weight at an index.
pub(super) fn pack(conv: &Conv, order: &[usize; LANES], weight: impl Fn(usize) -> i16) -> Vec<i16> {
    let taps = conv.taps();
    let pairs = taps.div_ceil(2);
    let mut weights = vec![0i16; conv.filters.div_ceil(LANES) * pairs * 2 * LANES];
    for (block, weights) in weights.chunks_exact_mut(pairs * 2 * LANES).enumerate() {
        for (lane, offset) in order.iter().enumerate().filter(|(_, o)| block * LANES + **o < conv.filters) {
            let (start, step) = conv.weight_run(block * LANES + offset);
            for k in 0..taps {
                weights[(k / 2 * LANES + lane) * 2 + k % 2] = weight(start + k * step);
            }
        }
    }
    weights
}

/// `R` rows times 16 filters, added to `sums`. Rows are `stride` apart; `rows` and `weights` start at the first
/// pair, and the pairs of `weights` are summed.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn products<const R: usize>(
    rows: &[i16],
    stride: usize,
    weights: &[i16],
    mut sums: [[__m256i; 2]; R],
) -> [[__m256i; 2]; R] {
    let pairs = weights.len() / (2 * LANES);
    assert!(R > 0 && rows.len() >= (R - 1) * stride + 2 * pairs);
    let (row, weight) = (rows.as_ptr(), weights.as_ptr());
    for pair in 0..pairs {
        // SAFETY: a pair takes 32 weights, and `pairs` of them lie in `weights`.
        let (w0, w1) = unsafe {
            let at = weight.add(pair * 2 * LANES);
            (_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(LANES).cast()))
        };
        for (index, sums) in sums.iter_mut().enumerate() {
            // SAFETY: index < R and pair < pairs, so both elements lie in `rows` as asserted.
            let both = unsafe { row.add(index * stride + 2 * pair).cast::<i32>().read_unaligned() };
            let x = _mm256_set1_epi32(both);
            sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, w0));
            sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(x, w1));
        }
    }
    sums
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
    let sums = products(rows, weights.len() / LANES, weights, [load_i32(&block.bias); P]);
    for (out, sums) in out.chunks_exact_mut(filters).zip(sums) {
        let end = (block.first + LANES).min(filters);
        store(&mut out[block.first..end], epilogue.finish(sums));
    }
}
