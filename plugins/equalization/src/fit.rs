//! Scale fitting: activations are scaled as a whole so that powers of two fit them best.
//!
//! Between a layer and its readers an activation may be scaled by any s > 0: the layer's weights and bias times s, the
//! bounds of a Clip times s, the readers' weights divided by s. The float network stays the same. An exponent adapts
//! to a factor 2 without loss, so one octave holds every case, and the best s in it makes good what rounding a step to a
//! power of two costs: up to a factor 4 of noise power.

use octet_plugin_api::observer::{Histogram, pot};
use octet_plugin_api::sdk::Statistics;

use crate::graph::{Constants, Graph, Kind, Layer, TensorId, values};
use crate::groups::Groups;

/// Scales tried per octave.
pub(crate) const STEPS: usize = 64;
/// Bins of the histograms of activations and weights.
pub(crate) const BINS: usize = 4096;
/// Rounds over all groups; it settles after two or three.
const ROUNDS: usize = 16;

/// An exponent that is to be chosen, and what is stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The activation that the exponent is chosen for.
    pub(crate) tensor: TensorId,
    /// Width: 8 or 16.
    pub(crate) bits: u32,
    /// What takes the same exponent: the operands of an Add or Concat.
    pub(crate) aligned: Vec<TensorId>,
}

/// By activation: its statistics under the float weights.
pub(crate) type Measured = std::collections::BTreeMap<TensorId, Statistics>;

/// Noise:signal by scale: entry k for the scale `2^(k / STEPS)`.
type Curve = Vec<f64>;

/// The scale of every group, in steps of an octave (-STEPS / 2 .. STEPS / 2).
pub(crate) fn fit(
    graph: &Graph,
    constants: &Constants,
    groups: &Groups,
    stored: &[Stored],
    measured: &Measured,
    options: Options,
) -> Vec<i32> {
    let mut curves = vec![vec![0.0; STEPS]; groups.free.len()];
    for stored in stored {
        let curve = activation_curve(stored, measured, options.clip_weight);
        add(&mut curves[groups.of[stored.tensor]], &curve);
    }
    let mut layers = Vec::new();
    for (node, layer) in graph.layers() {
        let input = graph.nodes[node].inputs.first().map(|&t| groups.of[t]);
        let curve = weights_curve(&layer, values(constants, layer.weights), options);
        layers.push((input, groups.of[graph.nodes[node].output], curve));
    }
    let mut chosen = vec![0usize; groups.free.len()];
    for (group, curve) in curves.iter().enumerate().filter(|&(g, _)| groups.free[g]) {
        chosen[group] = best(|k| curve[k]);
    }
    for _ in 0..ROUNDS {
        let before = chosen.clone();
        for group in (0..chosen.len()).filter(|&g| groups.free[g]) {
            chosen[group] = best(|k| {
                let weights = layers.iter().filter(|(i, o, _)| (*i == Some(group)) != (*o == group));
                let noise = weights.map(|(input, output, curve)| {
                    let at = |g: usize| if g == group { k } else { chosen[g] };
                    curve[(at(*output) + STEPS - input.map_or(0, at)) % STEPS]
                });
                curves[group][k] + noise.sum::<f64>()
            });
        }
        if chosen == before {
            break;
        }
    }
    let half = (STEPS / 2) as i32;
    chosen.into_iter().map(|k| (k as i32 + half) % STEPS as i32 - half).collect()
}

/// What the search assumes about the quantization that follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Weights have one exponent per output channel.
    pub(crate) per_channel: bool,
    /// What clipping counts against rounding, as in [`pot`].
    pub(crate) clip_weight: f64,
    /// What noise in weights counts against noise in activations.
    pub(crate) weights: f64,
}

fn best(cost: impl Fn(usize) -> f64) -> usize {
    (0..STEPS).map(|k| (cost(k), k)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, k)| k)
}

fn add(sum: &mut Curve, other: &Curve) {
    sum.iter_mut().zip(other).for_each(|(s, o)| *s += o);
}

fn scale_of(k: usize) -> f64 {
    (k as f64 / STEPS as f64).exp2()
}

