//! The network as Octet sees it: named nodes and named tensors in topological order.
//!
//! A [`Network`] is what the canvas draws, what plugins read and what every later stage starts from. It keeps
//! the names of the file it came from; nodes that a pass merged away are remembered in [`Node::absorbed`].
//! Weights are float32 in ONNX's layouts (`OIHW` for convolutions, `[out, in]` or `[in, out]` for Gemm).

mod op;

pub use op::{Conv, Gemm, Op, Padding, Pool, Window};

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Index of a node in [`Network::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub usize);

/// Index of a tensor in [`Network::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TensorId(pub usize);

/// The order of the axes of the network's picture input in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum InputLayout {
    /// Batch, channels, height, width (torch).
    Nchw,
    /// Batch, height, width, channels (Keras through tf2onnx).
    Nhwc,
}

/// An operation with its operands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique, never empty; the file's own name, or `OpType_index` where the file gave none.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands in ONNX's order: data first, then weights and bias (or the bounds of a Clip).
    pub inputs: Vec<TensorId>,
    /// Results; every supported operation has one.
    pub outputs: Vec<TensorId>,
    /// Names of the original nodes that passes merged into this one.
    pub absorbed: Vec<String>,
}

impl Node {
    /// The one result of a supported operation.
    pub fn output(&self) -> TensorId {
        self.outputs[0]
    }
}

/// A named value: an activation, or a constant with its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Unique, never empty.
    pub name: String,
    /// Extents with the batch axis, which is always 1. Activations with four axes are NCHW.
    pub shape: Vec<usize>,
    /// The float32 values in C order for weights, biases and bounds; `None` for activations.
    pub data: Option<Arc<[f32]>>,
}

impl Tensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// True when an extent is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A classifier: one picture in, one score vector out.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The file's stem, or the graph's name.
    pub name: String,
    /// In topological order.
    pub nodes: Vec<Node>,
    /// Activations and constants.
    pub tensors: Vec<Tensor>,
    /// The picture, NCHW with batch 1 (`input_layout` tells how the file had it).
    pub input: TensorId,
    /// The scores.
    pub output: TensorId,
    /// The file's own order of the input's axes.
    pub input_layout: InputLayout,
    /// `metadata_props` of the file.
    pub metadata: BTreeMap<String, String>,
    /// The file's opset of the default domain.
    pub opset: i64,
    /// The file's IR version.
    pub ir_version: i64,
}

impl Network {
    /// The node behind an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
    /// The tensor behind an id.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }
    /// All nodes with their ids, in topological order.
    pub fn node_ids(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i), n))
    }
    /// The node that computes `tensor`; `None` for the input and for constants.
    pub fn producer(&self, tensor: TensorId) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.outputs.contains(&tensor)).map(NodeId)
    }
    /// The nodes that read `tensor`, in topological order; one that reads it twice appears once.
    pub fn consumers(&self, tensor: TensorId) -> Vec<NodeId> {
        self.node_ids().filter(|(_, n)| n.inputs.contains(&tensor)).map(|(id, _)| id).collect()
    }
    /// Tensors by name.
    pub fn tensor_index(&self) -> HashMap<&str, TensorId> {
        self.tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), TensorId(i))).collect()
    }
    /// Finds a node by its exact name.
    pub fn find_node(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name == name).map(NodeId)
    }
    /// Multiply-accumulates of one node for one picture; 0 where it has none.
    pub fn macs(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        let out = || self.tensor(node.output()).len() as u64;
        match &node.op {
            Op::Conv(_) => {
                let w = &self.tensor(node.inputs[1]).shape;
                out() * w[1..].iter().product::<usize>() as u64
            }
            Op::Gemm(_) => {
                let features = self.tensor(node.inputs[0]).shape.last().copied().unwrap_or(1);
                out() * features as u64
            }
            _ => 0,
        }
    }
}
