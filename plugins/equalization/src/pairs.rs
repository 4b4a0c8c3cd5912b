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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_network::{Build, mobilenet};

    fn names(graph: &Graph, nodes: &[NodeId]) -> Vec<String> {
        nodes.iter().map(|&n| graph.nodes[n].name.clone()).collect()
    }

    fn found(graph: &Graph, constants: &Constants, add: bool, clip: bool) -> Vec<(String, String)> {
        let (pairs, _) = find(graph, constants, Crossing { add, clip });
        let joined = |nodes: &[NodeId]| names(graph, nodes).join(" ");
        pairs.iter().map(|p| (joined(&p.upstream), joined(&p.downstream))).collect()
    }

    fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    #[test]
    fn level_1_stops_at_additions_and_level_2_closes_over_them() {
        let (graph, constants, _) = mobilenet(7, &[4, 4], false);
        let inside = [
            ("stem", "0.expand"),
            ("0.expand", "0.depthwise"),
            ("0.depthwise", "0.project"),
            ("1.expand", "1.depthwise"),
            ("1.depthwise", "1.project"),
        ];
        assert_eq!(found(&graph, &constants, false, false), texts(&inside));
        let mut all = texts(&inside[..3]);
        // The shortcut ties both projections and both of their readers together.
        all.push(("0.project 1.project".to_owned(), "1.expand last".to_owned()));
        all.extend(texts(&inside[3..]));
        assert_eq!(found(&graph, &constants, true, false), all);
    }

    #[test]
    fn relu6_is_an_obstacle_unless_it_may_become_relu() {
        let (graph, constants, _) = mobilenet(7, &[4, 4], true);
        assert_eq!(
            found(&graph, &constants, true, false),
            texts(&[("0.project 1.project", "1.expand last")])
        );
        assert_eq!(found(&graph, &constants, true, true).len(), 6);
        let (pairs, _) = find(&graph, &constants, Crossing { add: true, clip: true });
        assert_eq!(names(&graph, &pairs[0].clips), ["stem.act"]);
    }

    #[test]
    fn a_clip_with_another_lower_bound_is_never_crossed() {
        let mut b = Build::new(1, 1);
        let x = b.conv("before", 0, 2, 1, false);
        let x = b.relu6("clip", x);
        b.conv("behind", x, 2, 1, false);
        b.set("clip.low", &[-1.0]);
        let (graph, constants) = b.finish();
        let (pairs, skipped) = find(&graph, &constants, Crossing { add: true, clip: true });
        assert!(pairs.is_empty());
        assert_eq!(skipped[0].reason, "`clip` (Clip) is not crossed");
    }

    #[test]
    fn what_reaches_the_networks_output_or_the_picture_is_no_pair() {
        let mut b = Build::new(1, 2);
        let x = b.conv("conv", 0, 2, 1, false);
        b.add("add", x, 0);
        let (graph, constants) = b.finish();
        let (pairs, skipped) = find(&graph, &constants, Crossing { add: true, clip: true });
        assert!(pairs.is_empty() && skipped.len() == 1, "{skipped:?}");

        let (graph, constants, _) = mobilenet(7, &[4], false);
        let (_, skipped) = find(&graph, &constants, Crossing { add: true, clip: true });
        let reason = |name: &str| skipped.iter().find(|s| graph.nodes[s.node].name == name).unwrap();
        assert_eq!(reason("classes").reason, "the network's output follows");
        assert_eq!(reason("last").reason, "`flatten` (Flatten) is not crossed");
    }
}
