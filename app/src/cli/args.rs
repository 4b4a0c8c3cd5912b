//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::firmware_args::{DeployArgs, FirmwareCommand};

/// Put image classifiers on ESP32 chips: quantize, look at the error, export, bit for bit as the chip computes.
#[derive(Debug, Parser)]
#[command(name = "octet", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// A model, a run folder or a report to open in the window.
    pub file: Option<PathBuf>,
    /// What to do without the window.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What Octet does without the window.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Calibrate, plan, analyse, evaluate and export a model.
    Quantize(QuantizeArgs),
    /// Ask a model about one picture or tensor.
    Infer(InferArgs),
    /// Accuracy of a model over a folder of pictures.
    Evaluate(EvaluateArgs),
    /// Nodes, tensors, exponents and memory of a model, and what a target does not support.
    Inspect(InspectArgs),
    /// Runs side by side.
    Compare(CompareArgs),
    /// What would make a run better, and how.
    Advise(AdviseArgs),
    /// Strategy plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// The steps of a deployment, one by one.
    #[command(subcommand)]
    Firmware(FirmwareCommand),
    /// Onto the chip: generate, build, flash and compare with the desktop.
    Deploy(Box<DeployArgs>),
    /// What of the tool chain is present, and how to get the rest.
    Doctor {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// The whole main job on the embedded model and pictures.
    Demo(DemoArgs),
    /// The child process that runs plugins; started by Octet itself.
    #[command(hide = true)]
    Worker,
}

/// Pre-processing that differs from the model's own.
#[derive(Debug, Args, Default, Clone)]
pub struct PreprocessingArgs {
    /// Mean of red, green, blue in 0..1 units, e.g. 0.485,0.456,0.406.
    #[arg(long)]
    pub mean: Option<String>,
    /// Standard deviation of red, green, blue in 0..1 units.
    #[arg(long)]
    pub std: Option<String>,
    /// 256 for the shorter side, 160x160 for the exact size, or none.
    #[arg(long)]
    pub resize: Option<String>,
    /// Centre crop, e.g. 224.
    #[arg(long)]
    pub crop: Option<String>,
    /// The network wants blue first.
    #[arg(long)]
    pub bgr: bool,
    /// The network wants grey.
    #[arg(long)]
    pub grey: bool,
}

/// `octet quantize`.
#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// ONNX file.
    pub model: PathBuf,
    /// Folder of calibration pictures; may be given more than once.
    #[arg(long, required = true)]
    pub images: Vec<PathBuf>,
    /// Calibration picture to leave out: its name relative to the folder, or a pattern such as `night/*`; may be given
    /// more than once.
    #[arg(long, value_name = "PICTURE", allow_hyphen_values = true)]
    pub leave_out: Vec<String>,
    /// Folder of evaluation pictures.
    #[arg(long)]
    pub eval: Option<PathBuf>,
    /// CSV `file,class_index[,class_name]` of the evaluation pictures.
    #[arg(long, requires = "eval")]
    pub labels: Option<PathBuf>,
    /// Strategies in order, e.g. `equalization,int8`; the last part of an id suffices when unique. Required, or `--pipeline`.
    #[arg(long, required_unless_present = "pipeline", value_delimiter = ',')]
    pub strategy: Vec<String>,
    /// Strategies with their settings from a file, such as the `pipeline.json` of a run folder.
    #[arg(long, conflicts_with = "strategy")]
    pub pipeline: Option<PathBuf>,
    /// Settings: `ID.key=value` for every strategy with that id, `PLACE.key=value` for the one in that place of the chain
    /// (from 1), or `key=value` with one strategy.
    #[arg(long = "set")]
    pub settings: Vec<String>,
    /// Output exponent of an operation, set by hand: `OPERATION=EXPONENT`; may be given more than once.
    #[arg(long = "exponent")]
    pub exponents: Vec<String>,
    /// Chip, e.g. esp32p4 or esp32s3.
    #[arg(long)]
    pub target: String,
    /// Run folder; by default `runs/MODEL-TARGET-STRATEGY`, numbered.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Pictures of the graphwise analysis.
    #[arg(long, default_value_t = 32)]
    pub graphwise_pictures: usize,
    /// Pictures of the layerwise analysis; 0 leaves it out.
    #[arg(long, default_value_t = 16)]
    pub layerwise_pictures: usize,
    /// Also measure each layer with its output quantized, and its output alone.
    #[arg(long)]
    pub layerwise_outputs: bool,
    /// Export Clips that are ReLUs as Clip nodes, as ESP-PPQ does.
    #[arg(long)]
    pub keep_clip: bool,
    /// Threads; 0 for all cores.
    #[arg(long, default_value_t = 0, value_parser = at_most(MAX_THREADS))]
    pub threads: usize,
    /// Memory limit of the process that runs the plugins, in MiB.
    #[arg(long, default_value_t = 4096)]
    pub memory_limit_mib: u64,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
}

