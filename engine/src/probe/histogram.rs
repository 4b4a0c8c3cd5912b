//! Histograms whose bins lie on the grid of every exponent: their width is a power of two that grows with what comes.

use crate::quantize::exp2;

/// Bins on either side of zero while values are counted.
const HALF: i64 = 512;
/// Finest width, as an exponent; finer values share the bins beside zero.
const FINEST: i32 = -40;
/// Widest width.
const WIDEST: i32 = 100;

/// Counts of values. Exact zeros are counted apart, since behind a ReLU they outnumber all others.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Bins are `2^exponent` wide.
    pub exponent: i32,
    /// The lower end of the first bin, in bins from zero.
    pub first: i64,
    /// Values per bin, without exact zeros.
    pub counts: Vec<u64>,
    /// Exact zeros.
    pub zeros: u64,
    /// Values that are infinite or undefined, which no bin holds.
    pub not_finite: u64,
    /// Smallest and largest value; `None` without any.
    pub range: Option<[f32; 2]>,
}

/// A bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Lower end.
    pub low: f32,
    /// Upper end.
    pub high: f32,
    /// Fraction of the values other than zero.
    pub share: f64,
}

impl Histogram {
    /// All finite values, zeros included.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.zeros
    }

    /// Fraction of exact zeros.
    pub fn zero_share(&self) -> f64 {
        self.zeros as f64 / self.total().max(1) as f64
    }

    /// The bins from left to right.
    pub fn bars(&self) -> Vec<Bar> {
        let width = exp2(self.exponent);
        let all = self.counts.iter().sum::<u64>().max(1) as f64;
        let bar = |(i, &count): (usize, &u64)| {
            let place = self.first + i as i64;
            Bar { low: place as f32 * width, high: (place + 1) as f32 * width, share: count as f64 / all }
        };
        self.counts.iter().enumerate().map(bar).collect()
    }
}

/// A histogram in the making. The result does not depend on the order of values, nor on how they are split between
/// several that are merged.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    exponent: i32,
    /// Bin `i` holds `i - HALF` times the width and what follows.
    counts: Vec<u64>,
    zeros: u64,
    not_finite: u64,
    low: f32,
    high: f32,
}

impl Default for Counter {
    fn default() -> Self {
        Counter {
            exponent: FINEST,
            counts: vec![0; 2 * HALF as usize],
            zeros: 0,
            not_finite: 0,
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
        }
    }
}

impl Counter {
    pub(super) fn of(values: impl IntoIterator<Item = f32>) -> Self {
        let mut counter = Counter::default();
        values.into_iter().for_each(|v| counter.add(v));
        counter
    }

    pub(super) fn add(&mut self, value: f32) {
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        if value == 0.0 {
            self.zeros += 1;
            return;
        }
        // Powers of two scale without rounding; values of more than 2^100 share the last bin.
        let mut place = (value * exp2(-self.exponent)).floor();
        while !(-(HALF as f32)..HALF as f32).contains(&place) && self.exponent < WIDEST {
            self.widen();
            place = (value * exp2(-self.exponent)).floor();
        }
        let bin = (place as i64 + HALF).clamp(0, 2 * HALF - 1);
        self.counts[bin as usize] += 1;
    }

    /// Doubles the bins' width.
    fn widen(&mut self) {
        let mut wide = vec![0; self.counts.len()];
        for (i, count) in self.counts.iter().enumerate() {
            let place = (i as i64 - HALF).div_euclid(2);
            wide[(place + HALF) as usize] += count;
        }
        self.counts = wide;
        self.exponent += 1;
    }

    pub(super) fn merge(mut self, mut other: Counter) -> Counter {
        while self.exponent < other.exponent {
            self.widen();
        }
        while other.exponent < self.exponent {
            other.widen();
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.zeros += other.zeros;
        self.not_finite += other.not_finite;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self
    }

    /// At most `bins` bins (two or more), without empty ones at either end.
    pub(super) fn finish(mut self, bins: usize) -> Histogram {
        loop {
            let first = self.counts.iter().position(|&c| c > 0);
            let last = self.counts.iter().rposition(|&c| c > 0);
            let (first, counts) = match (first, last) {
                (Some(first), Some(last)) => (first, &self.counts[first..=last]),
                _ => (HALF as usize, &[][..]),
            };
            if counts.len() <= bins.max(2) {
                return Histogram {
                    exponent: self.exponent,
                    first: first as i64 - HALF,
                    counts: counts.to_vec(),
                    zeros: self.zeros,
                    not_finite: self.not_finite,
                    range: (self.low <= self.high).then_some([self.low, self.high]),
                };
            }
            self.widen();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_are_powers_of_two_and_zeros_stand_apart() {
        let histogram = Counter::of([0.0, 0.0, 0.25, 0.3, 0.5, -1.0, f32::NAN]).finish(8);
        assert_eq!((histogram.exponent, histogram.first), (-2, -4));
        assert_eq!(histogram.counts, [1, 0, 0, 0, 0, 2, 1]);
        assert_eq!((histogram.zeros, histogram.not_finite), (2, 1));
        assert_eq!(histogram.range, Some([-1.0, 0.5]));
        assert!((histogram.zero_share() - 2.0 / 6.0).abs() < 1e-12);
        let bars = histogram.bars();
        assert_eq!((bars[5].low, bars[5].high, bars[5].share), (0.25, 0.5, 0.5));
    }

    #[test]
    fn nothing_and_only_zeros_have_no_bins() {
        assert_eq!(Counter::of([]).finish(8).range, None);
        let zeros = Counter::of([0.0; 3]).finish(8);
        assert_eq!((zeros.counts.len(), zeros.zeros, zeros.range), (0, 3, Some([0.0, 0.0])));
    }

    #[test]
    fn the_largest_and_the_smallest_floats_are_counted() {
        let histogram = Counter::of([f32::MAX, f32::MIN, f32::MIN_POSITIVE]).finish(8);
        assert_eq!(histogram.total(), 3);
    }

    proptest! {
        #[test]
        fn neither_order_nor_parts_change_the_counts(mut values in prop::collection::vec(-1e6f32..1e6, 0..200), at in 0usize..200) {
            let whole = Counter::of(values.iter().copied()).finish(64);
            let (a, b) = values.split_at(at.min(values.len()));
            let parts = Counter::of(b.iter().copied()).merge(Counter::of(a.iter().copied())).finish(64);
            prop_assert_eq!(&whole, &parts);
            values.reverse();
            prop_assert_eq!(&whole, &Counter::of(values.iter().copied()).finish(64));
            prop_assert_eq!(whole.total(), values.len() as u64);
            prop_assert!(whole.counts.len() <= 64);
        }
    }
}