/// Noise:signal of what is stored with one exponent, when `mse-pot` chooses it.
fn activation_curve(stored: &Stored, measured: &Measured, clip_weight: f64) -> Curve {
    let Some(own) = measured.get(&stored.tensor) else { return vec![0.0; STEPS] };
    let parts: Vec<&Statistics> =
        [own].into_iter().chain(stored.aligned.iter().filter_map(|t| measured.get(t))).collect();
    (0..STEPS)
        .map(|k| {
            let scale = scale_of(k);
            let Some(exponent) = pot::exponent(scaled(own, scale), stored.bits, clip_weight) else {
                return 0.0;
            };
            parts
                .iter()
                .map(|part| {
                    let noise = pot::squared_error(scaled(part, scale), exponent, stored.bits, clip_weight);
                    let signal = power(part) * scale * scale;
                    if signal > 0.0 { noise / signal } else { 0.0 }
                })
                .sum()
        })
        .collect()
}

fn scaled(statistics: &Statistics, scale: f64) -> Histogram<'_> {
    Histogram {
        counts: &statistics.histogram,
        bin_width: statistics.bin_width * scale,
        min: (f64::from(statistics.min) * scale) as f32,
        max: (f64::from(statistics.max) * scale) as f32,
    }
}

/// Mean square.
fn power(statistics: &Statistics) -> f64 {
    let bins = statistics.histogram.iter().enumerate();
    let squares: f64 = bins.map(|(i, &n)| n as f64 * ((i as f64 + 0.5) * statistics.bin_width).powi(2)).sum();
    squares / statistics.count.max(1) as f64
}

/// Noise:signal of a layer's weights times a scale.
fn weights_curve(layer: &Layer, weights: &[f32], options: Options) -> Curve {
    let signal: f64 = weights.iter().map(|&w| f64::from(w).powi(2)).sum();
    if signal == 0.0 || options.weights == 0.0 {
        return vec![0.0; STEPS];
    }
    if options.per_channel {
        // Nothing is clipped; the error is a twelfth of the squared step.
        let mut reach = vec![(0.0f64, 0usize); layer.outputs];
        layer.each_weight(|i, output, _| {
            let (max, count) = &mut reach[output];
            *max = max.max(f64::from(weights[i].abs()));
            *count += 1;
        });
        return (0..STEPS)
            .map(|k| {
                let noise: f64 = reach
                    .iter()
                    .map(|&(max, count)| {
                        let step = (max * scale_of(k) / 127.5).log2().ceil().exp2() / scale_of(k);
                        if max > 0.0 { count as f64 * step * step / 12.0 } else { 0.0 }
                    })
                    .sum();
                options.weights * noise / signal
            })
            .collect();
    }
    let max = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    let mut statistics = Statistics {
        min: -max,
        max,
        histogram: vec![0; BINS],
        bin_width: f64::from(max) / BINS as f64,
        percentiles: None,
        count: weights.len() as u64,
    };
    for w in weights {
        let bin = (f64::from(w.abs()) / statistics.bin_width) as usize;
        statistics.histogram[bin.min(BINS - 1)] += 1;
    }
    (0..STEPS)
        .map(|k| {
            let histogram = scaled(&statistics, scale_of(k));
            let Some(exponent) = pot::exponent(histogram, 8, 1.0) else { return 0.0 };
            let noise = pot::squared_error(histogram, exponent, 8, 1.0) / scale_of(k).powi(2);
            options.weights * noise * weights.len() as f64 / signal
        })
        .collect()
}

