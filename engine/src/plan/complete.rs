//! Slots, and the exponents that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConstantPlan, Format, NodePlan, Operand, Plan, PlanError, Topology};
use crate::draft::{Bits, Draft, Slot, SlotRole};
use crate::network::{Network, NodeId, Op, TensorId};
use crate::quantize::EXPONENT_RANGE;
use crate::target::{Granularity, TargetSpec};

/// What a strategy has to decide: weights first, then activations, each in graph order.
///
/// Activations have a slot where an operation leaves them after its fused activation, unless it is passive; a
/// tensor that is read at another width has one more slot for that width (ESP-PPQ's section "TQC sharing").
pub fn slots(network: &Network, draft: &Draft, target: &TargetSpec) -> Vec<Slot> {
    let topology = Topology::new(network, draft);
    let mut weights = Vec::new();
    let mut activations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut activation = |tensor, bits, node| {
        if seen.insert((tensor, bits)) {
            activations.push(Slot { tensor, bits, role: SlotRole::Activation, node });
        }
    };
    activation(network.input, topology.input_bits(), None);
    for (id, node) in network.node_ids() {
        if let Some(axis) = output_channel_axis(&node.op) {
            let tensor = node.inputs[1];
            let channels = weight_channels(network, tensor, axis, target);
            let role = SlotRole::Weights { channels, axis };
            weights.push(Slot { tensor, bits: topology.bits(id), role, node: Some(id) });
        }
        for input in topology.activation_inputs(id) {
            let (root, stored_bits) = topology.root(input);
            if stored_bits != topology.bits(id) && !matches!(node.op, Op::Softmax { .. }) {
                activation(root, topology.bits(id), Some(id));
            }
        }
        if has_exponent(&node.op) && !node.op.is_passive() && topology.activation(id).is_none() {
            activation(node.output(), topology.bits(id), Some(id));
        }
    }
    weights.extend(activations);
    weights
}

/// The weights' axis of the output channels: `OIHW` and `[out, in]` have it first, `[in, out]` last.
pub(super) fn output_channel_axis(op: &Op) -> Option<usize> {
    match op {
        Op::Conv(_) => Some(0),
        Op::Gemm(gemm) => Some(if gemm.trans_b { 0 } else { 1 }),
        _ => None,
    }
}

/// Softmax leaves floats; everything else integers.
fn has_exponent(op: &Op) -> bool {
    !matches!(op, Op::Softmax { .. })
}

fn weight_channels(network: &Network, tensor: TensorId, axis: usize, target: &TargetSpec) -> usize {
    match target.weights {
        Granularity::PerTensor => 1,
        Granularity::PerChannel => network.tensor(tensor).shape.get(axis).copied().unwrap_or(1),
    }
}

/// Derives everything that a draft leaves implicit.
pub fn complete(network: &Network, draft: &Draft, target: &'static TargetSpec) -> Result<Plan, PlanError> {
    let topology = Topology::new(network, draft);
    let masters = align(&topology);
    let resolver = Resolver { topology: &topology, draft, masters };
    let input = resolver.stored(network.input, "the network's input")?;
    let mut nodes = Vec::with_capacity(network.nodes.len());
    for (id, node) in network.node_ids() {
        let bits = topology.bits(id);
        let output = match has_exponent(&node.op) {
            true => Some(resolver.stored(node.output(), &node.name)?),
            false => None,
        };
        let mut operands = Vec::new();
        for tensor in topology.activation_inputs(id) {
            let stored = resolver.stored(tensor, &node.name)?;
            let read = match (&node.op, output) {
                (Op::Add | Op::Concat { .. }, Some(output)) => output,
                (Op::Softmax { .. }, _) => stored,
                _ if stored.bits == bits => stored,
                _ => resolver.at_width(tensor, bits, &node.name)?,
            };
            operands.push(Operand { tensor, stored, read });
        }
        let (weights, bias) = constants(network, draft, target, id, bits, &operands)?;
        nodes.push(NodePlan {
            bits,
            operands,
            weights,
            bias,
            output,
            activation: topology.activation(id),
            activation_of: topology.activation_of(id),
            relu_for_clip: draft.relu_for_clip.contains(&id),
        });
    }
    Ok(Plan { target, input, nodes })
}

