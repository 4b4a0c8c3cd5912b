//! How exponents are chosen: pure functions from values, minima, percentiles and histograms to exponents.
//!
//! `value = integer x 2^exponent` with integers of `bits` (8 or 16) bits, symmetric around zero. [`minmax`],
//! [`percentile`], [`kl`] and [`mse`] follow ESP-PPQ 1.3.12 (`quantization/observer/range.py`) to the last bit, so
//! that exponents come out equal; [`pot`] searches the exponents themselves and has no counterpart there.

pub mod kl;
pub mod minmax;
pub mod mse;
pub mod percentile;
pub mod pot;

/// The smallest step that ESP-PPQ allows (`OBSERVER_MIN_SCALE`).
pub const MIN_STEP: f64 = 1e-8;

/// Largest integer of a width: 127 or 32767.
pub fn largest(bits: u32) -> f64 {
    f64::from((1u32 << (bits - 1)) - 1)
}

/// Number of non-negative integers of a width: 128 or 32768.
pub fn levels(bits: u32) -> usize {
    1 << (bits - 1)
}

/// `ceil(log2 step)`: the power of two that is not below `step`.
pub fn exponent_above(step: f64) -> i32 {
    step.max(MIN_STEP).log2().ceil() as i32
}

/// `floor(log2 step + 0.5)`: the nearest power of two on a logarithmic scale.
pub fn exponent_nearest(step: f64) -> i32 {
    (step.max(MIN_STEP).log2() + 0.5).floor() as i32
}

/// Counts of `|x|` over all pictures.
#[derive(Debug, Clone, Copy)]
pub struct Histogram<'a> {
    /// Counts; bin i holds `[i, i + 1) * bin_width`, the last one its upper bound too.
    pub counts: &'a [u64],
    /// `max(|min|, |max|) / counts.len()`.
    pub bin_width: f64,
    /// Smallest x.
    pub min: f32,
    /// Largest x.
    pub max: f32,
}
