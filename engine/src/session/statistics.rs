//! Range, histogram and percentiles of activations, picture by picture, so that memory does not grow with the
//! number of pictures.

use std::sync::{Mutex, PoisonError};

use crate::strategy::{StatisticsRequest, TensorStatistics};

/// Pictures whose percentiles are taken together, as ESP-PPQ does with its batches.
pub(super) const BATCH: usize = 8;

/// What one pass over the pictures gathers of one tensor. Everything but the percentiles is independent of the
/// order of pictures, and those are kept per batch.
#[derive(Debug, Default)]
pub(super) struct Range {
    min: f32,
    max: f32,
    count: u64,
    /// Per batch: the lowest and the highest values seen, as many as the percentile needs; what it comes to once the
    /// batch is complete.
    tails: Vec<Tails>,
}

#[derive(Debug, Clone, Default)]
struct Tails {
    low: Vec<f32>,
    high: Vec<f32>,
    count: usize,
    missing_pictures: usize,
    complete: Option<(f32, f32)>,
}

impl Range {
    pub(super) fn new(pictures: usize, percentile: bool) -> Self {
        let batches = if percentile { pictures.div_ceil(BATCH) } else { 0 };
        let batch =
            |i: usize| Tails { missing_pictures: BATCH.min(pictures - i * BATCH), ..Tails::default() };
        let tails = (0..batches).map(batch).collect();
        Range { min: f32::INFINITY, max: f32::NEG_INFINITY, count: 0, tails }
    }

    pub(super) fn add(&mut self, picture: usize, values: &[f32], percentile: Option<f64>) {
        for &v in values {
            self.min = self.min.min(v);
            self.max = self.max.max(v);
        }
        self.count += values.len() as u64;
        if let (Some(quantile), Some(tails)) = (percentile, self.tails.get_mut(picture / BATCH)) {
            tails.add(values, quantile);
        }
    }

    /// `max(|min|, |max|)`.
    fn magnitude(&self) -> f64 {
        f64::from(self.min.abs().max(self.max.abs()))
    }

    pub(super) fn finish(&self, percentile: Option<f64>) -> TensorStatistics {
        TensorStatistics {
            min: self.min,
            max: self.max,
            count: self.count,
            percentiles: percentile.and_then(|_| self.percentiles()),
            ..TensorStatistics::default()
        }
    }

    /// Mean over batches of the values at `1 - quantile` and `quantile`.
    fn percentiles(&self) -> Option<(f32, f32)> {
        let per_batch: Option<Vec<(f32, f32)>> = self.tails.iter().map(|t| t.complete).collect();
        let per_batch = per_batch?;
        let mean = |pick: fn(&(f32, f32)) -> f32| {
            per_batch.iter().map(pick).sum::<f32>() / per_batch.len().max(1) as f32
        };
        (!per_batch.is_empty()).then(|| (mean(|t| t.0), mean(|t| t.1)))
    }
}

/// Ranks of torch's `kthvalue` (1-based) for `n` values, as ESP-PPQ computes them (`observer/range.py`).
fn ranks(n: usize, quantile: f64) -> (usize, usize) {
    let low = (n as f64 * (1.0 - quantile)) as usize + 1;
    let high = ((n as f64 * quantile) as usize).min(n.saturating_sub(1)) + 1;
    (low.min(n), high)
}

impl Tails {
    fn add(&mut self, values: &[f32], quantile: f64) {
        self.count += values.len();
        self.low.extend_from_slice(values);
        self.high.extend_from_slice(values);
        // Enough for the rank in a full batch, since counts per picture are equal.
        let (low_rank, _) = ranks(values.len() * BATCH, quantile);
        let keep = low_rank + 1;
        keep_smallest(&mut self.low, keep, f32::total_cmp);
        keep_smallest(&mut self.high, keep, |a, b| b.total_cmp(a));
        self.missing_pictures = self.missing_pictures.saturating_sub(1);
        if self.missing_pictures == 0 {
            self.complete = self.at(quantile);
            (self.low, self.high) = (Vec::new(), Vec::new());
        }
    }

    fn at(&self, quantile: f64) -> Option<(f32, f32)> {
        let (low_rank, high_rank) = ranks(self.count, quantile);
        let (mut low, mut high) = (self.low.clone(), self.high.clone());
        low.sort_unstable_by(f32::total_cmp);
        high.sort_unstable_by(|a, b| b.total_cmp(a));
        Some((*low.get(low_rank - 1)?, *high.get(self.count - high_rank)?))
    }
}

