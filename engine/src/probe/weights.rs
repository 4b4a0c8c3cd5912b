//! The weights of an operation beside the integers that they become.

use std::collections::BTreeMap;

use super::histogram::Counter;
use super::{Grid, Histogram, Probe, ProbeError};
use crate::analyse::noise_to_signal;
use crate::network::{Node, Op};
use crate::quantize::quantize_dequantize;
use crate::quantize::signed_range;

/// Bins of a histogram.
const BINS: usize = 96;

/// The weights of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightFigures {
    /// The operation.
    pub operation: String,
    /// The tensor of weights.
    pub tensor: String,
    /// By output channel.
    pub channels: Vec<ChannelFigures>,
    /// Exponents and how many channels have each, the smallest first.
    pub exponents: Vec<(i32, usize)>,
    /// True where each channel has an exponent of its own, false where all share one.
    pub per_channel: bool,
    /// The channel whose weights `histogram` counts; `None` for all of them.
    pub channel: Option<usize>,
    /// The float weights.
    pub histogram: Histogram,
    /// Fraction of all weights that lie beyond their channel's grid by more than half a step.
    pub clipped: f64,
    /// Noise:signal of all weights.
    pub nsr: f64,
    /// The quantized network has other weights, which a strategy trained or corrected; figures here are of rounding
    /// the float network's.
    pub corrected: bool,
}

/// The weights of one output channel. Quartiles lie between two values where a rank does (NumPy's `linear`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelFigures {
    /// Smallest.
    pub min: f32,
    /// A quarter lies below.
    pub quarter: f32,
    /// Half lies below.
    pub median: f32,
    /// Three quarters lie below.
    pub three_quarters: f32,
    /// Largest.
    pub max: f32,
    /// The integers of this channel.
    pub grid: Grid,
    /// Fraction that lies beyond the grid by more than half a step.
    pub clipped: f64,
    /// Noise:signal of the rounded weights.
    pub nsr: f64,
}

impl Probe {
    /// The weights of an operation; the histogram is of one output channel, or of all.
    ///
    /// # Errors
    /// There is no such operation or channel, or it has no weights.
    pub fn weights(&self, operation: &str, channel: Option<usize>) -> Result<WeightFigures, ProbeError> {
        let unknown = || ProbeError::Unknown(operation.to_owned());
        let node = self.network.find_node(operation).map(|id| self.network.node(id)).ok_or_else(unknown)?;
        let planned = self.plan.nodes.iter().find(|n| n.name == operation).ok_or_else(unknown)?;
        let (values, shape, axis, name) =
            self.weights_of(node).ok_or_else(|| ProbeError::NoWeights(operation.to_owned()))?;
        let exponents = planned
            .constants
            .get(name)
            .filter(|e| !e.is_empty())
            .ok_or_else(|| ProbeError::Mismatch(format!("plan.json has no exponents of `{name}`")))?;
        let all = by_channel(values, shape, axis);
        if exponents.len() != 1 && exponents.len() != all.len() {
            let (found, needed) = (exponents.len(), all.len());
            return Err(ProbeError::Mismatch(format!("`{name}`: {found} exponents of {needed} channels")));
        }
        let bits = u32::from(planned.bits);
        let grid = |c: usize| Grid::new(bits, exponents.get(c).copied().unwrap_or(exponents[0]));
        let channels: Vec<ChannelFigures> =
            all.iter().enumerate().map(|(c, values)| self.channel(values, grid(c))).collect();
        let counted = match channel {
            None => Counter::of(values.iter().copied()),
            Some(c) => Counter::of(all.get(c).ok_or_else(unknown)?.iter().copied()),
        };
        let rounded: Vec<f32> =
            all.iter().enumerate().flat_map(|(c, values)| self.rounded(values, grid(c))).collect();
        let in_order: Vec<f32> = all.iter().flatten().copied().collect();
        let clipped = all.iter().zip(&channels).map(|(v, c)| c.clipped * v.len() as f64).sum::<f64>();
        Ok(WeightFigures {
            operation: operation.to_owned(),
            tensor: name.to_owned(),
            exponents: counted_exponents(&channels),
            per_channel: exponents.len() > 1,
            channel,
            histogram: counted.finish(BINS),
            clipped: clipped / values.len().max(1) as f64,
            nsr: noise_to_signal(rounded.into_iter(), &in_order),
            corrected: self.plan.corrected_weights.iter().any(|t| t == name),
            channels,
        })
    }

    /// Values, shape, axis of the output channels, and name.
    fn weights_of<'a>(&'a self, node: &Node) -> Option<(&'a [f32], &'a [usize], usize, &'a str)> {
        let axis = match &node.op {
            Op::Conv(_) => 0,
            Op::Gemm(gemm) => usize::from(!gemm.trans_b),
            _ => return None,
        };
        let tensor = self.network.tensor(*node.inputs.get(1)?);
        Some((tensor.data.as_deref()?, &tensor.shape, axis, &tensor.name))
    }

    fn rounded(&self, values: &[f32], grid: Grid) -> Vec<f32> {
        let (low, high) = signed_range(grid.bits);
        let rounding = self.target.rounding;
        values.iter().map(|&v| quantize_dequantize(v, grid.exponent, rounding, low, high)).collect()
    }

    fn channel(&self, values: &[f32], grid: Grid) -> ChannelFigures {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        ChannelFigures {
            min: quantile(&sorted, 0.0),
            quarter: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            three_quarters: quantile(&sorted, 0.75),
            max: quantile(&sorted, 1.0),
            grid,
            clipped: grid.clipped(values.iter().copied()),
            nsr: noise_to_signal(self.rounded(values, grid).into_iter(), values),
        }
    }
}

fn counted_exponents(channels: &[ChannelFigures]) -> Vec<(i32, usize)> {
    let mut counts = BTreeMap::new();
    for channel in channels {
        *counts.entry(channel.grid.exponent).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// The values of each output channel.
fn by_channel(values: &[f32], shape: &[usize], axis: usize) -> Vec<Vec<f32>> {
    let inner = shape.iter().skip(axis + 1).product::<usize>().max(1);
    let channels = shape.get(axis).copied().unwrap_or(1).max(1);
    let mut all = vec![Vec::with_capacity(values.len() / channels); channels];
    for (i, &value) in values.iter().enumerate() {
        all[(i / inner) % channels].push(value);
    }
    all
}

/// A quantile of sorted values; 0 of none.
fn quantile(sorted: &[f32], at: f64) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = at * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let share = place - place.floor();
    let (a, b) = (f64::from(sorted[below]), f64::from(sorted[above.min(last)]));
    (a + (b - a) * share) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8], [0, 25, 50, 75, 100])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&sorted, q)), [1.0, 1.75, 3.0, 5.0, 8.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn channels_lie_along_their_axis() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(by_channel(&values, &[3, 2], 0), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        assert_eq!(by_channel(&values, &[3, 2], 1), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
    }
}
