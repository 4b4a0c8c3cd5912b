//! The neighbours of operations.

use std::collections::HashMap;

use octet_engine::network::{Network, NodeId, TensorId};

/// The neighbours of an operation, in topological order, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeLinks {
    /// What it reads.
    pub before: Vec<NodeId>,
    /// What reads it.
    pub after: Vec<NodeId>,
}

impl NodeLinks {
    /// The neighbours of all operations.
    pub fn of(network: &Network) -> Vec<Self> {
        let outputs = network.node_ids().flat_map(|(id, n)| n.outputs.iter().map(move |t| (*t, id)));
        let producer: HashMap<TensorId, NodeId> = outputs.collect();
        let mut links = vec![Self::default(); network.nodes.len()];
        for (id, node) in network.node_ids() {
            let mut before: Vec<NodeId> =
                node.inputs.iter().filter_map(|t| producer.get(t).copied()).collect();
            before.sort_unstable();
            before.dedup();
            before.iter().for_each(|b| links[b.0].after.push(id));
            links[id.0].before = before;
        }
        links
    }
}
