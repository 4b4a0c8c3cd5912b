//! ESP-PPQ's default for activations: the clip point with the smallest Kullback-Leibler divergence between the
//! histogram and its quantized form (range.py, `TorchHistObserver.hist_to_scale_offset`; the method is TensorRT's,
//! GTC 2017 s7310), then the nearest power of two, which may clip up to a factor of 1.41 below that point.

use super::{Histogram, exponent_nearest, levels};

/// Number of bins that [`exponent`] expects: 4096 for int8, 1,048,576 for int16.
pub fn bins(bits: u32) -> usize {
    32 * levels(bits)
}

/// The exponent; `None` when the histogram has not a multiple of 128 (32768) bins, or none at all.
pub fn exponent(histogram: Histogram<'_>, bits: u32) -> Option<i32> {
    let clip = clip_bins(histogram.counts, bits)?;
    let total = histogram.counts.len() as f64;
    let levels = levels(bits) as f64;
    let step = (clip as f64 / total) * histogram.bin_width * (total / levels);
    Some(exponent_nearest(step))
}

/// The number of bins below the best clip point: the first of the smallest divergences.
pub fn clip_bins(counts: &[u64], bits: u32) -> Option<usize> {
    let levels = levels(bits);
    if counts.is_empty() || !counts.len().is_multiple_of(levels) {
        return None;
    }
    // Values next to zero dominate a histogram and say nothing about its range.
    let ignored = (counts.len() as f64 * 0.002) as usize;
    let mut histogram: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
    histogram[..ignored].fill(0.0);
    histogram[ignored] = 1.0;
    let sum = total(&histogram);

    let mut best = (f64::INFINITY, levels);
    for range in (levels..=counts.len()).step_by(levels) {
        let divergence = divergence(&histogram, range, levels, sum);
        if divergence < best.0 {
            best = (divergence, range);
        }
    }
    Some(best.1)
}

/// Divergence of the histogram, clipped at `range` bins, from its form in `levels` rows. float32 where torch has
/// float32, float64 where it has float64.
fn divergence(histogram: &[f32], range: usize, levels: usize, sum: f32) -> f64 {
    let per_level = range / levels;
    let rows: Vec<f32> = histogram[..range]
        .chunks_exact(per_level)
        .map(|row| {
            let filled = row.iter().filter(|&&count| count > 0.0).count().max(1);
            total(row) / filled as f32
        })
        .collect();
    let quantized_sum = histogram[..range]
        .chunks_exact(per_level)
        .zip(&rows)
        .map(|(row, &mean)| row.iter().filter(|&&count| count > 0.0).count() as f64 * f64::from(mean))
        .sum::<f64>() as f32;
    let clipped = total(&histogram[range..]);

    let mut divergence = 0.0;
    for (i, &count) in histogram[..range].iter().enumerate() {
        let here = if i == range - 1 { count + clipped } else { count };
        let p = f64::from(here / sum);
        // Where p is 0 its term is exactly 0.
        if p > 0.0 {
            let q = if count > 0.0 { f64::from(rows[i / per_level] / quantized_sum) } else { 0.0 };
            divergence += p * ((p + 1e-30).log10() - (q + 1e-30).log10());
        }
    }
    divergence
}

/// A float32 sum whose error is below that of any order of float32 additions.
fn total(values: &[f32]) -> f32 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_histogram_is_not_clipped() {
        assert_eq!(clip_bins(&[1000; 4096], 8), Some(4096));
    }

    #[test]
    fn a_far_outlier_is_clipped() {
        let mut counts = vec![0u64; 4096];
        for (i, count) in counts[..1024].iter_mut().enumerate() {
            *count = 100_000 - 90 * i as u64;
        }
        counts[4095] = 1;
        assert!(clip_bins(&counts, 8).unwrap() <= 1152);
    }

    #[test]
    fn doubling_the_width_of_the_bins_adds_one() {
        let counts: Vec<u64> = (0..4096).map(|i| 4096 - i).collect();
        let at =
            |bin_width| exponent(Histogram { counts: &counts, bin_width, min: 0.0, max: 1.0 }, 8).unwrap();
        assert_eq!(at(2e-3), at(1e-3) + 1);
    }

    #[test]
    fn odd_numbers_of_bins_have_no_answer() {
        assert_eq!(clip_bins(&[1; 100], 8), None);
        assert_eq!(clip_bins(&[], 8), None);
    }
}
