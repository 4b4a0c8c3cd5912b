//! Balancing: channels are scaled so that the noise of activations and of weights together is smallest.
//!
//! Scaling channel c of an activation by s divides the noise of its rounding by s^2, as it does the noise that rounded
//! weights before it bring into it, and multiplies the noise of the weights behind it by s^2. For A / s^2 + B s^2 the
//! best s is the fourth root of A / B. Classic equalization balances the ranges of weights alone; here activations
//! count, which in 8 bits with powers of two are most of the noise, and how much each channel carries is measured.
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
    for _ in 0..SWEEPS {
        for region in regions {
            let factors = factors(graph, constants, region, measured, per_channel);
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

/// The factor of every channel.
fn factors(
    graph: &Graph,
    constants: &Constants,
    region: &Region<'_>,
    measured: &Measured,
    per_channel: bool,
) -> Vec<f32> {
    let channels = region.pair.channels;
    let of_region: Vec<&Channels> = region.stored.iter().filter_map(|t| measured.get(t)).collect();
    let reach: Vec<f32> =
        (0..channels).map(|c| of_region.iter().map(|m| m.max[c]).fold(0.0, f32::max)).collect();
    let widest = region.bound.unwrap_or_else(|| reach.iter().copied().fold(0.0, f32::max));
    if widest <= 0.0 {
        return vec![1.0; channels];
    }
    let step = f64::from(widest) / 127.0;
    let (mut carried, mut before, mut behind) =
        (vec![0.0f64; channels], vec![0.0f64; channels], vec![0.0f64; channels]);
    for &node in &region.pair.downstream {
        let Some(layer) = graph.layer(node) else { continue };
        let weights = values(constants, layer.weights);
        layer.each_weight(|i, _, input| carried[input] += f64::from(weights[i]).powi(2));
        // A depthwise layer with exponents per channel takes any scale into its exponents.
        if per_channel && layer.groups == layer.inputs {
            continue;
        }
        let steps = squared_steps(&layer, constants, per_channel);
        let input = graph.nodes[node].inputs.first().and_then(|t| measured.get(t));
        layer.each_weight(|_, output, channel| {
            behind[channel] += steps[output] / 12.0 * input.map_or(0.0, |m| m.power[channel]);
        });
    }
    if !per_channel {
        for &node in &region.pair.upstream {
            let Some(layer) = graph.layer(node) else { continue };
            let steps = squared_steps(&layer, constants, false);
            let input = graph.nodes[node].inputs.first().and_then(|t| measured.get(t));
            layer.each_weight(|_, output, channel| {
                before[output] += steps[output] / 12.0 * input.map_or(0.0, |m| m.power[channel]);
            });
        }
    }
    let best = (0..channels).map(|c| {
        let rounded: f64 = of_region.iter().map(|m| step * step / 12.0 * m.nonzero[c]).sum();
        let falls = (rounded + before[c]) * carried[c];
        let best = if falls > 0.0 && behind[c] > 0.0 {
            (falls / behind[c]).powf(0.25)
        } else if falls > 0.0 {
            LIMIT
        } else {
            1.0
        };
        limited(best, reach[c], region.bound)
    });
    let mut factors: Vec<f64> = best.collect();
    if region.bound.is_none() {
        // All channels together may have any scale; it is fitted to powers of two later.
        let mean = factors.iter().map(|f| f.ln()).sum::<f64>() / channels.max(1) as f64;
        factors.iter_mut().for_each(|f| *f /= mean.exp());
    }
    factors.into_iter().map(|f| f as f32).collect()
}

/// Keeps a channel below the bound that it does not reach, and one that reaches it where it is.
fn limited(factor: f64, reach: f32, bound: Option<f32>) -> f64 {
    let factor = factor.clamp(1.0 / LIMIT, LIMIT);
    match bound {
        Some(bound) if reach >= bound * REACHES => 1.0,
        Some(bound) if reach > 0.0 => factor.min(f64::from(bound / reach)),
        _ => factor,
    }
}

/// Squared step of the weights of every output channel, when nothing is clipped.
fn squared_steps(layer: &Layer, constants: &Constants, per_channel: bool) -> Vec<f64> {
    let mut ranges = layer.output_ranges(constants);
    if !per_channel {
        let widest = ranges.iter().copied().fold(0.0, f32::max);
        ranges.fill(widest);
    }
    ranges.into_iter().map(|range| (f64::from(range) / 127.0).powi(2)).collect()
}
