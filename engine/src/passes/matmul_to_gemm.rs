//! The classifier as one Gemm: MatMul with constant weights becomes a Gemm, and alpha and beta go into the
//! constants. The bias behind a MatMul is taken in by `fuse_bias`.

use super::count;
use crate::onnx::graph::{Attribute, Constant, Graph};
use crate::onnx::shapes::Shapes;

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let shapes = Shapes::infer(graph);
    let (mut multiplied, mut scaled) = (0, 0);
    for i in 0..graph.nodes.len() {
        let node = &graph.nodes[i];
        let weights = graph.constant(node, 1).filter(|w| w.shape.len() == 2 && w.as_float().is_some());
        let rank = node.input(0).and_then(|x| shapes.get(graph, x)).map(<[usize]>::len);
        if node.op == "MatMul" && rank == Some(2) && weights.is_some() {
            "Gemm".clone_into(&mut graph.nodes[i].op);
            graph.nodes[i].set("transB", Attribute::Int(0));
            multiplied += 1;
        } else if node.op == "Gemm" {
            scaled += usize::from(scale(graph, i, 1, "alpha")) + usize::from(scale(graph, i, 2, "beta"));
        }
    }
    let mut notes = Vec::new();
    if multiplied > 0 {
        notes.push(format!("{} made a Gemm", count(multiplied, "MatMul")));
    }
    if scaled > 0 {
        notes.push("alpha and beta multiplied into the constants".to_owned());
    }
    notes
}

/// Multiplies the factor called `attribute` into constant operand `index`. True when that changed the constant.
fn scale(graph: &mut Graph, i: usize, index: usize, attribute: &str) -> bool {
    let factor = graph.nodes[i].float(attribute).unwrap_or(1.0);
    if graph.nodes[i].input(index).is_some() && factor != 1.0 {
        let Some((shape, values)) = graph
            .constant(&graph.nodes[i], index)
            .and_then(|c| Some((c.shape.clone(), c.as_float()?.clone())))
        else {
            return false;
        };
        let scaled = values.iter().map(|v| v * factor).collect::<Vec<_>>();
        graph.replace_constant(i, index, Constant::float(&shape, scaled));
    }
    graph.nodes[i].attributes.remove(attribute);
    factor != 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::{Build, show};

    #[test]
    fn a_matmul_with_constant_weights_is_a_gemm() {
        let mut g =
            Build::new(&[1, 2]).floats("w", &[2, 3], &[1.0; 6]).node("MatMul", &["x", "w"], "y").output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Gemm(x, w) -> y"]);
    }

    #[test]
    fn a_matmul_of_two_activations_stays() {
        let mut g = Build::new(&[1, 1]).node("MatMul", &["x", "x"], "y").output("y");
        assert!(run(&mut g).is_empty());
    }

    #[test]
    fn alpha_and_beta_go_into_the_constants() {
        let mut g = Build::new(&[1, 2])
            .floats("w", &[2, 1], &[1.0, 2.0])
            .floats("b", &[1], &[3.0])
            .node("Gemm", &["x", "w", "b"], "y")
            .attribute("alpha", Attribute::Float(0.5))
            .attribute("beta", Attribute::Float(2.0))
            .output("y");
        run(&mut g);
        assert_eq!(g.constants["w"], Constant::float(&[2, 1], [0.5, 1.0]));
        assert_eq!(g.constants["b"], Constant::float(&[1], [6.0]));
        assert_eq!(g.nodes[0].float("alpha"), None);
    }
}
