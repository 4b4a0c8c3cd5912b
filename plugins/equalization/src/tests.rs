//! What holds for every network: rewriting leaves its answers as they are.

use octet_plugin_api::sdk::Statistics;
use proptest::prelude::*;

use crate::absorb::{self, Seen};
use crate::graph::{Constants, Graph, Kind};
use crate::groups::groups;
use crate::pairs::{Crossing, find};
use crate::test_network::{Build, constant, distance, mobilenet, run};
use crate::{classic, fit};

/// The largest error that a rewriting may leave, relative to the largest score.
const TOLERANCE: f32 = 1e-4;
/// Bins of histograms here, where pictures have few values.
const BINS: usize = 256;

fn equalize(graph: &Graph, constants: &mut Constants, crossing: Crossing, iterations: usize, threshold: f32) {
    let (pairs, _) = find(graph, constants, crossing);
    for _ in 0..iterations {
        for pair in &pairs {
            classic::equalize(graph, constants, pair, threshold);
        }
    }
}

fn statistics(values: &[f32]) -> Statistics {
    let (min, max) = values.iter().fold((0.0f32, 0.0f32), |(a, b), &v| (a.min(v), b.max(v)));
    let bin_width = f64::from(max.max(-min)) / BINS as f64;
    let mut histogram = vec![0u64; BINS];
    for v in values {
        let bin = if bin_width > 0.0 { (f64::from(v.abs()) / bin_width) as usize } else { 0 };
        histogram[bin.min(BINS - 1)] += 1;
    }
    Statistics { min, max, histogram, bin_width, percentiles: None, count: values.len() as u64 }
}

/// Fits scales as the plugin does, with every activation stored by itself; returns them.
fn fit_scales(graph: &Graph, constants: &mut Constants, picture: &[f32], per_channel: bool) -> Vec<f32> {
    let activations = run(graph, constants, picture);
    let computed = (0..activations.len()).filter(|&t| !activations[t].is_empty());
    let stored: Vec<fit::Stored> =
        computed.map(|tensor| fit::Stored { tensor, bits: 8, aligned: Vec::new() }).collect();
    let measured = stored.iter().map(|s| (s.tensor, statistics(&activations[s.tensor]))).collect();
    let groups = groups(graph);
    let options = fit::Options { per_channel, clip_weight: 0.5, weights: 1.0 };
    let steps = fit::fit(graph, constants, &groups, &stored, &measured, options);
    let scales: Vec<f32> = steps.iter().map(|&k| (f64::from(k) / fit::STEPS as f64).exp2() as f32).collect();
    fit::apply(graph, constants, &groups, &scales);
    scales
}

fn absorb_all(graph: &Graph, constants: &mut Constants, picture: &[f32]) -> usize {
    let activations = run(graph, constants, picture);
    let mut channels = 0;
    for link in absorb::links(graph, constants) {
        let outputs = graph.layer(link.upstream).unwrap().outputs;
        let values = &activations[link.output];
        let surplus: Vec<f32> = values
            .chunks(values.len() / outputs)
            .map(|plane| {
                let mut seen = Seen::NOTHING;
                seen.add(plane);
                seen.surplus(link.upper)
            })
            .collect();
        channels += surplus.iter().filter(|&&c| c > 0.0).count();
        absorb::absorb(graph, constants, &link, &surplus);
    }
    channels
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn with_relu_equalization_absorption_and_fitting_leave_the_scores_alone(
        seed in any::<u64>(),
        widths in prop::collection::vec(1usize..6, 1..5),
        add in any::<bool>(),
        iterations in 1usize..12,
        threshold in 0.0f32..2.0,
        per_channel in any::<bool>(),
    ) {
        let (graph, mut constants, picture) = mobilenet(seed, &widths, false);
        let original = constants.clone();
        let before = run(&graph, &constants, &picture)[graph.output].clone();
        equalize(&graph, &mut constants, Crossing { add, clip: true }, iterations, threshold);
        let after = run(&graph, &constants, &picture)[graph.output].clone();
        prop_assert!(distance(&before, &after) < TOLERANCE, "{before:?} {after:?}");
        prop_assert_ne!(&original, &constants);
        absorb_all(&graph, &mut constants, &picture);
        fit_scales(&graph, &mut constants, &picture, per_channel);
        let after = run(&graph, &constants, &picture)[graph.output].clone();
        prop_assert!(distance(&before, &after) < TOLERANCE, "{before:?} {after:?}");
        prop_assert!(constants.values().flatten().all(|v| v.is_finite()));
    }

    #[test]
    fn with_relu6_kept_all_three_leave_the_scores_alone(
        seed in any::<u64>(),
        widths in prop::collection::vec(1usize..6, 1..5),
        per_channel in any::<bool>(),
    ) {
        let (graph, mut constants, picture) = mobilenet(seed, &widths, true);
        let before = run(&graph, &constants, &picture)[graph.output].clone();
        equalize(&graph, &mut constants, Crossing { add: true, clip: false }, 4, 0.0);
        absorb_all(&graph, &mut constants, &picture);
        let scales = fit_scales(&graph, &mut constants, &picture, per_channel);
        let after = run(&graph, &constants, &picture)[graph.output].clone();
        prop_assert!(distance(&before, &after) < TOLERANCE, "{before:?} {after:?}");
        let half = 2f32.sqrt();
        prop_assert!(scales.iter().all(|s| (1.0 / half - 1e-6..=half).contains(s)), "{scales:?}");
        let groups = groups(&graph);
        prop_assert_eq!(scales[groups.of[graph.input]], 1.0);
        prop_assert_eq!(scales[groups.of[graph.output]], 1.0);
    }

    #[test]
    fn equalized_channels_reach_equally_far(seed in any::<u64>(), channels in 1usize..8) {
        let mut b = Build::new(seed, 2);
        let x = b.conv("before", 0, channels, 1, false);
        let x = b.relu("act", x);
        b.conv("behind", x, 3, 1, false);
        let (graph, mut constants) = b.finish();
        equalize(&graph, &mut constants, Crossing { add: false, clip: false }, 3, 0.0);
        let before = graph.layer(0).unwrap().output_ranges(&constants);
        let behind = graph.layer(2).unwrap().input_ranges(&constants);
        for (u, d) in before.iter().zip(&behind) {
            prop_assert!((u - d).abs() <= 1e-4 * u.max(*d), "{before:?} {behind:?}");
        }
    }
}

