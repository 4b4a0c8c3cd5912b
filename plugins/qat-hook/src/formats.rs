//! Which slot governs which tensor: fused activations, passive operations, alignment of Add and Concat.
//!
//! The host tells slots and exponents; a training also has to know where each is applied. These are the shared rules
//! of the engine (`plan/topology.rs` and `plan/complete.rs`; ESP-PPQ `quantization/optim/refine.py`).

use std::collections::BTreeMap;

use octet_plugin_api::sdk::{Node, TensorId};

use crate::model::Model;

/// Place of a slot in [`Model::slots`].
pub(crate) type SlotIndex = usize;

/// Edges and formats of a network under its draft.
pub(crate) struct Formats<'a> {
    model: &'a Model,
    /// Width per node; passive operations have their input's.
    bits: Vec<u32>,
    /// The Relu or Clip computed with a node, and the other way round.
    activation: Vec<Option<usize>>,
    activation_of: Vec<Option<usize>>,
    /// The slot's tensor whose exponent a slot's tensor takes.
    masters: BTreeMap<TensorId, TensorId>,
}

impl<'a> Formats<'a> {
    pub(crate) fn new(model: &'a Model) -> Formats<'a> {
        let count = model.nodes.len();
        let mut formats = Formats {
            model,
            bits: Vec::with_capacity(count),
            activation: vec![None; count],
            activation_of: vec![None; count],
            masters: BTreeMap::new(),
        };
        for node in &model.nodes {
            let before = first(&node.inputs).and_then(|input| formats.producer(input));
            let inherited = before.filter(|_| node.passive).and_then(|b| formats.bits.get(b).copied());
            formats.bits.push(inherited.unwrap_or(node.bits));
        }
        formats.fuse();
        formats.align();
        formats
    }

    fn fuse(&mut self) {
        for (index, node) in self.model.nodes.iter().enumerate() {
            if node.passive || is_activation(node) {
                continue;
            }
            let Some(output) = first(&node.outputs) else { continue };
            let [next] = self.consumers(output) else { continue };
            let Ok(next) = usize::try_from(*next) else { continue };
            let fuses = self.model.nodes.get(next).is_some_and(is_activation)
                && self.bits.get(next) == self.bits.get(index)
                && output != self.model.network.output;
            if fuses {
                self.activation[index] = Some(next);
                self.activation_of[next] = Some(index);
            }
        }
    }

    /// Whoever feeds only an Add or Concat, and is not passive, takes its exponent (`QuantAlignmentPass`).
    fn align(&mut self) {
        for (index, node) in self.model.nodes.iter().enumerate() {
            let (true, Some(output)) = (takes_one_format(node), first(&node.outputs)) else { continue };
            let master = self.root(output).0;
            for input in self.operands(node) {
                let Some(producer) = self.producer(input) else { continue };
                let feeds_only_this = self.consumers(input).len() == 1 && input != self.model.network.output;
                let passive = self.model.nodes.get(producer).is_some_and(|n| n.passive);
                if feeds_only_this && !passive && self.bits.get(producer) == self.bits.get(index) {
                    self.masters.insert(self.root(input).0, master);
                }
            }
        }
    }

    /// The activations that a node reads, in its order.
    pub(crate) fn operands<'n>(&self, node: &'n Node) -> impl Iterator<Item = TensorId> + use<'a, 'n> {
        let model = self.model;
        node.inputs.iter().copied().filter(move |&t| model.tensor(t).is_some_and(|t| !t.constant))
    }

    /// The slot in which a tensor is stored; `None` where no slot was decided, which a complete draft excludes.
    pub(crate) fn stored(&self, tensor: TensorId) -> Option<SlotIndex> {
        let (mut root, bits) = self.root(tensor);
        // Masters lie strictly later in the graph, so this ends.
        while let Some(&master) = self.masters.get(&root) {
            root = master;
        }
        self.slot(root, bits)
    }

