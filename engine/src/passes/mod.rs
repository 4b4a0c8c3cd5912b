//! Simplifications of the graph as it comes from a file, each a rule of its own that is tested alone.
//!
//! A pass takes the graph, changes what its rule fits, leaves the rest alone and returns one line for each kind of
//! change. What no pass could simplify and Octet has no operation for is reported when the graph is lowered.

mod channels_first;
mod clip_bounds;
mod fold_batchnorm;
mod fold_constants;
mod fuse_bias;
mod matmul_to_gemm;
mod own_bounds;
mod pad_to_conv;
mod reduce_mean_to_gap;
mod remove_identity;

#[cfg(test)]
mod test_graphs;

pub(crate) use clip_bounds::range as clip_range;
pub(crate) use fold_batchnorm::per_channel;
pub(crate) use pad_to_conv::{pad_value, pads_of};

use crate::onnx::graph::Graph;

/// One simplification: its name and its function.
type Pass = (&'static str, fn(&mut Graph) -> Vec<String>);

/// The order matters: constants first, since the others look at them; layouts before everything that counts axes.
const PASSES: [Pass; 12] = [
    ("fold_constants", fold_constants::run),
    ("remove_identity", remove_identity::run),
    ("channels_first", channels_first::run),
    ("reduce_mean_to_gap", reduce_mean_to_gap::run),
    ("clip_bounds", clip_bounds::run),
    ("own_bounds", own_bounds::run),
    ("matmul_to_gemm", matmul_to_gemm::run),
    ("fuse_bias", fuse_bias::run),
    ("fold_batchnorm", fold_batchnorm::run),
    ("fuse_bias", fuse_bias::run),
    ("pad_to_conv", pad_to_conv::run),
    ("remove_identity", remove_identity::run),
];

/// Runs all passes in order and returns what they did, one line each, for the log and the window.
pub(crate) fn simplify(graph: &mut Graph) -> Vec<String> {
    let mut notes = Vec::new();
    let unused = graph.remove_unused();
    if !unused.is_empty() {
        notes.push(format!("remove_unused: {} nodes that the output does not need", unused.len()));
    }
    for (name, pass) in PASSES {
        notes.extend(pass(graph).into_iter().map(|note| format!("{name}: {note}")));
        graph.remove_unused();
    }
    notes
}

/// `1 node` or `5 nodes`, for notes.
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
