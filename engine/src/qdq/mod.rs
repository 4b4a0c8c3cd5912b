//! A plan as an ONNX model with QuantizeLinear / DequantizeLinear pairs (opset 21), for other tools.
//!
//! QuantizeLinear rounds half to even, which is what the ESP32-P4 does. For targets that round half up an Add of a
//! small constant stands before it, which lifts what lies exactly between two integers and nothing else.

use std::collections::HashMap;

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
};

use crate::draft::{Bits, Draft};
use crate::lower::{quantize_bias, quantize_weights};
use crate::network::{Network, NodeId, Op, TensorId};
use crate::onnx::build::{floats_tensor, int, node, tensor, value};
use crate::onnx::node_proto;
use crate::plan::{ConstantPlan, Format, Plan};
use crate::quantize::exp2;
use crate::session::{float_network, weights::values};
use crate::target::Rounding;

/// int16 and per-axis quantization need it.
const OPSET: i64 = 21;
const IR_VERSION: i64 = 10;
/// ONNX has no integer type of 40 or 64 bits that DequantizeLinear takes.
const WIDEST_BIAS_BITS: u32 = 32;
/// What is added before QuantizeLinear to round half up, in steps of the result: more than half a unit in the last
/// place of f32 at the end of the range, less than the grid on which sums lie.
const HALF_UP_INT8: f32 = 1.0 / (1 << 14) as f32;
const HALF_UP_INT16: f32 = 1.0 / (1 << 8) as f32;

/// The model as bytes.
pub fn to_qdq(network: &Network, draft: &Draft, plan: &Plan) -> Vec<u8> {
    let network = float_network(network, draft);
    let mut export =
        Export { network: &network, draft, plan, graph: GraphProto::default(), read: HashMap::new() };
    export.graph.name = network.name.clone();
    export.run();
    let metadata = network.metadata.iter();
    let model = ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        producer_name: "octet".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(export.graph),
        metadata_props: metadata
            .map(|(key, value)| StringStringEntryProto { key: key.clone(), value: value.clone() })
            .collect(),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

struct Export<'a> {
    network: &'a Network,
    draft: &'a Draft,
    plan: &'a Plan,
    graph: GraphProto,
    /// The dequantized name of a tensor in a format.
    read: HashMap<(TensorId, Format), String>,
}

fn dtype(bits: u32) -> DataType {
    match bits {
        8 => DataType::Int8,
        16 => DataType::Int16,
        _ => DataType::Int32,
    }
}

fn integers(values: impl Iterator<Item = i64>, dtype: DataType) -> Vec<u8> {
    let mut bytes = Vec::new();
    for v in values {
        match dtype {
            DataType::Int8 => bytes.extend((v as i8).to_le_bytes()),
            DataType::Int16 => bytes.extend((v as i16).to_le_bytes()),
            _ => bytes.extend((v as i32).to_le_bytes()),
        }
    }
    bytes
}

