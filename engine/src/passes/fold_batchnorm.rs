//! What scales and shifts each channel (BatchNormalization, and Mul, Div, Add, Sub with a constant) goes into the
//! Conv or Gemm in front of it. Behind anything else it becomes a depthwise 1x1 convolution.

use super::count;
use crate::onnx::graph::{Attribute, Constant, Graph, GraphNode};
use crate::onnx::shapes::Shapes;

/// `scale[c] * x + shift[c]` for each channel c.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let shapes = Shapes::infer(graph);
    let (mut folded, mut made) = (0, 0);
    let mut i = 0;
    while i < graph.nodes.len() {
        let Some((x, affine)) = affine(graph, &shapes, &graph.nodes[i]) else {
            i += 1;
            continue;
        };
        let producer = graph.sole_producer(&graph.links(), &x);
        let producer = producer.filter(|&p| matches!(graph.nodes[p].op.as_str(), "Conv" | "Gemm"));
        if let Some(p) = producer.filter(|&p| apply(graph, p, &affine)) {
            graph.merge_into_producer(p, i);
            folded += 1;
        } else if shapes.get(graph, &x).is_some_and(|s| s.len() == 4) {
            to_conv(graph, i, x, affine);
            made += 1;
            i += 1;
        } else {
            i += 1;
        }
    }
    let mut notes = Vec::new();
    if folded > 0 {
        notes.push(format!("{} folded into the weights in front", count(folded, "normalisation")));
    }
    if made > 0 {
        notes.push(format!("{} made a depthwise 1x1 Conv", count(made, "normalisation")));
    }
    notes
}

/// Reads a node as scale and shift of the activation that is returned first.
fn affine(graph: &Graph, shapes: &Shapes, node: &GraphNode) -> Option<(String, Affine)> {
    if node.op == "BatchNormalization" {
        let x = node.input(0)?;
        let channels = *shapes.get(graph, x)?.get(1)?;
        return Some((x.to_owned(), batchnorm(graph, node, channels)?));
    }
    let [a, b] = &node.inputs[..] else { return None };
    let (x, constant, reversed) = match (graph.constants.get(a), graph.constants.get(b)) {
        (None, Some(c)) => (a, c, false),
        (Some(c), None) => (b, c, true),
        _ => return None,
    };
    let shape = shapes.get(graph, x)?;
    if shapes.get(graph, node.output()) != Some(shape) {
        return None;
    }
    let values = per_channel(constant, shape)?;
    let same = |v: f32| vec![v; values.len()];
    let (scale, shift) = match (node.op.as_str(), reversed) {
        ("Mul", _) => (values.clone(), same(0.0)),
        ("Div", false) => (values.iter().map(|v| 1.0 / v).collect(), same(0.0)),
        ("Add", _) => (same(1.0), values.clone()),
        ("Sub", false) => (same(1.0), values.iter().map(|v| -v).collect()),
        ("Sub", true) => (same(-1.0), values.clone()),
        _ => return None,
    };
    Some((x.clone(), Affine { scale, shift }))
}