/// Alignment to the output (`QuantAlignmentPass`): whoever feeds only an Add or Concat, and is not passive, takes
/// its exponent. Maps a tensor to the tensor whose exponent it takes.
pub(super) fn align(topology: &Topology<'_>) -> Masters {
    let mut masters = BTreeMap::new();
    for (id, node) in topology.network.node_ids() {
        if !matches!(node.op, Op::Add | Op::Concat { .. }) {
            continue;
        }
        let (master, _) = topology.root(node.output());
        for input in topology.activation_inputs(id) {
            let Some(producer) = topology.producer(input) else { continue };
            let feeds_only_this = topology.consumers(input).len() == 1 && input != topology.network.output;
            let passive = topology.network.node(producer).op.is_passive();
            if feeds_only_this && !passive && topology.bits(producer) == topology.bits(id) {
                masters.insert(topology.root(input).0, master);
            }
        }
    }
    Masters(masters)
}

/// Which tensor takes the exponent of which.
pub(super) struct Masters(BTreeMap<TensorId, TensorId>);

impl Masters {
    /// The tensor whose exponent counts for a tensor that has its own.
    pub(super) fn last(&self, mut root: TensorId) -> TensorId {
        // Masters lie strictly later in the graph, so this ends.
        while let Some(&master) = self.0.get(&root) {
            root = master;
        }
        root
    }
}

struct Resolver<'a> {
    topology: &'a Topology<'a>,
    draft: &'a Draft,
    masters: Masters,
}

impl Resolver<'_> {
    /// The format in which `tensor` is stored.
    fn stored(&self, tensor: TensorId, node: &str) -> Result<Format, PlanError> {
        let (root, bits) = self.topology.root(tensor);
        self.chosen(self.masters.last(root), bits, node)
    }

    fn at_width(&self, tensor: TensorId, bits: Bits, node: &str) -> Result<Format, PlanError> {
        self.chosen(self.topology.root(tensor).0, bits, node)
    }

    fn chosen(&self, root: TensorId, bits: Bits, node: &str) -> Result<Format, PlanError> {
        let name = || self.topology.network.tensor(root).name.clone();
        let exponent = *self.draft.activation_exponents.get(&(root, bits)).ok_or_else(|| {
            PlanError::MissingExponent { tensor: name(), bits: bits.into(), node: node.to_owned() }
        })?;
        check_range(name, exponent)?;
        Ok(Format { bits, exponent })
    }
}

fn check_range(tensor: impl Fn() -> String, exponent: i32) -> Result<(), PlanError> {
    match EXPONENT_RANGE.contains(&exponent) {
        true => Ok(()),
        false => Err(PlanError::ExponentRange { tensor: tensor(), exponent }),
    }
}

fn constants(
    network: &Network,
    draft: &Draft,
    target: &TargetSpec,
    id: NodeId,
    bits: Bits,
    operands: &[Operand],
) -> Result<(Option<ConstantPlan>, Option<ConstantPlan>), PlanError> {
    let node = network.node(id);
    let Some(axis) = output_channel_axis(&node.op) else { return Ok((None, None)) };
    let tensor = node.inputs[1];
    let name = || network.tensor(tensor).name.clone();
    let exponents = draft.weight_exponents.get(&tensor).ok_or_else(|| PlanError::MissingExponent {
        tensor: name(),
        bits: bits.into(),
        node: node.name.clone(),
    })?;
    let expected = weight_channels(network, tensor, axis, target);
    if exponents.len() != expected {
        let hint = match target.weights {
            Granularity::PerTensor => "this target takes one per tensor",
            Granularity::PerChannel => "this target takes one per output channel",
        };
        return Err(PlanError::ExponentCount { tensor: name(), found: exponents.len(), expected, hint });
    }
    for &exponent in exponents {
        check_range(name, exponent)?;
    }
    let weights = ConstantPlan { tensor, bits: bits.into(), exponents: exponents.clone() };
    let bias = node.inputs.get(2).map(|&tensor| {
        let input_exponent = operands.first().map_or(0, |o| o.read.exponent);
        ConstantPlan {
            tensor,
            bits: match bits {
                Bits::Int8 => target.bias_bits_int8,
                Bits::Int16 => target.bias_bits_int16,
            },
            exponents: exponents.iter().map(|e| e + input_exponent).collect(),
        }
    });
    Ok((Some(weights), bias))
}
