//! Units: an operation together with the activation that is computed with it. They have one width and are promoted
//! as one.

use std::collections::{BTreeMap, BTreeSet};

use octet_plugin_api::sdk::{Error, Host, Node, NodeId, TensorId};

/// Place of a unit in graph order.
pub(crate) type UnitId = usize;

/// One unit.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// The operation, then its activation.
    pub(crate) nodes: Vec<Node>,
    /// The units that it reads from, past operations that only move values.
    pub(crate) before: BTreeSet<UnitId>,
    /// The units that read from it.
    pub(crate) after: BTreeSet<UnitId>,
}

/// The units of a network, without passive operations and Softmax.
#[derive(Debug, Clone)]
pub(crate) struct Units(Vec<Unit>);

impl Units {
    /// Reads the network.
    pub(crate) fn of(host: &Host<'_>) -> Result<Units, Error> {
        let nodes = host.nodes()?;
        let mut consumers = BTreeMap::new();
        for node in &nodes {
            for &output in &node.outputs {
                consumers.insert(output, host.tensor(output)?.consumers);
            }
        }
        Ok(Units::from_nodes(nodes, &consumers))
    }

    /// `consumers` maps each activation to the nodes that read it.
    pub(crate) fn from_nodes(nodes: Vec<Node>, consumers: &BTreeMap<TensorId, Vec<NodeId>>) -> Units {
        let is_activation = |node: &Node| matches!(node.op.as_str(), "Relu" | "Clip");
        let mut units: Vec<Unit> = Vec::new();
        // The unit whose result a tensor holds.
        let mut origin: BTreeMap<TensorId, UnitId> = BTreeMap::new();
        for node in nodes {
            let source = node.inputs.first().and_then(|input| origin.get(input)).copied();
            let sole = |tensor: &TensorId| consumers.get(tensor).is_some_and(|readers| readers.len() == 1);
            let fuses = is_activation(&node) && node.inputs.first().is_some_and(sole);
            let follows_directly = |unit: UnitId| {
                let nodes = units.get(unit).map_or(&[][..], |unit| &unit.nodes);
                nodes.len() == 1
                    && !nodes.iter().any(is_activation)
                    && nodes.iter().any(|n| n.outputs.first() == node.inputs.first())
            };
            let home = match source {
                Some(unit) if fuses && follows_directly(unit) => Some(unit),
                Some(unit) if node.passive => Some(unit),
                _ => None,
            };
            let before: BTreeSet<UnitId> =
                node.inputs.iter().filter_map(|input| origin.get(input)).copied().collect();
            let unit = match home {
                Some(unit) => unit,
                // What moves the picture itself has no width of its own.
                None if node.passive || node.op == "Softmax" => continue,
                None => {
                    units.push(Unit { nodes: Vec::new(), before, after: BTreeSet::new() });
                    units.len() - 1
                }
            };
            origin.extend(node.outputs.iter().map(|&output| (output, unit)));
            if !node.passive
                && let Some(unit) = units.get_mut(unit)
            {
                unit.nodes.push(node);
            }
        }
        let edges: Vec<(UnitId, UnitId)> =
            units.iter().enumerate().flat_map(|(i, u)| u.before.iter().map(move |&b| (b, i))).collect();
        for (from, to) in edges {
            if let Some(unit) = units.get_mut(from) {
                unit.after.insert(to);
            }
        }
        Units(units)
    }

    /// All ids in graph order.
    pub(crate) fn ids(&self) -> std::ops::Range<UnitId> {
        0..self.0.len()
    }

    /// A unit.
    pub(crate) fn get(&self, unit: UnitId) -> Option<&Unit> {
        self.0.get(unit)
    }

    /// The names under which the user may know a unit: of its nodes, and of those that were merged into them.
    pub(crate) fn names(&self, unit: UnitId) -> impl Iterator<Item = &str> {
        let nodes = self.0.get(unit).map_or(&[][..], |unit| &unit.nodes);
        nodes.iter().flat_map(|node| {
            std::iter::once(node.name.as_str()).chain(node.absorbed.iter().map(String::as_str))
        })
    }

    /// The name of its operation.
    pub(crate) fn name(&self, unit: UnitId) -> &str {
        self.names(unit).next().unwrap_or("?")
    }

    /// True for convolutions and fully connected layers.
    pub(crate) fn computes(&self, unit: UnitId) -> bool {
        self.0.get(unit).is_some_and(|unit| unit.nodes.iter().any(|node| node.computing))
    }

    /// True when it has 16 bits under the draft.
    pub(crate) fn is_wide(&self, unit: UnitId, host: &Host<'_>) -> Result<bool, Error> {
        let Some(first) = self.0.get(unit).and_then(|unit| unit.nodes.first()) else { return Ok(false) };
        Ok(host.node(first.id)?.bits == 16)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn node(id: u64, name: &str, op: &str, inputs: &[u64], output: u64) -> Node {
        Node {
            id,
            name: name.to_owned(),
            op: op.to_owned(),
            inputs: inputs.to_vec(),
            outputs: vec![output],
            absorbed: Vec::new(),
            macs: 0,
            bits: 8,
            computing: matches!(op, "Conv" | "Gemm"),
            passive: matches!(op, "Flatten"),
            depthwise: false,
            relu_for_clip: false,
        }
    }

    fn units(nodes: Vec<Node>) -> Units {
        let mut consumers: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for node in &nodes {
            for &input in &node.inputs {
                consumers.entry(input).or_default().push(node.id);
            }
        }
        Units::from_nodes(nodes, &consumers)
    }

    /// One convolution after the other.
    pub(crate) fn chain(names: &[&str]) -> Units {
        let nodes =
            names.iter().enumerate().map(|(i, name)| node(i as u64, name, "Conv", &[i as u64], i as u64 + 1));
        units(nodes.collect())
    }

    #[test]
    fn an_activation_belongs_to_the_operation_before_it() {
        let units = units(vec![
            node(0, "conv", "Conv", &[0], 1),
            node(1, "clip", "Clip", &[1], 2),
            node(2, "flatten", "Flatten", &[2], 3),
            node(3, "gemm", "Gemm", &[3], 4),
        ]);
        assert_eq!(units.ids(), 0..2);
        assert_eq!(units.names(0).collect::<Vec<_>>(), ["conv", "clip"]);
        assert_eq!(units.names(1).collect::<Vec<_>>(), ["gemm"]);
        assert!(units.0[1].before.contains(&0) && units.0[0].after.contains(&1));
    }

    #[test]
    fn an_activation_of_a_tensor_with_other_readers_stands_alone() {
        let units = units(vec![
            node(0, "conv", "Conv", &[0], 1),
            node(1, "relu", "Relu", &[1], 2),
            node(2, "add", "Add", &[1, 2], 3),
        ]);
        assert_eq!(units.ids(), 0..3);
        assert_eq!(units.0[0].after, BTreeSet::from([1, 2]));
    }
}
