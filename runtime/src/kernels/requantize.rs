//! Rounding, exactly as the numeric contract defines it.

use crate::target::Rounding;

/// `round(value * 2^-shift)`, exact for every `shift`; a left shift (negative `shift`) stops at ±2^48, which
/// is beyond every integer type that a result is saturated to.
#[inline]
pub fn requantize(value: i64, shift: i32, rounding: Rounding) -> i64 {
    if shift <= 0 {
        // 2^16 << 32 does not overflow, and clamping first cannot change a saturated int16.
        return value.clamp(-65536, 65536) << shift.unsigned_abs().min(32);
    }
    if shift >= 64 {
        // |value| <= 2^63, so that the quotient is at most a half, and -1/2 rounds to 0 both ways.
        return 0;
    }
    let floor = value >> shift.min(63);
    let rest = (value as u64) & (u64::MAX >> (64 - shift));
    let half = 1u64 << (shift - 1);
    let up = match rounding {
        Rounding::HalfUp => rest >= half,
        Rounding::HalfEven => rest > half || (rest == half && floor & 1 == 1),
    };
    floor + i64::from(up)
}

/// The same for a sum of 32 bits; a left shift stops at ±2^30, still beyond int16.
#[inline]
pub(crate) fn requantize_i32(value: i32, shift: i32, rounding: Rounding) -> i32 {
    if shift <= 0 {
        // From 15 on, every value but 0 leaves int16 as well.
        return value.clamp(-32768, 32768) << shift.unsigned_abs().min(15);
    }
    if shift >= 32 {
        return 0;
    }
    let floor = value >> shift.min(31);
    let rest = (value as u32) & (u32::MAX >> (32 - shift));
    let half = 1u32 << (shift - 1);
    let up = match rounding {
        Rounding::HalfUp => rest >= half,
        Rounding::HalfEven => rest > half || (rest == half && floor & 1 == 1),
    };
    floor + i32::from(up)
}

/// Rounds a float to an integer; NaN gives 0, values beyond the type saturate.
#[inline]
pub fn round_f32(value: f32, rounding: Rounding) -> i32 {
    // `as` truncates towards zero and saturates. From 2^23 on, every float is an integer already.
    if value.abs() >= 8_388_608.0 {
        return value as i32;
    }
    match rounding {
        Rounding::HalfUp => {
            let shifted = value + 0.5;
            let whole = shifted as i32;
            whole - i32::from(whole as f32 > shifted)
        }
        Rounding::HalfEven => {
            let whole = value as i32;
            let rest = value - whole as f32;
            let away = rest.abs() > 0.5 || (rest.abs() == 0.5 && whole & 1 == 1);
            if !away {
                whole
            } else if rest > 0.0 {
                whole + 1
            } else {
                whole - 1
            }
        }
    }
}

/// 2^exponent as f32; exponents beyond the normal floats give 0 or infinity.
pub(crate) fn exp2_f32(exponent: i32) -> f32 {
    match exponent {
        ..-126 => 0.0,
        128.. => f32::INFINITY,
        _ => f32::from_bits(((exponent + 127) as u32) << 23),
    }
}
