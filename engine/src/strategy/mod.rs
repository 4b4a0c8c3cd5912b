//! What a running strategy may ask of the engine. The plugin host translates the C ABI into calls of this trait
//! and knows nothing else of the engine; the session implements it.

use std::path::PathBuf;

use crate::draft::{Bits, Draft, Slot};
use crate::network::{Network, NodeId, TensorId};
use crate::target::TargetSpec;

/// Which weights the float network computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightsUse {
    /// The draft's float weights.
    Float,
    /// The draft's weights, quantized and dequantized with the draft's weight exponents; biases stay float.
    /// ESP-PPQ calibrates activations like this.
    Quantized,
}

/// Which numbers of an activation are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticsRequest {
    /// Activations.
    pub tensors: Vec<TensorId>,
    /// With which weights.
    pub weights: WeightsUse,
    /// Number of histogram bins, parallel to `tensors`; 0 for none. Bins divide [0, max|x|] of the whole set.
    pub bins: Vec<usize>,
    /// Also take the means over batches of the lowest and highest values at this quantile (e.g. 0.9999).
    pub percentile: Option<f64>,
}

/// The numbers of one activation over all calibration pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorStatistics {
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Counts of |x|, `bins` of them.
    pub histogram: Vec<u64>,
    /// Width of one bin, `max(|min|, |max|) / bins`.
    pub bin_width: f64,
    /// Mean over batches of the low and the high percentile.
    pub percentiles: Option<(f32, f32)>,
    /// Number of values seen.
    pub count: u64,
}

/// Which pictures a score is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureSet {
    /// The calibration pictures that statistics are taken from.
    Calibration,
    /// Calibration pictures that the strategy set aside; none until it does.
    HeldOut,
}

/// How a draft fares.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Noise:signal of the network's output.
    pub output_nsr: f64,
    /// Fraction of pictures with the float network's top-1 class.
    pub agreement: f64,
    /// Pictures scored.
    pub pictures: usize,
    /// Per computing node: noise:signal of its output, graphwise or layerwise as asked.
    pub nodes: Vec<(NodeId, f64)>,
}

/// Which analysis a score runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreKind {
    /// Everything quantized.
    Graphwise,
    /// One operation at a time quantized.
    Layerwise,
    /// Everything quantized, and only the network's output looked at: the fastest; no figures per node.
    Output,
}

/// What a draft costs on the chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Estimated milliseconds of one inference.
    pub latency_ms: f64,
    /// Bytes of the model file.
    pub flash_bytes: u64,
    /// Bytes of the activation arena.
    pub arena_bytes: u64,
}

/// As what a draft is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// The float network with the draft's weights and replaced activations.
    Float,
    /// The completed draft with QuantizeLinear and DequantizeLinear pairs.
    Qdq,
}

/// Why the engine refused a strategy's request; the text is shown to the user.
#[derive(Debug, thiserror::Error)]
pub enum StrategyError {
    /// The job was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The engine failed.
    #[error("{0}")]
    Failed(String),
}

/// The engine, as a strategy sees it.
pub trait StrategyHost {
    /// The network; ids in drafts and slots refer to it.
    fn network(&self) -> &Network;
    /// The chip.
    fn target(&self) -> &TargetSpec;
    /// What is decided so far.
    fn draft(&self) -> &Draft;
    /// What still may be decided, given the draft's widths and replaced activations: weights first, then
    /// activations in graph order.
    fn slots(&self) -> Vec<Slot>;
    /// Sets the width of a node.
    fn set_bits(&mut self, node: NodeId, bits: Bits) -> Result<(), StrategyError>;
    /// Sets the exponents of a slot; the count must be the slot's.
    fn set_exponents(&mut self, tensor: TensorId, bits: Bits, exponents: &[i32])
    -> Result<(), StrategyError>;
    /// Replaces a constant of the float and the quantized network; same length, finite values.
    fn set_weights(&mut self, tensor: TensorId, values: &[f32]) -> Result<(), StrategyError>;
    /// Replaces a constant of the quantized network alone, or takes that back.
    fn correct_weights(&mut self, tensor: TensorId, values: Option<&[f32]>) -> Result<(), StrategyError>;
    /// Replaces a Clip by a Relu, or takes that back.
    fn set_relu_for_clip(&mut self, node: NodeId, relu: bool) -> Result<(), StrategyError>;
    /// A constant's values in the quantized network, before they are quantized.
    fn weights(&self, tensor: TensorId) -> Option<&[f32]>;
    /// Number of pictures of a set.
    fn pictures(&self, set: PictureSet) -> usize;
    /// Sets every n-th picture aside, away from statistics, until the strategy returns; 0 puts all back.
    fn hold_out(&mut self, every: usize) -> Result<(), StrategyError>;
    /// Runs the float network over the calibration pictures.
    fn statistics(&mut self, request: &StatisticsRequest) -> Result<Vec<TensorStatistics>, StrategyError>;
    /// Runs the float network on one picture and returns these activations (NCHW, C order).
    fn run_float(
        &mut self,
        set: PictureSet,
        picture: usize,
        weights: WeightsUse,
        tensors: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, StrategyError>;
    /// Runs the completed draft in the chip's arithmetic on one picture and returns these activations, dequantized
    /// (NCHW, C order). What is fused with the operation behind it has no integers of its own and is refused.
    fn run_quantized(
        &mut self,
        set: PictureSet,
        picture: usize,
        tensors: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, StrategyError>;
    /// Applies the rules that every strategy shares and checks the result; returns the findings, one a line,
    /// each naming a layer and a remedy. `repair` applies the remedies; findings that it mended end in "(done)".
    fn complete(&mut self, repair: bool) -> Result<Vec<String>, StrategyError>;
    /// Scores the draft with the runtime.
    fn score(
        &mut self,
        set: PictureSet,
        kind: ScoreKind,
        max_pictures: usize,
    ) -> Result<Score, StrategyError>;
    /// Estimates what the draft costs on the chip.
    fn cost(&mut self) -> Result<Cost, StrategyError>;
    /// Remembers the draft and returns its number.
    fn snapshot(&mut self) -> Result<usize, StrategyError>;
    /// Puts a remembered draft back.
    fn restore(&mut self, snapshot: usize) -> Result<(), StrategyError>;
    /// The file of a picture, from the root.
    fn picture_file(&self, set: PictureSet, picture: usize) -> Result<PathBuf, StrategyError>;
    /// The ONNX file, from the root.
    fn model_file(&self) -> Result<PathBuf, StrategyError>;
    /// The strategy's folder inside the run folder, from the root; made, and emptied, when it is first asked for.
    fn job_folder(&mut self) -> Result<PathBuf, StrategyError>;
    /// Writes the draft as an ONNX file of this name into [`StrategyHost::job_folder`].
    fn export_model(&mut self, kind: ExportKind, name: &str) -> Result<(), StrategyError>;
    /// Adds a point to a curve.
    fn point(&mut self, curve: &str, x: f64, y: f64) -> Result<(), StrategyError>;
    /// True once the user asked to stop and keep the best so far. From the first call on he can.
    fn finish_early(&mut self) -> bool;
    /// Reports progress, 0..=1, with a short text.
    fn progress(&mut self, fraction: f32, message: &str);
    /// True once the user cancelled.
    fn cancelled(&self) -> bool;
    /// Writes to the job's log.
    fn log(&mut self, level: LogLevel, message: &str);
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For plugin authors.
    Debug,
    /// For everybody.
    Info,
    /// Something to look at.
    Warning,
}
