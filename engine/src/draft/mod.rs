//! What strategies have decided so far: widths, exponents, changed weights, replaced activations.
//!
//! A draft is passed from plugin to plugin. It names tensors and nodes by their ids in one [`Network`](crate::network::Network), so it is
//! meaningful only together with it; [`NamedDraft`] is the form that is written to disk.

mod named;

pub use named::{NamedDraft, NamedNode, NamedOperand};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::network::{NodeId, TensorId};

/// Width of an integer tensor.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "u32", try_from = "u32")]
pub enum Bits {
    /// -128..=127.
    #[default]
    Int8,
    /// -32768..=32767.
    Int16,
}

impl Bits {
    /// Smallest and largest integer.
    pub fn range(self) -> (i32, i32) {
        match self {
            Bits::Int8 => (-128, 127),
            Bits::Int16 => (-32768, 32767),
        }
    }
}

impl From<Bits> for u32 {
    fn from(bits: Bits) -> u32 {
        match bits {
            Bits::Int8 => 8,
            Bits::Int16 => 16,
        }
    }
}

impl TryFrom<u32> for Bits {
    type Error = String;
    fn try_from(bits: u32) -> Result<Self, String> {
        match bits {
            8 => Ok(Bits::Int8),
            16 => Ok(Bits::Int16),
            other => Err(format!("{other} bits: only 8 and 16 are possible")),
        }
    }
}

/// A set of decisions about one network. Value = integer x 2^exponent throughout.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Width of the operations that differ from int8: their weights, and their results.
    pub bits: BTreeMap<NodeId, Bits>,
    /// Per weight tensor: one exponent, or one per output channel.
    pub weight_exponents: BTreeMap<TensorId, Vec<i32>>,
    /// Per activation and width: its exponent. A tensor that is read at both widths has two.
    pub activation_exponents: BTreeMap<(TensorId, Bits), i32>,
    /// Constants with other values than the file's, in the same shape: both the float and the quantized network have
    /// them (equalization).
    pub changed_weights: BTreeMap<TensorId, Arc<[f32]>>,
    /// Constants that only the quantized network has, to make up for quantization errors (bias correction, trained
    /// rounding); the float network that errors are measured against keeps its own.
    pub corrected_weights: BTreeMap<TensorId, Arc<[f32]>>,
    /// Clips that a strategy replaced by a Relu.
    pub relu_for_clip: BTreeSet<NodeId>,
}

impl Draft {
    /// What a strategy put in place of a constant of the quantized network; `None` where the file's values stand.
    pub fn replaced(&self, tensor: TensorId) -> Option<&Arc<[f32]>> {
        self.corrected_weights.get(&tensor).or_else(|| self.changed_weights.get(&tensor))
    }

    /// The width of a node.
    pub fn bits_of(&self, node: NodeId) -> Bits {
        self.bits.get(&node).copied().unwrap_or_default()
    }
}

/// Something whose exponent a strategy has to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The tensor.
    pub tensor: TensorId,
    /// Its width.
    pub bits: Bits,
    /// Weights or activation.
    pub role: SlotRole,
    /// The node that asks for it: the producer of an activation, the owner of weights, or the first int16 (int8)
    /// reader where widths meet. `None` for the network's input.
    pub node: Option<NodeId>,
}

/// What a [`Slot`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotRole {
    /// An activation: one exponent.
    Activation,
    /// Weights: `channels` exponents of output channels, along axis `axis` of the tensor; 1 for one per tensor.
    Weights {
        /// Number of exponents.
        channels: usize,
        /// The tensor's axis of the output channels.
        axis: usize,
    },
}
