//! Looking at a network while it runs: every tensor, also those that never exist whole, and what each node costs.

/// Some bytes of a tensor, just computed. Those of one tensor come in order and without gaps, so that a hash over
/// them is that of the whole tensor.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Index of the tensor in [`Plan::tensors`](crate::Plan::tensors).
    pub tensor: usize,
    /// Position of the bytes in the tensor.
    pub at: usize,
    /// Elements in C order, little endian.
    pub bytes: &'a [u8],
}

/// Sees what a plan executes. Of a fused block, nodes and tensors take turns.
pub trait Observer {
    /// A node begins to compute, a row or all of it.
    fn before(&mut self, node: usize) {
        let _ = node;
    }

    /// It has done so.
    fn after(&mut self, node: usize) {
        let _ = node;
    }

    /// A part of a tensor exists: the network's input first, then each node's output.
    fn part(&mut self, part: Part<'_>) {
        let _ = part;
    }
}

/// Sees nothing.
impl Observer for () {}
