//! What the simulator says about a network and about failures.

use crate::error::Error;
use crate::model::Model;
#[cfg(doc)]
use crate::plan::Strategy;
use crate::plan::{Plan, Stage, TensorSlot};
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

/// Memory that a network needs on a chip, layer by layer ([`Strategy::Layerwise`]), and streamed.
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
    /// Bytes of the arena where every inverted residual block is streamed row by row ([`Strategy::Fused`]).
    pub fused_arena_bytes: usize,
    /// Bytes of the file, which lies in flash.
    pub flash_bytes: usize,
    /// Bytes of weights, biases and tables in it.
    pub weight_bytes: usize,
}

/// What lies where in the arena while a network is executed, as
/// [`Simulator::memory_map`](super::Simulator::memory_map) describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    /// Bytes of the activation arena.
    pub arena_bytes: usize,
    /// Bytes in use at the worst moment.
    pub peak_bytes: usize,
    /// The node during which that is; the first one of a fused block.
    pub peak_node: usize,
    /// What is executed, in order.
    pub stages: Vec<MemoryStage>,
}

/// One node, or a block that is streamed row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryStage {
    /// Names of its first and its last node.
    pub nodes: [String; 2],
    /// Their numbers, counted from 0 in the order of the file. Parts of one node come one after another.
    pub numbers: [usize; 2],
    /// Whether it is streamed row by row.
    pub fused: bool,
    /// Bytes of the arena up to the end of all that is in use meanwhile.
    pub arena_bytes: usize,
    /// Working memory of the kernels, at the end of those.
    pub scratch_bytes: usize,
    /// The tensors in memory meanwhile.
    pub tensors: Vec<PlacedTensor>,
}

/// A tensor in the arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedTensor {
    /// Name of the tensor.
    pub name: String,
    /// Its bytes.
    pub bytes: usize,
    /// Its place in the arena; shorter than its bytes when it is streamed, since only some rows exist at a time.
    pub place: std::ops::Range<usize>,
    /// Whether it only exists row by row.
    pub streamed: bool,
    /// Number of the node that computes it; `None` for the network's input.
    pub node: Option<usize>,
    /// The tensor in whose memory it was computed, element for element.
    pub in_place_of: Option<String>,
    /// The tensor into whose rows it runs after they were read.
    pub runs_into: Option<String>,
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
    pub(super) fn new(
        model: &Model<'_>,
        layerwise: &Plan<'_>,
        fused_arena_bytes: usize,
        flash_bytes: usize,
    ) -> Self {
        Self {
            arena_bytes: layerwise.arena_bytes(),
            peak_bytes: layerwise.peak_bytes(),
            peak_node: model.node(layerwise.peak_node()).name().to_owned(),
            peak: layerwise
                .peak()
                .map(|slot| PeakTensor { name: layerwise.name(model, slot).to_owned(), bytes: slot.bytes() })
                .collect(),
            fused_arena_bytes,
            flash_bytes,
            weight_bytes: model.initializer_bytes(),
        }
    }
}

impl MemoryMap {
    pub(super) fn new(model: &Model<'_>, plan: &Plan<'_>) -> Self {
        let node = |index| model.node(index).name().to_owned();
        let name = |slot: &TensorSlot| plan.name(model, slot).to_owned();
        let placed = |slot: &TensorSlot| PlacedTensor {
            name: name(slot),
            bytes: slot.bytes(),
            place: slot.range(),
            streamed: slot.streamed(),
            node: slot.node(),
            in_place_of: plan.in_place_of(slot).map(name),
            runs_into: plan.runs_into(slot).map(name),
        };
        let stage = |stage: Stage| MemoryStage {
            nodes: [node(stage.first_node), node(stage.last_node)],
            numbers: [stage.first_node, stage.last_node],
            fused: stage.fused,
            arena_bytes: stage.arena_bytes,
            scratch_bytes: stage.scratch_bytes,
            tensors: plan.tensors_during(&stage).map(placed).collect(),
        };
        Self {
            arena_bytes: plan.arena_bytes(),
            peak_bytes: plan.peak_bytes(),
            peak_node: plan.peak_node(),
            stages: plan.stages().map(stage).collect(),
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
