//! What the simulator says about a network and about failures.

use crate::error::Error;
use crate::model::Model;
use crate::plan::{Plan, TensorSlot};
use crate::shape::DType;

/// Description of the network's input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSpec {
    /// Name of the tensor.
    pub name: String,
    /// Extents including the batch axis.
    pub shape: Vec<usize>,
    /// value = integer x 2^exponent; `None` for floats.
    pub exponent: Option<i32>,
    /// Element type.
    pub dtype: DType,
}

impl ValueSpec {
    pub(super) fn new(name: String, slot: &TensorSlot) -> Self {
        Self { name, shape: slot.shape().iter().collect(), exponent: slot.exponent(), dtype: slot.dtype() }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Memory that a network needs on a chip, layer by layer, with element-wise operations in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Bytes of the activation arena.
    pub arena_bytes: usize,
    /// Bytes live at the worst moment; the arena cannot be smaller.
    pub peak_bytes: usize,
    /// Name of the node during which memory peaks.
    pub peak_node: String,
    /// The tensors that are live at the worst moment.
    pub peak: Vec<PeakTensor>,
    /// Bytes of the file, which lies in flash.
    pub flash_bytes: usize,
    /// Bytes of weights, biases and tables in it.
    pub weight_bytes: usize,
}

/// One tensor that is live when memory peaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeakTensor {
    /// Name of the tensor.
    pub name: String,
    /// Its bytes.
    pub bytes: usize,
}

impl MemoryPlan {
    pub(super) fn new(model: &Model<'_>, plan: &Plan<'_>, flash_bytes: usize) -> Self {
        Self {
            arena_bytes: plan.arena_bytes(),
            peak_bytes: plan.peak_bytes(),
            peak_node: model.node(plan.peak_node()).name().to_owned(),
            peak: plan
                .peak()
                .map(|slot| PeakTensor { name: plan.name(model, slot).to_owned(), bytes: slot.bytes() })
                .collect(),
            flash_bytes,
            weight_bytes: model.initializer_bytes(),
        }
    }
}

/// Why a network cannot be simulated, with names and a remedy in the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SimulatorError {
    message: String,
    node: Option<String>,
    tensor: Option<String>,
}

impl SimulatorError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), node: None, tensor: None }
    }

    /// The node concerned.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// The tensor concerned.
    pub fn tensor(&self) -> Option<&str> {
        self.tensor.as_deref()
    }
}

impl From<Error<'_>> for SimulatorError {
    fn from(error: Error<'_>) -> Self {
        let (node, tensor) = error.place();
        let owned = |name: &str| Some(name.to_owned()).filter(|n| !n.is_empty());
        Self { message: error.to_string(), node: owned(node), tensor: owned(tensor) }
    }
}