fn keep_smallest(values: &mut Vec<f32>, keep: usize, compare: impl FnMut(&f32, &f32) -> std::cmp::Ordering) {
    if values.len() > keep {
        values.select_nth_unstable_by(keep - 1, compare);
        values.truncate(keep);
    }
}

/// Counts of `|x|` in equal bins over `[0, max|x|]`.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    bins: f32,
    limit: f32,
}

impl Histogram {
    fn new(bins: usize, bin_width: f64) -> Self {
        Histogram { counts: vec![0; bins], bins: bins as f32, limit: (bin_width * bins as f64) as f32 }
    }

    /// In f32 throughout, as `torch.histc` computes its bins; the limit itself falls into the last one.
    fn add(&mut self, values: &[f32]) {
        if self.limit <= 0.0 {
            return;
        }
        let last = self.counts.len().saturating_sub(1);
        for &value in values {
            let magnitude = value.abs();
            if magnitude <= self.limit {
                let bin = (magnitude * self.bins / self.limit) as usize;
                self.counts[bin.min(last)] += 1;
            }
        }
    }
}

/// The accumulators of a request. Threads add pictures in any order; each tensor has its own lock.
pub(super) struct Accumulators<T>(Vec<Mutex<T>>);

impl<T> Accumulators<T> {
    pub(super) fn new(each: impl Iterator<Item = T>) -> Self {
        Accumulators(each.map(Mutex::new).collect())
    }

    /// Visits all tensors, starting elsewhere for every picture, so that threads seldom meet.
    pub(super) fn visit(&self, picture: usize, mut add: impl FnMut(usize, &mut T)) {
        let n = self.0.len();
        for k in 0..n {
            let i = (k + picture * 7) % n;
            add(i, &mut self.0[i].lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn finish<U>(self, each: impl Fn(T) -> U) -> Vec<U> {
        self.0.into_iter().map(|m| each(m.into_inner().unwrap_or_else(PoisonError::into_inner))).collect()
    }
}

pub(super) fn ranges(request: &StatisticsRequest, pictures: usize) -> Accumulators<Range> {
    Accumulators::new(request.tensors.iter().map(|_| Range::new(pictures, request.percentile.is_some())))
}

/// The ranges, and one histogram for each tensor that wants one.
pub(super) fn finish_ranges(
    ranges: Accumulators<Range>,
    request: &StatisticsRequest,
) -> (Vec<TensorStatistics>, Accumulators<Option<Histogram>>) {
    let ranges = ranges.finish(|r| r);
    let mut statistics: Vec<TensorStatistics> = ranges.iter().map(|r| r.finish(request.percentile)).collect();
    let histograms = statistics.iter_mut().zip(&ranges).zip(&request.bins).map(|((s, range), &bins)| {
        (bins > 0).then(|| {
            s.bin_width = range.magnitude() / bins as f64;
            Histogram::new(bins, s.bin_width)
        })
    });
    let histograms: Vec<_> = histograms.collect();
    (statistics, Accumulators::new(histograms.into_iter()))
}

pub(super) fn add_to_histogram(histogram: &mut Option<Histogram>, values: &[f32]) {
    if let Some(histogram) = histogram {
        histogram.add(values);
    }
}

pub(super) fn finish_histograms(
    histograms: Accumulators<Option<Histogram>>,
    statistics: &mut [TensorStatistics],
) {
    let counts = histograms.finish(|h| h.map(|h| h.counts).unwrap_or_default());
    for (s, counts) in statistics.iter_mut().zip(counts) {
        s.histogram = counts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_kth_values_of_each_batch() {
        let values: Vec<f32> = (0..20_000).map(|i| ((i * 7919) % 20_000) as f32).collect();
        let mut range = Range::new(2, true);
        range.add(0, &values[..10_000], Some(0.9999));
        range.add(1, &values[10_000..], Some(0.9999));
        // n = 20000: k = int(20000 * 9.999999999998899e-05) + 1 = 2 and int(20000 * 0.9999) + 1 = 19999.
        assert_eq!(range.finish(Some(0.9999)).percentiles, Some((1.0, 19_998.0)));
    }

    #[test]
    fn the_largest_value_falls_into_the_last_bin() {
        let mut histogram = Histogram::new(4, 0.25);
        histogram.add(&[0.0, 0.25, -0.5, 0.99, 1.0, -1.0, 1.5]);
        assert_eq!(histogram.counts, [1, 1, 1, 3]);
    }
}
