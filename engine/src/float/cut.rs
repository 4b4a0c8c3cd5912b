//! Cuts through a network: which activations are alive at a point of its order.

use std::collections::BTreeSet;

use crate::network::{Network, TensorId};

/// The activations that the rest of the network needs once `tensor` has been computed, `tensor` itself first: it,
/// and what earlier nodes made that later ones read (in a residual block the block's input). From them alone the
/// network's output can be computed. For the output itself it is only the output.
pub fn cut_after(network: &Network, tensor: TensorId) -> Vec<TensorId> {
    let position = network.producer(tensor).map_or(0, |id| id.0 + 1);
    let mut alive = BTreeSet::new();
    let mut made: BTreeSet<TensorId> = BTreeSet::new();
    // What the rest reads without making it itself; nodes that do not lead to the output do not count.
    let mut needed: BTreeSet<TensorId> = BTreeSet::from([network.output]);
    for node in network.nodes.iter().skip(position).rev() {
        if node.outputs.iter().any(|o| needed.contains(o)) {
            made.extend(node.outputs.iter().copied());
            needed.extend(node.inputs.iter().copied().filter(|&i| network.tensor(i).data.is_none()));
        }
    }
    alive.extend(needed.difference(&made).copied().filter(|&t| t != tensor));
    std::iter::once(tensor).chain(alive).collect()
}