#[test]
fn a_relu6_that_became_relu_changes_scores_only_where_its_bound_was_reached() {
    let mut b = Build::new(1, 1);
    let x = b.conv("before", 0, 1, 1, false);
    let x = b.relu6("act", x);
    b.conv("behind", x, 1, 1, false);
    b.set("before.w", &[1.0]);
    b.set("before.b", &[0.0]);
    b.set("behind.w", &[1.0]);
    b.set("behind.b", &[0.0]);
    let (mut graph, constants) = b.finish();
    let picture = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let before = run(&graph, &constants, &picture)[graph.output].clone();
    graph.nodes[1].kind = Kind::Channelwise;
    let after = run(&graph, &constants, &picture)[graph.output].clone();
    assert_eq!(before[..8], after[..8]);
    assert_eq!((before[8], after[8]), (6.0, 7.0));
}

#[test]
fn the_weights_of_two_layers_meet_at_the_geometric_mean_of_their_ranges() {
    let mut b = Build::new(1, 1);
    let x = b.conv("before", 0, 3, 1, false);
    let x = b.relu("act", x);
    b.conv("behind", x, 2, 1, false);
    b.set("before.w", &[4.0, -1.0, 0.125]);
    b.set("before.b", &[2.0, 3.0, 1.0]);
    b.set("behind.w", &[1.0, 4.0, 0.25, -0.5, 2.0, 0.125]);
    let (graph, constants) = b.finish();
    // Factors 1/sqrt(4/1), 1/sqrt(1/4), 1/sqrt(0.125/0.25).
    let half = 2f32.sqrt();
    let mut all = constants.clone();
    equalize(&graph, &mut all, Crossing { add: false, clip: false }, 1, 0.0);
    let close = |name: &str, expected: &[f32]| {
        let found = constant(&graph, &all, name);
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{name}: {found:?}");
    };
    close("before.w", &[2.0, -2.0, 0.125 * half]);
    close("before.b", &[1.0, 6.0, half]);
    close("behind.w", &[2.0, 2.0, 0.25 / half, -1.0, 1.0, 0.125 / half]);
    // 0.125 + 0.25 stays below the threshold: the third channel is left alone.
    let mut some = constants.clone();
    equalize(&graph, &mut some, Crossing { add: false, clip: false }, 1, 0.4);
    assert_eq!(constant(&graph, &some, "before.w"), [2.0, -2.0, 0.125]);
    assert_eq!(constant(&graph, &some, "behind.w"), [2.0, 2.0, 0.25, -1.0, 1.0, 0.125]);
}

#[test]
fn a_factor_is_at_most_10_and_dead_channels_stay() {
    let mut b = Build::new(1, 1);
    let x = b.conv("before", 0, 3, 1, false);
    let x = b.relu("act", x);
    b.conv("behind", x, 1, 1, false);
    b.set("before.w", &[1000.0, 0.0, 1.0]);
    b.set("before.b", &[1.0, 5.0, 1.0]);
    b.set("behind.w", &[0.5, 1.0, 0.0]);
    let (graph, mut constants) = b.finish();
    equalize(&graph, &mut constants, Crossing { add: false, clip: false }, 1, 0.0);
    assert_eq!(constant(&graph, &constants, "before.w"), [100.0, 0.0, 1.0]);
    assert_eq!(constant(&graph, &constants, "before.b"), [0.1, 5.0, 1.0]);
    assert_eq!(constant(&graph, &constants, "behind.w"), [5.0, 1.0, 0.0]);
}

#[test]
fn a_depthwise_convolution_is_scaled_on_both_sides() {
    let mut b = Build::new(1, 1);
    let x = b.conv("expand", 0, 2, 1, false);
    let x = b.relu("a", x);
    let x = b.conv("depthwise", x, 2, 1, true);
    let x = b.relu("b", x);
    b.conv("project", x, 1, 1, false);
    b.set("expand.w", &[1.0, 1.0]);
    b.set("depthwise.w", &[4.0, 1.0]);
    b.set("project.w", &[1.0, 4.0]);
    let (graph, mut constants) = b.finish();
    equalize(&graph, &mut constants, Crossing { add: false, clip: false }, 1, 0.0);
    // expand and depthwise: factors 2, 1. Then depthwise [2, 1] and project: factors 1/sqrt(2), 2.
    assert_eq!(constant(&graph, &constants, "expand.w"), [2.0, 1.0]);
    let depthwise = constant(&graph, &constants, "depthwise.w");
    assert!((depthwise[0] - 2f32.sqrt()).abs() < 1e-6 && depthwise[1] == 2.0, "{depthwise:?}");
    let project = constant(&graph, &constants, "project.w");
    assert!((project[0] - 2f32.sqrt()).abs() < 1e-6 && project[1] == 2.0, "{project:?}");
}
