//! Min and Max with a constant are Clips, and neighbouring clamps are one: Keras' ReLU6 arrives as Relu and Min.

use super::count;
use crate::onnx::graph::{Constant, Graph, GraphNode};

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let mut changed = 0;
    for i in 0..graph.nodes.len() {
        if let Some((x, (low, high))) = min_max(graph, &graph.nodes[i]) {
            graph.nodes[i].inputs = vec![x];
            write(graph, i, low, high);
            changed += 1;
        }
    }
    let mut i = 0;
    while i < graph.nodes.len() {
        if range(graph, &graph.nodes[i]).is_none() {
            i += 1;
            continue;
        }
        let links = graph.links();
        let before = graph.nodes[i].input(0).and_then(|x| graph.sole_producer(&links, x));
        let bounds =
            before.and_then(|p| Some((p, range(graph, &graph.nodes[p])?, range(graph, &graph.nodes[i])?)));
        match bounds {
            // Clip(Clip(x, a, b), c, d) is one Clip as long as [c, d] reaches into [a, b].
            Some((p, (a, b), (c, d))) if c <= b && d >= a => {
                graph.merge_into_producer(p, i);
                graph.nodes[p].inputs.truncate(1);
                write(graph, p, a.max(c), b.min(d));
                changed += 1;
            }
            _ => i += 1,
        }
    }
    if changed == 0 {
        Vec::new()
    } else {
        vec![format!("{} made a Clip", count(changed, "Min, Max or Relu pair"))]
    }
}

/// The activation and the bounds of a Min or Max with a constant of one value.
fn min_max(graph: &Graph, node: &GraphNode) -> Option<(String, (f32, f32))> {
    let (true, [a, b]) = (matches!(node.op.as_str(), "Min" | "Max"), &node.inputs[..]) else { return None };
    let (x, bound) = match (graph.constants.get(a), graph.constants.get(b)) {
        (None, Some(c)) => (a, c.scalar()?),
        (Some(c), None) => (b, c.scalar()?),
        _ => return None,
    };
    Some((x.clone(), if node.op == "Min" { (f32::MIN, bound) } else { (bound, f32::MAX) }))
}

/// The bounds of a Clip or Relu; `None` for other nodes, and for bounds that are no constants.
pub(crate) fn range(graph: &Graph, node: &GraphNode) -> Option<(f32, f32)> {
    let bound = |index: usize, name: &str, default: f32| match (node.input(index), node.float(name)) {
        (Some(value), _) => graph.constants.get(value)?.scalar(),
        (None, Some(v)) => Some(v),
        (None, None) => Some(default),
    };
    match node.op.as_str() {
        "Relu" => Some((0.0, f32::MAX)),
        "Clip" => Some((bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?)),
        _ => None,
    }
}

fn write(graph: &mut Graph, i: usize, low: f32, high: f32) {
    "Clip".clone_into(&mut graph.nodes[i].op);
    graph.nodes[i].attributes.clear();
    graph.replace_constant(i, 1, Constant::float(&[], [low]));
    graph.replace_constant(i, 2, Constant::float(&[], [high]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::Build;

    #[test]
    fn relu_and_min_are_one_clip() {
        let mut g = Build::new(&[1, 4])
            .floats("six", &[], &[6.0])
            .node("Relu", &["x"], "a")
            .node("Min", &["a", "six"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(range(&g, &g.nodes[0]), Some((0.0, 6.0)));
        assert_eq!(g.nodes[0].output(), "y");
        assert_eq!(g.nodes[0].absorbed, ["Min:y"]);
    }

    #[test]
    fn a_relu_that_somebody_else_reads_stays() {
        let mut g = Build::new(&[1, 4])
            .floats("six", &[], &[6.0])
            .node("Relu", &["x"], "a")
            .node("Min", &["a", "six"], "b")
            .node("Add", &["a", "b"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(g.nodes.len(), 3);
        assert_eq!(range(&g, &g.nodes[1]), Some((f32::MIN, 6.0)));
    }
}
