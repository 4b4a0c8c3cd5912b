//! Balancing: channels are scaled so that the noise of activations and of weights together is smallest.
//!
//! Scaling channel c of an activation by s divides the noise of its rounding by s^2, as it does the noise that rounded
//! weights before it bring into it, and multiplies the noise of the weights behind it by s^2. For A / s^2 + B s^2 the
//! best s is the fourth root of A / B. The steps of the weights before and behind follow from their largest values, so
//! they are searched over: for each pair of allowances the best s that keeps within them is known. Classic equalization
//! balances the ranges of weights alone; here activations count, which in 8 bits with powers of two are most of the
//! noise, and how much each channel carries is measured.
//!
//! A ReLU6 stays: a channel that reaches its bound keeps its scale, others may grow until they reach it on the
//! calibration pictures.

use std::collections::BTreeMap;

use crate::graph::{Constants, Graph, Layer, TensorId, values};
use crate::pairs::Pair;

/// Sweeps over all pairs; neighbours change each other's weights.
const SWEEPS: usize = 4;
/// Scales outside `1 / LIMIT ..= LIMIT` are clamped: beyond it a channel is as good as dead.
const LIMIT: f64 = 64.0;
/// A channel reaches its bound from this fraction on.
const REACHES: f32 = 0.999;

/// What calibration pictures show of one activation, by channel.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Channels {
    /// Largest absolute value.
    pub(crate) max: Vec<f32>,
    /// Mean square.
    pub(crate) power: Vec<f64>,
    /// Fraction of values that are not 0; zeros are never rounded.
    pub(crate) nonzero: Vec<f64>,
}

impl Channels {
    /// Of no pictures yet.
    pub(crate) fn new(channels: usize) -> Channels {
        Channels { max: vec![0.0; channels], power: vec![0.0; channels], nonzero: vec![0.0; channels] }
    }

    /// Adds one of `pictures`, whose values are channels first.
    pub(crate) fn add(&mut self, values: &[f32], pictures: usize) {
        let plane = (values.len() / self.max.len().max(1)).max(1);
        let share = 1.0 / (plane * pictures.max(1)) as f64;
        for (channel, values) in values.chunks_exact(plane).enumerate().take(self.max.len()) {
            let (mut power, mut nonzero) = (0.0, 0usize);
            for &v in values {
                self.max[channel] = self.max[channel].max(v.abs());
                power += f64::from(v) * f64::from(v);
                nonzero += usize::from(v != 0.0);
            }
            self.power[channel] += power * share;
            self.nonzero[channel] += nonzero as f64 * share;
        }
    }

    fn scale(&mut self, factors: &[f32]) {
        for (channel, &factor) in factors.iter().enumerate().take(self.max.len()) {
            self.max[channel] *= factor;
            self.power[channel] *= f64::from(factor).powi(2);
        }
    }
}

/// By activation.
pub(crate) type Measured = BTreeMap<TensorId, Channels>;

/// A pair with the activations between its layers.
pub(crate) struct Region<'a> {
    pub(crate) pair: &'a Pair,
    /// Activations that are stored as integers.
    pub(crate) stored: Vec<TensorId>,
    /// The smallest upper bound of the Clips between them.
    pub(crate) bound: Option<f32>,
}

