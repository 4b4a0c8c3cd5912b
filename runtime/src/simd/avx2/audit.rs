//! Which running sums of a [`Gemm`] leave a range, 16 output channels at a time.

use super::gemm::{CHUNK, Gemm};
use super::load_i32;
use crate::plan::Conv;
use crate::simd::{Block, LANES, ORDER};
use core::arch::x86_64::*;

/// Pixels of a register tile: 3 x 2 x 2 sums and 2 weights; their magnitudes are formed on the way.
const TILE: usize = 3;

impl Gemm {
    /// Adds to `left[channel]` the number of positions whose running sum leaves `low..=high`. Blocks for which
    /// `safe` holds are not looked at. No sum of magnitudes may exceed 2^29.
    #[target_feature(enable = "avx2")]
    pub(crate) fn audit(
        &self,
        conv: &Conv,
        x: &[u8],
        [low, high]: [i32; 2],
        safe: impl Fn(usize) -> bool,
        rows: &mut Vec<i16>,
        left: &mut [u64],
    ) {
        let (stride, pixels) = (self.stride(), conv.batch * conv.window.output[0] * conv.window.output[1]);
        for first in (0..pixels).step_by(CHUNK) {
            let count = CHUNK.min(pixels - first);
            let rows = self.rows(conv, x, first, count, rows);
            for (block, weights) in self.blocks().filter(|(b, _)| !safe(b.first)) {
                for rows in rows.chunks(TILE * stride) {
                    let suspects = match rows.len() / stride {
                        3 => suspects::<3>(rows, weights, block, [low, high]),
                        2 => suspects::<2>(rows, weights, block, [low, high]),
                        _ => suspects::<1>(rows, weights, block, [low, high]),
                    };
                    for (row, _) in rows.chunks_exact(stride).zip(suspects).filter(|(_, s)| *s) {
                        let lanes = walk(row, weights, block, [low, high]);
                        for (lane, offset) in ORDER.into_iter().enumerate() {
                            if let Some(left) = left.get_mut(block.first + offset) {
                                *left += u64::from(lanes >> lane & 1);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// For each pixel, whether any of 16 running sums might leave the range: whether the bias plus all positive
/// products, or plus all negative ones, does. With s the sum of products and a that of their magnitudes, the
/// positive ones add up to (s + a) / 2.
#[target_feature(enable = "avx2")]
#[inline]
fn suspects<const P: usize>(
    rows: &[i16],
    weights: &[i16],
    block: &Block,
    [low, high]: [i32; 2],
) -> [bool; TILE] {
    let stride = weights.len() / LANES;
    assert!(rows.len() >= P * stride && P <= TILE);
    let zero = _mm256_setzero_si256();
    let (mut sums, mut sizes) = ([[zero; 2]; P], [[zero; 2]; P]);
    for pair in 0..stride / 2 {
        let w = weights_of(weights, pair);
        let w_size = [_mm256_abs_epi16(w[0]), _mm256_abs_epi16(w[1])];
        for pixel in 0..P {
            let x = pair_of(&rows[pixel * stride..], pair);
            let x_size = _mm256_abs_epi16(x);
            for half in 0..2 {
                sums[pixel][half] = _mm256_add_epi32(sums[pixel][half], _mm256_madd_epi16(x, w[half]));
                sizes[pixel][half] =
                    _mm256_add_epi32(sizes[pixel][half], _mm256_madd_epi16(x_size, w_size[half]));
            }
        }
    }
    let bias = load_i32(&block.bias);
    let mut suspects = [false; TILE];
    for pixel in 0..P {
        let mut any = zero;
        for half in 0..2 {
            let base = _mm256_add_epi32(_mm256_slli_epi32::<1>(bias[half]), sums[pixel][half]);
            let top = _mm256_add_epi32(base, sizes[pixel][half]);
            let bottom = _mm256_sub_epi32(base, sizes[pixel][half]);
            let above = _mm256_cmpgt_epi32(top, _mm256_set1_epi32(2 * high));
            let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(2 * low), bottom);
            any = _mm256_or_si256(any, _mm256_or_si256(above, below));
        }
        suspects[pixel] = _mm256_movemask_epi8(any) != 0;
    }
    suspects
}

/// Walks 16 running sums product by product; one bit per lane that leaves the range.
#[target_feature(enable = "avx2")]
#[inline]
fn walk(row: &[i16], weights: &[i16], block: &Block, [low, high]: [i32; 2]) -> u32 {
    let stride = weights.len() / LANES;
    // Of each pair, the first product alone.
    let first_only = _mm256_set1_epi32(0xFFFF);
    let mut sums = load_i32(&block.bias);
    let (mut largest, mut smallest) = (sums, sums);
    for pair in 0..stride / 2 {
        let w = weights_of(weights, pair);
        let x = pair_of(row, pair);
        let x_first = _mm256_and_si256(x, first_only);
        for half in 0..2 {
            let one = _mm256_add_epi32(sums[half], _mm256_madd_epi16(x_first, w[half]));
            sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(x, w[half]));
            largest[half] = _mm256_max_epi32(_mm256_max_epi32(largest[half], one), sums[half]);
            smallest[half] = _mm256_min_epi32(_mm256_min_epi32(smallest[half], one), sums[half]);
        }
    }
    let mut bits = 0;
    for half in 0..2 {
        let above = _mm256_cmpgt_epi32(largest[half], _mm256_set1_epi32(high));
        let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(low), smallest[half]);
        let lanes = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(above, below)));
        bits |= lanes.cast_unsigned() << (8 * half);
    }
    bits
}

/// The weights of a pair of products for 16 filters.
#[target_feature(enable = "avx2")]
#[inline]
fn weights_of(weights: &[i16], pair: usize) -> [__m256i; 2] {
    let both = &weights[pair * 2 * LANES..(pair + 1) * 2 * LANES];
    // SAFETY: `both` holds 32 elements.
    unsafe { [_mm256_loadu_si256(both.as_ptr().cast()), _mm256_loadu_si256(both.as_ptr().add(LANES).cast())] }
}

/// The left sides of a pair of products, in every lane.
#[target_feature(enable = "avx2")]
#[inline]
fn pair_of(row: &[i16], pair: usize) -> __m256i {
    let both = [row[2 * pair], row[2 * pair + 1]];
    let [low, high] = both.map(|x| u32::from(x.cast_unsigned()));
    _mm256_set1_epi32((low | high << 16).cast_signed())
}
