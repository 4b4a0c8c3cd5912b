//! Exponents from percentiles: the rarest values are clipped.

use super::minmax;

/// ESP-PPQ's default (`OBSERVER_PERCENTILE`).
pub const DEFAULT: f64 = 0.9999;

/// The values at the low and the high end of a quantile, as torch's `kthvalue` finds them: the
/// `(int(n (1 - q)) + 1)`-th smallest and the `(min(int(n q), n - 1) + 1)`-th smallest. Zeros when there is none.
pub fn ends(values: &[f32], quantile: f64) -> (f32, f32) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let last = values.len() - 1;
    let n = values.len() as f64;
    let low = ((n * (1.0 - quantile)).max(0.0) as usize).min(last);
    let high = ((n * quantile) as usize).min(last);
    let mut values = values.to_vec();
    let low_value = *values.select_nth_unstable_by(low, f32::total_cmp).1;
    let high_value = *values.select_nth_unstable_by(high, f32::total_cmp).1;
    (low_value, high_value)
}

/// One exponent for a whole tensor from its own percentiles.
pub fn exponent(values: &[f32], quantile: f64, bits: u32) -> i32 {
    let (low, high) = ends(values, quantile);
    minmax::exponent(low, high, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_ten_thousand_values_the_ends_are_the_extremes() {
        let values: Vec<f32> = (0..10_000).map(|i| i as f32).collect();
        assert_eq!(ends(&values, DEFAULT), (0.0, 9999.0));
    }

    #[test]
    fn above_ten_thousand_values_one_is_dropped_at_the_low_end() {
        let values: Vec<f32> = (0..10_001).rev().map(|i| i as f32).collect();
        // n (1 - q) = 1.0001, n q = 9999.9999: indices 1 and 9999.
        assert_eq!(ends(&values, DEFAULT), (1.0, 9999.0));
    }

    #[test]
    fn the_whole_range_is_the_quantile_one() {
        assert_eq!(ends(&[3.0, -1.0, 2.0], 1.0), (-1.0, 3.0));
    }

    #[test]
    fn no_value_has_zero_ends() {
        assert_eq!(ends(&[], DEFAULT), (0.0, 0.0));
    }
}
