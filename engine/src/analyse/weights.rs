//! How far the weights of the channels of a layer reach, and what their exponents leave of them.

use crate::network::Op;
use crate::plan::ConstantPlan;
use crate::quantize::exp2;

/// Channels whose largest weight is under so many steps are coarse: 3 bits and the sign are left.
const COARSE_STEPS: f32 = 8.0;

/// What a layer's channels have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightRanges {
    /// Largest to smallest `max|w|` of the output channels, those of zeros left out; 1 for none.
    pub ratio: f64,
    /// Output channels, those of zeros left out, whose `max|w|` is under 8 steps.
    pub coarse_channels: usize,
}

/// Ranges of weights (in the tensor's own order, of this shape) of a Conv or Gemm; `None` for other operations.
pub fn weight_ranges(op: &Op, weights: &[f32], shape: &[usize], plan: &ConstantPlan) -> Option<WeightRanges> {
    let axis = match op {
        Op::Conv(_) => 0,
        Op::Gemm(gemm) => usize::from(!gemm.trans_b),
        _ => return None,
    };
    let channels = *shape.get(axis)?;
    let inner = shape.iter().skip(axis + 1).product::<usize>().max(1);
    let mut ranges = vec![0.0_f32; channels];
    for (i, weight) in weights.iter().enumerate() {
        let range = ranges.get_mut((i / inner) % channels.max(1))?;
        *range = range.max(weight.abs());
    }
    let alive = || ranges.iter().enumerate().filter(|(_, range)| **range > 0.0);
    let largest = alive().map(|(_, r)| *r).fold(0.0, f32::max);
    let smallest = alive().map(|(_, r)| *r).fold(largest, f32::min);
    let coarse = alive().filter(|&(c, range)| *range < COARSE_STEPS * exp2(plan.exponent(c)));
    let ratio = if smallest > 0.0 { f64::from(largest) / f64::from(smallest) } else { 1.0 };
    Some(WeightRanges { ratio, coarse_channels: coarse.count() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Gemm, TensorId};

    fn ranges(trans_b: bool, weights: &[f32], shape: [usize; 2], exponents: &[i32]) -> WeightRanges {
        let plan = ConstantPlan { tensor: TensorId(0), bits: 8, exponents: exponents.to_vec() };
        weight_ranges(&Op::Gemm(Gemm { trans_b }), weights, &shape, &plan).unwrap()
    }

    #[test]
    fn channels_lie_along_the_axis_of_outputs() {
        let weights = [1.0, -8.0, 0.5, 2.0];
        assert_eq!(ranges(true, &weights, [2, 2], &[-4]).ratio, 4.0);
        assert_eq!(ranges(false, &weights, [2, 2], &[-4]).ratio, 8.0);
    }

    #[test]
    fn a_channel_is_coarse_under_eight_steps_of_its_own_exponent() {
        let weights = [1.0, 0.5, 0.01];
        assert_eq!(ranges(true, &weights, [3, 1], &[-7]).coarse_channels, 1);
        assert_eq!(ranges(true, &weights, [3, 1], &[-4]).coarse_channels, 1);
        assert_eq!(ranges(true, &weights, [3, 1], &[-3]).coarse_channels, 2);
        assert_eq!(ranges(true, &weights, [3, 1], &[-7, -8, -13]).coarse_channels, 0);
    }

    #[test]
    fn channels_of_zeros_do_not_count() {
        let all = ranges(true, &[2.0, 0.0, 1.0], [3, 1], &[-6]);
        assert_eq!((all.ratio, all.coarse_channels), (2.0, 0));
        assert_eq!(ranges(true, &[0.0, 0.0], [2, 1], &[-6]).ratio, 1.0);
    }
}
