//! Exponents from a smallest and a largest value: nothing is clipped by more than half a step.

use super::{exponent_above, largest};

/// The exponent of the smallest power of two that is not below `max(|min|, |max|) / 127.5` (32767.5).
pub fn exponent(min: f32, max: f32, bits: u32) -> i32 {
    let reach = f64::from(max.max(0.0)).max(-f64::from(min.min(0.0)));
    exponent_above(2.0 * reach / (2.0 * largest(bits) + 1.0))
}

/// One exponent per channel of a C-order tensor; `axis` is the channels' axis of `shape`.
pub fn per_channel(values: &[f32], shape: &[usize], axis: usize, bits: u32) -> Vec<i32> {
    channels(values, shape, axis)
        .into_iter()
        .map(|channel| {
            let (min, max) = range(&channel);
            exponent(min, max, bits)
        })
        .collect()
}

/// Smallest and largest value; zeros when there is none.
pub fn range(values: &[f32]) -> (f32, f32) {
    let Some(&first) = values.first() else { return (0.0, 0.0) };
    values.iter().fold((first, first), |(min, max), &v| (min.min(v), max.max(v)))
}

/// Gathers the values of each channel of a C-order tensor.
pub fn channels(values: &[f32], shape: &[usize], axis: usize) -> Vec<Vec<f32>> {
    let count = shape.get(axis).copied().unwrap_or(1).max(1);
    let inner = shape.iter().skip(axis + 1).product::<usize>().max(1);
    let mut channels = vec![Vec::with_capacity(values.len() / count); count];
    for (row, chunk) in values.chunks(inner).enumerate() {
        channels[row % count].extend_from_slice(chunk);
    }
    channels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn absmax_of_exactly_a_power_of_two_step() {
        // 127.5 * 2^-6 is the largest reach of exponent -6.
        assert_eq!(exponent(0.0, 127.5 / 64.0, 8), -6);
        assert_eq!(exponent(-127.6 / 64.0, 0.0, 8), -5);
        assert_eq!(exponent(0.0, 6.0, 8), -4);
        assert_eq!(exponent(0.0, 6.0, 16), -12);
    }

    #[test]
    fn all_zero_takes_the_smallest_step() {
        assert_eq!(exponent(0.0, 0.0, 8), -26);
    }

    #[test]
    fn channels_along_the_second_axis_are_columns() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(channels(&values, &[2, 3], 1), [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
        assert_eq!(channels(&values, &[2, 3], 0), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    }

    proptest! {
        #[test]
        fn doubling_the_values_adds_one(reach in 1e-4f32..1e4, sixteen: bool) {
            let bits = if sixteen { 16 } else { 8 };
            prop_assert_eq!(exponent(-2.0 * reach, reach, bits), exponent(-reach, 0.5 * reach, bits) + 1);
        }

        #[test]
        fn the_range_is_covered_and_no_smaller_step_covers_it(min in -1e3f32..0.0, max in 1e-3f32..1e3) {
            let reach = f64::from(max.max(-min));
            let e = exponent(min, max, 8);
            prop_assert!(127.5 * f64::from(e).exp2() >= reach);
            prop_assert!(127.5 * f64::from(e - 1).exp2() < reach);
        }
    }
}
