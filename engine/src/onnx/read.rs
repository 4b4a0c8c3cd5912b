//! From the file's protobuf to a [`Graph`]: names made unique, nodes in topological order, one input, one output.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::Path;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, type_proto};

use super::graph::{Attribute, Constant, GENERATED, Graph, GraphNode, unique};
use super::tensor;
use crate::network::InputLayout;

/// More nodes than any classifier for these chips has; keeps hostile files from costing hours.
const MAX_NODES: usize = 10_000;
/// Pictures with a longer side than this are refused as input.
const MAX_INPUT_SIDE: usize = 8192;
/// The operator sets whose rules this importer knows.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

/// Why reading failed; the caller adds the file's path.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The model contradicts itself.
    Malformed(String),
    /// It is a sound model, but no classifier of pictures.
    NotAClassifier(String),
}

fn malformed(text: impl Into<String>) -> ReadError {
    ReadError::Malformed(text.into())
}

fn unfit(text: impl Into<String>) -> ReadError {
    ReadError::NotAClassifier(text.into())
}

/// Reads a decoded model. `folder` is where its external data may lie; what was converted is added to `notes`.
pub(super) fn graph(model: ModelProto, folder: &Path, notes: &mut Vec<String>) -> Result<Graph, ReadError> {
    let opset = model
        .opset_import
        .iter()
        .find(|o| o.domain.is_empty() || o.domain == "ai.onnx")
        .map(|o| o.version)
        .ok_or_else(|| malformed("it names no operator set"))?;
    if !OPSETS.contains(&opset) {
        return Err(unfit(format!(
            "the model uses operator set {opset}; Octet knows {} to {}: export it with opset_version=13",
            OPSETS.start(),
            OPSETS.end()
        )));
    }
    let proto = model.graph.ok_or_else(|| malformed("it has no graph"))?;
    if proto.node.len() > MAX_NODES {
        return Err(unfit(format!("the graph has {} nodes, more than {MAX_NODES}", proto.node.len())));
    }
    if !proto.sparse_initializer.is_empty() {
        return Err(unfit("the model holds sparse weights; export it with dense ones"));
    }
    let constants = constants(&proto, folder, notes)?;
    let input = input(&proto, &constants)?;
    let output = output(&proto)?;
    let nodes = sort(nodes(proto.node, folder)?, &constants, &input.name, &output)?;
    let metadata = model.metadata_props.into_iter().map(|p| (p.key, p.value)).collect();
    Ok(Graph {
        name: proto.name,
        nodes,
        constants,
        input: input.name,
        input_shape: input.shape,
        input_layout: InputLayout::Nchw,
        file_batch: input.file_batch,
        output,
        opset,
        ir_version: model.ir_version,
        metadata,
    })
}