/// Scales the channels of all regions. `per_channel`: weights have one exponent per output channel.
pub(crate) fn balance(
    graph: &Graph,
    constants: &mut Constants,
    regions: &[Region<'_>],
    measured: &mut Measured,
    per_channel: bool,
) {
    let mut so_far: Vec<Vec<f64>> = regions.iter().map(|r| vec![1.0; r.pair.channels]).collect();
    for _ in 0..SWEEPS {
        for (region, so_far) in regions.iter().zip(&mut so_far) {
            let factors = factors(graph, constants, region, measured, per_channel, so_far);
            so_far.iter_mut().zip(&factors).for_each(|(all, &factor)| *all *= f64::from(factor));
            for layer in region.pair.upstream.iter().filter_map(|&n| graph.layer(n)) {
                layer.scale_outputs(constants, |channel| factors[channel]);
            }
            for layer in region.pair.downstream.iter().filter_map(|&n| graph.layer(n)) {
                layer.unscale_inputs(constants, |channel| factors[channel]);
            }
            for tensor in tensors(graph, region) {
                if let Some(channels) = measured.get_mut(&tensor) {
                    channels.scale(&factors);
                }
            }
        }
    }
}

/// Every measured activation of a region: what is stored, and what its layers read.
fn tensors(graph: &Graph, region: &Region<'_>) -> Vec<TensorId> {
    let read = region.pair.downstream.iter().filter_map(|&n| graph.nodes[n].inputs.first());
    let mut tensors: Vec<TensorId> = region.stored.iter().chain(read).copied().collect();
    tensors.sort_unstable();
    tensors.dedup();
    tensors
}

/// How the noise of a region depends on the factors of its channels; parallel lists by channel.
struct Noise {
    /// Falls with the square of the factor: rounding of the activation.
    rounded: Vec<f64>,
    /// The same, at the present steps of the weights before.
    before: Vec<f64>,
    /// Grows with the square of the factor, at the present steps of the weights behind.
    behind: Vec<f64>,
    /// Factors below this make a step of the weights behind larger.
    lowest: Vec<f64>,
    /// Factors above this make a step of the weights before larger.
    highest: Vec<f64>,
    /// Where the activation itself ends.
    limits: Vec<[f64; 2]>,
}

/// Allowances for the steps of weights that are searched over: powers of two, as exponents times 4.
const ALLOWANCES: std::ops::RangeInclusive<i32> = -8..=8;

impl Noise {
    /// The factors with the least noise when the steps of the weights may be `before` and `behind` times as large, and
    /// that noise; `None` when some channel cannot keep to that.
    fn best(&self, before: f64, behind: f64, factors: &mut [f64]) -> Option<f64> {
        let mut noise = 0.0;
        for (channel, factor) in factors.iter_mut().enumerate() {
            let falls = self.rounded[channel] + before * before * self.before[channel];
            let grows = behind * behind * self.behind[channel];
            let [low, high] = self.limits[channel];
            let low = low.max(self.lowest[channel] / behind);
            let high = high.min(self.highest[channel] * before);
            // Equal limits must not fail for a digit.
            if low > high * (1.0 + 1e-6) {
                return None;
            }
            let best = match (falls > 0.0, grows > 0.0) {
                (true, true) => (falls / grows).sqrt().sqrt(),
                (true, false) => high,
                (false, true) => low,
                (false, false) => 1.0,
            };
            *factor = best.min(high).max(low.min(high));
            noise += falls / factor.powi(2) + grows * factor.powi(2);
        }
        Some(noise)
    }

    fn factors(&self) -> Vec<f32> {
        let channels = self.rounded.len();
        let (mut trial, mut best) = (vec![1.0; channels], (f64::INFINITY, vec![1.0; channels]));
        let allowance = |exponent: i32| (f64::from(exponent) / 4.0).exp2();
        for before in ALLOWANCES {
            for behind in ALLOWANCES {
                let noise = self.best(allowance(before), allowance(behind), &mut trial);
                if let Some(noise) = noise.filter(|&noise| noise < best.0) {
                    best = (noise, trial.clone());
                }
            }
        }
        best.1.into_iter().map(|factor| factor as f32).collect()
    }
}

/// The factor of every channel.
fn factors(
    graph: &Graph,
    constants: &Constants,
    region: &Region<'_>,
    measured: &Measured,
    per_channel: bool,
    so_far: &[f64],
) -> Vec<f32> {
    let channels = region.pair.channels;
    let of_region: Vec<&Channels> = region.stored.iter().filter_map(|t| measured.get(t)).collect();
    let reach: Vec<f32> =
        (0..channels).map(|c| of_region.iter().map(|m| m.max[c]).fold(0.0, f32::max)).collect();
    let widest = region.bound.unwrap_or_else(|| reach.iter().copied().fold(0.0, f32::max));
    if widest <= 0.0 {
        return vec![1.0; channels];
    }
    // A sum behind a bounded activation may reach further than the bound.
    let step = f64::from(reach.iter().copied().fold(widest, f32::max)) / 127.0;
    let mut noise = Noise {
        rounded: vec![0.0; channels],
        before: vec![0.0; channels],
        behind: vec![0.0; channels],
        lowest: vec![0.0; channels],
        highest: vec![f64::INFINITY; channels],
        limits: reach
            .iter()
            .zip(so_far)
            .map(|(&r, &all)| limits(r, widest, region.bound.is_some(), all))
            .collect(),
    };
    let mut carried = vec![0.0f64; channels];
    for &node in &region.pair.downstream {
        let Some(layer) = graph.layer(node) else { continue };
        let weights = values(constants, layer.weights);
        layer.each_weight(|i, _, input| carried[input] += f64::from(weights[i]).powi(2));
        // A depthwise layer with exponents per channel takes any scale into its exponents.
        if per_channel && layer.groups == layer.inputs {
            continue;
        }
        let steps = steps(&layer, constants, per_channel);
        let power = graph.nodes[node].inputs.first().and_then(|t| measured.get(t)).map(|m| &m.power);
        layer.each_weight(|i, output, channel| {
            let step = steps[output];
            noise.behind[channel] += step * step / 12.0 * power.map_or(0.0, |p| p[channel]);
            if step > 0.0 {
                let part = f64::from(weights[i].abs()) / (127.0 * step);
                noise.lowest[channel] = noise.lowest[channel].max(part);
            }
        });
    }
    for &node in region.pair.upstream.iter().filter(|_| !per_channel) {
        let Some(layer) = graph.layer(node) else { continue };
        let steps = steps(&layer, constants, false);
        let power = graph.nodes[node].inputs.first().and_then(|t| measured.get(t)).map(|m| &m.power);
        layer.each_weight(|_, output, channel| {
            let entered = steps[output].powi(2) / 12.0 * power.map_or(0.0, |p| p[channel]);
            noise.before[output] += entered * carried[output];
        });
        for (channel, range) in layer.output_ranges(constants).into_iter().enumerate() {
            if range > 0.0 {
                noise.highest[channel] =
                    noise.highest[channel].min(127.0 * steps[channel] / f64::from(range));
            }
        }
    }
    for (channel, (rounded, carried)) in noise.rounded.iter_mut().zip(&carried).enumerate() {
        let of_all: f64 = of_region.iter().map(|m| step * step / 12.0 * m.nonzero[channel]).sum();
        *rounded = of_all * carried;
    }
    noise.factors()
}

/// The factors that a channel may have: it may grow until it reaches as far as the widest one or the bound, and one
/// that is cut at the bound stays as it is. `so_far` is what it was scaled by before.
fn limits(reach: f32, widest: f32, bounded: bool, so_far: f64) -> [f64; 2] {
    if bounded && reach >= widest * REACHES {
        return [1.0, 1.0];
    }
    let room = if reach > 0.0 { f64::from(widest / reach) } else { LIMIT };
    let (low, high) = (1.0 / (LIMIT * so_far), LIMIT / so_far);
    [low.min(1.0), room.min(high.max(1.0))]
}

/// Step of the weights of every output channel, when nothing is clipped.
fn steps(layer: &Layer, constants: &Constants, per_channel: bool) -> Vec<f64> {
    let mut ranges = layer.output_ranges(constants);
    if !per_channel {
        let widest = ranges.iter().copied().fold(0.0, f32::max);
        ranges.fill(widest);
    }
    ranges.into_iter().map(|range| f64::from(range) / 127.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(rounded: &[f64], behind: &[f64]) -> Noise {
        let channels = rounded.len();
        Noise {
            rounded: rounded.to_vec(),
            before: vec![0.0; channels],
            behind: behind.to_vec(),
            lowest: vec![0.0; channels],
            highest: vec![f64::INFINITY; channels],
            limits: vec![[1.0 / LIMIT, LIMIT]; channels],
        }
    }

    #[test]
    fn a_channel_that_carries_more_rounding_grows_more() {
        let mut noise = noise(&[1.0, 16.0], &[1.0, 1.0]);
        // Without an effect on steps only the present allowance of 1 is of interest.
        let mut factors = [0.0; 2];
        noise.best(1.0, 1.0, &mut factors);
        assert_eq!(factors, [1.0, 2.0]);
        noise.limits[1] = [1.0, 1.0];
        noise.best(1.0, 1.0, &mut factors);
        assert_eq!(factors, [1.0, 1.0]);
    }

    #[test]
    fn nothing_becomes_noisier() {
        let mut noise = noise(&[3.0, 0.1, 0.0], &[1.0, 2.0, 5.0]);
        noise.before = vec![0.5, 4.0, 0.1];
        noise.lowest = vec![1.0, 0.2, 0.4];
        noise.highest = vec![1.0, 3.0, 8.0];
        noise.limits = vec![[1.0, 1.0], [0.1, 4.0], [0.1, 4.0]];
        let factors = noise.factors();
        let start: f64 = (0..3).map(|c| noise.rounded[c] + noise.before[c] + noise.behind[c]).sum();
        let mut best = f64::INFINITY;
        for before in ALLOWANCES {
            for behind in ALLOWANCES {
                let mut trial = [0.0; 3];
                let allowance = |e: i32| (f64::from(e) / 4.0).exp2();
                best = best.min(noise.best(allowance(before), allowance(behind), &mut trial).unwrap_or(best));
            }
        }
        assert!(best <= start);
        assert_eq!(factors[0], 1.0);
    }

    #[test]
    fn a_channel_at_the_bound_stays_and_others_grow_up_to_it() {
        assert_eq!(limits(6.0, 6.0, true, 1.0), [1.0, 1.0]);
        assert_eq!(limits(1.5, 6.0, true, 1.0)[1], 4.0);
        assert_eq!(limits(0.0, 6.0, true, 1.0)[1], LIMIT);
        assert_eq!(limits(6.0, 6.0, false, 1.0)[0], 1.0 / LIMIT);
        assert_eq!(limits(0.0, 6.0, true, LIMIT)[1], 1.0);
    }

    #[test]
    fn statistics_of_channels_are_means_over_pictures() {
        let mut channels = Channels::new(2);
        channels.add(&[0.0, 2.0, -4.0, 0.0], 2);
        channels.add(&[2.0, 2.0, 0.0, 0.0], 2);
        assert_eq!(channels.max, [2.0, 4.0]);
        assert_eq!(channels.power, [3.0, 4.0]);
        assert_eq!(channels.nonzero, [0.75, 0.25]);
    }
}
