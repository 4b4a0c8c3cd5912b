//! `report.json`: everything a run found out, in a stable, versioned form. Ratios are fractions, never per cent.

mod finding;
mod memory;
mod predictions;
mod words;

pub(crate) use finding::typed_settings;
pub use finding::{Finding, PictureRole, Remedy, Severity};
pub use memory::{
    ActivationPlace, ChipMemory, FittingInput, MemoryMap, MemoryMaps, MemoryStage, PlacedTensor,
    chip_in_words, size_in_words, whole_kib,
};
pub use predictions::{PREDICTIONS_SCHEMA_VERSION, Prediction, Predictions};
pub(crate) use words::phrase;
pub use words::{Part, Words, fill_in};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::HandEdits;

/// Version of the report's schema; grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// The report of one run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Report {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema: u32,
    /// The model file.
    pub model: ModelFacts,
    /// Name of the chip, e.g. `esp32p4`.
    pub target: String,
    /// The strategies in the order in which they ran.
    pub strategy: Vec<StrategyFacts>,
    /// Exponents that were set by hand after the strategies.
    #[serde(default)]
    pub edits: HandEdits,
    /// The pictures that statistics were taken from.
    pub calibration: PictureFacts,
    /// How pictures became tensors, in words.
    pub preprocessing: BTreeMap<String, String>,
    /// The same as settings: `mean`, `std`, `resize`, `crop`, `bgr`, `grey`.
    #[serde(default)]
    pub preprocessing_settings: BTreeMap<String, String>,
    /// How many of them the errors were measured on; `None` in reports of Octet before it counted them.
    #[serde(default)]
    pub analysed: Option<AnalysedPictures>,
    /// The network's input.
    pub input: InputFacts,
    /// Operations in graph order: all that compute, pool or add.
    pub layers: Vec<LayerFacts>,
    /// The network's output.
    pub r#final: FinalFacts,
    /// Accuracy on pictures that calibration has not seen; `None` when no evaluation folder was given.
    pub evaluation: Option<EvaluationFacts>,
    /// Flash and RAM.
    pub memory: MemoryFacts,
    /// What lies where in RAM, and which chips have room; `None` in reports of Octet before it drew maps.
    #[serde(default)]
    pub memory_map: Option<MemoryMaps>,
    /// Estimated time of one inference.
    pub latency: LatencyFacts,
    /// Sums that leave the chip's accumulator under ESP-DL; empty where the chip has wide ones.
    pub accumulators: Vec<AccumulatorFacts>,
    /// What the plan's rules, the pictures and the analyses call to attention.
    pub warnings: Vec<String>,
    /// What would make it better, the most urgent first; those of `calibration` included.
    #[serde(default)]
    pub advice: Vec<Finding>,
    /// Seconds by phase: `load`, `calibrate`, `strategy`, `graphwise`, `layerwise`, `evaluate`, `export`.
    pub timings_secs: BTreeMap<String, f64>,
    /// Versions of the program and of what it wrote.
    pub versions: BTreeMap<String, String>,
}

/// The model that was quantized.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ModelFacts {
    /// Path from the root.
    pub path: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Name of the network.
    pub name: String,
    /// Multiply-accumulates of one picture.
    pub macs: u64,
    /// Number of weights and biases.
    pub parameters: u64,
}

/// One strategy of the chain.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct StrategyFacts {
    /// Reverse-DNS id.
    pub id: String,
    /// The plugin's version.
    pub version: String,
    /// SHA-256 of the library file, hexadecimal.
    pub sha256: String,
    /// The settings it ran with, defaults filled in.
    pub settings: serde_json::Value,
    /// Those of them that were asked for; the others are defaults.
    #[serde(default)]
    pub requested: BTreeMap<String, serde_json::Value>,
    /// Seconds it ran.
    pub secs: f64,
    /// The curves that it drew, e.g. its losses.
    #[serde(default)]
    pub curves: Vec<Curve>,
}

/// A named curve of a strategy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Points (x, y) in the order in which they came.
    pub points: Vec<[f64; 2]>,
}

/// A set of pictures.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Default)]
pub struct PictureFacts {
    /// Folders they came from.
    pub folders: Vec<String>,
    /// Files used, relative to their folder, in the order of use.
    pub used: Vec<String>,
    /// Files left out, with the reason.
    pub skipped: Vec<SkippedPicture>,
    /// Classes with pictures, as far as a CSV or sub-folders tell, in the order of their indices.
    #[serde(default)]
    pub classes: Vec<ClassFacts>,
    /// What looked wrong with them before the run's work began.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// How many of the calibration pictures an analysis took: the first ones, or, of classes in sub-folders, some at equal distances.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct AnalysedPictures {
    /// Of the graphwise errors, and of the scores on calibration pictures.
    pub graphwise: usize,
    /// Of the layerwise errors.
    pub layerwise: usize,
}

/// A class in a set of pictures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ClassFacts {
    /// Class index.
    pub class: usize,
    /// Its pictures.
    pub pictures: usize,
}

