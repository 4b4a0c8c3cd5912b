//! What a model file holds, and what of it cannot be put on a chip.

use std::collections::BTreeMap;
use std::path::Path;

use octet_runtime::{Model, Simulator, Target};
use serde::Serialize;

use crate::memory;
use crate::network::Network;
use crate::onnx::{self, OpenError};
use crate::pictures::Preprocessing;
use crate::predict::{PredictError, is_espdl, read_file};
use crate::report::{MemoryFacts, MemoryMaps, PeakTensor};
use crate::target::TargetSpec;

/// The result of looking into a file.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Inspection {
    /// `onnx` or `espdl`.
    pub format: &'static str,
    /// Name of the graph.
    pub name: String,
    /// Chip, and why that one.
    pub target: Option<String>,
    /// Operations in order.
    pub nodes: Vec<InspectedNode>,
    /// Activations and constants.
    pub tensors: Vec<InspectedTensor>,
    /// What cannot be put on the target.
    pub unsupported: Vec<UnsupportedNode>,
    /// Memory on the chip; for ONNX at int8, without a plan.
    pub memory: Option<MemoryFacts>,
    /// What lies where in it, when that was asked for; for `.espdl` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_map: Option<MemoryMaps>,
    /// What opening the file changed.
    pub notes: Vec<String>,
    /// How pictures become the input of an ONNX model, with units.
    pub preprocessing: BTreeMap<String, String>,
}

/// An operation.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct InspectedNode {
    /// Name.
    pub name: String,
    /// Operation.
    pub op: String,
    /// Tensor names.
    pub inputs: Vec<String>,
    /// Tensor names.
    pub outputs: Vec<String>,
    /// Extents of the first output: NHWC in `.espdl`, NCHW in ONNX.
    pub output_shape: Vec<usize>,
    /// Exponent of the first output.
    pub output_exponent: Option<i32>,
    /// Multiply-accumulates; 0 where it has none or the format does not tell.
    pub macs: u64,
}

/// A tensor.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct InspectedTensor {
    /// Name.
    pub name: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: String,
    /// One, or one per output channel; empty for floats.
    pub exponents: Vec<i32>,
    /// True for weights, biases and other constants.
    pub constant: bool,
    /// The weight layout tag of an `.espdl` file.
    pub layout: Option<String>,
}

/// An operation that cannot be put on the target.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct UnsupportedNode {
    /// Node name.
    pub node: String,
    /// Operation.
    pub op: String,
    /// Why.
    pub reason: String,
}

/// Looks into a file. What is not supported is part of the answer, not an error. `with_map` adds the memory map.
pub fn inspect(path: &Path, target: Option<&TargetSpec>, with_map: bool) -> Result<Inspection, PredictError> {
    if is_espdl(path) { inspect_espdl(path, target, with_map) } else { inspect_onnx(path, target) }
}

fn inspect_onnx(path: &Path, target: Option<&TargetSpec>) -> Result<Inspection, PredictError> {
    let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let mut inspection = Inspection {
        format: "onnx",
        name,
        target: target.map(|t| t.name.to_owned()),
        nodes: Vec::new(),
        tensors: Vec::new(),
        unsupported: Vec::new(),
        memory: None,
        memory_map: None,
        notes: Vec::new(),
        preprocessing: BTreeMap::new(),
    };
    let opened = match onnx::open(path) {
        Ok(opened) => opened,
        Err(OpenError::Unsupported { nodes, .. }) => {
            inspection.unsupported = nodes
                .into_iter()
                .map(|n| UnsupportedNode { node: n.node, op: n.op, reason: n.reason })
                .collect();
            return Ok(inspection);
        }
        Err(error) => return Err(error.into()),
    };
    let network = &opened.network;
    inspection.notes = opened.notes.clone();
    match Preprocessing::of_network(network, &BTreeMap::new()) {
        Ok(preprocessing) => inspection.preprocessing = preprocessing.described(),
        Err(error) => inspection.notes.push(format!("pre-processing in the file's metadata: {error}")),
    }
    inspection.nodes = network.node_ids().map(|(id, _)| inspected(network, id)).collect();
    inspection.tensors = network
        .tensors
        .iter()
        .map(|t| InspectedTensor {
            name: t.name.clone(),
            shape: t.shape.clone(),
            dtype: "f32".to_owned(),
            exponents: Vec::new(),
            constant: t.data.is_some(),
            layout: None,
        })
        .collect();
    Ok(inspection)
}

