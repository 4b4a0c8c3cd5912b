//! The power of two with the smallest squared error: rounding and clipping weighed against each other at the very
//! steps that the chip has, instead of rounding a real-valued optimum afterwards.

use super::{Histogram, largest, minmax};

/// How many powers of two below the one that clips nothing are tried.
pub const DEPTH: i32 = 8;

/// What clipping counts against rounding, the value that did best with MobileNetV2. Below 1 because clipped values are
/// few, far out and often clipped again by the next ReLU6, while rounding adds noise everywhere.
pub const CLIP_WEIGHT: f64 = 0.5;

/// The exponent with the smallest [`squared_error`] of the histogram's values; `None` for an empty histogram. Ties go to
/// the larger exponent, which clips less.
pub fn exponent(histogram: Histogram<'_>, bits: u32, clip_weight: f64) -> Option<i32> {
    let top = minmax::exponent(histogram.min, histogram.max, bits);
    if histogram.counts.iter().all(|&count| count == 0) {
        return None;
    }
    best(top, |e| squared_error(histogram, e, bits, clip_weight))
}

/// Mean squared error of quantizing the histogram's values at an exponent, with the values of a bin spread evenly
/// over it. What is lost above the largest integer counts `clip_weight` times.
pub fn squared_error(histogram: Histogram<'_>, exponent: i32, bits: u32, clip_weight: f64) -> f64 {
    let step = f64::from(exponent).exp2();
    // Integral of (x - q(x))^2 from 0 to x: whole steps, then a rest around the current integer.
    let integral = |x: f64| {
        let integer = (x / step).round().min(largest(bits));
        let rest = x - integer * step;
        let rounded = rest.min(step / 2.0);
        let clipped = rest.powi(3) - rounded.powi(3);
        integer * step.powi(3) / 12.0 + (rounded.powi(3) + clip_weight * clipped) / 3.0
    };
    let width = histogram.bin_width;
    let mut total = 0.0;
    let mut error = 0.0;
    let mut below = 0.0;
    for (i, &count) in histogram.counts.iter().enumerate() {
        let above = integral((i + 1) as f64 * width);
        if count > 0 && width > 0.0 {
            error += count as f64 * (above - below) / width;
            total += count as f64;
        }
        below = above;
    }
    if total > 0.0 { error / total } else { 0.0 }
}

/// The exponent with the smallest squared error of these values, with integers -128..=127 (-32768..=32767) and ties
/// to even; `None` when there are none.
pub fn exponent_of_values(values: &[f32], bits: u32) -> Option<i32> {
    if values.is_empty() {
        return None;
    }
    let (min, max) = minmax::range(values);
    best(minmax::exponent(min, max, bits), |e| {
        let step = f64::from(e).exp2();
        let (low, high) = (-largest(bits) - 1.0, largest(bits));
        values
            .iter()
            .map(|&v| {
                let v = f64::from(v);
                let q = (v / step).round_ties_even().clamp(low, high);
                (v - q * step).powi(2)
            })
            .sum()
    })
}

/// One exponent per channel of a C-order tensor.
pub fn per_channel(values: &[f32], shape: &[usize], axis: usize, bits: u32) -> Vec<i32> {
    minmax::channels(values, shape, axis)
        .iter()
        .map(|channel| exponent_of_values(channel, bits).unwrap_or_default())
        .collect()
}

fn best(top: i32, error: impl Fn(i32) -> f64) -> Option<i32> {
    let mut best = (f64::INFINITY, top);
    for exponent in (top - DEPTH..=top).rev() {
        let candidate = error(exponent);
        if candidate < best.0 {
            best = (candidate, exponent);
        }
    }
    Some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(counts: &[u64], max: f32) -> Histogram<'_> {
        Histogram { counts, bin_width: f64::from(max) / counts.len() as f64, min: 0.0, max }
    }

    #[test]
    fn evenly_spread_values_are_not_clipped() {
        assert_eq!(exponent(histogram(&[7; 4096], 6.0), 8, 1.0), Some(-4));
        assert_eq!(exponent(histogram(&[7; 4096], 6.0), 16, 1.0), Some(-12));
    }

    #[test]
    fn a_rare_outlier_is_clipped() {
        let mut counts = vec![0u64; 4096];
        counts[..1024].fill(1_000_000);
        counts[4095] = 1;
        // Clipping nothing needs 2^-4; the bulk ends at 1.5.
        assert_eq!(exponent(histogram(&counts, 6.0), 8, 1.0), Some(-6));
    }

    #[test]
    fn the_error_inside_the_range_is_a_twelfth_of_the_squared_step() {
        let error = squared_error(histogram(&[5; 4096], 127.0), 0, 8, 1.0);
        assert!((error - 1.0 / 12.0).abs() < 1e-9, "{error}");
    }

    #[test]
    fn the_error_beyond_the_range_is_the_squared_distance() {
        let mut counts = vec![0u64; 1024];
        counts[1023] = 3;
        let error = squared_error(histogram(&counts, 1024.0), 0, 8, 1.0);
        let distance: f64 = 1023.5 - 127.0;
        assert!((error - distance.powi(2) - 1.0 / 12.0).abs() < 1e-3, "{error}");
    }

    #[test]
    fn the_less_clipping_counts_the_more_is_clipped() {
        let counts: Vec<u64> = (0..4096).map(|i| (1e6 * (-f64::from(i) / 300.0).exp()) as u64 + 1).collect();
        let at = |clip_weight| exponent(histogram(&counts, 6.0), 8, clip_weight).unwrap();
        let exponents = [8.0, 1.0, 0.1, 0.0].map(at);
        assert!(exponents.is_sorted_by(|a, b| a >= b), "{exponents:?}");
        assert!(exponents[0] > exponents[3]);
    }

    #[test]
    fn no_counts_have_no_answer() {
        assert_eq!(exponent(histogram(&[0; 16], 1.0), 8, 1.0), None);
        assert_eq!(exponent_of_values(&[], 8), None);
    }

    proptest! {
        #[test]
        fn doubling_the_values_adds_one(counts in prop::collection::vec(0u64..1000, 256), max in 1e-2f32..1e2) {
            prop_assume!(counts.iter().any(|&c| c > 0));
            let once = exponent(histogram(&counts, max), 8, 1.0).unwrap();
            prop_assert_eq!(exponent(histogram(&counts, 2.0 * max), 8, 1.0), Some(once + 1));
        }

        #[test]
        fn doubling_single_values_adds_one(values in prop::collection::vec(-1e2f32..1e2, 1..64)) {
            prop_assume!(values.iter().any(|v| v.abs() > 1e-3));
            let once = exponent_of_values(&values, 8).unwrap();
            let doubled: Vec<f32> = values.iter().map(|v| 2.0 * v).collect();
            prop_assert_eq!(exponent_of_values(&doubled, 8), Some(once + 1));
        }

        #[test]
        fn never_worse_than_clipping_nothing(counts in prop::collection::vec(0u64..1000, 256)) {
            prop_assume!(counts.iter().any(|&c| c > 0));
            let h = histogram(&counts, 6.0);
            let chosen = squared_error(h, exponent(h, 8, 1.0).unwrap(), 8, 1.0);
            prop_assert!(chosen <= squared_error(h, minmax::exponent(0.0, 6.0, 8), 8, 1.0));
        }
    }
}
