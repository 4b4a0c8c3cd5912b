//! Groups the operations of a network by what they are for. Inverted residual blocks (expand 1x1, depthwise,
//! project 1x1, with or without a sum around them; Sandler et al. 2018, figure 3) are found from the graph, never
//! from names, so that any exporter's file is drawn alike.

use std::collections::{HashMap, HashSet};

use octet_engine::network::{Network, NodeId, Op, TensorId};

use crate::window::words;

/// What a group of operations is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// The first convolution, which reads the picture.
    Stem,
    /// Expand, depthwise, project.
    InvertedResidual {
        /// The block's input is added to its output.
        residual: bool,
        /// Step of the depthwise convolution.
        stride: usize,
    },
    /// A convolution outside blocks.
    Conv,
    /// Pooling.
    Pool,
    /// What makes the scores.
    Classifier,
    /// Anything else.
    Other,
}

/// Operations drawn as one box, in topological order.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What it is called on the canvas, unique within the network.
    pub title: String,
    /// Channels and extent in a few characters, e.g. `24 → 32 · 28 × 28`.
    pub subtitle: String,
    /// What it is.
    pub kind: GroupKind,
    /// Its operations, never empty.
    pub nodes: Vec<NodeId>,
}

/// Who makes and who reads each tensor.
struct Links<'a> {
    network: &'a Network,
    producer: HashMap<TensorId, NodeId>,
    consumers: HashMap<TensorId, Vec<NodeId>>,
}

impl<'a> Links<'a> {
    fn new(network: &'a Network) -> Self {
        let mut producer = HashMap::new();
        let mut consumers: HashMap<TensorId, Vec<NodeId>> = HashMap::new();
        for (id, node) in network.node_ids() {
            producer.extend(node.outputs.iter().map(|t| (*t, id)));
            for tensor in &node.inputs {
                let readers = consumers.entry(*tensor).or_default();
                if readers.last() != Some(&id) {
                    readers.push(id);
                }
            }
        }
        Self { network, producer, consumers }
    }

    fn op(&self, id: NodeId) -> &'a Op {
        &self.network.node(id).op
    }

    /// The node's data operand and who made it.
    fn before(&self, id: NodeId) -> Option<NodeId> {
        let first = self.network.node(id).inputs.first()?;
        self.producer.get(first).copied()
    }

    fn readers(&self, id: NodeId) -> &[NodeId] {
        let output = self.network.node(id).outputs.first();
        output.and_then(|t| self.consumers.get(t)).map_or(&[], Vec::as_slice)
    }

    /// The node after `id`, when it is the only one.
    fn only_reader(&self, id: NodeId) -> Option<NodeId> {
        match self.readers(id) {
            [one] => Some(*one),
            _ => None,
        }
    }

    fn is_activation(&self, id: NodeId) -> bool {
        matches!(self.op(id), Op::Clip | Op::Relu)
    }

    fn is_depthwise(&self, id: NodeId) -> bool {
        words::is_depthwise(self.network, id)
    }

    fn is_pointwise(&self, id: NodeId) -> bool {
        matches!(self.op(id), Op::Conv(c) if c.group == 1 && c.window.kernel == [1, 1])
    }

    fn channels_in(&self, id: NodeId) -> usize {
        words::channels_in(self.network, id)
    }

    fn channels_out(&self, id: NodeId) -> usize {
        let output = self.network.node(id).outputs.first();
        output.and_then(|t| self.network.tensor(*t).shape.get(1).copied()).unwrap_or(0)
    }
}

/// The groups of a network, in the order of their first operations; every operation is in exactly one.
pub fn groups(network: &Network) -> Vec<Group> {
    let links = Links::new(network);
    let mut owner: Vec<Option<usize>> = vec![None; network.nodes.len()];
    let mut found: Vec<(GroupKind, Vec<NodeId>)> = Vec::new();
    for (id, _) in network.node_ids() {
        if links.is_depthwise(id)
            && owner[id.0].is_none()
            && let Some((kind, nodes)) = inverted_residual(&links, id, &owner)
        {
            nodes.iter().for_each(|n| owner[n.0] = Some(found.len()));
            found.push((kind, nodes));
        }
    }
    let blocks = found.len();
    for (id, node) in network.node_ids() {
        if owner[id.0].is_some() {
            continue;
        }
        let before = links.before(id).filter(|b| owner[b.0].is_some_and(|g| g >= blocks));
        let joins = before.filter(|b| {
            let fused = links.is_activation(id) && !links.op(*b).is_passive();
            let prepared = node.op.is_computing() && links.op(*b).is_passive();
            (fused || prepared) && links.only_reader(*b) == Some(id)
        });
        let group = joins.and_then(|b| owner[b.0]).unwrap_or(found.len());
        if group == found.len() {
            found.push((GroupKind::Other, Vec::new()));
        }
        found[group].1.push(id);
        owner[id.0] = Some(group);
    }
    found.sort_by_key(|(_, nodes)| nodes.iter().min().copied());
    named(&links, found)
}

