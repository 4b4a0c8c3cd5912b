//! Makes the network NCHW inside and takes out the Transposes that tf2onnx leaves.
//!
//! A picture input that the file has as NHWC becomes NCHW, with a Transpose behind it. Then every Transpose moves
//! down through the operations that allow it, until it meets its inverse, or an operation to which the order of
//! the axes does not matter. Values keep their names; those that used to be NHWC are NCHW afterwards.

use std::collections::{HashMap, HashSet};

use super::fold_constants::transpose;
use super::{count, pads_of};
use crate::network::InputLayout;
use crate::onnx::graph::{Attribute, Constant, GENERATED, Graph, GraphNode, unique};
use crate::onnx::shapes::{Shapes, axis_of, permutation, reduce_axes, squeeze_axes};

const NHWC_FROM_NCHW: [usize; 4] = [0, 2, 3, 1];

pub(super) fn run(graph: &mut Graph) -> Vec<String> {
    let mut notes = Vec::new();
    if input_is_nhwc(graph) {
        turn_input(graph);
        notes.push("the picture is taken as NCHW inside, NHWC in the file".to_owned());
    }
    let named_before = named_transposes(graph);
    if graph.nodes.iter().any(|n| n.op == "Transpose") {
        Push::new(graph).run(graph);
    }
    let removed = named_before - named_transposes(graph);
    if removed > 0 {
        notes.push(format!("{} taken out", count(removed, "Transpose")));
    }
    notes
}

fn named_transposes(graph: &Graph) -> usize {
    graph.nodes.iter().filter(|n| n.op == "Transpose" && !n.name.starts_with(GENERATED)).count()
}

/// Whether the file's picture has its channels last: its first Transpose or window tells, and if there is none the
/// extents do.
fn input_is_nhwc(graph: &Graph) -> bool {
    let &[_, a, _, c] = &graph.input_shape[..] else { return false };
    let mut reached = vec![graph.input.as_str()];
    for node in &graph.nodes {
        if !node.inputs.iter().any(|i| reached.contains(&i.as_str())) {
            continue;
        }
        match node.op.as_str() {
            "Transpose" => return node.ints("perm") == Some(&[0, 3, 1, 2]),
            "Conv" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "BatchNormalization" => return false,
            _ => reached.push(node.output()),
        }
    }
    let channels = |n: usize| matches!(n, 1 | 3 | 4);
    channels(c) && !channels(a)
}

fn turn_input(graph: &mut Graph) {
    let &[n, h, w, c] = &graph.input_shape[..] else { return };
    graph.input_layout = InputLayout::Nhwc;
    graph.input_shape = vec![n, c, h, w];
    let turned = graph.fresh_value(&format!("{}_nhwc", graph.input));
    for node in &mut graph.nodes {
        node.inputs.iter_mut().filter(|i| **i == graph.input).for_each(|i| i.clone_from(&turned));
    }
    let input = graph.input.clone();
    graph.nodes.insert(0, transposition(&input, turned, &NHWC_FROM_NCHW));
}

fn transposition(from: &str, to: String, perm: &[usize]) -> GraphNode {
    GraphNode {
        name: format!("{GENERATED}{to}_transpose"),
        op: "Transpose".to_owned(),
        inputs: vec![from.to_owned()],
        outputs: vec![to],
        attributes: [("perm".to_owned(), Attribute::Ints(to_ints(perm)))].into(),
        absorbed: Vec::new(),
    }
}

fn to_ints(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&v| i64::try_from(v).unwrap_or(i64::MAX)).collect()
}

fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    perm.iter().enumerate().for_each(|(i, &p)| inverse[p] = i);
    inverse
}

/// How the file's value is made from a value of the rewritten graph: axis i of the file's is axis `perm[i]` of `of`.
#[derive(Debug, Clone)]
struct View {
    of: String,
    perm: Vec<usize>,
}

impl View {
    fn is_plain(&self) -> bool {
        self.perm.iter().copied().eq(0..self.perm.len())
    }
}

