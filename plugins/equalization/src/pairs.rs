//! Which layers are equalized together.
//!
//! A pair is what ESP-PPQ calls one (`optim/equalization.py`, `find_equalization_pair`): layers that write a set of
//! activations, and layers that read it, with nothing between them but operations that keep channels apart. Unlike
//! there the set is closed in both directions, so that every reader of a scaled activation takes the scale back.

use std::collections::BTreeSet;

use crate::graph::{Constants, Graph, Kind, NodeId, TensorId, values};

/// What pairs may reach across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossing {
    /// Across Add (ESP-PPQ's opt_level 2).
    pub(crate) add: bool,
    /// Across Clips with the lower bound 0, which must become ReLUs then.
    pub(crate) clip: bool,
}

/// Layers whose common channels are scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Layers whose output channels are multiplied, in graph order.
    pub(crate) upstream: Vec<NodeId>,
    /// Layers whose input channels are divided, in graph order.
    pub(crate) downstream: Vec<NodeId>,
    /// Clips between them.
    pub(crate) clips: Vec<NodeId>,
    /// Number of channels.
    pub(crate) channels: usize,
}

/// Why the layers behind `node` are no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// The first layer.
    pub(crate) node: NodeId,
    /// For people.
    pub(crate) reason: String,
}

/// All pairs in graph order of their first layers, and the layers that begin none.
pub(crate) fn find(graph: &Graph, constants: &Constants, crossing: Crossing) -> (Vec<Pair>, Vec<Skipped>) {
    let (mut pairs, mut skipped) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    for (node, _) in graph.layers() {
        if seen.contains(&node) {
            continue;
        }
        let region = Region::around(graph, constants, crossing, graph.nodes[node].output);
        seen.extend(&region.upstream);
        match region.into_pair(graph) {
            Ok(pair) => pairs.push(pair),
            Err(reason) => skipped.push(Skipped { node, reason }),
        }
    }
    (pairs, skipped)
}

/// Everything that a factor on the channels of one activation concerns.
#[derive(Default)]
struct Region {
    upstream: BTreeSet<NodeId>,
    downstream: BTreeSet<NodeId>,
    clips: BTreeSet<NodeId>,
    /// The first thing that stands in the way.
    obstacle: Option<String>,
}

impl Region {
    fn around(graph: &Graph, constants: &Constants, crossing: Crossing, start: TensorId) -> Region {
        let mut region = Region::default();
        let mut seen = BTreeSet::from([start]);
        let mut open = vec![start];
        while let Some(tensor) = open.pop() {
            let mut touched = Vec::new();
            if tensor == graph.output {
                region.obstacle("the network's output follows".to_owned());
            }
            match graph.tensors[tensor].producer {
                Some(node) if graph.layer(node).is_some() => {
                    region.upstream.insert(node);
                }
                Some(node) => touched.push(node),
                None => region.obstacle("the network's input lies before it".to_owned()),
            }
            for &node in &graph.tensors[tensor].consumers {
                if graph.layer(node).is_some() {
                    region.downstream.insert(node);
                } else {
                    touched.push(node);
                }
            }
            for node in touched {
                if !region.cross(graph, constants, crossing, node) {
                    continue;
                }
                let neighbours = &graph.nodes[node];
                for &next in neighbours.inputs.iter().chain([&neighbours.output]) {
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
        }
        region
    }

    /// True when a node between layers can be crossed; otherwise it is an obstacle.
    fn cross(&mut self, graph: &Graph, constants: &Constants, crossing: Crossing, node: NodeId) -> bool {
        let between = &graph.nodes[node];
        let allowed = match between.kind {
            Kind::Channelwise => true,
            Kind::Add => crossing.add,
            Kind::Clip { lower, .. } if crossing.clip && values(constants, lower) == [0.0] => {
                self.clips.insert(node);
                true
            }
            _ => false,
        };
        if !allowed {
            self.obstacle(format!("`{}` ({}) is not crossed", between.name, between.op));
        }
        allowed
    }

    fn obstacle(&mut self, reason: String) {
        self.obstacle.get_or_insert(reason);
    }

    fn into_pair(self, graph: &Graph) -> Result<Pair, String> {
        if let Some(reason) = self.obstacle {
            return Err(reason);
        }
        let outputs = self.upstream.iter().filter_map(|&n| graph.layer(n)).map(|l| l.outputs);
        let inputs = self.downstream.iter().filter_map(|&n| graph.layer(n)).map(|l| l.inputs);
        let widths: BTreeSet<usize> = outputs.chain(inputs).collect();
        let Some((&channels, true)) = widths.first().map(|first| (first, widths.len() == 1)) else {
            return Err("the layers around it differ in their channels".to_owned());
        };
        if self.downstream.is_empty() {
            return Err("no layer follows".to_owned());
        }
        Ok(Pair {
            upstream: self.upstream.into_iter().collect(),
            downstream: self.downstream.into_iter().collect(),
            clips: self.clips.into_iter().collect(),
            channels,
        })
    }
}
