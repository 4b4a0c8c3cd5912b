//! The graph as it is drawn: operations grouped into blocks, blocks laid out in rows, seen through a camera.
//! Nothing here draws.

mod blocks;
mod camera;
mod layout;

pub use blocks::{Group, GroupKind, group_edges, groups};
pub use camera::Camera;
pub use layout::{
    CELL_HEIGHT, GAP_X, GAP_Y, GroupBox, HEAD_HEIGHT, Layout, NodeBox, PADDING, PORT_Y, layout,
};

use octet_engine::network::Op;

/// True for operations that have figures of their own in a report: all that compute, pool, add or join.
pub fn is_measured(op: &Op) -> bool {
    let moves_numbers = matches!(
        op,
        Op::Add | Op::GlobalAveragePool | Op::AveragePool(_) | Op::MaxPool(_) | Op::Concat { .. }
    );
    op.is_computing() || moves_numbers
}
