//! The graph: one `.espdl` node per operation, plus the conversions between formats and layouts.

use std::collections::HashMap;

use super::constants::{
    bias_tensor, clamp_table, list, quantize_bound, rescale, scalar, scalar_f32, weights_tensor,
};
use super::{LowerError, LowerOptions, element_type};
use crate::draft::{Bits, Draft};
use crate::espdl::{Attribute, ElementType, File, Node, Tensor, Value};
use crate::network::{Network, Node as NetworkNode, NodeId, Op, Padding, TensorId, Window};
use crate::plan::{Format, NodePlan, Plan};

pub(super) struct Lowering<'a> {
    network: &'a Network,
    draft: &'a Draft,
    plan: &'a Plan,
    options: LowerOptions,
    file: File,
    /// Clamp tables by (bits, exponent, lower, upper).
    tables: HashMap<(Bits, i32, i64, i64), String>,
    /// The name under which a tensor is stored in the file.
    stored_names: HashMap<TensorId, String>,
    /// Requantized copies by tensor and format.
    requantized: HashMap<(TensorId, Format), String>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(network: &'a Network, draft: &'a Draft, plan: &'a Plan, options: LowerOptions) -> Self {
        Lowering {
            network,
            draft,
            plan,
            options,
            file: File {
                name: network.name.clone(),
                ir_version: network.ir_version as i32,
                ..File::default()
            },
            tables: HashMap::new(),
            stored_names: HashMap::new(),
            requantized: HashMap::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<File, LowerError> {
        let input = self.network.tensor(self.network.input);
        let value = self.value(&input.name, &input.shape, Some(self.plan.input));
        self.file.inputs.push(value);
        self.stored_names.insert(self.network.input, input.name.clone());
        for (id, node) in self.network.node_ids() {
            self.node(id, node)?;
        }
        let output = self.stored_name(self.network.output);
        let position = self.file.values.iter().position(|v| v.name == output);
        if let Some(position) = position {
            let value = self.file.values.remove(position);
            self.file.outputs.push(value);
        }
        self.file.metadata = vec![("octet.target".to_owned(), self.plan.target.name.to_owned())];
        Ok(self.file)
    }

    fn value(&self, name: &str, shape_nchw: &[usize], format: Option<Format>) -> Value {
        Value {
            name: name.to_owned(),
            dims: nhwc(shape_nchw),
            element_type: format.map_or(ElementType::F32, |f| element_type(f.bits)),
            exponent: format.map(|f| i64::from(f.exponent)),
        }
    }

    fn stored_name(&self, tensor: TensorId) -> String {
        let name = self.stored_names.get(&tensor);
        name.cloned().unwrap_or_else(|| self.network.tensor(tensor).name.clone())
    }

    fn unsupported(&self, node: &NetworkNode, reason: impl Into<String>) -> LowerError {
        LowerError::Unsupported { node: node.name.clone(), op: node.op.onnx_name(), reason: reason.into() }
    }

    fn node(&mut self, id: NodeId, node: &NetworkNode) -> Result<(), LowerError> {
        let plan = self.plan;
        let planned = plan.node(id);
        if let Some(producer) = planned.activation_of
            && self.is_fused(producer)
        {
            return Ok(());
        }
        let mut inputs = self.operands(planned);
        let quant_type = match planned.bits {
            Bits::Int8 => "S8",
            Bits::Int16 => "S16",
        };
        let mut attributes = vec![("quant_type", Attribute::Text(quant_type.to_owned()))];
        match &node.op {
            Op::Conv(conv) => {
                self.constants(node, planned, &mut inputs)?;
                window_attributes(&conv.window, &mut attributes);
                attributes.push(("group", Attribute::Int(conv.group as i64)));
                attributes.push(("activation", self.activation_name(id)));
            }
            Op::Gemm(_) => {
                self.constants(node, planned, &mut inputs)?;
                attributes.push(("activation", self.activation_name(id)));
                attributes.push(("alpha", Attribute::Float(1.0)));
                attributes.push(("beta", Attribute::Float(1.0)));
                attributes.push(("transB", Attribute::Int(0)));
            }
            Op::Clip if !planned.relu_for_clip => {
                let table = self.clip_constants(id, node, planned, &mut inputs);
                attributes.push(("lut", Attribute::Text(table)));
            }
            Op::Add | Op::Relu | Op::Clip | Op::GlobalAveragePool => {}
            Op::AveragePool(pool) | Op::MaxPool(pool) => {
                window_attributes(&pool.window, &mut attributes);
                if matches!(node.op, Op::AveragePool(_)) {
                    attributes.push(("count_include_pad", Attribute::Int(i64::from(pool.count_include_pad))));
                }
                attributes.push(("ceil_mode", Attribute::Int(0)));
            }
            Op::Flatten { .. } | Op::Reshape => {
                let shape = &self.network.tensor(node.output()).shape;
                if shape.len() > 2 {
                    return Err(self.unsupported(node, "only shapes [1, n] can follow; flatten instead"));
                }
                self.channels_first(node, planned, &mut inputs);
                attributes.push(("axis", Attribute::Int(1)));
            }
            Op::Transpose { perm } => {
                let perm = self.transpose_nhwc(node, perm)?;
                attributes.push(("perm", Attribute::Ints(perm)));
            }
            Op::Softmax { axis } => {
                let rank = self.network.tensor(node.inputs[0]).shape.len();
                attributes.push(("axis", Attribute::Int(nhwc_axis(*axis, rank) as i64)));
            }
            Op::Pad { pads, value } => {
                let format = planned.output.unwrap_or(plan.input);
                let value = quantize_bound(*value, format.exponent, format.bits, plan.target.rounding);
                // As in ONNX since opset 11: counts and fill value are inputs.
                let (counts, fill) = (format!("{}_pads", node.name), format!("{}_value", node.name));
                self.file.initializers.push(list(counts.clone(), &nhwc_pads(pads)));
                let fill_type = element_type(format.bits);
                self.file.initializers.push(scalar(
                    fill.clone(),
                    value,
                    fill_type,
                    i64::from(format.exponent),
                ));
                inputs.extend([counts, fill]);
                attributes.push(("mode", Attribute::Text("constant".to_owned())));
            }
            Op::Concat { axis } => {
                let rank = self.network.tensor(node.output()).shape.len();
                attributes.push(("axis", Attribute::Int(nhwc_axis(*axis, rank) as i64)));
            }
        }
        let op_type = match &node.op {
            // Both are the same move of bytes once the axes are in order.
            Op::Reshape => "Flatten",
            Op::Clip if planned.relu_for_clip => "Relu",
            op => op.onnx_name(),
        };
        let result = match planned.activation.filter(|_| self.is_fused(id)) {
            Some(activation) => self.network.node(activation).output(),
            None => node.output(),
        };
        let tensor = self.network.tensor(result);
        let value = self.value(&tensor.name, &tensor.shape, planned.output);
        self.stored_names.insert(result, tensor.name.clone());
        self.push(&node.name, op_type, inputs, value, attributes);
        Ok(())
    }

    fn push(
        &mut self,
        name: &str,
        op_type: &'static str,
        inputs: Vec<String>,
        output: Value,
        mut attributes: Vec<(&'static str, Attribute)>,
    ) {
        attributes.sort_by_key(|(name, _)| *name);
        let outputs = vec![output.name.clone()];
        self.file.values.push(output);
        self.file.nodes.push(Node { name: name.to_owned(), op_type, inputs, outputs, attributes });
    }

    /// True when the activation of `producer` is computed inside it: a ReLU, or a Clip that is one in these
    /// integers (lower bound 0, upper bound at or beyond the type's maximum).
    fn is_fused(&self, producer: NodeId) -> bool {
        let Some(activation) = self.plan.node(producer).activation else { return false };
        if !self.network.node(producer).op.is_computing() {
            return false;
        }
        let planned = self.plan.node(activation);
        match self.network.node(activation).op {
            Op::Relu => true,
            Op::Clip if planned.relu_for_clip => true,
            Op::Clip => {
                let (lower, upper) = self.integer_bounds(activation);
                !self.options.keep_clip && lower == 0 && upper == i64::from(planned.bits.range().1)
            }
            _ => false,
        }
    }

    fn activation_name(&self, id: NodeId) -> Attribute {
        Attribute::Text(if self.is_fused(id) { "Relu" } else { "Linear" }.to_owned())
    }

    /// A Clip's bounds as integers; a missing bound is the type's.
    fn integer_bounds(&self, clip: NodeId) -> (i64, i64) {
        let planned = self.plan.node(clip);
        let (node, (lo, hi)) = (self.network.node(clip), planned.bits.range());
        let exponent = planned.output.map_or(0, |f| f.exponent);
        let bound = |position: usize, default: i32| {
            let tensor = node.inputs.get(position).map(|&t| self.constant(t));
            match tensor.and_then(|values| values.first().copied()) {
                Some(bound) => quantize_bound(bound, exponent, planned.bits, self.plan.target.rounding),
                None => i64::from(default),
            }
        };
        (bound(1, lo), bound(2, hi))
    }

    fn constant(&self, tensor: TensorId) -> &'a [f32] {
        match self.draft.replaced(tensor) {
            Some(values) => values,
            None => self.network.tensor(tensor).data.as_deref().unwrap_or_default(),
        }
    }

    /// Names of a node's operands, requantized where their formats differ.
    fn operands(&mut self, planned: &NodePlan) -> Vec<String> {
        let mut names = Vec::new();
        for operand in &planned.operands {
            let stored = self.stored_name(operand.tensor);
            if operand.stored == operand.read {
                names.push(stored);
                continue;
            }
            let key = (operand.tensor, operand.read);
            let name = match self.requantized.get(&key) {
                Some(name) => name.clone(),
                None => {
                    let name = self.requantize(&stored, operand.tensor, operand.stored, operand.read);
                    self.requantized.insert(key, name.clone());
                    name
                }
            };
            names.push(name);
        }
        names
    }

    fn requantize(&mut self, stored: &str, tensor: TensorId, from: Format, to: Format) -> String {
        let name = format!("{stored}_at_{}_bits_exponent_{}", u32::from(to.bits), to.exponent);
        let value = self.value(&name, &self.network.tensor(tensor).shape, Some(to));
        let scale = scalar_f32(format!("{name}_rescale"), rescale(from.exponent, to.exponent));
        let offset = scalar(format!("{name}_offset"), 0, element_type(to.bits), 0);
        let inputs = vec![stored.to_owned(), scale.name.clone(), offset.name.clone()];
        self.file.initializers.extend([scale, offset]);
        let quant_type = if to.bits == Bits::Int8 { "S8" } else { "S16" };
        let attributes = vec![("quant_type", Attribute::Text(quant_type.to_owned()))];
        self.push(&format!("{name}_requantize"), "RequantizeLinear", inputs, value, attributes);
        name
    }

    fn constants(
        &mut self,
        node: &NetworkNode,
        planned: &NodePlan,
        inputs: &mut Vec<String>,
    ) -> Result<(), LowerError> {
        let target = self.plan.target;
        let Some(weights) = &planned.weights else { return Err(self.unsupported(node, "it has no weights")) };
        let tensor = self.network.tensor(weights.tensor);
        let values = self.constant(weights.tensor);
        let lowered = weights_tensor(&tensor.name, &node.op, values, &tensor.shape, weights, target)
            .ok_or_else(|| self.unsupported(node, "its weights have an unexpected shape"))?;
        self.add_constant(node, lowered, inputs);
        if let Some(bias) = &planned.bias {
            let (name, values) = (&self.network.tensor(bias.tensor).name, self.constant(bias.tensor));
            let lowered = bias_tensor(name, values, bias, target.rounding);
            self.add_constant(node, lowered, inputs);
        }
        Ok(())
    }

    /// Adds a constant under its own name, or under the node's when another node quantized it differently.
    fn add_constant(&mut self, node: &NetworkNode, mut tensor: Tensor, inputs: &mut Vec<String>) {
        match self.file.initializers.iter().find(|t| t.name == tensor.name) {
            Some(same) if *same == tensor => {}
            Some(_) => {
                tensor.name = format!("{}_of_{}", tensor.name, node.name);
                inputs.push(tensor.name.clone());
                self.file.initializers.push(tensor);
                return;
            }
            None => self.file.initializers.push(tensor.clone()),
        }
        inputs.push(tensor.name);
    }

    fn clip_constants(
        &mut self,
        id: NodeId,
        node: &NetworkNode,
        planned: &NodePlan,
        inputs: &mut Vec<String>,
    ) -> String {
        let exponent = planned.output.map_or(0, |f| f.exponent);
        let (lower, upper) = self.integer_bounds(id);
        for (bound, value) in [("min", lower), ("max", upper)] {
            let name = format!("{}_{bound}", node.name);
            inputs.push(name.clone());
            let tensor = scalar(name, value, element_type(planned.bits), i64::from(exponent));
            self.file.initializers.push(tensor);
        }
        let key = (planned.bits, exponent, lower, upper);
        if let Some(name) = self.tables.get(&key) {
            return name.clone();
        }
        let name = format!("Clip_lut_{}", self.tables.len());
        self.file.initializers.push(clamp_table(name.clone(), planned.bits, exponent, lower, upper));
        self.tables.insert(key, name.clone());
        name
    }

    /// Puts a picture's axes back into ONNX's order before they are merged.
    fn channels_first(&mut self, node: &NetworkNode, planned: &NodePlan, inputs: &mut [String]) {
        let shape = &self.network.tensor(node.inputs[0]).shape;
        let (&[batch, c, h, w], Some(operand), Some(input)) =
            (&shape[..], planned.operands.first(), inputs.first_mut())
        else {
            return;
        };
        let name = format!("{input}_channels_first");
        let mut value = self.value(&name, shape, Some(operand.read));
        value.dims = [batch, c, h, w].iter().map(|&d| d as i64).collect();
        let stored = std::mem::replace(input, name.clone());
        let quant_type = if planned.bits == Bits::Int8 { "S8" } else { "S16" };
        let attributes = vec![
            ("perm", Attribute::Ints(vec![0, 3, 1, 2])),
            ("quant_type", Attribute::Text(quant_type.to_owned())),
        ];
        self.push(&format!("{name}_transpose"), "Transpose", vec![stored], value, attributes);
    }

    /// The permutation of an NCHW tensor's axes as one of the stored NHWC axes.
    fn transpose_nhwc(&self, node: &NetworkNode, perm: &[usize]) -> Result<Vec<i64>, LowerError> {
        match perm.len() {
            // Stored axis i is NCHW axis `STORED[i]`, on both sides.
            4 => {
                const STORED: [usize; 4] = [0, 2, 3, 1];
                let back = |axis: usize| STORED.iter().position(|&s| s == axis).unwrap_or(0) as i64;
                Ok(STORED.iter().map(|&axis| back(perm[axis])).collect())
            }
            2 | 3 => Ok(perm.iter().map(|&p| p as i64).collect()),
            rank => Err(self.unsupported(node, format!("tensors of {rank} axes cannot be transposed"))),
        }
    }
}

/// Extents of a stored tensor: four axes become NHWC, fewer stay.
fn nhwc(shape: &[usize]) -> Vec<i64> {
    match *shape {
        [n, c, h, w] => [n, h, w, c].iter().map(|&d| d as i64).collect(),
        _ => shape.iter().map(|&d| d as i64).collect(),
    }
}

fn nhwc_axis(axis: usize, rank: usize) -> usize {
    match (rank, axis) {
        (4, 1) => 3,
        (4, 2) => 1,
        (4, 3) => 2,
        _ => axis,
    }
}

/// ONNX order: begins of all axes, then ends.
fn nhwc_pads(pads: &Padding) -> Vec<i64> {
    [0, pads.top, pads.left, 0, 0, pads.bottom, pads.right, 0].iter().map(|&p| p as i64).collect()
}

fn window_attributes(window: &Window, attributes: &mut Vec<(&'static str, Attribute)>) {
    let ints = |values: &[usize]| Attribute::Ints(values.iter().map(|&v| v as i64).collect());
    let Padding { top, left, bottom, right } = window.pads;
    attributes.push(("kernel_shape", ints(&window.kernel)));
    attributes.push(("strides", ints(&window.strides)));
    attributes.push(("dilations", ints(&window.dilations)));
    attributes.push(("pads", ints(&[top, left, bottom, right])));
}
