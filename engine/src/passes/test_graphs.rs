//! Builds small graphs for the tests of the passes. The input is always `x`.

use std::collections::BTreeMap;

use crate::network::InputLayout;
use crate::onnx::graph::{Attribute, Constant, Graph, GraphNode};

/// Adds one node or constant after the other; nodes are named `OpType:output`.
pub(crate) struct Build(Graph);

impl Build {
    pub(crate) fn new(input_shape: &[usize]) -> Build {
        Build(Graph {
            name: "test".to_owned(),
            nodes: Vec::new(),
            constants: BTreeMap::new(),
            input: "x".to_owned(),
            input_shape: input_shape.to_vec(),
            input_layout: InputLayout::Nchw,
            file_batch: None,
            output: String::new(),
            opset: 13,
            ir_version: 8,
            metadata: BTreeMap::new(),
        })
    }
    pub(crate) fn node(mut self, op: &str, inputs: &[&str], output: &str) -> Build {
        self.0.nodes.push(GraphNode {
            name: format!("{op}:{output}"),
            op: op.to_owned(),
            inputs: inputs.iter().map(|&i| i.to_owned()).collect(),
            outputs: vec![output.to_owned()],
            ..GraphNode::default()
        });
        self
    }
    /// Sets an attribute of the node added last.
    pub(crate) fn attribute(mut self, name: &str, value: Attribute) -> Build {
        self.0.nodes.last_mut().unwrap().set(name, value);
        self
    }
    pub(crate) fn floats(mut self, name: &str, shape: &[usize], values: &[f32]) -> Build {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        self.0.constants.insert(name.to_owned(), Constant::float(shape, values));
        self
    }
    pub(crate) fn ints(mut self, name: &str, values: &[i64]) -> Build {
        self.0.constants.insert(name.to_owned(), Constant::ints(values));
        self
    }
    pub(crate) fn output(mut self, name: &str) -> Graph {
        name.clone_into(&mut self.0.output);
        self.0
    }
}

/// `op(inputs) -> output` for each node, for comparison.
pub(crate) fn show(graph: &Graph) -> Vec<String> {
    graph
        .nodes
        .iter()
        .map(|n| format!("{}({}) -> {}", n.op, n.inputs.join(", "), n.outputs.join(", ")))
        .collect()
}
