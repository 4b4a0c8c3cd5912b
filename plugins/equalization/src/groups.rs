//! Activations that must share one scale.

use crate::graph::{Graph, Kind, TensorId};

/// The group of every tensor, and which groups may be scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    /// By tensor: index of its group.
    pub(crate) of: Vec<usize>,
    /// By group: false where the scale must stay 1, which holds for the network's input and output.
    pub(crate) free: Vec<bool>,
}

/// Groups of tensors that operations without weights tie together. A layer separates its input from its output.
pub(crate) fn groups(graph: &Graph) -> Groups {
    let mut parents: Vec<usize> = (0..graph.tensors.len()).collect();
    let mut rigid: Vec<TensorId> = vec![graph.input, graph.output];
    for node in &graph.nodes {
        let ties = match node.kind {
            Kind::Layer(_) => false,
            Kind::Clip { shared, .. } => !shared,
            Kind::Channelwise | Kind::Add | Kind::Rearranging => true,
            Kind::Rigid => false,
        };
        if ties {
            for &input in &node.inputs {
                let (a, b) = (root(&mut parents, input), root(&mut parents, node.output));
                // The earlier tensor stands for both, so that the result depends on the graph alone.
                parents[a.max(b)] = a.min(b);
            }
        } else if !matches!(node.kind, Kind::Layer(_)) {
            rigid.extend(node.inputs.iter().chain([&node.output]));
        }
    }
    let roots: Vec<usize> = (0..parents.len()).map(|t| root(&mut parents, t)).collect();
    let mut index = vec![usize::MAX; roots.len()];
    let mut count = 0;
    for &r in &roots {
        if index[r] == usize::MAX {
            index[r] = count;
            count += 1;
        }
    }
    let of: Vec<usize> = roots.iter().map(|&r| index[r]).collect();
    let mut free = vec![true; count];
    for tensor in rigid {
        free[of[tensor]] = false;
    }
    Groups { of, free }
}

fn root(parents: &mut [usize], mut tensor: usize) -> usize {
    while parents[tensor] != tensor {
        parents[tensor] = parents[parents[tensor]];
        tensor = parents[tensor];
    }
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_network::{Build, mobilenet};

    fn of(graph: &Graph, groups: &Groups, node: &str) -> usize {
        groups.of[graph.nodes.iter().find(|n| n.name == node).unwrap().output]
    }

    #[test]
    fn layers_separate_and_everything_else_ties() {
        let (graph, _, _) = mobilenet(3, &[4, 4], true);
        let groups = groups(&graph);
        let at = |node: &str| of(&graph, &groups, node);
        assert_eq!(at("stem"), at("stem.act"));
        assert_ne!(at("stem.act"), at("0.expand"));
        assert_eq!(at("0.project"), at("1.project"), "the shortcut ties its operands");
        assert_eq!(at("1.add"), at("0.project"));
        assert_eq!(at("last.act"), at("flatten"));
        assert!(groups.free[at("last")] && groups.free[at("1.add")]);
        assert!(!groups.free[groups.of[graph.input]] && !groups.free[at("classes")]);
    }

    #[test]
    fn a_clip_whose_bounds_somebody_shares_keeps_its_scale() {
        let mut b = Build::new(1, 1);
        let x = b.conv("before", 0, 2, 1, false);
        let x = b.relu6("clip", x);
        b.conv("behind", x, 2, 1, false);
        let (mut graph, _) = b.finish();
        let before = groups(&graph);
        assert!(before.free[of(&graph, &before, "clip")]);
        if let Kind::Clip { shared, .. } = &mut graph.nodes[1].kind {
            *shared = true;
        }
        let after = groups(&graph);
        assert!(!after.free[of(&graph, &after, "clip")] && !after.free[of(&graph, &after, "before")]);
    }
}