/// `(x - mean) / sqrt(var + epsilon) * gamma + beta`, <https://onnx.ai/onnx/operators/onnx__BatchNormalization.html>.
fn batchnorm(graph: &Graph, node: &GraphNode, channels: usize) -> Option<Affine> {
    let operand = |index| graph.constant(node, index)?.as_float().filter(|v| v.len() == channels);
    let (gamma, beta, mean, var) = (operand(1)?, operand(2)?, operand(3)?, operand(4)?);
    if node.int("training_mode").unwrap_or(0) != 0 {
        return None;
    }
    let epsilon = f64::from(node.float("epsilon").unwrap_or(1e-5));
    let scale = |c: usize| f64::from(gamma[c]) / (f64::from(var[c]) + epsilon).sqrt();
    let shift = |c: usize| f64::from(beta[c]) - f64::from(mean[c]) * scale(c);
    Some(Affine {
        scale: (0..channels).map(|c| to_f32(scale(c))).collect(),
        shift: (0..channels).map(|c| to_f32(shift(c))).collect(),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "weights are float32")]
fn to_f32(v: f64) -> f32 {
    v as f32
}

/// A constant's values by channel (axis 1), when broadcast to `shape` it differs along no other axis.
pub(crate) fn per_channel(constant: &Constant, shape: &[usize]) -> Option<Vec<f32>> {
    let values = constant.as_float()?;
    let channels = *shape.get(1)?;
    if let [one] = values.as_ref() {
        return Some(vec![*one; channels]);
    }
    let lead = shape.len().checked_sub(constant.shape.len())?;
    let by_channel =
        constant.shape.iter().enumerate().all(|(i, &d)| d == if i + lead == 1 { channels } else { 1 });
    (by_channel && values.len() == channels).then(|| values.to_vec())
}

/// Multiplies the output channels of a Conv or Gemm by `scale` and adds `shift` to its bias. False when its
/// operands are no constants of the right size.
pub(super) fn apply(graph: &mut Graph, node: usize, affine: &Affine) -> bool {
    let Some((weights, bias)) = applied(graph, &graph.nodes[node], affine) else { return false };
    if let Some(weights) = weights {
        graph.replace_constant(node, 1, weights);
    }
    graph.replace_constant(node, 2, bias);
    true
}

fn applied(graph: &Graph, node: &GraphNode, affine: &Affine) -> Option<(Option<Constant>, Constant)> {
    let weights = graph.constant(node, 1)?;
    let values = weights.as_float()?;
    let channels = affine.scale.len();
    let plain_gemm = node.op == "Gemm" && node.int("transB").unwrap_or(0) == 0;
    let extent = if plain_gemm { weights.shape.get(1) } else { weights.shape.first() };
    if extent != Some(&channels) || channels == 0 {
        return None;
    }
    let per_channel_values = values.len() / channels;
    let channel = |i: usize| if plain_gemm { i % channels } else { i / per_channel_values };
    let old_bias = match node.input(2) {
        None => vec![0.0; channels],
        Some(_) => per_channel(graph.constant(node, 2)?, &[1, channels])?,
    };
    let bias: Vec<f32> = (0..channels)
        .map(|c| to_f32(f64::from(old_bias[c]) * f64::from(affine.scale[c]) + f64::from(affine.shift[c])))
        .collect();
    let changed = affine.scale.iter().any(|&s| s != 1.0).then(|| {
        let scaled: Vec<f32> = values.iter().enumerate().map(|(i, v)| v * affine.scale[channel(i)]).collect();
        Constant::float(&weights.shape, scaled)
    });
    Some((changed, Constant::float(&[channels], bias)))
}

fn to_conv(graph: &mut Graph, i: usize, x: String, affine: Affine) {
    let channels = affine.scale.len();
    let node = &mut graph.nodes[i];
    "Conv".clone_into(&mut node.op);
    node.inputs = vec![x];
    node.outputs.truncate(1);
    node.attributes = [("group".to_owned(), Attribute::Int(i64::try_from(channels).unwrap_or(1)))].into();
    graph.replace_constant(i, 1, Constant::float(&[channels, 1, 1, 1], affine.scale));
    graph.replace_constant(i, 2, Constant::float(&[channels], affine.shift));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::{Build, show};

    fn norm(build: Build, x: &str) -> Graph {
        build
            .floats("gamma", &[2], &[2.0, 3.0])
            .floats("beta", &[2], &[0.5, 0.25])
            .floats("mean", &[2], &[1.0, -1.0])
            .floats("var", &[2], &[4.0, 9.0])
            .node("BatchNormalization", &[x, "gamma", "beta", "mean", "var"], "y")
            .attribute("epsilon", Attribute::Float(0.0))
            .output("y")
    }

    #[test]
    fn it_goes_into_the_convolution_in_front() {
        let build = Build::new(&[1, 1, 4, 4]).floats("w", &[2, 1, 1, 1], &[10.0, 20.0]).node(
            "Conv",
            &["x", "w"],
            "a",
        );
        let mut g = norm(build, "a");
        run(&mut g);
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(g.constants["w"], Constant::float(&[2, 1, 1, 1], [10.0, 20.0]));
        assert_eq!(g.constants[&g.nodes[0].inputs[2]], Constant::float(&[2], [-0.5, 1.25]));
        assert_eq!(g.nodes[0].output(), "y");
        assert_eq!(g.nodes[0].absorbed, ["BatchNormalization:y"]);
    }

    #[test]
    fn behind_a_gemm_it_scales_the_output_features() {
        let build = Build::new(&[1, 1])
            .floats("w", &[1, 2], &[1.0, 1.0])
            .floats("b", &[1], &[1.0])
            .floats("c", &[2], &[2.0, 4.0])
            .node("Gemm", &["x", "w", "b"], "a")
            .node("Mul", &["a", "c"], "y");
        let mut g = build.output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Gemm(x, w, b) -> y"]);
        assert_eq!(g.constants["w"], Constant::float(&[1, 2], [2.0, 4.0]));
        assert_eq!(g.constants["b"], Constant::float(&[2], [2.0, 4.0]));
    }

    #[test]
    fn shared_weights_are_not_changed_for_the_other_reader() {
        let build = Build::new(&[1, 2, 1, 1])
            .floats("w", &[2, 2, 1, 1], &[1.0; 4])
            .node("Conv", &["x", "w"], "p")
            .node("Conv", &["p", "w"], "a")
            .floats("two", &[], &[2.0])
            .node("Mul", &["a", "two"], "y");
        let mut g = build.output("y");
        run(&mut g);
        assert_eq!(g.nodes[0].inputs[1], "w");
        assert_ne!(g.nodes[1].inputs[1], "w");
        assert_eq!(g.constants["w"].as_float().unwrap().as_ref(), [1.0; 4]);
    }

    #[test]
    fn behind_something_else_it_is_a_depthwise_convolution() {
        let mut g = norm(Build::new(&[1, 2, 4, 4]), "x");
        run(&mut g);
        assert_eq!(g.nodes[0].op, "Conv");
        assert_eq!(g.nodes[0].int("group"), Some(2));
        assert_eq!(g.constants[&g.nodes[0].inputs[1]], Constant::float(&[2, 1, 1, 1], [1.0, 1.0]));
        assert_eq!(g.constants[&g.nodes[0].inputs[2]], Constant::float(&[2], [-0.5, 1.25]));
    }

    #[test]
    fn a_convolution_read_twice_is_left_alone() {
        let build = Build::new(&[1, 1, 4, 4])
            .floats("w", &[2, 1, 1, 1], &[10.0, 20.0])
            .node("Conv", &["x", "w"], "a")
            .floats("two", &[], &[2.0])
            .node("Mul", &["a", "two"], "b")
            .node("Add", &["a", "b"], "y");
        let mut g = build.output("y");
        run(&mut g);
        assert_eq!(g.constants["w"], Constant::float(&[2, 1, 1, 1], [10.0, 20.0]));
        assert_eq!(g.nodes[1].op, "Conv");
    }
}