fn constants(
    proto: &GraphProto,
    folder: &Path,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Constant>, ReadError> {
    let mut constants = BTreeMap::new();
    for t in &proto.initializer {
        if t.name.is_empty() {
            return Err(malformed("an initializer has no name"));
        }
        let value = tensor::read(t, folder).map_err(|e| malformed(format!("tensor `{}`: {e}", t.name)))?;
        if value.as_float().is_some() && t.data_type != DataType::Float as i32 {
            let dtype = DataType::try_from(t.data_type).map_or("unknown", |d| d.as_str_name());
            notes.push(format!("read: `{}` is {dtype} in the file and computed in FLOAT", t.name));
        }
        if constants.insert(t.name.clone(), value).is_some() {
            return Err(malformed(format!("two initializers are called `{}`", t.name)));
        }
    }
    Ok(constants)
}

struct Input {
    name: String,
    shape: Vec<usize>,
    file_batch: Option<usize>,
}

fn input(proto: &GraphProto, constants: &BTreeMap<String, Constant>) -> Result<Input, ReadError> {
    // Up to IR version 3 initializers are listed among the inputs.
    let inputs: Vec<_> = proto.input.iter().filter(|i| !constants.contains_key(&i.name)).collect();
    let [input] = inputs[..] else {
        let names: Vec<_> = inputs.iter().map(|i| i.name.as_str()).collect();
        return Err(unfit(format!(
            "the model has {} inputs ({}); Octet takes one picture and nothing else",
            names.len(),
            names.join(", ")
        )));
    };
    let name = input.name.clone();
    if name.is_empty() {
        return Err(malformed("the input has no name"));
    }
    let (elem_type, extents) = extents(input).ok_or_else(|| {
        unfit(format!("the shape of input `{name}` is not given; export the model with a fixed input size"))
    })?;
    if elem_type != DataType::Float as i32 {
        let found = DataType::try_from(elem_type).map_or("an unknown type", |t| t.as_str_name());
        return Err(unfit(format!("input `{name}` takes {found}; Octet needs float32 pixels")));
    }
    // Whether it is a picture is judged when the graph is lowered: then the nodes that need one can be named.
    let [batch, rest @ ..] = &extents[..] else {
        return Err(unfit(format!("input `{name}` is a scalar, not a picture")));
    };
    let mut shape = vec![1];
    for extent in rest {
        let fixed = extent.as_ref().ok().copied().filter(|&e| e > 0 && e <= MAX_INPUT_SIDE);
        shape.push(fixed.ok_or_else(|| {
            let shown = extents.iter().map(|e| match e {
                Ok(n) => n.to_string(),
                Err(symbol) => symbol.clone(),
            });
            unfit(format!(
                "input `{name}` has the shape [{}]; all but the batch must be fixed numbers up to {MAX_INPUT_SIDE}. \
                 Export the model with a fixed input size, or run `python -m \
                 onnxruntime.tools.make_dynamic_shape_fixed --input_name {name} --input_shape 1,3,224,224 IN.onnx OUT.onnx`",
                shown.collect::<Vec<_>>().join(", ")
            ))
        })?);
    }
    Ok(Input { name, shape, file_batch: batch.as_ref().ok().copied().filter(|&b| b > 1) })
}

/// Element type and extents of a value; symbolic extents are `Err(symbol)`.
fn extents(value: &ValueInfoProto) -> Option<(i32, Vec<Result<usize, String>>)> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    let shape = tensor.shape.as_ref()?;
    let extents = shape.dim.iter().map(|d| match &d.value {
        Some(Extent::DimValue(v)) => usize::try_from(*v).map_err(|_| v.to_string()),
        Some(Extent::DimParam(symbol)) if !symbol.is_empty() => Err(symbol.clone()),
        _ => Err("?".to_owned()),
    });
    Some((tensor.elem_type, extents.collect()))
}

