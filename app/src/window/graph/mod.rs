//! The graph as it is drawn: operations grouped into blocks, blocks laid out in rows, seen through a camera, walked
//! along its edges and searched. Nothing here draws.

mod blocks;
mod camera;
mod layout;
mod links;
mod search;
mod walk;

pub use blocks::{Group, GroupKind, group_edges, groups};
pub use camera::{Camera, Flight};
pub use layout::{
    CELL_HEIGHT, Columns, ConstantBox, Edge, EdgeKind, GroupBox, HEAD_HEIGHT, Labels, Layout, LayoutKey,
    NodeBox, PADDING, PORT_Y, Target, WIDTH,
};
pub use links::NodeLinks;
pub use search::{Hit, search};
pub use walk::{Direction, step};

use octet_engine::network::Op;

/// True for operations that have figures of their own in a report: all that compute, pool, add or join.
pub fn is_measured(op: &Op) -> bool {
    let moves_numbers = matches!(
        op,
        Op::Add | Op::GlobalAveragePool | Op::AveragePool(_) | Op::MaxPool(_) | Op::Concat { .. }
    );
    op.is_computing() || moves_numbers
}