/// The block around a depthwise convolution, if there is one.
fn inverted_residual(
    links: &Links<'_>,
    depthwise: NodeId,
    owner: &[Option<usize>],
) -> Option<(GroupKind, Vec<NodeId>)> {
    let free = |id: &NodeId| owner[id.0].is_none();
    // Backwards: padding, activation, expansion. They belong to the block only when the expansion is there.
    let mut nodes = vec![depthwise];
    let mut head = Vec::new();
    let mut at = links.before(depthwise).filter(free);
    if let Some(pad) = at.filter(|n| matches!(links.op(*n), Op::Pad { .. })) {
        nodes.push(pad);
        at = links.before(pad).filter(free);
    }
    if let Some(activation) = at.filter(|n| links.is_activation(*n) && links.only_reader(*n).is_some()) {
        head.push(activation);
        at = links.before(activation).filter(free);
    }
    let expand = at.filter(|n| {
        links.is_pointwise(*n)
            && links.channels_out(*n) > links.channels_in(*n)
            && links.only_reader(*n).is_some()
    });
    if let Some(expand) = expand {
        nodes.append(&mut head);
        nodes.push(expand);
    }
    let first = *nodes.iter().min()?;
    let entry = *links.network.node(first).inputs.first()?;

    // Forwards: activation, projection, then a sum with the block's input or a second activation.
    let mut last = depthwise;
    if let Some(next) = links.only_reader(last).filter(|n| links.is_activation(*n)) {
        nodes.push(next);
        last = next;
    }
    let project = links.only_reader(last).filter(|n| links.is_pointwise(*n)).filter(free)?;
    nodes.push(project);
    let mut residual = false;
    if let Some(next) = links.only_reader(project).filter(free) {
        let sum = *links.op(next) == Op::Add && links.network.node(next).inputs.contains(&entry);
        if sum || links.is_activation(next) {
            nodes.push(next);
            residual = sum;
        }
    }
    let stride = match links.op(depthwise) {
        Op::Conv(c) => c.window.strides[0],
        _ => 1,
    };
    nodes.sort();
    Some((GroupKind::InvertedResidual { residual, stride }, nodes))
}

/// Kinds of the groups outside blocks, titles and subtitles.
fn named(links: &Links<'_>, found: Vec<(GroupKind, Vec<NodeId>)>) -> Vec<Group> {
    let last_block = found.iter().rposition(|(k, _)| matches!(k, GroupKind::InvertedResidual { .. }));
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::with_capacity(found.len());
    for (index, (kind, nodes)) in found.into_iter().enumerate() {
        let kind = if kind == GroupKind::Other { plain_kind(links, &nodes) } else { kind };
        let stem = match kind {
            GroupKind::Stem => "stem".to_owned(),
            GroupKind::InvertedResidual { .. } => "block".to_owned(),
            GroupKind::Conv if last_block.is_some_and(|l| index > l) => "head".to_owned(),
            GroupKind::Conv => "conv".to_owned(),
            GroupKind::Pool => "pool".to_owned(),
            GroupKind::Classifier => "classifier".to_owned(),
            GroupKind::Other => links.op(nodes[0]).onnx_name().to_lowercase(),
        };
        let number = seen.entry(stem.clone()).and_modify(|n| *n += 1).or_insert(1);
        let numbered = *number > 1 || matches!(kind, GroupKind::InvertedResidual { .. });
        let title = if numbered { format!("{stem} {number}") } else { stem };
        groups.push(Group { title, subtitle: subtitle(links, &nodes), kind, nodes });
    }
    groups
}

fn plain_kind(links: &Links<'_>, nodes: &[NodeId]) -> GroupKind {
    let network = links.network;
    let reads_picture = nodes.iter().any(|n| network.node(*n).inputs.contains(&network.input));
    let conv = nodes.iter().any(|n| matches!(links.op(*n), Op::Conv(_)));
    let flat = nodes.iter().any(|n| matches!(links.op(*n), Op::Gemm(_)));
    let pools = |op: &Op| matches!(op, Op::GlobalAveragePool | Op::AveragePool(_) | Op::MaxPool(_));
    if conv && reads_picture {
        GroupKind::Stem
    } else if flat || (conv && makes_scores(links, nodes)) {
        GroupKind::Classifier
    } else if conv {
        GroupKind::Conv
    } else if nodes.iter().any(|n| pools(links.op(*n))) {
        GroupKind::Pool
    } else {
        GroupKind::Other
    }
}

/// True when only passive operations and a softmax follow.
fn makes_scores(links: &Links<'_>, nodes: &[NodeId]) -> bool {
    let mut at = nodes.iter().max().copied();
    while let Some(id) = at {
        if links.network.node(id).outputs.contains(&links.network.output) {
            return true;
        }
        at = links
            .only_reader(id)
            .filter(|n| links.op(*n).is_passive() || matches!(links.op(*n), Op::Softmax { .. }));
    }
    false
}

fn subtitle(links: &Links<'_>, nodes: &[NodeId]) -> String {
    let (Some(first), Some(last)) = (nodes.iter().min(), nodes.iter().max()) else {
        return String::new();
    };
    let (from, to) = (links.channels_in(*first), links.channels_out(*last));
    let output = links.network.node(*last).outputs.first().map(|t| links.network.tensor(*t));
    match output.map(|t| t.shape.as_slice()) {
        Some([_, _, h, w]) => format!("{from} → {to} · {h} × {w}"),
        _ => format!("{from} → {to}"),
    }
}

/// Edges between groups as pairs of indices, without repetition, in topological order of the readers.
pub fn group_edges(network: &Network, groups: &[Group]) -> Vec<(usize, usize)> {
    let mut owner = vec![0; network.nodes.len()];
    for (index, group) in groups.iter().enumerate() {
        group.nodes.iter().for_each(|n| owner[n.0] = index);
    }
    let links = Links::new(network);
    let mut edges = Vec::new();
    let mut known = HashSet::new();
    for (id, node) in network.node_ids() {
        for producer in node.inputs.iter().filter_map(|t| links.producer.get(t)) {
            let edge = (owner[producer.0], owner[id.0]);
            if edge.0 != edge.1 && known.insert(edge) {
                edges.push(edge);
            }
        }
    }
    edges
}