/// More threads than any machine that runs a window has cores for.
const MAX_THREADS: usize = 256;

/// A count up to a limit.
pub(super) fn at_most(
    limit: usize,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<usize>() {
        Ok(count) if count <= limit => Ok(count),
        _ => Err(format!("a whole number up to {limit} is needed")),
    }
}

/// `octet infer`.
#[derive(Debug, Args)]
pub struct InferArgs {
    /// .espdl or .onnx file.
    pub model: PathBuf,
    /// A picture.
    #[arg(long, required_unless_present = "tensor", conflicts_with = "tensor")]
    pub image: Option<PathBuf>,
    /// A tensor: for .espdl integers or f32 NHWC, for .onnx f32 in the model's layout.
    #[arg(long)]
    pub tensor: Option<PathBuf>,
    /// Chip whose arithmetic is used; default: the file's.
    #[arg(long)]
    pub target: Option<String>,
    /// Classes to list.
    #[arg(long, default_value_t = 5)]
    pub top: usize,
    /// Names of the classes, one a line.
    #[arg(long)]
    pub names: Option<PathBuf>,
    /// Write every tensor and tensors.json into this folder.
    #[arg(long)]
    pub dump: Option<PathBuf>,
    /// Run the network so often and print the median time.
    #[arg(long)]
    pub repeat: Option<usize>,
    /// Threads that run it at the same time.
    #[arg(long, default_value_t = 1, value_parser = at_most(MAX_THREADS))]
    pub threads: usize,
    /// model: the float model's own pre-processing; chip: the runtime's (nearest resize).
    #[arg(long, value_enum, default_value_t = PreprocessKind::Model)]
    pub preprocess: PreprocessKind,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
}

/// Whose pre-processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PreprocessKind {
    /// The float model's own.
    Model,
    /// The runtime's on the chip.
    Chip,
}

/// `octet evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// .espdl or .onnx file.
    pub model: PathBuf,
    /// Folder of pictures.
    #[arg(long)]
    pub images: PathBuf,
    /// CSV `file,class_index[,class_name]`; default: a CSV beside the folder, or its sub-folders.
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// Chip whose arithmetic is used; default: the file's.
    #[arg(long)]
    pub target: Option<String>,
    /// Float model to agree with.
    #[arg(long)]
    pub reference: Option<PathBuf>,
    /// model: the float model's own pre-processing; chip: the runtime's (nearest resize).
    #[arg(long, value_enum, default_value_t = PreprocessKind::Model)]
    pub preprocess: PreprocessKind,
    /// List every picture's answer.
    #[arg(long)]
    pub predictions: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
}

/// `octet inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// .espdl or .onnx file.
    pub model: PathBuf,
    /// Chip; default: the file's, or esp32p4.
    #[arg(long)]
    pub target: Option<String>,
    /// What lies where in RAM while it runs, and which chips have room; for .espdl.
    #[arg(long)]
    pub memory: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `octet compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Run folders.
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// The run that the others are held against; default: the first.
    #[arg(long)]
    pub reference: Option<PathBuf>,
    /// Order of the layers.
    #[arg(long, value_enum, default_value_t = LayerSort::Graph)]
    pub sort: LayerSort,
    /// Also write a page that needs no other file.
    #[arg(long)]
    pub html: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `octet advise`.
#[derive(Debug, Args)]
pub struct AdviseArgs {
    /// Run folder, or its report.json.
    pub run: PathBuf,
    /// Another run of the same model for the same chip, which may have been better.
    #[arg(long)]
    pub reference: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The order of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayerSort {
    /// The graph's.
    Graph,
    /// The biggest change of noise:signal against the reference first.
    Change,
}

/// `octet plugin`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// What was found, where, and why one was refused.
    List {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Trust a plugin file from now on.
    Trust {
        /// The library.
        path: PathBuf,
    },
    /// Write a project that builds into a strategy.
    New {
        /// Letters, digits and dashes; the project's folder is called so too.
        name: String,
        /// What it is written in.
        #[arg(long, value_enum)]
        lang: PluginLanguage,
        /// Folder that the project's folder is made in.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
}

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PluginLanguage {
    /// The safe SDK.
    Rust,
    /// The C header.
    C,
}

/// `octet demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the run.
    #[arg(long, default_value = "runs/demo")]
    pub out: PathBuf,
    /// Chip.
    #[arg(long, default_value = "esp32p4")]
    pub target: String,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}