impl Export<'_> {
    fn run(&mut self) {
        let network = self.network;
        let input = network.tensor(network.input);
        self.graph.input.push(value(&input.name, &input.shape));
        let input_name = input.name.clone();
        self.quantize(network.input, &input_name, self.plan.input);
        for (id, of) in network.node_ids() {
            self.node(id, of);
        }
        let output = network.tensor(network.output);
        self.graph.output.push(value(&output.name, &output.shape));
    }

    fn node(&mut self, id: NodeId, of: &crate::network::Node) {
        let (network, planned) = (self.network, self.plan.node(id));
        let (mut proto, extra) = node_proto(network, of);
        self.graph.initializer.extend(extra);
        let mut operands = planned.operands.iter();
        for (position, &input) in of.inputs.iter().enumerate() {
            if network.tensor(input).data.is_some() {
                proto.input[position] = self.constant(id, input);
            } else if let Some(operand) = operands.next() {
                let fused = planned.activation_of.is_some();
                if !fused {
                    proto.input[position] = self.read_as(operand.tensor, operand.stored, operand.read);
                }
            }
        }
        let result = of.output();
        let name = network.tensor(result).name.clone();
        let quantized = planned.output.filter(|_| planned.activation.is_none());
        if let Some(format) = quantized {
            let float = format!("{name}/float");
            proto.output[0] = float.clone();
            self.graph.node.push(proto);
            self.quantize(result, &float, format);
        } else {
            self.graph.node.push(proto);
        }
    }

    /// The name under which a node reads a tensor, requantized where its format differs.
    fn read_as(&mut self, tensor: TensorId, stored: Format, read: Format) -> String {
        if let Some(name) = self.read.get(&(tensor, read)) {
            return name.clone();
        }
        match self.read.get(&(tensor, stored)).cloned() {
            Some(name) => self.quantize(tensor, &name, read),
            None => self.network.tensor(tensor).name.clone(),
        }
    }

    /// Adds the pair behind `float`. The network's output keeps its name.
    fn quantize(&mut self, tensor_id: TensorId, float: &str, format: Format) -> String {
        let name = &self.network.tensor(tensor_id).name;
        let base = format!("{name}/{}_bits_exponent_{}", u32::from(format.bits), format.exponent);
        let dequantized =
            if tensor_id == self.network.output { name.clone() } else { format!("{base}/dequantized") };
        let (scale, zero, integer) = (format!("{base}/scale"), format!("{base}/zero"), format!("{base}/q"));
        let dtype = dtype(format.bits.into());
        self.graph.initializer.push(floats_tensor(&scale, &[], &[exp2(format.exponent)]));
        self.graph.initializer.push(tensor(&zero, dtype, &[], integers(std::iter::once(0), dtype)));
        let float = self.half_up(tensor_id, float, format, &base);
        let operands = [float.as_str(), &scale, &zero];
        self.push(node("QuantizeLinear", &format!("{base}/quantize"), &operands, &integer, Vec::new()));
        let operands = [integer.as_str(), &scale, &zero];
        self.push(node(
            "DequantizeLinear",
            &format!("{base}/dequantize"),
            &operands,
            &dequantized,
            Vec::new(),
        ));
        self.read.insert((tensor_id, format), dequantized.clone());
        dequantized
    }

    /// The name of `float` prepared for a QuantizeLinear that rounds as the target does. Values of the network's input
    /// are no sums of integers and need nothing.
    fn half_up(&mut self, tensor_id: TensorId, float: &str, format: Format, base: &str) -> String {
        if self.plan.target.rounding == Rounding::HalfEven || tensor_id == self.network.input {
            return float.to_owned();
        }
        let steps = if format.bits == Bits::Int8 { HALF_UP_INT8 } else { HALF_UP_INT16 };
        let (constant, lifted) = (format!("{base}/half_up/constant"), format!("{base}/half_up"));
        self.graph.initializer.push(floats_tensor(&constant, &[], &[steps * exp2(format.exponent)]));
        self.push(node("Add", &lifted, &[float, &constant], &lifted, Vec::new()));
        lifted
    }

    fn push(&mut self, proto: NodeProto) {
        self.graph.node.push(proto);
    }

    /// The name of a node's constant: dequantized integers, or the float itself (bounds, biases of int16 layers).
    fn constant(&mut self, id: NodeId, constant: TensorId) -> String {
        let (network, draft, planned) = (self.network, self.draft, self.plan.node(id));
        let of = network.tensor(constant);
        let rounding = self.plan.target.rounding;
        let is = |plan: &Option<ConstantPlan>| plan.as_ref().is_some_and(|p| p.tensor == constant);
        if let Some(plan) = planned.weights.as_ref().filter(|_| is(&planned.weights)) {
            let axis = match &network.node(id).op {
                Op::Gemm(gemm) if !gemm.trans_b => 1,
                _ => 0,
            };
            let q = quantize_weights(values(network, draft, constant), &of.shape, axis, plan, rounding);
            return self.dequantized(
                id,
                &of.name,
                &of.shape,
                axis,
                plan,
                q.into_iter().map(i64::from).collect(),
            );
        }
        if let Some(plan) = planned.bias.as_ref().filter(|p| is(&planned.bias) && p.bits <= WIDEST_BIAS_BITS)
        {
            let q = quantize_bias(values(network, draft, constant), plan, rounding);
            return self.dequantized(id, &of.name, &of.shape, 0, plan, q);
        }
        self.add(floats_tensor(&of.name, &of.shape, values(network, draft, constant)));
        of.name.clone()
    }

    fn dequantized(
        &mut self,
        id: NodeId,
        name: &str,
        shape: &[usize],
        axis: usize,
        plan: &ConstantPlan,
        q: Vec<i64>,
    ) -> String {
        let base = format!("{name}/of/{}", self.network.node(id).name);
        let bits = if plan.bits <= 16 { plan.bits } else { 32 };
        let dtype = dtype(bits);
        let (integer, scale, zero) = (format!("{base}/q"), format!("{base}/scale"), format!("{base}/zero"));
        let per_axis = plan.exponents.len() > 1;
        let scales: Vec<f32> = plan.exponents.iter().map(|&e| exp2(e)).collect();
        let scale_shape: &[usize] = if per_axis { &[scales.len()] } else { &[] };
        self.add(tensor(&integer, dtype, shape, integers(q.into_iter(), dtype)));
        self.add(floats_tensor(&scale, scale_shape, &scales));
        self.add(tensor(&zero, dtype, scale_shape, integers(scales.iter().map(|_| 0), dtype)));
        let attributes = if per_axis { vec![int("axis", axis as i64)] } else { Vec::new() };
        let result = format!("{base}/dequantized");
        let operands = [integer.as_str(), &scale, &zero];
        self.push(node("DequantizeLinear", &format!("{base}/dequantize"), &operands, &result, attributes));
        result
    }

    fn add(&mut self, tensor: TensorProto) {
        if !self.graph.initializer.iter().any(|t| t.name == tensor.name) {
            self.graph.initializer.push(tensor);
        }
    }
}
