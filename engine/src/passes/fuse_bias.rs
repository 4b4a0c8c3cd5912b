//! A constant added behind a convolution or a Gemm is its bias.

use super::count;
use super::fold_batchnorm::{Affine, apply, per_channel};
use crate::onnx::graph::Graph;
use crate::onnx::shapes::Shapes;

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let shapes = Shapes::infer(graph);
    let mut fused = 0;
    let mut i = 0;
    while i < graph.nodes.len() {
        if let Some((producer, shift)) = fusable(graph, &shapes, i) {
            let affine = Affine { scale: vec![1.0; shift.len()], shift };
            if apply(graph, producer, &affine) {
                graph.merge_into_producer(producer, i);
                fused += 1;
                continue;
            }
        }
        i += 1;
    }
    if fused == 0 { Vec::new() } else { vec![format!("{} taken in as bias", count(fused, "added constant"))] }
}

/// The computing node in front of an Add with a constant, and the constant by output channel.
fn fusable(graph: &Graph, shapes: &Shapes, i: usize) -> Option<(usize, Vec<f32>)> {
    let node = &graph.nodes[i];
    let (true, [a, b]) = (node.op == "Add", &node.inputs[..]) else { return None };
    let (x, constant) = match (graph.constants.get(a), graph.constants.get(b)) {
        (None, Some(c)) => (a, c),
        (Some(c), None) => (b, c),
        _ => return None,
    };
    let shape = shapes.get(graph, x)?;
    let shift = per_channel(constant, shape).filter(|_| shapes.get(graph, node.output()) == Some(shape))?;
    let producer = graph.sole_producer(&graph.links(), x)?;
    matches!(graph.nodes[producer].op.as_str(), "Conv" | "Gemm").then_some((producer, shift))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::graph::Constant;
    use crate::passes::test_graphs::{Build, show};

    #[test]
    fn a_constant_behind_a_convolution_is_its_bias() {
        let mut g = Build::new(&[1, 1, 4, 4])
            .floats("w", &[2, 1, 1, 1], &[1.0, 2.0])
            .floats("c", &[1, 2, 1, 1], &[5.0, 6.0])
            .node("Conv", &["x", "w"], "a")
            .node("Add", &["c", "a"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Conv(x, w, Conv:a_constant_2) -> y"]);
        assert_eq!(g.constants["Conv:a_constant_2"], Constant::float(&[2], [5.0, 6.0]));
        assert_eq!(g.nodes[0].absorbed, ["Add:y"]);
    }

    #[test]
    fn it_adds_to_the_bias_of_a_gemm() {
        let mut g = Build::new(&[1, 2])
            .floats("w", &[2, 2], &[1.0; 4])
            .floats("b", &[2], &[1.0, 2.0])
            .floats("c", &[2], &[10.0, 20.0])
            .node("Gemm", &["x", "w", "b"], "a")
            .node("Add", &["a", "c"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(g.constants["b"], Constant::float(&[2], [11.0, 22.0]));
    }

    #[test]
    fn a_constant_that_differs_over_the_picture_stays() {
        let mut g = Build::new(&[1, 1, 1, 2])
            .floats("w", &[2, 1, 1, 1], &[1.0, 2.0])
            .floats("c", &[1, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0])
            .node("Conv", &["x", "w"], "a")
            .node("Add", &["a", "c"], "y")
            .output("y");
        assert!(run(&mut g).is_empty());
    }
}
