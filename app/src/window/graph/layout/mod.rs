//! Places the groups in rows, like text: left to right, then the next row. Groups that nothing orders stand above each
//! other in one column, edges run through the gaps between columns and the channels between rows. Finished layouts of
//! libraries draw one strip, which for a network of a hundred blocks is a line of dots; hence an own one.
//!
//! It takes milliseconds for a hundred operations and a fraction of a second for thousands, so a thread does it.

mod columns;
mod place;
mod route;

use std::collections::BTreeSet;

use egui::{Pos2, Rect, Vec2, pos2, vec2};
use octet_engine::network::{Network, NodeId, TensorId};

use super::Group;
use super::links::NodeLinks;
use crate::window::words;

/// Width of a group.
pub const WIDTH: f32 = 178.0;
/// Height of a group's title and subtitle.
pub const HEAD_HEIGHT: f32 = 44.0;
/// Where edges enter and leave a group, below its upper end.
pub const PORT_Y: f32 = 22.0;
/// Height of the cells of a closed group.
pub const CELL_HEIGHT: f32 = 30.0;
/// Around what is inside a group.
pub const PADDING: f32 = 8.0;
/// Between the groups of a row, at least.
const GAP_X: f32 = 36.0;
/// Between rows, at least.
const GAP_Y: f32 = 36.0;
/// Between the groups of a column.
const STACK_GAP: f32 = 18.0;
/// Around everything.
const MARGIN: Vec2 = vec2(28.0, 22.0);

/// How many columns a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// As many as fill a canvas of this shape best: eight times the logarithm of width over height.
    Best(i32),
    /// This many.
    Exactly(usize),
}

impl Columns {
    /// The best for a canvas; shapes that differ by a few per cent are the same.
    pub fn best(canvas: Vec2) -> Self {
        let ratio = canvas.x.max(1.0) / canvas.y.max(1.0);
        Columns::Best((ratio.ln() * 8.0).round() as i32)
    }
}

/// What a layout depends on, besides the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutKey {
    /// Groups that list their operations.
    pub open: BTreeSet<usize>,
    /// Constants are shown.
    pub constants: bool,
    /// The length of rows.
    pub columns: Columns,
}

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

/// Where a constant is drawn: below the first group that reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantBox {
    /// Which.
    pub tensor: TensorId,
    /// Its box.
    pub rect: Rect,
    /// What is written in it.
    pub label: String,
    /// The operations that read it; a shared one has several.
    pub readers: Vec<NodeId>,
}

/// What an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// From a group to the next.
    Main,
    /// Past other groups, or past the operations of its own.
    Skip,
    /// Between neighbours in an open group.
    Inside,
}

/// A line from an operation to one that reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// What it is.
    pub kind: EdgeKind,
    /// The group it comes from.
    pub from: usize,
    /// The group it goes to.
    pub to: usize,
    /// Its corners, for when it is too small for round bends.
    pub corners: Vec<Pos2>,
    /// The line with round bends.
    pub points: Vec<Pos2>,
    /// Around the line.
    pub bounds: Rect,
    /// It ends with a tip.
    pub has_tip: bool,
    /// It branches off another line, which a dot shows.
    pub has_dot: bool,
}

/// An operation in words of different lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// For a cell of a closed group.
    pub short: String,
    /// For a row of an open group.
    pub medium: String,
    /// For people.
    pub long: String,
    /// The end of its name.
    pub tail: String,
}

/// What lies at a point of the plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A group's box, beside its operations.
    Group(usize),
    /// An operation.
    Node(NodeId),
    /// A constant, by its index in [`Layout::constants`].
    Constant(usize),
}

/// Where everything is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// What it was made for.
    pub key: LayoutKey,
    /// Parallel to the model's groups.
    pub groups: Vec<GroupBox>,
    /// Lines between them and in them.
    pub edges: Vec<Edge>,
    /// Constants, when they are shown.
    pub constants: Vec<ConstantBox>,
    /// The group of each operation.
    pub owner: Vec<usize>,
    /// Where each operation is drawn; `None` for those that closed groups hide.
    pub boxes: Vec<Option<Rect>>,
    /// The neighbours of each operation.
    pub links: Vec<NodeLinks>,
    /// Each operation in words.
    pub labels: Vec<Labels>,
    /// Columns of a full row.
    pub columns: usize,
    /// Around everything, with a margin.
    pub bounds: Rect,
}

impl Layout {
    /// Lays out the groups of a network; `edges` are pairs of their indices.
    pub fn new(network: &Network, groups: &[Group], edges: &[(usize, usize)], key: LayoutKey) -> Self {
        let mut owner = vec![0; network.nodes.len()];
        for (index, group) in groups.iter().enumerate() {
            group.nodes.iter().for_each(|n| owner[n.0] = index);
        }
        let links = NodeLinks::of(network);
        let sizes = place::sizes(network, groups, &owner, &key);
        let stacks = columns::columns(groups.len(), edges);
        let columns = match key.columns {
            Columns::Exactly(n) => n.clamp(1, stacks.len().max(1)),
            Columns::Best(aspect) => columns::best_length(&stacks, &sizes, aspect),
        };
        let grid = route::Grid::new(&stacks, columns, &sizes);
        let internal = route::Internal::new(groups, &owner, &links);
        let plan = route::Plan::new(&grid, edges, &internal, &key.open);
        let placed: Vec<GroupBox> = groups
            .iter()
            .enumerate()
            .map(|(i, group)| {
                let rect = Rect::from_min_size(plan.position(i), vec2(WIDTH, sizes[i].height));
                place::group_box(network, group, key.open.contains(&i), rect)
            })
            .collect();
        let mut lines = plan.edges(&placed);
        lines.extend(internal.edges(&placed, &plan));
        let constants = place::constants(network, &sizes, &placed);

        let mut boxes = vec![None; network.nodes.len()];
        placed.iter().flat_map(|g| &g.nodes).for_each(|n| boxes[n.node.0] = Some(n.rect));
        let around = placed.iter().map(|g| g.rect);
        let around = around.chain(lines.iter().map(|l| l.bounds)).chain(constants.iter().map(|c| c.rect));
        let around = around.fold(Rect::NOTHING, Rect::union);
        let bounds = if around.is_positive() { around.expand2(MARGIN) } else { Rect::ZERO };
        let labels = network.node_ids().map(|(id, node)| Labels {
            short: words::short(network, id),
            medium: words::medium(network, id),
            long: words::long(network, id),
            tail: words::tail(&node.name, 27),
        });
        let labels = labels.collect();
        Self { key, groups: placed, edges: lines, constants, owner, boxes, links, labels, columns, bounds }
    }

    /// What lies at a point of the plane.
    pub fn at(&self, point: Pos2) -> Option<Target> {
        if let Some(index) = self.groups.iter().position(|g| g.rect.contains(point)) {
            let node = self.groups[index].nodes.iter().find(|n| n.rect.contains(point));
            return Some(node.map_or(Target::Group(index), |n| Target::Node(n.node)));
        }
        self.constants.iter().position(|c| c.rect.contains(point)).map(Target::Constant)
    }

    /// Where an operation is drawn, or the group that hides it.
    pub fn place_of(&self, node: NodeId) -> Option<Rect> {
        match self.boxes.get(node.0)? {
            Some(rect) => Some(*rect),
            None => self.groups.get(*self.owner.get(node.0)?).map(|g| g.rect),
        }
    }
}
