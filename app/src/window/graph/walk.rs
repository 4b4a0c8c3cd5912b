//! Steps from operation to operation: along the edges, and among those that stand beside each other.

use octet_engine::network::NodeId;

use super::{Layout, NodeLinks};

/// Where a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Along an edge.
    Next,
    /// Against an edge.
    Previous,
    /// To the sibling below; to the next operation where there is none.
    Down,
    /// To the sibling above; to the previous operation where there is none.
    Up,
}

/// The operation that a step from `from` arrives at; from nowhere, the first. Operations that closed groups hide
/// are passed over. Siblings read what the operation reads, or are read by what reads it.
pub fn step(layout: &Layout, from: Option<NodeId>, direction: Direction) -> Option<NodeId> {
    let Some(from) = from.filter(|n| n.0 < layout.links.len()) else {
        return (0..layout.boxes.len()).map(NodeId).find(|n| layout.boxes[n.0].is_some());
    };
    match direction {
        Direction::Next => drawn(layout, from, true).first().copied(),
        // The latest of several is the one that the main path comes from.
        Direction::Previous => drawn(layout, from, false).last().copied(),
        Direction::Down => match siblings(layout, from) {
            Some((all, at)) => all.get(at + 1).copied(),
            None => step(layout, Some(from), Direction::Next),
        },
        Direction::Up => match siblings(layout, from) {
            Some((all, at)) => all.get(at.checked_sub(1)?).copied(),
            None => step(layout, Some(from), Direction::Previous),
        },
    }
}

/// The nearest operations that are drawn, along or against the edges, in topological order.
fn drawn(layout: &Layout, from: NodeId, forwards: bool) -> Vec<NodeId> {
    let neighbours = |n: NodeId| {
        let NodeLinks { before, after } = &layout.links[n.0];
        if forwards { after } else { before }
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    let mut open: Vec<NodeId> = neighbours(from).clone();
    while let Some(node) = open.pop() {
        if node == from || !seen.insert(node) {
            continue;
        }
        if layout.boxes[node.0].is_some() {
            found.push(node);
        } else {
            open.extend(neighbours(node));
        }
    }
    found.sort_unstable();
    found
}

/// The operation with its siblings from top to bottom, and its place among them; `None` when it has none.
fn siblings(layout: &Layout, of: NodeId) -> Option<(Vec<NodeId>, usize)> {
    let beside =
        |first: bool| drawn(layout, of, !first).into_iter().flat_map(move |n| drawn(layout, n, first));
    let mut all: Vec<NodeId> = beside(true).chain(beside(false)).chain([of]).collect();
    all.sort_unstable();
    all.dedup();
    let top = |n: &NodeId| {
        let rect = layout.boxes[n.0].unwrap_or(egui::Rect::ZERO);
        (rect.top(), rect.left())
    };
    all.sort_by(|a, b| {
        let (a, b) = (top(a), top(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let at = all.iter().position(|n| *n == of)?;
    (all.len() > 1).then_some((all, at))
}
