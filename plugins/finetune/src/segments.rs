//! Where the network is cut: between operations where a single activation is alive, so that each part can be trained
//! against the float network's output of that part. Parts have at least three layers, so that in MobileNetV2 they are
//! its blocks, and errors inside of a block may cancel out.

use octet_plugin_api::sdk::TensorId;

use crate::graph::{Graph, Kind};

/// A run of nodes with one activation going in and one coming out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Indices into [`Graph::nodes`].
    pub(crate) nodes: std::ops::Range<usize>,
    pub(crate) input: TensorId,
    pub(crate) output: TensorId,
}

/// Layers with weights in a part, at least; the last part may have fewer.
const LAYERS: usize = 3;

/// All parts in graph order; every part has a layer with weights.
pub(crate) fn cut(graph: &Graph, input: TensorId) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let (mut start, mut from) = (0, input);
    for end in 1..=graph.nodes.len() {
        let Some(alive) = only_alive(graph, input, end) else { continue };
        let layers = graph.nodes[start..end].iter().filter(|n| matches!(n.kind, Kind::Layer(_))).count();
        // What is not trained, such as a Softmax at the end, must not keep others from it.
        let ends =
            alive == graph.output || matches!(graph.nodes.get(end).map(|n| &n.kind), Some(Kind::Other(_)));
        let untrained = graph.nodes[start..end].iter().all(|n| matches!(n.kind, Kind::Other(_)));
        if untrained && has_integers(graph, alive) {
            (start, from) = (end, alive);
            continue;
        }
        let enough = layers >= LAYERS || (layers > 0 && ends);
        if enough && has_integers(graph, alive) {
            segments.push(Segment { nodes: start..end, input: from, output: alive });
            (start, from) = (end, alive);
        }
    }
    segments
}

/// The one activation that nodes from `end` on still read, or the network's output; `None` when there are several.
fn only_alive(graph: &Graph, input: TensorId, end: usize) -> Option<TensorId> {
    let made = graph.nodes.get(..end)?.iter().map(|n| n.output);
    let mut alive = [input]
        .into_iter()
        .chain(made)
        .filter(|&t| t == graph.output || graph.tensor(t).readers.iter().any(|&reader| reader >= end));
    let first = alive.next()?;
    alive.next().is_none().then_some(first)
}

/// Whether a tensor exists as integers on the chip: it is not computed together with the operation behind it.
fn has_integers(graph: &Graph, tensor: TensorId) -> bool {
    let producer = graph.tensor(tensor).producer.and_then(|n| graph.nodes.get(n));
    producer.is_some_and(|node| graph.activation_of(node).is_none())
}

/// Why a part cannot be trained, if so.
pub(crate) fn obstacle(graph: &Graph, segment: &Segment) -> Option<String> {
    let nodes = graph.nodes.get(segment.nodes.clone()).unwrap_or_default();
    let other = nodes.iter().find_map(|node| match &node.kind {
        Kind::Other(op) => Some(format!("`{}` is a {op} of a kind that is not trained", node.name)),
        _ => None,
    });
    let bits = nodes.first().map_or(8, |n| n.bits);
    let before =
        graph.tensor(segment.input).producer.and_then(|n| graph.nodes.get(n)).map_or(bits, |n| n.bits);
    let widths = || {
        let mixed = nodes.iter().find(|n| n.bits != bits || n.bits != before)?;
        Some(format!("`{}` has another width than its neighbours", mixed.name))
    };
    other.or_else(widths)
}
