//! From a draft to a plan: the rules that every strategy shares.
//!
//! [`slots`] lists what a strategy has to decide, [`complete`](complete()) derives everything else (fusion, alignment of Add
//! and Concat, biases, passive operations; ESP-PPQ `quantization/optim/refine.py` and `parameters.py`), and
//! [`check`] holds the result against the numeric contract.

mod complete;
mod rules;
mod sums;
mod topology;

pub use complete::{complete, slots};
pub use rules::{Finding, Repair, Rule, apply_repairs, check};
pub(crate) use topology::Topology;

use crate::draft::Bits;
use crate::network::{NodeId, TensorId};
use crate::target::TargetSpec;

/// How an activation's integers read: value = integer x 2^exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Format {
    /// Width.
    pub bits: Bits,
    /// Exponent.
    pub exponent: i32,
}

/// An activation that a node reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Operand {
    /// The tensor.
    pub tensor: TensorId,
    /// As its producer leaves it.
    pub stored: Format,
    /// As this node wants it; a RequantizeLinear stands in between where the two differ.
    pub read: Format,
}

/// Weights or a bias of a node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConstantPlan {
    /// The tensor.
    pub tensor: TensorId,
    /// Width in bits (a bias may have 20, 32, 40 or 64).
    pub bits: u32,
    /// One, or one per output channel.
    pub exponents: Vec<i32>,
}

impl ConstantPlan {
    /// The exponent of output channel `channel`.
    pub fn exponent(&self, channel: usize) -> i32 {
        self.exponents.get(channel).or(self.exponents.first()).copied().unwrap_or(0)
    }
}

/// Everything decided about one node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NodePlan {
    /// Its width.
    pub bits: Bits,
    /// The activations it reads, in the node's order.
    pub operands: Vec<Operand>,
    /// Weights of Conv and Gemm.
    pub weights: Option<ConstantPlan>,
    /// Bias of Conv and Gemm.
    pub bias: Option<ConstantPlan>,
    /// Its result; `None` for a float one (Softmax).
    pub output: Option<Format>,
    /// The activation that shares this node's output exponent and is computed with it.
    pub activation: Option<NodeId>,
    /// The node whose activation this is.
    pub activation_of: Option<NodeId>,
    /// True where a strategy turned this Clip into a Relu.
    pub relu_for_clip: bool,
}

/// A complete set of decisions about one network for one chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The chip.
    pub target: &'static TargetSpec,
    /// The network's input.
    pub input: Format,
    /// Parallel to the network's nodes.
    pub nodes: Vec<NodePlan>,
}

impl Plan {
    /// The plan of a node.
    pub fn node(&self, id: NodeId) -> &NodePlan {
        &self.nodes[id.0]
    }
}

/// Why a draft cannot become a plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// A strategy left something open.
    #[error(
        "`{tensor}` has no {bits}-bit exponent (needed by `{node}`): the strategy must choose one for every slot"
    )]
    MissingExponent {
        /// Tensor name.
        tensor: String,
        /// Width.
        bits: u32,
        /// Node name.
        node: String,
    },
    /// The count of exponents does not fit.
    #[error("`{tensor}` has {found} exponents where {expected} are needed: {hint}")]
    ExponentCount {
        /// Tensor name.
        tensor: String,
        /// What the draft has.
        found: usize,
        /// What the target takes.
        expected: usize,
        /// One exponent or one per channel.
        hint: &'static str,
    },
    /// An exponent that no chip takes.
    #[error(
        "`{tensor}`: exponent {exponent} is outside -40..=30; check the strategy's statistics of this tensor"
    )]
    ExponentRange {
        /// Tensor name.
        tensor: String,
        /// The exponent.
        exponent: i32,
    },
}
