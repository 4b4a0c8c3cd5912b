//! ESP-PPQ's mean-squared-error observer (range.py, `TorchMSEObserver`, its symmetric per-tensor branch): errors
//! counted in bins under clip points that are multiples of 256 (65536) bins, then the next power of two above.
//! Its histogram has 2048 bins, so for int16 there is one candidate, far above the range: use another one there.

use super::{Histogram, exponent_above, largest};

/// ESP-PPQ's number of bins (`OBSERVER_MSE_HIST_BINS`).
pub const BINS: usize = 2048;

/// The exponent; `None` for an empty histogram.
pub fn exponent(histogram: Histogram<'_>, bits: u32) -> Option<i32> {
    let bins = histogram.counts.len();
    let total: u64 = histogram.counts.iter().sum();
    if bins == 0 || total == 0 {
        return None;
    }
    let levels = 1usize << bits;
    let widest = bins / levels + 1;
    let mut best = (loss(histogram.counts, total, widest, levels * widest), levels * widest);
    for step in 1..widest {
        let end = levels * step;
        if end > bins + levels {
            break;
        }
        let candidate = loss(histogram.counts, total, step, end);
        if candidate < best.0 {
            best = (candidate, end);
        }
    }
    let reach = best.1 as f64 * histogram.bin_width;
    Some(exponent_above(2.0 * reach / (2.0 * largest(bits) + 1.0)))
}

/// Mean squared error in bins for steps of `step` bins up to `end`.
fn loss(counts: &[u64], total: u64, step: usize, end: usize) -> f64 {
    counts
        .iter()
        .enumerate()
        .map(|(i, &count)| {
            let error = if i > end {
                (i - end) as f64 + 0.5
            } else {
                let (left, right) = (i % step, step - i % step - 1);
                if left == right { left as f64 + 0.25 } else { left.min(right) as f64 + 0.5 }
            };
            (count as f64 * error * error) / total as f64
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_histogram_is_not_clipped() {
        let counts = vec![10; BINS];
        let histogram = Histogram { counts: &counts, bin_width: 6.0 / BINS as f64, min: 0.0, max: 6.0 };
        assert_eq!(exponent(histogram, 8), Some(-4));
    }

    #[test]
    fn no_counts_have_no_answer() {
        let histogram = Histogram { counts: &[0; BINS], bin_width: 1.0, min: 0.0, max: 0.0 };
        assert_eq!(exponent(histogram, 8), None);
    }
}