/// A picture that could not be used.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct SkippedPicture {
    /// File.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// The network's input.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct InputFacts {
    /// Tensor name.
    pub name: String,
    /// Extents, NHWC.
    pub shape_nhwc: Vec<usize>,
    /// Width in bits.
    pub bits: u32,
    /// Value = integer x 2^exponent.
    pub output_exponent: i32,
    /// Noise:signal of the quantized input itself.
    pub graphwise_nsr: Option<f64>,
    /// Noise:signal of the network's output with only the input quantized.
    pub layerwise_nsr: Option<f64>,
    /// Fraction of the calibration pictures' input integers that lie at the end of their range.
    pub clipped: Option<f64>,
    /// Fraction of the input's float values that lie beyond the integers' range by more than half a step.
    #[serde(default)]
    pub beyond_range: Option<f64>,
}

/// One operation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LayerFacts {
    /// Node name of the model file.
    pub name: String,
    /// ONNX operation; depthwise convolutions read `DepthwiseConv`.
    pub op: String,
    /// Width in bits.
    pub bits: u32,
    /// Exponents of the weights: one, or one per output channel; empty without weights.
    pub weight_exponents: Vec<i32>,
    /// Exponent of the output after its fused activation.
    pub output_exponent: i32,
    /// Everything quantized: noise:signal of this operation's output after its fused activation.
    pub graphwise_nsr: Option<f64>,
    /// Only this operation's weights and bias quantized (and its output where no activation follows): noise:signal of the network's output.
    pub layerwise_nsr: Option<f64>,
    /// As `layerwise_nsr`, with its output quantized in every case.
    pub layerwise_with_output_nsr: Option<f64>,
    /// Only its output quantized.
    pub layerwise_output_only_nsr: Option<f64>,
    /// Multiply-accumulates of one picture.
    pub macs: u64,
    /// Bytes of weights and bias in the file.
    pub weight_bytes: u64,
    /// Fraction of its output integers that lie at the end of their range, on the graphwise pictures.
    pub clipped: Option<f64>,
    /// Fraction of the float network's values of its output that lie beyond the integers' range by more than half a
    /// step, on the graphwise pictures: what calibration chose to clip.
    #[serde(default)]
    pub beyond_range: Option<f64>,
    /// Largest to smallest `max|w|` among the output channels, those of zeros left out; `None` without weights.
    #[serde(default)]
    pub weight_range_ratio: Option<f64>,
    /// Output channels, those of zeros left out, whose `max|w|` is under 8 steps of their exponent, so that 3 bits and
    /// the sign are left of them; `None` without weights.
    #[serde(default)]
    pub coarse_channels: Option<usize>,
    /// Estimated microseconds on the target.
    pub latency_us: Option<f64>,
}

/// The network's output.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FinalFacts {
    /// Noise:signal of the scores, calibration pictures.
    pub graphwise_nsr: Option<f64>,
    /// Fraction of calibration pictures with the float network's top-1 class.
    pub agreement: Option<f64>,
}

/// Accuracy of the float and of the quantized network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct EvaluationFacts {
    /// Pictures evaluated.
    pub images: usize,
    /// Pictures left out, with the reason.
    pub skipped: Vec<SkippedPicture>,
    /// The float network; `None` without labels.
    pub float: Option<Accuracy>,
    /// The `.espdl` file; `None` without labels.
    pub quantized: Option<Accuracy>,
    /// Fraction of pictures on which both name the same class.
    pub agreement: f64,
    /// 95 % Wilson interval of the agreement.
    pub agreement_interval95: [f64; 2],
    /// Noise:signal of the scores.
    pub output_nsr: f64,
    /// Evaluation pictures that are calibration pictures (by content).
    pub calibration_overlap: usize,
}

/// Top-1 and top-5 as fractions, with 95 % Wilson intervals.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Accuracy {
    /// Fraction with the right class first.
    pub top1: f64,
    /// Fraction with the right class among the first five.
    pub top5: f64,
    /// Interval of `top1`.
    pub top1_interval95: [f64; 2],
    /// Interval of `top5`.
    pub top5_interval95: [f64; 2],
}

/// Flash and RAM of one inference.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Default)]
pub struct MemoryFacts {
    /// Bytes of the `.espdl` file.
    pub flash_bytes: u64,
    /// Bytes of the activation arena, layer by layer.
    pub arena_bytes: u64,
    /// The tensors that are alive at the peak.
    pub peak: Vec<PeakTensor>,
}

/// A tensor alive at the peak of the arena.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PeakTensor {
    /// Tensor name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// An estimate of one inference's time under ESP-DL's kernels.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Default)]
pub struct LatencyFacts {
    /// The estimate.
    pub estimated_ms: Option<f64>,
    /// Lower and upper end of what the model's inputs allow.
    pub range_ms: Option<[f64; 2]>,
    /// The numbers the estimate stands on, in words.
    pub inputs: Vec<String>,
}

/// A layer whose sums leave the accumulator.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct AccumulatorFacts {
    /// Node name.
    pub name: String,
    /// Bits of one lane.
    pub limit_bits: u32,
    /// Output channels in which it happened.
    pub channels: usize,
    /// Pictures on which it happened.
    pub pictures: usize,
    /// Output values in which it happened, over all pictures.
    pub values: u64,
}