/// Rewrites the nodes one after the other. Transposes become [`View`]s, and only where an operation insists on the
/// file's order of axes is one written again.
struct Push {
    /// Shapes of the file's values.
    shapes: Shapes,
    views: HashMap<String, View>,
    /// Names of the file's Transposes in a view, until a node absorbs them.
    pending: HashMap<String, Vec<String>>,
    /// Views that were written as a Transpose, with the value it makes.
    written: HashMap<String, String>,
    taken: HashSet<String>,
    nodes: Vec<GraphNode>,
}

impl Push {
    fn new(graph: &Graph) -> Push {
        let values = graph.nodes.iter().flat_map(|n| n.outputs.iter().chain(&n.inputs));
        Push {
            shapes: Shapes::infer(graph),
            views: HashMap::new(),
            pending: HashMap::new(),
            written: HashMap::new(),
            taken: values.cloned().chain(graph.constants.keys().cloned()).collect(),
            nodes: Vec::with_capacity(graph.nodes.len()),
        }
    }

    fn run(mut self, graph: &mut Graph) {
        for node in std::mem::take(&mut graph.nodes) {
            if !self.take_transpose(graph, &node) {
                self.take_other(graph, node);
            }
        }
        let output = graph.output.clone();
        if let Some(view) = self.views.get(&output).cloned().filter(|v| v.of != output) {
            // The output itself is a Transpose of the file; one that does nothing is left to `remove_identity`.
            self.write(&output, &view, output.clone());
        }
        graph.nodes = self.nodes;
    }

    /// Remembers a Transpose as a view. False for other nodes, and where the shape is unknown.
    fn take_transpose(&mut self, graph: &Graph, node: &GraphNode) -> bool {
        let (true, Some(x)) = (node.op == "Transpose", node.input(0)) else { return false };
        let Some(rank) = self.shapes.get(graph, x).map(<[usize]>::len) else { return false };
        let Ok(perm) = permutation(node, rank) else { return false };
        let view = match self.views.get(x) {
            None => View { of: x.to_owned(), perm },
            Some(v) => View { of: v.of.clone(), perm: perm.iter().map(|&p| v.perm[p]).collect() },
        };
        let mut names = self.pending.remove(x).unwrap_or_default();
        if !node.name.starts_with(GENERATED) {
            names.push(node.name.clone());
        }
        names.extend(node.absorbed.iter().cloned());
        self.pending.insert(node.output().to_owned(), names);
        self.views.insert(node.output().to_owned(), view);
        true
    }

    fn take_other(&mut self, graph: &mut Graph, mut node: GraphNode) {
        let after = self.common_perm(graph, &node).and_then(|perm| self.through(graph, &mut node, &perm));
        if let Some(after) = after {
            self.read_sources(&mut node);
            self.place(graph, node, after);
            return;
        }
        for i in 0..node.inputs.len() {
            let Some(view) = self.views.get(&node.inputs[i]).cloned() else { continue };
            if view.is_plain() {
                let names = self.pending.remove(&node.inputs[i]).unwrap_or_default();
                node.absorbed.extend(names);
                node.inputs[i] = view.of;
            } else {
                node.inputs[i] = self.written(&node.inputs[i].clone(), &view);
            }
        }
        self.nodes.push(node);
    }

    /// The one permutation through which the node sees all its activations; `None` when they differ or are plain.
    fn common_perm(&self, graph: &Graph, node: &GraphNode) -> Option<Vec<usize>> {
        let mut activations =
            node.inputs.iter().filter(|i| !i.is_empty() && !graph.constants.contains_key(*i));
        let first = self.views.get(activations.next()?).filter(|v| !v.is_plain())?;
        activations
            .all(|i| self.views.get(i).is_some_and(|v| v.perm == first.perm))
            .then(|| first.perm.clone())
    }

