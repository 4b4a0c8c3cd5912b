//! Softmax in f32, as ESP-DL computes it.

use super::elem;
use super::requantize::{exp2_f32, round_f32};
use crate::shape::DType;
use crate::target::Rounding;

/// Geometry and exponents.
#[derive(Clone, Copy)]
pub(crate) struct Softmax {
    pub(crate) outer: usize,
    pub(crate) length: usize,
    pub(crate) inner: usize,
    pub(crate) input_exponent: i32,
    pub(crate) output_exponent: i32,
    pub(crate) rounding: Rounding,
}

/// Scores over one axis. int8: `exp(q * 2^e)` from a table of 256, summed in order and divided; int16: the
/// largest value is subtracted first. Where the plain int8 sum would overflow a float, the largest value is
/// subtracted as well (ESP-DL yields NaN there).
pub(crate) fn softmax(op: &Softmax, (x_type, x): (DType, &[u8]), (y_type, y): (DType, &mut [u8])) {
    let scale = exp2_f32(op.input_exponent);
    let table: [f32; 256] = core::array::from_fn(|i| libm::expf(scale * (i as f32 - 128.0)));
    for outer in 0..op.outer {
        for inner in 0..op.inner {
            let at = |i: usize| (outer * op.length + i) * op.inner + inner;
            let q = |i: usize| elem::get(x_type, x, at(i));
            let plain = |i: usize| table[(q(i) + 128).clamp(0, 255) as usize];
            let plain_sum: f32 = if x_type == DType::I8 { sum(op.length, &plain) } else { 0.0 };
            if plain_sum.is_normal() {
                write(op, y_type, y, &at, &|i| plain(i) / plain_sum);
                continue;
            }
            let largest = (0..op.length).map(q).max().unwrap_or(0);
            let shifted = |i: usize| libm::expf(scale * q(i) as f32 - scale * largest as f32);
            let shifted_sum = sum(op.length, &shifted);
            write(op, y_type, y, &at, &|i| shifted(i) / shifted_sum);
        }
    }
}

// Called, not copied for each way to compute a score: chips have little room for code.
#[inline(never)]
fn sum(length: usize, value: &dyn Fn(usize) -> f32) -> f32 {
    (0..length).fold(0.0, |sum, i| sum + value(i))
}

#[inline(never)]
fn write(
    op: &Softmax,
    dtype: DType,
    y: &mut [u8],
    at: &dyn Fn(usize) -> usize,
    score: &dyn Fn(usize) -> f32,
) {
    let scale = exp2_f32(-op.output_exponent);
    for i in 0..op.length {
        let (score, index) = (score(i), at(i));
        if dtype == DType::F32 {
            if let Some(word) = y.get_mut(4 * index..).and_then(|y| y.first_chunk_mut()) {
                *word = score.to_le_bytes();
            }
        } else {
            elem::set(dtype, y, index, round_f32(score * scale, op.rounding));
        }
    }
}
