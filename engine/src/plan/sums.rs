//! What a layer's bias and sums need, and what it costs to make room for them.

use super::{ConstantPlan, Plan};
use crate::quantize::{EXPONENT_RANGE, exp2, quantize, quantize_dequantize, signed_range};
use crate::target::Rounding;

/// Channels whose magnitude exceeds a limit, with the weight exponents that bring them below.
#[derive(Default)]
pub(super) struct Excess {
    pub channels: Vec<usize>,
    exponents: Vec<i32>,
}

impl Excess {
    pub(super) fn add(&mut self, channel: usize, magnitude: f64, limit: f64, weight_exponent: i32) {
        if magnitude > limit {
            let raise = (magnitude / limit).log2().ceil().max(1.0) as i32;
            self.channels.push(channel);
            self.exponents
                .push((weight_exponent + raise).clamp(*EXPONENT_RANGE.start(), *EXPONENT_RANGE.end()));
        }
    }

    /// (index among the exponents of `weights`, exponent) that makes room for every channel.
    pub(super) fn needed(&self, weights: &ConstantPlan) -> Vec<(usize, i32)> {
        let index = |channel: usize| if weights.exponents.len() > 1 { channel } else { 0 };
        self.channels.iter().zip(&self.exponents).map(|(&c, &e)| (index(c), e)).collect()
    }
}

/// Squared error at a layer's output from a clamped bias and from coarser weights, whose sum a repair must lower:
/// one large bias does not justify the loss of every weight that shares its exponent.
pub(super) struct BiasLoss<'a> {
    pub weights: &'a [f32],
    pub bias: &'a [f32],
    /// Output channels, and the axis of `weights` that counts them.
    pub channels: usize,
    pub axis: usize,
    pub planned: &'a ConstantPlan,
    pub rounding: Rounding,
    pub input_exponent: i32,
    pub bias_bits: u32,
    /// Exponent of the layer's output, beyond whose range a larger bias changes nothing.
    pub output_exponent: i32,
}

impl BiasLoss<'_> {
    /// (index among the exponents, exponent) of the raises that lower the loss most; empty when none does.
    pub(super) fn cheapest(&self, excess: &Excess) -> Vec<(usize, i32)> {
        let mut needed = excess.needed(self.planned);
        if let [_] = self.planned.exponents.as_slice() {
            let highest = needed.iter().map(|n| n.1).max();
            needed = highest.map(|e| (0, e)).into_iter().collect();
        }
        let best = |&(index, highest): &(usize, i32)| {
            let current = self.planned.exponent(index);
            let channels = if self.planned.exponents.len() > 1 { index..index + 1 } else { 0..self.channels };
            let loss = |e: i32| channels.clone().map(|c| self.loss(c, e)).sum::<f64>();
            let exponent = (current..=highest).min_by(|&a, &b| loss(a).total_cmp(&loss(b)))?;
            (exponent > current).then_some((index, exponent))
        };
        needed.iter().filter_map(best).collect()
    }

    /// Expected squared error of one channel with the weight exponent `e`. Inputs are taken as independent with a
    /// quarter of the full range (of the weights' width) as their root mean square; a bias that drives the output
    /// into saturation whatever the inputs counts only as far as that.
    fn loss(&self, channel: usize, e: i32) -> f64 {
        let (lo, hi) = signed_range(self.planned.bits);
        let full = |exponent: i32| (hi + 1) as f64 * f64::from(exp2(exponent));
        let input_rms = full(self.input_exponent) / 4.0;
        let per_channel = self.weights.len() / self.channels.max(1);
        let (start, step) =
            if self.axis == 0 { (channel * per_channel, 1) } else { (channel, self.channels) };
        let (mut squares, mut rounding) = (0.0, 0.0);
        for &w in self.weights.iter().skip(start).step_by(step.max(1)).take(per_channel) {
            squares += f64::from(w).powi(2);
            rounding += f64::from(w - quantize_dequantize(w, e, self.rounding, lo, hi)).powi(2);
        }
        let bias = f64::from(self.bias.get(channel).copied().unwrap_or_default());
        let reach = full(self.output_exponent) + 4.0 * squares.sqrt() * input_rms;
        let room = signed_range(self.bias_bits).1 as f64 * f64::from(exp2(self.input_exponent + e));
        let clamped = (bias.abs().min(reach) - room).max(0.0);
        clamped.powi(2) + rounding * input_rms.powi(2)
    }
}

/// Per output channel: the sum of the absolute quantized weights.
pub(super) fn absolute_sums(
    values: &[f32],
    channels: usize,
    axis: usize,
    weights: &ConstantPlan,
    plan: &Plan,
) -> Vec<i64> {
    let (lo, hi) = signed_range(weights.bits);
    let mut sums = vec![0i64; channels];
    let per_channel = values.len() / channels.max(1);
    for (i, &value) in values.iter().enumerate() {
        let channel = if axis == 0 { i / per_channel.max(1) } else { i % channels };
        if let Some(sum) = sums.get_mut(channel) {
            *sum += quantize(value, weights.exponent(channel), plan.target.rounding, lo, hi).abs();
        }
    }
    sums
}