    fn read_sources(&mut self, node: &mut GraphNode) {
        for i in 0..node.inputs.len() {
            if let Some(view) = self.views.get(&node.inputs[i]) {
                let names = self.pending.remove(&node.inputs[i]).unwrap_or_default();
                node.absorbed.extend(names);
                node.inputs[i].clone_from(&view.of);
            }
        }
    }

    /// Adds a node that now reads its sources. Its result keeps its name; when the file's value has the axes in
    /// another order, later nodes see it through a view.
    fn place(&mut self, graph: &Graph, mut node: GraphNode, perm: Vec<usize>) {
        let name = node.output().to_owned();
        let view = View { of: name.clone(), perm };
        if view.is_plain() {
            self.nodes.push(node);
        } else if name == graph.output {
            let inner = self.fresh(&format!("{name}_nchw"));
            node.outputs = vec![inner.clone()];
            self.nodes.push(node);
            self.write(&name, &View { of: inner, ..view }, name.clone());
        } else {
            self.nodes.push(node);
            self.views.insert(name, view);
        }
    }

    /// The value under a name in the file's order, through a Transpose that is written at most once.
    fn written(&mut self, name: &str, view: &View) -> String {
        if let Some(value) = self.written.get(name) {
            return value.clone();
        }
        let value = if view.of == name { self.fresh(&format!("{name}_transposed")) } else { name.to_owned() };
        self.write(name, view, value.clone());
        self.written.insert(name.to_owned(), value.clone());
        value
    }

    fn write(&mut self, name: &str, view: &View, value: String) {
        let mut node = transposition(&view.of, value, &view.perm);
        let mut names = self.pending.remove(name).unwrap_or_default();
        if !names.is_empty() {
            node.name = names.remove(0);
        }
        node.absorbed = names;
        self.nodes.push(node);
    }

    fn fresh(&mut self, base: &str) -> String {
        let name = unique(base, |n| self.taken.contains(n));
        self.taken.insert(name.clone());
        name
    }

    /// Rewrites attributes and constants so that the node computes on its sources instead of their views through
    /// `perm`, and returns the view of its result. `None` when the operation needs the file's order; the node is
    /// then unchanged.
    fn through(&mut self, graph: &mut Graph, node: &mut GraphNode, perm: &[usize]) -> Option<Vec<usize>> {
        let x = self.shapes.get(graph, node.input(0)?).map(<[usize]>::to_vec);
        match node.op.as_str() {
            "Relu" | "Identity" | "Dropout" | "Cast" | "Sigmoid" | "HardSigmoid" | "HardSwish"
            | "LeakyRelu" | "Elu" | "Tanh" | "Clip" => Some(perm.to_vec()),
            "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" => self.elementwise(graph, node, perm),
            "Pad" => {
                let pads = pads_of(graph, node, perm.len()).ok()?;
                let mut turned = vec![(0, 0); perm.len()];
                perm.iter().zip(&pads).for_each(|(&p, &amount)| turned[p] = amount);
                let list: Vec<usize> = turned.iter().map(|p| p.0).chain(turned.iter().map(|p| p.1)).collect();
                node.set("pads", Attribute::Ints(to_ints(&list)));
                for i in [1, 3].into_iter().filter(|&i| i < node.inputs.len()).collect::<Vec<_>>() {
                    node.inputs[i].clear();
                }
                Some(perm.to_vec())
            }
            "ReduceMean" => {
                let axes = reduce_axes(graph, node, perm.len()).ok()?;
                let keep = node.int("keepdims").unwrap_or(1) != 0;
                turn_axes(node, perm, &axes);
                Some(if keep { perm.to_vec() } else { without_axes(perm, &axes) })
            }
            "Squeeze" => {
                let axes = squeeze_axes(graph, node, &x?).ok()?;
                turn_axes(node, perm, &axes);
                Some(without_axes(perm, &axes))
            }
            // Before operator set 13 a Softmax normalised over all axes from `axis` on.
            "Softmax" if graph.opset >= 13 => {
                let axis = axis_of(node.int("axis").unwrap_or(-1), perm.len()).ok()?;
                node.set("axis", Attribute::Int(i64::try_from(perm[axis]).ok()?));
                Some(perm.to_vec())
            }
            "Concat" if node.inputs.iter().all(|i| !graph.constants.contains_key(i)) => {
                let axis = axis_of(node.int("axis")?, perm.len()).ok()?;
                node.set("axis", Attribute::Int(i64::try_from(perm[axis]).ok()?));
                Some(perm.to_vec())
            }
            "Flatten" | "Reshape" | "Unsqueeze" => {
                // The elements come in the same order when the axes that are longer than 1 do.
                let x = x?;
                let long: Vec<usize> = (0..x.len()).filter(|&i| x[i] != 1).map(|i| perm[i]).collect();
                if !long.is_sorted() {
                    return None;
                }
                let shape = self.shapes.get(graph, node.output())?.to_vec();
                let constant = self.fresh(&format!("{}_shape", node.output()));
                graph.constants.insert(constant.clone(), Constant::ints(to_ints(&shape)));
                "Reshape".clone_into(&mut node.op);
                node.attributes.clear();
                node.inputs.truncate(1);
                node.inputs.push(constant);
                Some((0..shape.len()).collect())
            }
            _ => None,
        }
    }

