//! Upper bounds that keep hostile or mistaken files from taking all memory or time.

use crate::error::Error;

/// What a file may ask for. The defaults leave room for networks ten times MobileNetV2's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of activation memory.
    pub arena_bytes: usize,
    /// Multiply-accumulates, or elements moved, of one inference.
    pub work: u64,
    /// Number of nodes.
    pub nodes: usize,
    /// Number of constants.
    pub initializers: usize,
    /// Inputs, outputs or attributes of one node.
    pub node_edges: usize,
    /// Inputs and outputs of all nodes together.
    pub edges: usize,
    /// Bytes of one name, of one text attribute or of one layout.
    pub name_bytes: usize,
    /// Bytes of one metadata value.
    pub text_bytes: usize,
    /// Exponents of one tensor.
    pub exponents: usize,
    /// Bytes of all texts and exponents together. What several tables share counts for each of them, since each
    /// reads it.
    pub read_bytes: usize,
    /// Bytes of what the desktop's vector kernels prepare for all layers together, and again for the pixels that
    /// a thread widens. Files may let many layers share their weights, but each is prepared by itself. Layers
    /// beyond this are not refused; they run with the portable kernels.
    pub packed_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            arena_bytes: 64 << 20,
            work: 20_000_000_000,
            nodes: 2048,
            initializers: 8192,
            node_edges: 64,
            edges: 8192,
            name_bytes: 512,
            text_bytes: 64 << 10,
            exponents: 64 << 10,
            read_bytes: 64 << 20,
            packed_bytes: 256 << 20,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self, what: &'static str, value: usize, limit: usize) -> Result<(), Error<'static>> {
        if value <= limit {
            return Ok(());
        }
        Err(Error::Limit { what, value: value as u64, limit: limit as u64 })
    }
}
