//! Places the groups in rows, like text: left to right, then the next row. A group is a column; opened, it lists
//! its operations from top to bottom. The number of groups in a row is the one that fills the canvas best.

use std::collections::BTreeSet;

use egui::{Pos2, Rect, Vec2, pos2, vec2};
use octet_engine::network::{Network, NodeId};

use super::{Group, is_measured};

/// Width of a group.
const WIDTH: f32 = 152.0;
/// Height of a group's title and subtitle.
pub const HEAD_HEIGHT: f32 = 44.0;
/// Where edges enter and leave a group, below its upper end.
pub const PORT_Y: f32 = 22.0;
/// Height of the cells of a closed group.
pub const CELL_HEIGHT: f32 = 22.0;
/// Around what is inside a group.
pub const PADDING: f32 = 8.0;
/// Between the groups of a row.
pub const GAP_X: f32 = 36.0;
/// Between rows.
pub const GAP_Y: f32 = 40.0;
/// Height of an operation that computes.
const NODE_HEIGHT: f32 = 38.0;
/// Height of any other operation.
const SLIM_HEIGHT: f32 = 22.0;
/// Between the operations of an open group.
const NODE_GAP: f32 = 8.0;

/// Where an operation is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeBox {
    /// Which.
    pub node: NodeId,
    /// A row of an open group, or a cell of a closed one.
    pub rect: Rect,
}

/// Where a group is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBox {
    /// All of it.
    pub rect: Rect,
    /// Its operations are listed.
    pub open: bool,
    /// Its operations; a closed group has those with an error of their own only.
    pub nodes: Vec<NodeBox>,
}

impl GroupBox {
    /// Where edges arrive.
    pub fn inlet(&self) -> Pos2 {
        pos2(self.rect.left(), self.rect.top() + PORT_Y)
    }
    /// Where edges start.
    pub fn outlet(&self) -> Pos2 {
        pos2(self.rect.right(), self.rect.top() + PORT_Y)
    }
}

/// Where everything is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Parallel to the groups.
    pub groups: Vec<GroupBox>,
    /// Index of the row of each group.
    pub rows: Vec<usize>,
    /// Around everything, with a margin.
    pub bounds: Rect,
}

/// Lays the groups out for a canvas of this size.
pub fn layout(network: &Network, groups: &[Group], open: &BTreeSet<usize>, canvas: Vec2) -> Layout {
    let heights: Vec<f32> =
        groups.iter().enumerate().map(|(i, g)| height(network, g, open.contains(&i))).collect();
    let columns = best_columns(&heights, canvas);
    let mut placed = Vec::with_capacity(groups.len());
    let mut rows = Vec::with_capacity(groups.len());
    let mut top = 0.0;
    for (row, heights) in heights.chunks(columns).enumerate() {
        for (column, height) in heights.iter().enumerate() {
            let index = row * columns + column;
            let min = pos2(column as f32 * (WIDTH + GAP_X), top);
            let rect = Rect::from_min_size(min, vec2(WIDTH, *height));
            placed.push(place(network, &groups[index], open.contains(&index), rect));
            rows.push(row);
        }
        top += heights.iter().copied().fold(0.0, f32::max) + GAP_Y;
    }
    let around = placed.iter().fold(Rect::NOTHING, |all, g| all.union(g.rect));
    let bounds = if around.is_positive() { around.expand2(vec2(GAP_X, GAP_Y * 0.75)) } else { Rect::ZERO };
    Layout { groups: placed, rows, bounds }
}

/// The number of columns with which everything is drawn largest.
fn best_columns(heights: &[f32], canvas: Vec2) -> usize {
    let zoom = |columns: usize| {
        let tall: f32 =
            heights.chunks(columns).map(|row| row.iter().copied().fold(0.0, f32::max) + GAP_Y).sum();
        let wide = columns as f32 * (WIDTH + GAP_X) + GAP_X;
        (canvas.x / wide).min(canvas.y / (tall + GAP_Y * 0.5))
    };
    (1..=heights.len()).max_by(|a, b| zoom(*a).total_cmp(&zoom(*b))).unwrap_or(1)
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

fn place(network: &Network, group: &Group, open: bool, rect: Rect) -> GroupBox {
    let left = rect.left() + PADDING;
    let width = rect.width() - 2.0 * PADDING;
    let mut nodes = Vec::new();
    if open {
        let mut top = rect.top() + HEAD_HEIGHT;
        for node in &group.nodes {
            let height = node_height(network, *node);
            nodes.push(NodeBox {
                node: *node,
                rect: Rect::from_min_size(pos2(left, top), vec2(width, height)),
            });
            top += height + NODE_GAP;
        }
    } else {
        let measured: Vec<NodeId> =
            group.nodes.iter().copied().filter(|n| is_measured(&network.node(*n).op)).collect();
        let shown = if measured.is_empty() { vec![group.nodes[0]] } else { measured };
        let step = (width + 2.0) / shown.len() as f32;
        for (i, node) in shown.into_iter().enumerate() {
            let min = pos2(left + i as f32 * step, rect.top() + HEAD_HEIGHT);
            nodes.push(NodeBox { node, rect: Rect::from_min_size(min, vec2(step - 2.0, CELL_HEIGHT)) });
        }
    }
    GroupBox { rect, open, nodes }
}
