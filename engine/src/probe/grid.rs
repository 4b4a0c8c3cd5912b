//! What integers of one width and exponent stand for.

use crate::draft::Bits;
use crate::plan::Format;
use crate::quantize::{exp2, signed_range};

/// The values that integers reach: `step` apart, from `low` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Width in bits.
    pub bits: u32,
    /// Value = integer x 2^exponent.
    pub exponent: i32,
    /// Distance of two values.
    pub step: f32,
    /// The smallest value.
    pub low: f32,
    /// The largest value.
    pub high: f32,
}

impl Grid {
    /// The grid of signed integers of `bits` bits.
    pub fn new(bits: u32, exponent: i32) -> Self {
        let (low, high) = signed_range(bits);
        let step = exp2(exponent);
        Grid { bits, exponent, step, low: low as f32 * step, high: high as f32 * step }
    }

    /// True for what lies beyond either end by more than half a step, as `beyond_range` of a report counts it.
    pub fn clips(&self, value: f32) -> bool {
        let half = 0.5 * self.step;
        value < self.low - half || value > self.high + half
    }

    /// Fraction of values that are clipped; 0 of none.
    pub fn clipped(&self, values: impl Iterator<Item = f32>) -> f64 {
        let (mut count, mut all) = (0u64, 0u64);
        for value in values {
            count += u64::from(self.clips(value));
            all += 1;
        }
        count as f64 / all.max(1) as f64
    }
}

impl From<Format> for Grid {
    fn from(format: Format) -> Self {
        Grid::new(Bits::into(format.bits), format.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_those_of_the_integers_and_half_a_step_more_is_inside() {
        let grid = Grid::new(8, -7);
        assert_eq!((grid.step, grid.low, grid.high), (1.0 / 128.0, -1.0, 127.0 / 128.0));
        assert!(!grid.clips(127.5 / 128.0) && grid.clips(1.0) && grid.clips(-1.01));
        assert_eq!(grid.clipped([-1.0, 0.5, 1.0, 2.0].into_iter()), 0.5);
        assert_eq!(grid.clipped(std::iter::empty()), 0.0);
        assert_eq!(Grid::new(16, 0).high, 32767.0);
    }
}