/// Rewrites weights, biases and bounds for the scales of the groups.
pub(crate) fn apply(graph: &Graph, constants: &mut Constants, groups: &Groups, scales: &[f32]) {
    for node in &graph.nodes {
        let scale = |tensor: TensorId| scales[groups.of[tensor]];
        match node.kind {
            Kind::Layer(layer) => {
                let (input, output) = (node.inputs.first().map_or(1.0, |&t| scale(t)), scale(node.output));
                if let Some(weights) = constants.get_mut(&layer.weights) {
                    weights.iter_mut().for_each(|w| *w *= output / input);
                }
                if let Some(bias) = layer.bias.and_then(|b| constants.get_mut(&b)) {
                    bias.iter_mut().for_each(|b| *b *= output);
                }
            }
            Kind::Clip { lower, upper, shared: false } => {
                for bound in [lower, upper] {
                    if let Some(bound) = constants.get_mut(&bound).and_then(|b| b.first_mut()) {
                        // A bound of f32::MAX bounds nothing, at any scale.
                        *bound = (*bound * scale(node.output)).clamp(f32::MIN, f32::MAX);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::groups;
    use crate::test_network::{Build, constant};

    /// As many values in every bin up to `max`.
    fn even(max: f32) -> Statistics {
        let bin_width = f64::from(max) / BINS as f64;
        let count = 10 * BINS as u64;
        Statistics { min: 0.0, max, histogram: vec![10; BINS], bin_width, percentiles: None, count }
    }

    fn two_layers() -> (Graph, Constants, TensorId) {
        let mut b = Build::new(1, 1);
        let x = b.conv("before", 0, 2, 1, false);
        let x = b.relu6("clip", x);
        b.conv("behind", x, 2, 1, false);
        let (graph, constants) = b.finish();
        (graph, constants, x)
    }

    fn only(weights: f64) -> Options {
        Options { per_channel: false, clip_weight: 1.0, weights }
    }

    #[test]
    fn an_evenly_filled_range_is_scaled_to_fill_the_integers() {
        let (graph, constants, clip) = two_layers();
        let groups = groups(&graph);
        let stored = [Stored { tensor: clip, bits: 8, aligned: Vec::new() }];
        let measured = Measured::from([(clip, even(6.0))]);
        let steps = fit(&graph, &constants, &groups, &stored, &measured, only(0.0));
        let reach = 6.0 * (f64::from(steps[groups.of[clip]]) / STEPS as f64).exp2();
        // The integers end at 127.5 steps of 2^-4 (7.97) or 2^-5 (3.98, out of this octave).
        assert!((7.8..8.1).contains(&reach) || (3.9..4.3).contains(&reach), "{reach}");
        assert!(steps.iter().enumerate().all(|(g, &k)| g == groups.of[clip] || k == 0), "{steps:?}");
    }

    #[test]
    fn fixed_groups_stay_and_weights_count_as_much_as_they_are_told() {
        let (graph, constants, clip) = two_layers();
        let groups = groups(&graph);
        let measured = Measured::from([(clip, even(7.9))]);
        let stored = [Stored { tensor: clip, bits: 8, aligned: Vec::new() }];
        let balance = |weights| fit(&graph, &constants, &groups, &stored, &measured, only(weights));
        for steps in [balance(0.0), balance(1.0), balance(1000.0)] {
            assert_eq!((steps[groups.of[graph.input]], steps[groups.of[graph.output]]), (0, 0));
        }
        // By itself the activation stays; with heavy weights their curves alone decide.
        assert!(balance(0.0)[groups.of[clip]].abs() <= 2);
        let chosen = balance(1000.0)[groups.of[clip]];
        let noise = |steps: i32| -> f64 {
            let at = |k: i32| k.rem_euclid(STEPS as i32) as usize;
            let curve = |node: usize| {
                let layer = graph.layer(node).unwrap();
                weights_curve(&layer, values(&constants, layer.weights), only(1.0))
            };
            curve(0)[at(steps)] + curve(2)[at(-steps)]
        };
        let best = (-32..32).map(noise).fold(f64::INFINITY, f64::min);
        assert!(noise(chosen) <= 1.01 * best, "{} {best}", noise(chosen));
    }

    #[test]
    fn noise_repeats_with_every_octave() {
        let layer = two_layers().0.layer(0).unwrap();
        let once = weights_curve(&layer, &[0.7, -0.3], only(1.0));
        let doubled = weights_curve(&layer, &[1.4, -0.6], only(1.0));
        assert!(once.iter().zip(&doubled).all(|(a, b)| (a - b).abs() <= 1e-9 * a.max(1e-9)));
    }

    #[test]
    fn bounds_and_biases_take_the_scale_and_readers_give_it_back() {
        let (graph, mut constants, clip) = two_layers();
        let groups = groups(&graph);
        for (name, given) in [("before.w", [1.0, 2.0]), ("before.b", [3.0, 4.0]), ("behind.b", [5.0, 6.0])] {
            let tensor = graph.tensors.iter().position(|t| t.name == name).unwrap();
            constants.insert(tensor, given.to_vec());
        }
        let behind = constant(&graph, &constants, "behind.w").to_vec();
        let mut scales = vec![1.0; groups.free.len()];
        scales[groups.of[clip]] = 0.5;
        apply(&graph, &mut constants, &groups, &scales);
        assert_eq!(constant(&graph, &constants, "before.w"), [0.5, 1.0]);
        assert_eq!(constant(&graph, &constants, "before.b"), [1.5, 2.0]);
        assert_eq!(constant(&graph, &constants, "clip.high"), [3.0]);
        assert_eq!(constant(&graph, &constants, "behind.b"), [5.0, 6.0]);
        let twice: Vec<f32> = behind.iter().map(|w| 2.0 * w).collect();
        assert_eq!(constant(&graph, &constants, "behind.w"), twice);
    }
}
