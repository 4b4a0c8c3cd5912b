//! Takes out nodes that pass their operand on: Identity, Dropout, casts between floats, and Flatten, Reshape,
//! Squeeze, Transpose, sums over nothing and pads of nothing that change no shape.

use super::count;
use crate::onnx::graph::{Graph, GraphNode};
use crate::onnx::shapes::{Shapes, permutation};

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let shapes = Shapes::infer(graph);
    let mut removed = 0;
    let mut i = 0;
    while i < graph.nodes.len() {
        if has_no_effect(graph, &shapes, &graph.nodes[i]) && graph.bypass(i) {
            removed += 1;
        } else {
            i += 1;
        }
    }
    if removed == 0 {
        Vec::new()
    } else {
        vec![format!("{} without effect taken out", count(removed, "node"))]
    }
}

fn has_no_effect(graph: &Graph, shapes: &Shapes, node: &GraphNode) -> bool {
    let Some(x) = node.input(0).filter(|x| !graph.constants.contains_key(*x)) else { return false };
    // A Dropout's mask that somebody reads would dangle.
    if node.outputs[1..].iter().any(|o| graph.nodes.iter().any(|n| n.inputs.contains(o))) {
        return false;
    }
    let same_shape = || {
        let input = shapes.get(graph, x);
        input.is_some() && input == shapes.get(graph, node.output())
    };
    match node.op.as_str() {
        "Identity" => true,
        // In training mode a Dropout drops; exporters write it for inference, where it passes everything on.
        "Dropout" => graph.constant(node, 2).and_then(|c| c.as_ints()).is_none_or(|t| t == [0]),
        // From float32 to float32, or to and from the half floats that Octet computes in float32 anyway.
        "Cast" => matches!(node.int("to"), Some(1 | 10 | 11 | 16)),
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => same_shape(),
        "Transpose" => {
            let rank = shapes.get(graph, x).map_or(0, <[usize]>::len);
            rank > 0 && permutation(node, rank).is_ok_and(|p| p.iter().copied().eq(0..rank))
        }
        "Concat" => node.inputs.len() == 1,
        "Pad" => {
            let rank = shapes.get(graph, x).map_or(0, <[usize]>::len);
            super::pads_of(graph, node, rank).is_ok_and(|pads| pads.iter().all(|&p| p == (0, 0)))
        }
        "Clip" => {
            let bound = |index: usize, name: &str| node.float(name).is_some() || node.input(index).is_some();
            !bound(1, "min") && !bound(2, "max")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::{Build, show};

    #[test]
    fn names_of_removed_nodes_go_to_the_producer_and_the_output_keeps_its_name() {
        let mut g = Build::new(&[1, 4])
            .node("Identity", &["x"], "a")
            .node("Relu", &["a"], "b")
            .node("Dropout", &["b"], "c")
            .ints("shape", &[0, 4])
            .node("Reshape", &["c", "shape"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Relu(x) -> y"]);
        assert_eq!(g.nodes[0].absorbed, ["Identity:a", "Dropout:c", "Reshape:y"]);
    }

    #[test]
    fn a_flatten_that_changes_the_shape_stays() {
        let mut g = Build::new(&[1, 4, 1, 1]).node("Flatten", &["x"], "y").output("y");
        assert!(run(&mut g).is_empty());
    }

    #[test]
    fn an_identity_from_input_to_output_stays() {
        let mut g = Build::new(&[1, 4]).node("Identity", &["x"], "y").output("y");
        assert!(run(&mut g).is_empty());
        assert_eq!(g.nodes.len(), 1);
    }
}