    fn elementwise(&mut self, graph: &mut Graph, node: &mut GraphNode, perm: &[usize]) -> Option<Vec<usize>> {
        let mut turned = Vec::new();
        for (i, input) in node.inputs.iter().enumerate() {
            let Some(constant) = graph.constants.get(input) else { continue };
            let lead = perm.len().checked_sub(constant.shape.len())?;
            let shape = [&vec![1; lead][..], &constant.shape[..]].concat();
            let padded = Constant { shape, values: constant.values.clone() };
            turned.push((i, transpose(&padded, &inverse(perm))?));
        }
        for (i, constant) in turned {
            let name = self.fresh(&format!("{}_nchw", node.inputs[i]));
            graph.constants.insert(name.clone(), constant);
            node.inputs[i] = name;
        }
        Some(perm.to_vec())
    }
}

fn turn_axes(node: &mut GraphNode, perm: &[usize], axes: &[usize]) {
    let mut turned: Vec<usize> = axes.iter().map(|&a| perm[a]).collect();
    turned.sort_unstable();
    node.set("axes", Attribute::Ints(to_ints(&turned)));
    node.inputs.truncate(1);
}

/// The permutation that is left of `perm` once the file's `axes` are gone.
fn without_axes(perm: &[usize], axes: &[usize]) -> Vec<usize> {
    let left: Vec<usize> = (0..perm.len()).filter(|i| !axes.contains(i)).map(|i| perm[i]).collect();
    left.iter().map(|p| left.iter().filter(|q| *q < p).count()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::test_graphs::{Build, show};

    fn perm(values: &[i64]) -> Attribute {
        Attribute::Ints(values.to_vec())
    }

    #[test]
    fn a_keras_network_becomes_nchw() {
        let mut g = Build::new(&[1, 8, 8, 3])
            .floats("w", &[4, 3, 1, 1], &[1.0; 12])
            .node("Transpose", &["x"], "t")
            .attribute("perm", perm(&[0, 3, 1, 2]))
            .node("Conv", &["t", "w"], "c")
            .node("Transpose", &["c"], "u")
            .attribute("perm", perm(&[0, 2, 3, 1]))
            .node("Relu", &["u"], "r")
            .node("ReduceMean", &["r"], "y")
            .attribute("axes", perm(&[1, 2]))
            .attribute("keepdims", Attribute::Int(0))
            .output("y");
        assert_eq!(
            run(&mut g),
            ["the picture is taken as NCHW inside, NHWC in the file", "2 Transposes taken out"]
        );
        assert_eq!(show(&g), ["Conv(x, w) -> c", "Relu(c) -> r", "ReduceMean(r) -> y"]);
        assert_eq!(g.nodes[2].ints("axes"), Some(&[2, 3][..]));
        assert_eq!(g.input_shape, [1, 3, 8, 8]);
        assert_eq!(g.input_layout, InputLayout::Nhwc);
        assert_eq!(g.nodes[0].absorbed, ["Transpose:t"]);
        assert_eq!(g.nodes[1].absorbed, ["Transpose:u"]);
    }

    #[test]
    fn pads_and_constants_are_turned_too() {
        let mut g = Build::new(&[1, 4, 4, 3])
            .floats("mean", &[3], &[1.0, 2.0, 3.0])
            .ints("pads", &[0, 0, 1, 0, 0, 2, 3, 0])
            .node("Sub", &["x", "mean"], "s")
            .node("Pad", &["s", "pads"], "p")
            .node("Transpose", &["p"], "y")
            .attribute("perm", perm(&[0, 3, 1, 2]))
            .node("Relu", &["y"], "z")
            .output("z");
        run(&mut g);
        assert_eq!(show(&g), ["Sub(x, mean_nchw) -> s", "Pad(s, ) -> p", "Relu(p) -> z"]);
        assert_eq!(g.constants["mean_nchw"], Constant::float(&[1, 3, 1, 1], [1.0, 2.0, 3.0]));
        assert_eq!(g.nodes[1].ints("pads"), Some(&[0, 0, 0, 1, 0, 0, 2, 3][..]));
    }

    #[test]
    fn an_operation_that_needs_the_files_order_keeps_its_transpose() {
        let mut g = Build::new(&[1, 3, 4, 4])
            .node("Transpose", &["x"], "t")
            .attribute("perm", perm(&[0, 2, 3, 1]))
            .node("Flatten", &["t"], "y")
            .output("y");
        assert!(run(&mut g).is_empty());
        assert_eq!(show(&g), ["Transpose(x) -> t", "Flatten(t) -> y"]);
        assert_eq!(g.nodes[0].name, "Transpose:t");
    }

    #[test]
    fn a_flatten_of_single_pixels_needs_no_transpose() {
        let mut g = Build::new(&[1, 3, 1, 1])
            .node("Transpose", &["x"], "t")
            .attribute("perm", perm(&[0, 2, 3, 1]))
            .node("Flatten", &["t"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Reshape(x, y_shape) -> y"]);
    }

    #[test]
    fn an_nchw_network_is_not_touched() {
        let mut g = Build::new(&[1, 3, 4, 3])
            .floats("w", &[4, 3, 1, 1], &[1.0; 12])
            .node("Conv", &["x", "w"], "y")
            .output("y");
        assert!(run(&mut g).is_empty());
        assert_eq!(g.input_layout, InputLayout::Nchw);
    }

    #[test]
    fn a_transposed_output_keeps_its_name_and_order() {
        let mut g = Build::new(&[1, 3, 4, 4])
            .node("Transpose", &["x"], "t")
            .attribute("perm", perm(&[0, 2, 3, 1]))
            .node("Relu", &["t"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Relu(x) -> y_nchw", "Transpose(y_nchw) -> y"]);
        assert_eq!(Shapes::infer(&g).get(&g, "y"), Some(&[1, 4, 4, 3][..]));
    }

    #[test]
    fn a_residual_sum_moves_as_a_whole() {
        let mut g = Build::new(&[1, 3, 4, 4])
            .node("Transpose", &["x"], "t")
            .attribute("perm", perm(&[0, 2, 3, 1]))
            .node("Relu", &["t"], "r")
            .node("Add", &["t", "r"], "a")
            .node("Transpose", &["a"], "b")
            .attribute("perm", perm(&[0, 3, 1, 2]))
            .node("Relu", &["b"], "y")
            .output("y");
        run(&mut g);
        assert_eq!(show(&g), ["Relu(x) -> r", "Add(x, r) -> a", "Relu(a) -> y"]);
    }
}
