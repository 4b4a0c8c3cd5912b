//! The network in the form in which the host table shows it: owned, so that what a plugin was given stays valid
//! whatever the engine does meanwhile.

use octet_plugin_api::abi::{OCTET_NONE, OctetString};

use crate::network::{Network, NodeId, Op, Pool, TensorId, Window};

pub(super) struct Graph {
    pub(super) name: String,
    pub(super) nodes: Vec<GraphNode>,
    pub(super) tensors: Vec<GraphTensor>,
    pub(super) input: u64,
    pub(super) output: u64,
}

pub(super) struct GraphNode {
    pub(super) name: String,
    pub(super) op: Op,
    pub(super) inputs: Vec<u64>,
    pub(super) outputs: Vec<u64>,
    /// Views of `absorbed_names`.
    pub(super) absorbed: Vec<OctetString>,
    #[expect(dead_code, reason = "holds what `absorbed` views")]
    absorbed_names: Vec<String>,
    pub(super) macs: u64,
    pub(super) depthwise: bool,
}

pub(super) struct GraphTensor {
    pub(super) name: String,
    pub(super) shape: Vec<u64>,
    pub(super) len: usize,
    pub(super) producer: u64,
    pub(super) consumers: Vec<u64>,
    pub(super) constant: bool,
}

impl Graph {
    pub(super) fn new(network: &Network) -> Graph {
        Graph {
            name: network.name.clone(),
            nodes: network.node_ids().map(|(id, _)| GraphNode::new(network, id)).collect(),
            tensors: (0..network.tensors.len()).map(|id| GraphTensor::new(network, TensorId(id))).collect(),
            input: network.input.0 as u64,
            output: network.output.0 as u64,
        }
    }
}

impl GraphNode {
    fn new(network: &Network, id: NodeId) -> GraphNode {
        let node = network.node(id);
        let ids = |tensors: &[TensorId]| tensors.iter().map(|t| t.0 as u64).collect();
        let channels = node.inputs.first().and_then(|&x| network.tensor(x).shape.get(1)).copied();
        let depthwise = match &node.op {
            Op::Conv(conv) => conv.group > 1 && Some(conv.group) == channels,
            _ => false,
        };
        let absorbed_names = node.absorbed.clone();
        GraphNode {
            name: node.name.clone(),
            op: node.op.clone(),
            inputs: ids(&node.inputs),
            outputs: ids(&node.outputs),
            absorbed: absorbed_names.iter().map(|name| OctetString::new(name)).collect(),
            absorbed_names,
            macs: network.macs(id),
            depthwise,
        }
    }

    /// An attribute of integers under ONNX's name.
    pub(super) fn attribute_ints(&self, name: &str) -> Option<Vec<i64>> {
        let int = |value: usize| vec![value as i64];
        match (&self.op, name) {
            (Op::Conv(conv), "group") => Some(int(conv.group)),
            (Op::Conv(conv), _) => window_attribute(&conv.window, name),
            (Op::Gemm(gemm), "transB") => Some(int(gemm.trans_b.into())),
            (Op::AveragePool(pool), "count_include_pad") => Some(int(pool.count_include_pad.into())),
            (Op::AveragePool(Pool { window, .. }) | Op::MaxPool(Pool { window, .. }), _) => {
                window_attribute(window, name)
            }
            (Op::Flatten { axis } | Op::Softmax { axis } | Op::Concat { axis }, "axis") => Some(int(*axis)),
            (Op::Transpose { perm }, "perm") => Some(perm.iter().map(|&p| p as i64).collect()),
            (Op::Pad { pads, .. }, "pads") => {
                Some([pads.top, pads.left, pads.bottom, pads.right].map(|p| p as i64).to_vec())
            }
            _ => None,
        }
    }

    /// An attribute that is a number.
    pub(super) fn attribute_float(&self, name: &str) -> Option<f64> {
        match (&self.op, name) {
            (Op::Pad { value, .. }, "value") => Some(f64::from(*value)),
            _ => None,
        }
    }
}

fn window_attribute(window: &Window, name: &str) -> Option<Vec<i64>> {
    let pads = window.pads;
    let values: &[usize] = match name {
        "kernel_shape" => &window.kernel,
        "strides" => &window.strides,
        "dilations" => &window.dilations,
        "pads" => &[pads.top, pads.left, pads.bottom, pads.right],
        _ => return None,
    };
    Some(values.iter().map(|&v| v as i64).collect())
}

impl GraphTensor {
    fn new(network: &Network, id: TensorId) -> GraphTensor {
        let tensor = network.tensor(id);
        GraphTensor {
            name: tensor.name.clone(),
            shape: tensor.shape.iter().map(|&extent| extent as u64).collect(),
            len: tensor.len(),
            producer: network.producer(id).map_or(OCTET_NONE, |node| node.0 as u64),
            consumers: network.consumers(id).iter().map(|node| node.0 as u64).collect(),
            constant: tensor.data.is_some(),
        }
    }
}
