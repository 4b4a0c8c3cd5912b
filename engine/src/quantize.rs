//! Float to integer, exactly as the numeric contract has it.

use crate::target::Rounding;

/// `2^exponent` as f32; exact for exponents of -126..=127, which [`EXPONENT_RANGE`] lies well inside.
pub fn exp2(exponent: i32) -> f32 {
    f32::from_bits(((exponent.clamp(-126, 127) + 127) as u32) << 23)
}

/// Exponents that a plan may hold.
pub const EXPONENT_RANGE: std::ops::RangeInclusive<i32> = -40..=30;

/// Rounds to an integer, still as a float. Half up is computed in f32 as ESP-PPQ does (`utils/round.py`).
pub fn round(x: f32, rounding: Rounding) -> f32 {
    match rounding {
        Rounding::HalfEven => x.round_ties_even(),
        Rounding::HalfUp => (x + 0.5).floor(),
    }
}

/// `saturate(round(x * 2^-exponent))` into `lo..=hi`.
pub fn quantize(x: f32, exponent: i32, rounding: Rounding, lo: i64, hi: i64) -> i64 {
    // The cast saturates, so that the clamp sees every value.
    (round(x * exp2(-exponent), rounding) as i64).clamp(lo, hi)
}

/// The float that a quantized value stands for: quantize, then dequantize.
pub fn quantize_dequantize(x: f32, exponent: i32, rounding: Rounding, lo: i64, hi: i64) -> f32 {
    quantize(x, exponent, rounding, lo, hi) as f32 * exp2(exponent)
}

/// Range of a signed integer of `bits` bits.
pub fn signed_range(bits: u32) -> (i64, i64) {
    let half = 1i64 << (bits.clamp(2, 63) - 1);
    (-half, half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_where_the_chip_sends_them() {
        let q = |x, r| quantize(x, 0, r, -128, 127);
        assert_eq!(
            [q(0.5, Rounding::HalfEven), q(1.5, Rounding::HalfEven), q(-0.5, Rounding::HalfEven)],
            [0, 2, 0]
        );
        assert_eq!(
            [q(0.5, Rounding::HalfUp), q(1.5, Rounding::HalfUp), q(-0.5, Rounding::HalfUp)],
            [1, 2, 0]
        );
    }

    #[test]
    fn values_beyond_the_range_saturate() {
        assert_eq!(quantize(1e30, -7, Rounding::HalfEven, -128, 127), 127);
        assert_eq!(quantize(-1e30, -7, Rounding::HalfUp, -128, 127), -128);
        assert_eq!(quantize(f32::NAN, -7, Rounding::HalfUp, -128, 127), 0);
    }

    #[test]
    fn powers_of_two_are_exact() {
        for e in -40..=40 {
            assert_eq!(exp2(e), 2f32.powi(e));
        }
    }
}
