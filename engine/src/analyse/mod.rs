//! What a quantized network does to the answers: error figures, accuracy, memory, time.

mod accumulators;
mod evaluate;
mod graphwise;
mod latency;
mod layerwise;
mod layout;
mod nsr;
mod segments;
mod weights;

pub use accumulators::audit_accumulators;
pub use evaluate::{Answers, Evaluation, check_labels, evaluate_answers};
pub use graphwise::{Figure, Graphwise, GraphwiseNode, graphwise, graphwise_with};
pub use latency::{LayerLatency, estimate};
pub use layerwise::{Layerwise, LayerwiseFigures, layerwise};
pub use layout::{dequantized_nchw, to_nhwc};
pub use nsr::{mean, noise_to_signal, softmax, top, top1, wilson95};
pub use weights::{WeightRanges, weight_ranges};

use crate::job::Cancel;

/// Why an analysis ended early.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The user cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The float executor failed.
    #[error(transparent)]
    Float(#[from] crate::float::FloatError),
    /// The runtime failed.
    #[error("the simulation failed: {0}")]
    Runtime(String),
    /// A node lies in no segment.
    #[error("`{0}` is not connected with the network's output; remove it from the model")]
    Outside(String),
}

/// Where an analysis reports how far it is, and learns that it should stop.
pub struct Ticker<'a> {
    cancel: &'a Cancel,
    report: &'a (dyn Fn(f32, &str) + Sync),
}

impl<'a> Ticker<'a> {
    /// `report` takes a fraction of 0..=1 and a few words, from any thread.
    pub fn new(cancel: &'a Cancel, report: &'a (dyn Fn(f32, &str) + Sync)) -> Self {
        Ticker { cancel, report }
    }

    /// Fails once the user cancelled.
    pub fn check(&self) -> Result<(), AnalysisError> {
        match self.cancel.is_cancelled() {
            true => Err(AnalysisError::Cancelled),
            false => Ok(()),
        }
    }

    /// Reports `done` of `all`.
    pub fn tick(&self, done: usize, all: usize, what: &str) -> Result<(), AnalysisError> {
        (self.report)(done as f32 / all.max(1) as f32, what);
        self.check()
    }
}
