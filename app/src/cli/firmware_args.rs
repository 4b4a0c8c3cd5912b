//! Arguments of `octet firmware` and `octet deploy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use octet_engine::deploy::MAX_TEST_PICTURES;

use super::args::{PreprocessKind, at_most};

/// `octet firmware`.
#[derive(Debug, Subcommand)]
pub enum FirmwareCommand {
    /// Write the ESP-IDF project of a run, or bring it up to date.
    New(NewArgs),
    /// Build it with idf.py.
    Build(BuildArgs),
    /// Write it to the board, verified.
    Flash(FlashArgs),
    /// Show the board's console, and keep it in the run folder.
    Monitor(MonitorArgs),
    /// Compare every tensor of the board with the desktop's.
    Verify(VerifyArgs),
    /// Send pictures to the board and compare its answers with the desktop's.
    Classify(ClassifyArgs),
    /// The serial ports, and which of them are boards.
    Ports {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl FirmwareCommand {
    /// Whether JSON lines were asked for.
    pub fn wants_json(&self) -> bool {
        match self {
            FirmwareCommand::New(args) => args.json,
            FirmwareCommand::Build(args) => args.json,
            FirmwareCommand::Flash(args) => args.json,
            FirmwareCommand::Monitor(args) => args.json,
            FirmwareCommand::Verify(args) => args.json,
            FirmwareCommand::Classify(args) => args.json,
            FirmwareCommand::Ports { json } => *json,
        }
    }
}

/// What executes the model on the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlavourArg {
    /// Octet's runtime.
    Octet,
    /// Espressif's ESP-DL, for comparison.
    EspDl,
}

/// Where the model lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelPlaceArg {
    /// In a partition of its own: a new model is flashed alone.
    Partition,
    /// In the application's constants.
    Rodata,
}

/// External RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PsramArg {
    /// As the activations need it.
    Auto,
    /// Use it.
    On,
    /// Do without.
    Off,
}

/// Which project.
#[derive(Debug, Args)]
pub struct ProjectArgs {
    /// Run folder.
    pub run: PathBuf,
    /// Chip; default: the run's.
    #[arg(long)]
    pub target: Option<String>,
    /// What executes the model on the chip.
    #[arg(long, value_enum, default_value_t = FlavourArg::Octet)]
    pub flavour: FlavourArg,
    /// The project's folder; default: `firmware` (or `firmware-esp-dl`) in the run folder.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// What of the project can be chosen.
#[derive(Debug, Args)]
pub struct ContentArgs {
    /// Where the model lies.
    #[arg(long, value_enum, default_value_t = ModelPlaceArg::Partition)]
    pub model_in: ModelPlaceArg,
    /// Names of the classes, one a line; default: those of the calibration pictures.
    #[arg(long)]
    pub names: Option<PathBuf>,
    /// Calibration pictures to take in as test pictures, at most 16.
    #[arg(long, default_value_t = 3, value_parser = at_most(MAX_TEST_PICTURES))]
    pub pictures: usize,
    /// External RAM.
    #[arg(long, value_enum, default_value_t = PsramArg::Auto)]
    pub psram: PsramArg,
    /// Revision of an ESP32-P4, e.g. 1.3; before 3.0 it needs another boot loader.
    #[arg(long, value_parser = revision)]
    pub chip_revision: Option<(u32, u32)>,
    /// Move the project that is there aside and write it into an empty folder.
    #[arg(long)]
    pub afresh: bool,
}

/// Whether a project of somebody else may be built.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Build the project though this Octet did not write it. A build runs the programs that its folder names: look
    /// through it first.
    #[arg(long)]
    pub trust: bool,
}

fn revision(text: &str) -> Result<(u32, u32), String> {
    let (major, minor) = text.trim_start_matches('v').split_once('.').unwrap_or((text, "0"));
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => Ok((major, minor)),
        _ => Err("write it as 1.3".to_owned()),
    }
}

/// The board.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// Serial port; default: the only board.
    #[arg(long)]
    pub port: Option<String>,
    /// Leave the modem lines alone: the board is brought into its boot loader, and started, by hand.
    #[arg(long)]
    pub no_reset: bool,
}

/// `octet firmware new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub content: ContentArgs,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `octet firmware build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Folder of the ESP-IDF to use; default: the first that is found.
    #[arg(long)]
    pub idf: Option<PathBuf>,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `octet firmware flash`.
#[derive(Debug, Args)]
pub struct FlashArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub port: PortArgs,
    /// Speed; lower ones are tried when it fails.
    #[arg(long, default_value_t = 921_600, value_parser = clap::value_parser!(u32).range(9600..=6_000_000))]
    pub baud: u32,
    /// Write the model's partition alone.
    #[arg(long)]
    pub model_only: bool,
    /// Look which chip is there and whether the firmware suits it; write nothing.
    #[arg(long, conflicts_with = "model_only")]
    pub chip_check: bool,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `octet firmware monitor`.
#[derive(Debug, Args)]
pub struct MonitorArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub port: PortArgs,
    /// Speed of the console.
    #[arg(long, default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(9600..=6_000_000))]
    pub baud: u32,
    /// Ends after so many seconds; default: with Ctrl-C.
    #[arg(long)]
    pub secs: Option<u64>,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `octet firmware verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub port: PortArgs,
    /// Speed of the console.
    #[arg(long, default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(9600..=6_000_000))]
    pub baud: u32,
    /// A board that says nothing for so many seconds has failed.
    #[arg(long, default_value_t = 60)]
    pub patience: u64,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `octet firmware classify`.
#[derive(Debug, Args)]
pub struct ClassifyArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    /// Picture files.
    #[arg(required = true)]
    pub pictures: Vec<PathBuf>,
    #[command(flatten)]
    pub port: PortArgs,
    /// Speed of the console.
    #[arg(long, default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(9600..=6_000_000))]
    pub baud: u32,
    /// model: prepared here as the run says, and sent as the network's input; chip: resized and cropped here, and
    /// prepared by the board.
    #[arg(long, value_enum, default_value_t = PreprocessKind::Model)]
    pub preprocess: PreprocessKind,
    /// Answers to show.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub top: u8,
    /// A board that tells nothing for so many seconds has failed.
    #[arg(long, default_value_t = 60)]
    pub patience: u64,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `octet deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub content: ContentArgs,
    #[command(flatten)]
    pub trust: TrustArgs,
    #[command(flatten)]
    pub port: PortArgs,
    /// Folder of the ESP-IDF to use; default: the first that is found.
    #[arg(long)]
    pub idf: Option<PathBuf>,
    /// Speed of flashing; lower ones are tried when it fails.
    #[arg(long, default_value_t = 921_600, value_parser = clap::value_parser!(u32).range(9600..=6_000_000))]
    pub baud: u32,
    /// Speed of the console.
    #[arg(long, default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(9600..=6_000_000))]
    pub console_baud: u32,
    /// Take the run's model over and write its partition alone; nothing is built.
    #[arg(long)]
    pub model_only: bool,
    /// End when everything is on the board, without comparing.
    #[arg(long)]
    pub no_verify: bool,
    /// End with the firmware that was built; needs no board.
    #[arg(long, conflicts_with = "model_only")]
    pub build_only: bool,
    /// A board that says nothing for so many seconds has failed.
    #[arg(long, default_value_t = 60)]
    pub patience: u64,
    /// JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}
