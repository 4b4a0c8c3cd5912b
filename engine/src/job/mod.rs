//! A quantization job, from the outside: what to do, what happens meanwhile, what came out. The command line and
//! the window both speak only this.

mod chain;
mod edits;
pub(crate) mod group;
mod handle;
pub(crate) mod lines;
mod memory;
mod overlap;
mod pipeline;
mod pool;
mod protocol;
mod quantize;
mod reading;
mod relay;
mod report;
mod runner;
mod start;
mod worker;

pub use edits::HandEdits;
pub use handle::{Cancel, JobHandle};
pub use memory::DEFAULT_MEMORY_LIMIT_BYTES;
pub use pipeline::{Pipeline, PipelineError};
pub use quantize::JobError;
pub use runner::{WorkerError, Workers};
pub use start::start;
pub use worker::serve;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::host::Found;
use crate::report::Finding;
use crate::strategy::LogLevel;

/// What `octet quantize` is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct QuantizeRequest {
    /// ONNX file.
    pub model: PathBuf,
    /// Folders of calibration pictures.
    pub images: Vec<PathBuf>,
    /// Folder of evaluation pictures.
    pub eval: Option<PathBuf>,
    /// CSV of the evaluation pictures' classes; without one, sub-folders name them.
    pub labels: Option<PathBuf>,
    /// The chain of strategies: plugin id (or a unique suffix) and settings.
    pub strategies: Vec<StrategyRequest>,
    /// Chip name.
    pub target: String,
    /// Run folder to create.
    pub out: PathBuf,
    /// Pictures of the graphwise analysis.
    pub graphwise_pictures: usize,
    /// Pictures of the layerwise analysis; 0 leaves it out.
    pub layerwise_pictures: usize,
    /// Also the second and third layerwise column.
    pub layerwise_outputs: bool,
    /// Export Clips that are Relus as Clip nodes, as ESP-PPQ does.
    pub keep_clip: bool,
    /// Pre-processing that differs from the model's own: `mean`, `std`, `resize`, `crop`, `bgr`, `grey`.
    pub preprocessing: BTreeMap<String, String>,
    /// Threads; 0 for all cores.
    pub threads: usize,
    /// Takes what leading strategies decided in an earlier job of the worker also where they may decide something else now:
    /// those that went through a training outside, or were asked to finish early. For scores of what comes behind them.
    #[serde(default)]
    pub reuse: bool,
    /// Calibration pictures to leave out: names relative to their folder, or patterns.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Exponents set by hand after the strategies.
    #[serde(default)]
    pub edits: HandEdits,
}

/// One strategy of the chain.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct StrategyRequest {
    /// Plugin id, or its last part when unique.
    pub id: String,
    /// `key -> value` as typed; checked against the plugin's schema.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// A plugin file as it was when it was found; a job refuses it once it has changed.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Library {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Library {
    /// The path with its links followed, as the loader tells libraries apart.
    fn real_path(&self) -> PathBuf {
        self.path.canonicalize().unwrap_or_else(|_| self.path.clone())
    }
}

impl From<&Found> for Library {
    fn from(found: &Found) -> Self {
        Library { path: found.path.clone(), sha256: found.sha256.clone() }
    }
}

/// The phases of a job, in the order in which they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading the model and the pictures.
    Load,
    /// The plugins' own work, which asks for calibrations as it goes.
    Strategy,
    /// Statistics of the calibration pictures.
    Calibrate,
    /// Writing the model, its QDQ twin and the plan.
    Export,
    /// Graphwise analysis.
    Graphwise,
    /// Layerwise analysis.
    Layerwise,
    /// Accuracy.
    Evaluate,
}

/// What a running job tells; one JSON line each on the pipe and on `--json`'s standard output.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Progress of a phase.
    Progress {
        /// Which.
        phase: Phase,
        /// 0..=1 within the phase.
        fraction: f32,
        /// A few words.
        message: String,
    },
    /// A line for the log.
    Log {
        /// Severity.
        level: LogLevel,
        /// Text.
        message: String,
    },
    /// Something about the pictures, told before the work on them begins. Reports have it too.
    Warning(Box<Finding>),
    /// A point of a strategy's curve.
    Point {
        /// The curve.
        curve: String,
        /// Where, e.g. the step.
        x: f64,
        /// How much, e.g. the loss.
        y: f64,
    },
    /// Whether [`Cancel::finish_early`] has an effect from now on.
    CanFinish {
        /// It has.
        can: bool,
    },
    /// The job failed; the message names file, node, tensor or plugin and what to do.
    Error {
        /// Text.
        message: String,
    },
    /// The job is done.
    Done {
        /// The run folder.
        run: PathBuf,
    },
}
