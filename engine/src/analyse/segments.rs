//! Where a network can be cut, so that an analysis recomputes only what a change reaches.
//!
//! ESP-PPQ runs the whole network twice for every layer and picture (`analyse/layerwise.py`). Here the float values
//! at the seams between segments are kept, one layer's segment is computed with that layer quantized, and the
//! rest of the network from there on.

use std::ops::Range;

use crate::network::{Network, NodeId, TensorId};
use crate::plan::Plan;

/// A run of nodes between two places where a single tensor is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Indices of its nodes.
    pub(super) nodes: Range<usize>,
    /// The one tensor that it reads from outside.
    pub(super) input: TensorId,
    /// The one tensor that others read.
    pub(super) output: TensorId,
}

/// Activations that are computed before node `position` and read at or after it (or are the network's output).
pub(super) fn alive(network: &Network, position: usize) -> Vec<TensorId> {
    let mut alive = Vec::new();
    let mut consider = |tensor: TensorId| {
        let read_later = network.nodes[position..].iter().any(|n| n.inputs.contains(&tensor));
        if (read_later || tensor == network.output) && !alive.contains(&tensor) {
            alive.push(tensor);
        }
    };
    consider(network.input);
    for node in &network.nodes[..position] {
        node.outputs.iter().copied().for_each(&mut consider);
    }
    alive
}

/// Cuts a network wherever a single tensor is alive, but never between an operation and its fused activation.
pub(super) fn segments(network: &Network, plan: &Plan) -> Vec<Segment> {
    let mut segments = Vec::new();
    let (mut start, mut input) = (0, network.input);
    for end in 1..=network.nodes.len() {
        let inside_a_unit =
            plan.nodes.get(end - 1).and_then(|n| n.activation).is_some_and(|NodeId(a)| a >= end);
        let alive = alive(network, end);
        if let ([output], false) = (&alive[..], inside_a_unit) {
            segments.push(Segment { nodes: start..end, input, output: *output });
            (start, input) = (end, *output);
        }
    }
    segments
}