fn inspected(network: &Network, id: crate::network::NodeId) -> InspectedNode {
    let node = network.node(id);
    let names =
        |ids: &[crate::network::TensorId]| ids.iter().map(|&t| network.tensor(t).name.clone()).collect();
    InspectedNode {
        name: node.name.clone(),
        op: node.op.onnx_name().to_owned(),
        inputs: names(&node.inputs),
        outputs: names(&node.outputs),
        output_shape: network.tensor(node.output()).shape.clone(),
        output_exponent: None,
        macs: network.macs(id),
    }
}

fn inspect_espdl(
    path: &Path,
    target: Option<&TargetSpec>,
    with_map: bool,
) -> Result<Inspection, PredictError> {
    let bytes = read_file(path)?;
    let failed = |reason: String| PredictError::Espdl { path: path.to_owned(), reason };
    let model = Model::parse(&bytes).map_err(|e| failed(e.to_string()))?;
    let chosen = match target {
        Some(target) => target.target,
        None => Target::infer(&model).map_err(|e| failed(e.to_string()))?,
    };
    let shape_of = |name: &str| -> Vec<usize> {
        let value = model.value(name).and_then(|v| v.shape());
        value.map(|s| s.iter().collect()).unwrap_or_default()
    };
    let nodes = model.nodes().map(|node| InspectedNode {
        name: node.name().to_owned(),
        op: node.op_type().to_owned(),
        inputs: node.inputs().map(str::to_owned).collect(),
        outputs: node.outputs().map(str::to_owned).collect(),
        output_shape: shape_of(node.output(0)),
        output_exponent: model.value(node.output(0)).and_then(|v| v.exponent()),
        macs: 0,
    });
    let values = model.inputs().chain(model.outputs()).chain(model.value_infos());
    let activations = values.map(|v| InspectedTensor {
        name: v.name().to_owned(),
        shape: v.shape().map(|s| s.iter().collect()).unwrap_or_default(),
        dtype: v.dtype().map_or_else(String::new, |d| format!("{d:?}").to_lowercase()),
        exponents: v.exponents().iter().collect(),
        constant: false,
        layout: None,
    });
    let constants = model.initializers().map(|t| InspectedTensor {
        name: t.name().to_owned(),
        shape: t.shape().iter().collect(),
        dtype: format!("{:?}", t.dtype()).to_lowercase(),
        exponents: t.exponents().iter().collect(),
        constant: true,
        layout: (!t.layout().is_empty()).then(|| t.layout().to_owned()),
    });
    let mut inspection = Inspection {
        format: "espdl",
        name: path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
        target: Some(chosen.as_str().to_owned()),
        nodes: nodes.collect(),
        tensors: activations.chain(constants).collect(),
        unsupported: Vec::new(),
        memory: None,
        memory_map: None,
        notes: Vec::new(),
        preprocessing: BTreeMap::new(),
    };
    let owned: std::sync::Arc<[u8]> = bytes.as_slice().into();
    match Simulator::new(owned, Some(chosen)) {
        Ok(simulator) => {
            let plan = simulator.memory();
            inspection.memory = Some(MemoryFacts {
                flash_bytes: plan.flash_bytes as u64,
                arena_bytes: plan.arena_bytes as u64,
                peak: plan
                    .peak
                    .iter()
                    .map(|t| PeakTensor { name: t.name.clone(), bytes: t.bytes as u64 })
                    .collect(),
            });
            if with_map {
                inspection.memory_map = Some(memory::maps(&simulator).map_err(|e| failed(e.to_string()))?);
            }
        }
        Err(error) => {
            let node = error.node().unwrap_or_default().to_owned();
            let op = model.nodes().find(|n| n.name() == node).map_or("", |n| n.op_type()).to_owned();
            inspection.unsupported.push(UnsupportedNode { node, op, reason: error.to_string() });
        }
    }
    Ok(inspection)
}
