//! Sizes of groups, and where operations and constants lie in and below them.

use egui::{Rect, pos2, vec2};
use octet_engine::network::{Network, NodeId, Op, TensorId};

use super::{CELL_HEIGHT, ConstantBox, GroupBox, HEAD_HEIGHT, LayoutKey, NodeBox, PADDING};
use crate::window::format;
use crate::window::graph::{Group, is_measured};

/// Height of an operation that computes.
const NODE_HEIGHT: f32 = 38.0;
/// Height of any other operation.
const SLIM_HEIGHT: f32 = 22.0;
/// Between the operations of an open group.
const NODE_GAP: f32 = 8.0;
/// Between the cells of a closed group.
const CELL_GAP: f32 = 3.0;
/// Height of a constant.
const CONSTANT_HEIGHT: f32 = 14.0;
/// Between constants, and between a group and its constants.
const CONSTANT_GAP: f32 = 4.0;
/// Constants beside each other.
const CONSTANTS_PER_LINE: usize = 2;

/// A constant that is drawn below a group, with the operations that read it.
type Constant = (TensorId, Vec<NodeId>);

/// How high a group is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Size {
    /// Its box.
    pub(super) height: f32,
    /// Its box with the constants below.
    pub(super) outer: f32,
    /// The constants below.
    constants: Vec<Constant>,
}

/// The sizes of all groups.
pub(super) fn sizes(network: &Network, groups: &[Group], owner: &[usize], key: &LayoutKey) -> Vec<Size> {
    let mut constants: Vec<Vec<Constant>> = vec![Vec::new(); groups.len()];
    if key.constants {
        let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); network.tensors.len()];
        for (id, node) in network.node_ids() {
            for tensor in node.inputs.iter().filter(|t| network.tensor(**t).data.is_some()) {
                if readers[tensor.0].last() != Some(&id) {
                    readers[tensor.0].push(id);
                }
            }
        }
        for (tensor, readers) in readers.into_iter().enumerate() {
            if let Some(first) = readers.first() {
                constants[owner[first.0]].push((TensorId(tensor), readers));
            }
        }
        // In the order in which they are read.
        constants.iter_mut().for_each(|all| all.sort_by_key(|(t, readers)| (readers[0], *t)));
    }
    let sizes = groups.iter().zip(constants).enumerate().map(|(i, (group, constants))| {
        let height = height(network, group, key.open.contains(&i));
        let lines = constants.len().div_ceil(CONSTANTS_PER_LINE) as f32;
        Size { height, outer: height + lines * (CONSTANT_HEIGHT + CONSTANT_GAP), constants }
    });
    sizes.collect()
}

fn node_height(network: &Network, id: NodeId) -> f32 {
    if is_measured(&network.node(id).op) { NODE_HEIGHT } else { SLIM_HEIGHT }
}

fn height(network: &Network, group: &Group, open: bool) -> f32 {
    if open {
        let nodes: f32 = group.nodes.iter().map(|n| node_height(network, *n) + NODE_GAP).sum();
        HEAD_HEIGHT + nodes - NODE_GAP + PADDING
    } else {
        HEAD_HEIGHT + CELL_HEIGHT + PADDING
    }
}

/// A group with its operations, in a box.
pub(super) fn group_box(network: &Network, group: &Group, open: bool, rect: Rect) -> GroupBox {
    let left = rect.left() + PADDING;
    let width = rect.width() - 2.0 * PADDING;
    let mut nodes = Vec::new();
    if open {
        let mut top = rect.top() + HEAD_HEIGHT;
        for node in &group.nodes {
            let height = node_height(network, *node);
            let rect = Rect::from_min_size(pos2(left, top), vec2(width, height));
            nodes.push(NodeBox { node: *node, rect });
            top += height + NODE_GAP;
        }
    } else {
        let op = |n: NodeId| &network.node(n).op;
        let measured: Vec<NodeId> = group.nodes.iter().copied().filter(|n| is_measured(op(*n))).collect();
        let shown = if measured.is_empty() { vec![group.nodes[0]] } else { measured };
        // A sum needs less room than a convolution.
        let share = |n: NodeId| if *op(n) == Op::Add { 0.72 } else { 1.0 };
        let shares: f32 = shown.iter().map(|n| share(*n)).sum();
        let unit = (width - CELL_GAP * (shown.len() - 1) as f32) / shares;
        let mut x = left;
        for node in shown {
            let size = vec2(unit * share(node), CELL_HEIGHT);
            nodes.push(NodeBox { node, rect: Rect::from_min_size(pos2(x, rect.top() + HEAD_HEIGHT), size) });
            x += size.x + CELL_GAP;
        }
    }
    GroupBox { rect, open, nodes }
}

/// The constants below the groups.
pub(super) fn constants(network: &Network, sizes: &[Size], groups: &[GroupBox]) -> Vec<ConstantBox> {
    let mut boxes = Vec::new();
    for (size, group) in sizes.iter().zip(groups) {
        let lines = CONSTANTS_PER_LINE as f32;
        let width = (group.rect.width() - CONSTANT_GAP * (lines - 1.0)) / lines;
        for (i, (tensor, readers)) in size.constants.iter().enumerate() {
            let (column, line) = (i % CONSTANTS_PER_LINE, i / CONSTANTS_PER_LINE);
            let x = group.rect.left() + column as f32 * (width + CONSTANT_GAP);
            let y = group.rect.bottom() + CONSTANT_GAP + line as f32 * (CONSTANT_HEIGHT + CONSTANT_GAP);
            let rect = Rect::from_min_size(pos2(x, y), vec2(width, CONSTANT_HEIGHT));
            let label = constant_label(network, *tensor, readers);
            boxes.push(ConstantBox { tensor: *tensor, rect, label, readers: readers.clone() });
        }
    }
    boxes
}

/// What a constant is in a few characters: its role and its extents, or its value when it is a single one.
fn constant_label(network: &Network, tensor: TensorId, readers: &[NodeId]) -> String {
    let shared = if readers.len() > 1 { format!(" ×{}", readers.len()) } else { String::new() };
    let constant = network.tensor(tensor);
    if let Some([value]) = constant.data.as_deref() {
        return format!("{value}{shared}");
    }
    let computing = readers.first().map(|n| network.node(*n)).filter(|n| n.op.is_computing());
    let role = match computing.and_then(|n| n.inputs.iter().position(|t| *t == tensor)) {
        Some(1) => "W ",
        Some(2) => "b ",
        _ => "",
    };
    format!("{role}{}{shared}", format::shape(&constant.shape).replace(' ', ""))
}
