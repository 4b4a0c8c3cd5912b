//! Who feeds whom, and which activations are computed together with the operation before them.

use crate::draft::{Bits, Draft};
use crate::network::{Network, NodeId, Op, TensorId};

/// The network's edges under a draft, computed once.
pub(crate) struct Topology<'a> {
    pub(crate) network: &'a Network,
    producers: Vec<Option<NodeId>>,
    consumers: Vec<Vec<NodeId>>,
    bits: Vec<Bits>,
    activation: Vec<Option<NodeId>>,
    activation_of: Vec<Option<NodeId>>,
}

impl<'a> Topology<'a> {
    pub(crate) fn new(network: &'a Network, draft: &Draft) -> Self {
        let mut producers = vec![None; network.tensors.len()];
        let mut consumers = vec![Vec::new(); network.tensors.len()];
        for (id, node) in network.node_ids() {
            for &output in &node.outputs {
                producers[output.0] = Some(id);
            }
            for &input in &node.inputs {
                if consumers[input.0].last() != Some(&id) {
                    consumers[input.0].push(id);
                }
            }
        }
        let mut topology = Topology {
            network,
            producers,
            consumers,
            bits: Vec::with_capacity(network.nodes.len()),
            activation: vec![None; network.nodes.len()],
            activation_of: vec![None; network.nodes.len()],
        };
        for (id, node) in network.node_ids() {
            // A passive operation moves integers; their width is its input's.
            let bits = match topology.producer(node.inputs[0]) {
                Some(before) if node.op.is_passive() => topology.bits[before.0],
                _ => draft.bits_of(id),
            };
            topology.bits.push(bits);
        }
        for (id, node) in network.node_ids() {
            if node.op.is_passive() || matches!(node.op, Op::Relu | Op::Clip) {
                continue;
            }
            let output = node.output();
            let [next] = topology.consumers[output.0][..] else { continue };
            let fuses = matches!(network.node(next).op, Op::Relu | Op::Clip)
                && topology.bits(next) == topology.bits(id)
                && output != network.output;
            if fuses {
                topology.activation[id.0] = Some(next);
                topology.activation_of[next.0] = Some(id);
            }
        }
        topology
    }

    pub(crate) fn producer(&self, tensor: TensorId) -> Option<NodeId> {
        self.producers[tensor.0]
    }

    pub(crate) fn consumers(&self, tensor: TensorId) -> &[NodeId] {
        &self.consumers[tensor.0]
    }

    /// Width of a node.
    pub(crate) fn bits(&self, node: NodeId) -> Bits {
        self.bits[node.0]
    }

    /// The Relu or Clip that shares the exponent of `node`'s output.
    pub(crate) fn activation(&self, node: NodeId) -> Option<NodeId> {
        self.activation[node.0]
    }

    /// The node that `activation` belongs to.
    pub(crate) fn activation_of(&self, activation: NodeId) -> Option<NodeId> {
        self.activation_of[activation.0]
    }

    /// Width of the network's input: that of its first reader.
    pub(crate) fn input_bits(&self) -> Bits {
        self.consumers(self.network.input).first().map(|&n| self.bits(n)).unwrap_or_default()
    }

    /// The tensor whose exponent `tensor` carries, and its width: behind a fused activation the activation's
    /// output, behind a passive operation its input.
    pub(crate) fn root(&self, tensor: TensorId) -> (TensorId, Bits) {
        let mut tensor = tensor;
        loop {
            let Some(node) = self.producer(tensor) else { return (tensor, self.input_bits()) };
            if let Some(activation) = self.activation(node) {
                tensor = self.network.node(activation).output();
                return (tensor, self.bits(activation));
            }
            if !self.network.node(node).op.is_passive() {
                return (tensor, self.bits(node));
            }
            tensor = self.network.node(node).inputs[0];
        }
    }

    /// The activations that a node reads, in its order.
    pub(crate) fn activation_inputs(&self, node: NodeId) -> impl Iterator<Item = TensorId> + '_ {
        let network = self.network;
        network.node(node).inputs.iter().copied().filter(|t| network.tensor(*t).data.is_none())
    }
}
