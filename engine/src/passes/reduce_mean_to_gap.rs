//! A mean over height and width is a GlobalAveragePool; without `keepdims` a Flatten follows it.

use super::count;
use crate::onnx::graph::{Attribute, GENERATED, Graph, GraphNode};
use crate::onnx::shapes::{Shapes, reduce_axes};

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let shapes = Shapes::infer(graph);
    let mut changed = 0;
    let mut i = 0;
    while i < graph.nodes.len() {
        let node = &graph.nodes[i];
        let x = node.input(0).and_then(|x| shapes.get(graph, x));
        let fits = node.op == "ReduceMean"
            && x.is_some_and(|x| x.len() == 4)
            && reduce_axes(graph, node, 4).is_ok_and(|axes| axes == [2, 3]);
        if fits {
            let keep = node.int("keepdims").unwrap_or(1) != 0;
            rewrite(graph, i, keep);
            changed += 1;
        }
        i += 1;
    }
    if changed == 0 { Vec::new() } else { vec![format!("{} over height and width", count(changed, "mean"))] }
}

fn rewrite(graph: &mut Graph, i: usize, keep: bool) {
    let pooled = graph.fresh_value(&format!("{}_pooled", graph.nodes[i].output()));
    let node = &mut graph.nodes[i];
    node.op = "GlobalAveragePool".to_owned();
    node.attributes.clear();
    node.inputs.truncate(1);
    if keep {
        return;
    }
    let outputs = std::mem::replace(&mut node.outputs, vec![pooled.clone()]);
    let flatten = GraphNode {
        name: format!("{GENERATED}{}_flatten", node.name),
        op: "Flatten".to_owned(),
        inputs: vec![pooled],
        outputs,
        attributes: [("axis".to_owned(), Attribute::Int(1))].into(),
        absorbed: Vec::new(),
    };
    graph.nodes.insert(i + 1, flatten);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::{Build, show};

    fn mean(axes: &[i64], keep: i64) -> Graph {
        Build::new(&[1, 8, 7, 7])
            .node("ReduceMean", &["x"], "y")
            .attribute("axes", Attribute::Ints(axes.to_vec()))
            .attribute("keepdims", Attribute::Int(keep))
            .output("y")
    }

    #[test]
    fn with_kept_axes_it_is_the_pool() {
        for axes in [[2, 3], [-1, -2], [3, 2]] {
            let mut g = mean(&axes, 1);
            run(&mut g);
            assert_eq!(show(&g), ["GlobalAveragePool(x) -> y"]);
        }
    }

    #[test]
    fn without_kept_axes_a_flatten_follows() {
        let mut g = mean(&[2, 3], 0);
        run(&mut g);
        assert_eq!(show(&g), ["GlobalAveragePool(x) -> y_pooled", "Flatten(y_pooled) -> y"]);
        assert_eq!(Shapes::infer(&g).get(&g, "y"), Some(&[1, 8][..]));
    }

    #[test]
    fn axes_as_operand_are_read_too() {
        let mut g = Build::new(&[1, 8, 7, 7])
            .ints("axes", &[2, 3])
            .node("ReduceMean", &["x", "axes"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(show(&g), ["GlobalAveragePool(x) -> y"]);
    }

    #[test]
    fn other_axes_stay() {
        let mut g = mean(&[1, 2], 1);
        assert!(run(&mut g).is_empty());
    }
}
