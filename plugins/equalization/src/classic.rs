//! Cross-layer equalization: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction
//! (arXiv 1906.04721), section 4.1, over pairs of several layers as ESP-PPQ extends it
//! (`algorithm/equalization.py`, `EqualizationPair.equalize`).

use crate::graph::{Constants, Graph};
use crate::pairs::Pair;

/// Factors outside `1 / LIMIT ..= LIMIT` are clamped in each iteration, as in ESP-PPQ (`scale_clip_value`).
const LIMIT: f32 = 10.0;

/// Scales the channels of a pair once, so that weights before and behind them reach equally far. `threshold`: channels
/// whose two ranges together stay below it are left alone. Every step is rounded to f32 as torch rounds it, so that
/// weights come out equal to ESP-PPQ's.
pub(crate) fn equalize(graph: &Graph, constants: &mut Constants, pair: &Pair, threshold: f32) {
    let mut before = vec![0.0f32; pair.channels];
    for layer in pair.upstream.iter().filter_map(|&n| graph.layer(n)) {
        widen(&mut before, &layer.output_ranges(constants));
    }
    let mut behind = vec![0.0f32; pair.channels];
    for layer in pair.downstream.iter().filter_map(|&n| graph.layer(n)) {
        widen(&mut behind, &layer.input_ranges(constants));
    }
    let factors: Vec<f32> = before.iter().zip(&behind).map(|(&u, &d)| factor(u, d, threshold)).collect();
    for layer in pair.upstream.iter().filter_map(|&n| graph.layer(n)) {
        layer.scale_outputs(constants, |channel| factors[channel]);
    }
    for layer in pair.downstream.iter().filter_map(|&n| graph.layer(n)) {
        layer.unscale_inputs(constants, |channel| factors[channel]);
    }
}

fn widen(ranges: &mut [f32], other: &[f32]) {
    for (range, &other) in ranges.iter_mut().zip(other) {
        *range = range.max(other);
    }
}

/// Equation (11) of the paper for one channel, by which its weights before are multiplied.
fn factor(before: f32, behind: f32, threshold: f32) -> f32 {
    // A channel without weights on one side has nothing to equalize. ESP-PPQ takes the limit here, which lets the bias
    // of a dead channel grow without end.
    if before + behind < threshold || before == 0.0 || behind == 0.0 {
        return 1.0;
    }
    (1.0 / (before / behind).sqrt()).clamp(1.0 / LIMIT, LIMIT)
}