fn output(proto: &GraphProto) -> Result<String, ReadError> {
    match &proto.output[..] {
        [one] if !one.name.is_empty() => Ok(one.name.clone()),
        outputs => Err(unfit(format!(
            "the model has {} outputs ({}); Octet needs one, the scores of the classes",
            outputs.len(),
            outputs.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn nodes(protos: Vec<NodeProto>, folder: &Path) -> Result<Vec<GraphNode>, ReadError> {
    let mut taken = HashSet::new();
    let mut nodes = Vec::with_capacity(protos.len());
    for (i, proto) in protos.into_iter().enumerate() {
        let base = if proto.name.is_empty() || proto.name.starts_with(GENERATED) {
            format!("{}_{i}", proto.op_type)
        } else {
            proto.name
        };
        let name = unique(&base, |n| taken.contains(n));
        taken.insert(name.clone());
        if proto.output.first().is_none_or(String::is_empty) {
            return Err(malformed(format!("node `{name}` has no output")));
        }
        let mut attributes = BTreeMap::new();
        for a in &proto.attribute {
            let value = attribute(a, folder)
                .map_err(|e| malformed(format!("attribute `{}` of node `{name}`: {e}", a.name)))?;
            attributes.insert(a.name.clone(), value);
        }
        let op = match proto.domain.as_str() {
            "" | "ai.onnx" => proto.op_type,
            domain => format!("{domain}.{}", proto.op_type),
        };
        // Outputs beyond the first (a Dropout's mask) matter only when someone reads them; empty ones do not exist.
        let outputs = proto.output.into_iter().filter(|o| !o.is_empty()).collect();
        nodes.push(GraphNode { name, op, inputs: proto.input, outputs, attributes, absorbed: Vec::new() });
    }
    Ok(nodes)
}

fn attribute(proto: &AttributeProto, folder: &Path) -> Result<Attribute, String> {
    let declared = AttributeType::try_from(proto.r#type).unwrap_or(AttributeType::Undefined);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match declared {
        AttributeType::Int => Attribute::Int(proto.i),
        AttributeType::Float => Attribute::Float(proto.f),
        AttributeType::String => Attribute::Text(text(&proto.s)),
        AttributeType::Ints => Attribute::Ints(proto.ints.clone()),
        AttributeType::Floats => Attribute::Floats(proto.floats.clone()),
        AttributeType::Tensor => {
            Attribute::Tensor(tensor::read(proto.t.as_ref().ok_or("it holds no tensor")?, folder)?)
        }
        // Files of IR version 1 and 2 carry no type: the field that is filled tells.
        AttributeType::Undefined if !proto.ints.is_empty() => Attribute::Ints(proto.ints.clone()),
        AttributeType::Undefined if !proto.floats.is_empty() => Attribute::Floats(proto.floats.clone()),
        AttributeType::Undefined if !proto.s.is_empty() => Attribute::Text(text(&proto.s)),
        AttributeType::Undefined if proto.t.is_none() && proto.f != 0.0 => Attribute::Float(proto.f),
        AttributeType::Undefined if proto.t.is_none() => Attribute::Int(proto.i),
        _ => Attribute::Other,
    })
}

/// Topological order (Kahn's algorithm, stable: nodes that are ready keep the file's order).
fn sort(
    nodes: Vec<GraphNode>,
    constants: &BTreeMap<String, Constant>,
    input: &str,
    output: &str,
) -> Result<Vec<GraphNode>, ReadError> {
    let mut producer: HashMap<&str, usize> = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        for value in &node.outputs {
            let twice =
                producer.insert(value, i).is_some() || value == input || constants.contains_key(value);
            if twice {
                return Err(malformed(format!(
                    "tensor `{value}` is made twice, once by node `{}`",
                    node.name
                )));
            }
        }
    }
    if !producer.contains_key(output) {
        return Err(malformed(format!("no node makes the output `{output}`")));
    }
    let mut waiting = vec![0_usize; nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        for value in node.inputs.iter().filter(|v| !v.is_empty()) {
            if let Some(&p) = producer.get(value.as_str()) {
                readers[p].push(i);
                waiting[i] += 1;
            } else if value != input && !constants.contains_key(value) {
                return Err(malformed(format!("node `{}` reads `{value}`, which nothing makes", node.name)));
            }
        }
    }
    let mut ready: VecDeque<usize> = (0..nodes.len()).filter(|&i| waiting[i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(i) = ready.pop_front() {
        order.push(i);
        for &reader in &readers[i] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push_back(reader);
            }
        }
    }
    if order.len() < nodes.len() {
        let stuck = nodes.iter().zip(&waiting).find(|(_, w)| **w > 0).map_or("", |(n, _)| n.name.as_str());
        return Err(malformed(format!("the graph has a cycle; node `{stuck}` waits for its own result")));
    }
    // A file that is in order already stays as it is: most are, and people know their nodes in that order.
    let position: HashMap<usize, usize> = order.iter().enumerate().map(|(at, &i)| (i, at)).collect();
    let in_order = readers.iter().enumerate().all(|(i, rs)| rs.iter().all(|&r| r > i));
    if in_order {
        return Ok(nodes);
    }
    let mut sorted: Vec<_> = nodes.into_iter().enumerate().collect();
    sorted.sort_by_key(|(i, _)| position.get(i).copied().unwrap_or(usize::MAX));
    Ok(sorted.into_iter().map(|(_, n)| n).collect())
}