    /// The slot in which `node` reads `operand`; `None` where it takes the value before it is rounded.
    pub(crate) fn read(&self, node: &Node, operand: TensorId) -> Option<SlotIndex> {
        let index = usize::try_from(node.id).ok()?;
        if self.activation_of.get(index).copied().flatten().is_some() {
            return None;
        }
        let bits = *self.bits.get(index)?;
        if takes_one_format(node) {
            return self.stored(first(&node.outputs)?);
        }
        let (root, stored_bits) = self.root(operand);
        if stored_bits == bits || node.op == "Softmax" { self.stored(operand) } else { self.slot(root, bits) }
    }

    /// The slot in which a node leaves its result; `None` where an activation follows that is computed with it, and
    /// for Softmax, which leaves floats.
    pub(crate) fn written(&self, node: &Node) -> Option<SlotIndex> {
        let index = usize::try_from(node.id).ok()?;
        let fused = self.activation.get(index).copied().flatten().is_some();
        if fused || node.op == "Softmax" { None } else { self.stored(first(&node.outputs)?) }
    }

    /// Width of a node.
    pub(crate) fn bits(&self, node: &Node) -> u32 {
        usize::try_from(node.id).ok().and_then(|i| self.bits.get(i)).copied().unwrap_or(node.bits)
    }

    /// The tensor that training compares: the scores, before a Softmax that ends the network.
    pub(crate) fn scores(&self) -> TensorId {
        let output = self.model.network.output;
        let mut tensor = output;
        while let Some(node) = self.producer(tensor).and_then(|p| self.model.nodes.get(p)) {
            match first(&node.inputs) {
                Some(input) if node.op == "Softmax" => return input,
                Some(input) if node.passive => tensor = input,
                _ => break,
            }
        }
        output
    }

    /// The slot of weights.
    pub(crate) fn weights(&self, node: &Node, tensor: TensorId) -> Option<SlotIndex> {
        self.slot(tensor, self.bits(node))
    }

    fn slot(&self, tensor: TensorId, bits: u32) -> Option<SlotIndex> {
        self.model.slots.iter().position(|d| (d.slot.tensor, d.slot.bits) == (tensor, bits))
    }

    /// The tensor whose exponent `tensor` carries, and its width: behind a fused activation the activation's output,
    /// behind a passive operation its input.
    fn root(&self, tensor: TensorId) -> (TensorId, u32) {
        let mut tensor = tensor;
        loop {
            let Some(index) = self.producer(tensor) else { return (tensor, self.input_bits()) };
            let Some(node) = self.model.nodes.get(index) else { return (tensor, self.input_bits()) };
            let bits = |i: usize| self.bits.get(i).copied().unwrap_or(node.bits);
            if let Some(activation) = self.activation.get(index).copied().flatten() {
                let output = self.model.nodes.get(activation).and_then(|n| first(&n.outputs));
                return (output.unwrap_or(tensor), bits(activation));
            }
            match first(&node.inputs) {
                Some(input) if node.passive => tensor = input,
                _ => return (tensor, bits(index)),
            }
        }
    }

    /// Width of the network's input: that of its first reader.
    fn input_bits(&self) -> u32 {
        let reader = self.consumers(self.model.network.input).first();
        let reader = reader.and_then(|&n| usize::try_from(n).ok());
        reader.and_then(|n| self.bits.get(n).copied()).unwrap_or(8)
    }

    fn producer(&self, tensor: TensorId) -> Option<usize> {
        self.model.tensor(tensor)?.producer.and_then(|n| usize::try_from(n).ok())
    }

    fn consumers(&self, tensor: TensorId) -> &'a [u64] {
        self.model.tensor(tensor).map_or(&[], |t| t.consumers.as_slice())
    }
}

fn first(tensors: &[TensorId]) -> Option<TensorId> {
    tensors.first().copied()
}

fn is_activation(node: &Node) -> bool {
    matches!(node.op.as_str(), "Relu" | "Clip")
}

fn takes_one_format(node: &Node) -> bool {
    matches!(node.op.as_str(), "Add" | "Concat")
}
