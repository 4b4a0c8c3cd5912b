//! From a [`Network`] back to ONNX, whole or from a cut on. Picture and activations are NCHW, the batch is 1.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use prost::Message;

use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto,
};

use super::build::{float, int, ints, ints_tensor, node, to_i64, value};
use crate::network::{Network, Node, Op, Padding, TensorId, Window};

/// Operator set of what is written: bounds, shapes and pads are operands in it, and every tool reads it.
pub const OPSET: i64 = 13;
/// IR version that belongs to it.
pub const IR_VERSION: i64 = 8;

/// A cut that does not separate its inputs from its outputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tensor `{tensor}` is needed for `{output}` but is neither given nor computed from what is given")]
pub struct IncompleteCut {
    /// The tensor that is missing.
    pub tensor: String,
    /// An output that was asked for.
    pub output: String,
}

/// The whole network as an ONNX model with these outputs. `weights` replaces constants.
///
/// # Errors
/// [`IncompleteCut`] cannot occur, unless the network is not in topological order.
pub fn to_model_proto(
    network: &Network,
    outputs: &[TensorId],
    weights: impl Fn(TensorId) -> Option<Arc<[f32]>>,
) -> Result<ModelProto, IncompleteCut> {
    to_model_proto_from(network, &[network.input], outputs, weights)
}

/// The whole network with its scores as the bytes of an ONNX file; `weights` replaces constants.
///
/// # Errors
/// As [`to_model_proto`].
pub fn float_model(
    network: &Network,
    weights: &BTreeMap<TensorId, Arc<[f32]>>,
) -> Result<Vec<u8>, IncompleteCut> {
    let proto = to_model_proto(network, &[network.output], |id| weights.get(&id).cloned())?;
    Ok(proto.encode_to_vec())
}

/// The part of the network that computes `outputs` from `inputs`, which may be any activations.
///
/// # Errors
/// `inputs` do not suffice.
pub fn to_model_proto_from(
    network: &Network,
    inputs: &[TensorId],
    outputs: &[TensorId],
    weights: impl Fn(TensorId) -> Option<Arc<[f32]>>,
) -> Result<ModelProto, IncompleteCut> {
    let part = nodes_between(network, inputs, outputs)?;
    let mut graph = GraphProto { name: network.name.clone(), ..GraphProto::default() };
    let mut written = HashSet::new();
    for node in part {
        for &id in &node.inputs {
            let tensor = network.tensor(id);
            if let Some(data) = &tensor.data
                && written.insert(id)
            {
                let replaced = weights(id);
                let values = replaced.as_ref().unwrap_or(data);
                graph.initializer.push(super::build::floats_tensor(&tensor.name, &tensor.shape, values));
            }
        }
        let (proto, extra) = node_proto(network, node);
        graph.node.push(proto);
        graph.initializer.extend(extra);
    }
    let describe = |id: &TensorId| value(&network.tensor(*id).name, &network.tensor(*id).shape);
    graph.input = inputs.iter().map(describe).collect();
    graph.output = outputs.iter().map(describe).collect();
    let metadata = network.metadata.iter();
    Ok(ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        producer_name: "octet".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        metadata_props: metadata
            .map(|(key, value)| StringStringEntryProto { key: key.clone(), value: value.clone() })
            .collect(),
        ..ModelProto::default()
    })
}

/// The nodes that are needed for `outputs` when `inputs` are given, in topological order.
///
/// # Errors
/// `inputs` do not suffice.
pub fn nodes_between<'a>(
    network: &'a Network,
    inputs: &[TensorId],
    outputs: &[TensorId],
) -> Result<Vec<&'a Node>, IncompleteCut> {
    let given: HashSet<TensorId> = inputs.iter().copied().collect();
    let mut needed: HashSet<TensorId> = outputs.iter().copied().filter(|o| !given.contains(o)).collect();
    let mut part = Vec::new();
    for node in network.nodes.iter().rev() {
        if node.outputs.iter().any(|o| needed.remove(o)) {
            needed.extend(
                node.inputs.iter().filter(|&&i| network.tensor(i).data.is_none() && !given.contains(&i)),
            );
            part.push(node);
        }
    }
    if let Some(&missing) = needed.iter().min() {
        let output = outputs.first().map_or_else(String::new, |&o| network.tensor(o).name.clone());
        return Err(IncompleteCut { tensor: network.tensor(missing).name.clone(), output });
    }
    part.reverse();
    Ok(part)
}

/// A node, and the integer constants that it reads beside its operands.
pub fn node_proto(network: &Network, of: &Node) -> (NodeProto, Vec<TensorProto>) {
    let mut inputs: Vec<String> = of.inputs.iter().map(|&i| network.tensor(i).name.clone()).collect();
    let mut extra = Vec::new();
    let output = network.tensor(of.output());
    let attributes: Vec<AttributeProto> = match &of.op {
        Op::Conv(c) => {
            [window(&c.window), vec![dilations(&c.window), int("group", to_i64(c.group))]].concat()
        }
        Op::Gemm(g) => vec![float("alpha", 1.0), float("beta", 1.0), int("transB", i64::from(g.trans_b))],
        Op::AveragePool(p) => {
            [window(&p.window), vec![int("count_include_pad", i64::from(p.count_include_pad))]].concat()
        }
        Op::MaxPool(p) => [window(&p.window), vec![dilations(&p.window)]].concat(),
        Op::Flatten { axis } | Op::Softmax { axis } | Op::Concat { axis } => vec![int("axis", to_i64(*axis))],
        Op::Transpose { perm } => vec![ints("perm", &perm.iter().map(|&p| to_i64(p)).collect::<Vec<_>>())],
        Op::Reshape => {
            let name = format!("{}/shape", output.name);
            let shape: Vec<i64> = output.shape.iter().map(|&d| to_i64(d)).collect();
            extra.push(ints_tensor(&name, &[shape.len()], &shape));
            inputs.push(name);
            Vec::new()
        }
        Op::Pad { pads, value } => {
            let name = format!("{}/pads", output.name);
            let [t, l, b, r] = sides(pads);
            extra.push(ints_tensor(&name, &[8], &[0, 0, t, l, 0, 0, b, r]));
            inputs.push(name);
            let fill = format!("{}/value", output.name);
            extra.push(super::build::floats_tensor(&fill, &[], &[*value]));
            inputs.push(fill);
            vec![super::build::text("mode", "constant")]
        }
        Op::Add | Op::Clip | Op::Relu | Op::GlobalAveragePool => Vec::new(),
    };
    let operands: Vec<&str> = inputs.iter().map(String::as_str).collect();
    (node(of.op.onnx_name(), &of.name, &operands, &output.name, attributes), extra)
}

fn window(w: &Window) -> Vec<AttributeProto> {
    vec![
        ints("kernel_shape", &w.kernel.map(to_i64)),
        ints("strides", &w.strides.map(to_i64)),
        ints("pads", &sides(&w.pads)),
    ]
}

fn dilations(w: &Window) -> AttributeProto {
    ints("dilations", &w.dilations.map(to_i64))
}

fn sides(p: &Padding) -> [i64; 4] {
    [p.top, p.left, p.bottom, p.right].map(to_i64)
}
