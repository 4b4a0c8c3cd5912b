//! What a deployment tells while it runs.

use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::classify::Classification;
use super::console::ConsoleLine;
use super::error::{Cause, DeployError};
use super::verify::Verification;
use crate::job::Cancel;
use crate::strategy::LogLevel;

/// The steps in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Looking for ESP-IDF and Rust.
    Toolchain,
    /// Writing the project.
    Generate,
    /// `idf.py build`.
    Build,
    /// Writing to the board.
    Flash,
    /// Reading the board's console.
    Monitor,
    /// Comparing the board's tensors with the desktop's.
    Verify,
    /// Sending pictures to the board.
    Classify,
}

impl Step {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Step::Toolchain => "toolchain",
            Step::Generate => "generate",
            Step::Build => "build",
            Step::Flash => "flash",
            Step::Monitor => "monitor",
            Step::Verify => "verify",
            Step::Classify => "classify",
        }
    }
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It began.
    Started,
    /// It came to its end.
    Done,
    /// It ended with an error.
    Failed,
}

/// Something that a tool of the build said about a place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `error` or `warning`.
    pub severity: String,
    /// The file as the tool named it.
    pub file: Option<PathBuf>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// What it said.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

/// The board at the other end of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The port.
    pub port: String,
    /// The chip, as targets are called.
    pub chip: String,
    /// Major and minor.
    pub revision: Option<(u32, u32)>,
    /// Size of the flash.
    pub flash_bytes: u64,
    /// Its address.
    pub mac: Option<String>,
    /// What the chip's fuses say.
    pub features: Vec<String>,
}

/// What a running deployment tells; one JSON line each on `--json`'s standard output.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A step began or ended.
    Step {
        /// Which.
        step: Step,
        /// Where it is.
        state: StepState,
        /// How long it took, at its end.
        secs: Option<f64>,
    },
    /// Progress of a step.
    Progress {
        /// Which.
        step: Step,
        /// 0..=1.
        fraction: f32,
        /// A few words.
        message: String,
        /// Bytes done and bytes in all, where bytes are what is counted.
        bytes: Option<[u64; 2]>,
    },
    /// A line for the log.
    Log {
        /// Of which step.
        step: Step,
        /// Severity.
        level: LogLevel,
        /// Text.
        message: String,
    },
    /// An error or a warning of the build, with its place.
    Diagnostic(Diagnostic),
    /// A board was found.
    Device(Device),
    /// A line of the board's console.
    Console(ConsoleLine),
    /// The board's tensors were compared with the desktop's.
    Verified(Verification),
    /// The board classified a picture.
    Classified(Classification),
    /// The step failed; nothing follows.
    Error {
        /// Which step.
        step: Step,
        /// What went wrong, with file, port or tensor.
        message: String,
        /// What to do.
        help: Option<String>,
        /// What kind of thing went wrong, for those who offer a button.
        cause: Cause,
    },
    /// Everything is done; nothing follows.
    Done {
        /// The run folder.
        run: PathBuf,
        /// The project's folder.
        project: PathBuf,
    },
}

/// Tells events of a step, and says whether somebody wants it to end.
pub struct Reporter<'a> {
    cancel: Cancel,
    tell: Box<dyn FnMut(Event) + Send + 'a>,
    step: Step,
}

impl std::fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("step", &self.step).finish_non_exhaustive()
    }
}

impl<'a> Reporter<'a> {
    /// Events go to `tell`.
    pub fn new(cancel: Cancel, tell: impl FnMut(Event) + Send + 'a) -> Reporter<'a> {
        Reporter { cancel, tell: Box::new(tell), step: Step::Toolchain }
    }

    /// The token by which the user ends it.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The step that runs.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Tells any event.
    pub fn tell(&mut self, event: Event) {
        (self.tell)(event);
    }

    /// Tells a line for the log.
    pub fn log(&mut self, level: LogLevel, message: impl Into<String>) {
        let (step, message) = (self.step, message.into());
        self.tell(Event::Log { step, level, message });
    }

    /// Tells progress without bytes.
    pub fn progress(&mut self, fraction: f32, message: impl Into<String>) {
        let (step, message) = (self.step, message.into());
        self.tell(Event::Progress { step, fraction: fraction.clamp(0.0, 1.0), message, bytes: None });
    }

    /// Tells progress in bytes.
    pub fn progress_bytes(&mut self, done: u64, all: u64, message: impl Into<String>) {
        let (step, message) = (self.step, message.into());
        let fraction = if all == 0 { 1.0 } else { done as f64 / all as f64 } as f32;
        self.tell(Event::Progress { step, fraction, message, bytes: Some([done, all]) });
    }

    /// An error once the user cancelled.
    pub fn check(&self) -> Result<(), DeployError> {
        if self.cancel.is_cancelled() { Err(DeployError::Cancelled) } else { Ok(()) }
    }

    /// Runs a step: tells its beginning and its end.
    pub fn run<T>(
        &mut self,
        step: Step,
        work: impl FnOnce(&mut Self) -> Result<T, DeployError>,
    ) -> Result<T, DeployError> {
        let began = Instant::now();
        self.step = step;
        self.tell(Event::Step { step, state: StepState::Started, secs: None });
        let result = self.check().and_then(|()| work(self));
        let state = if result.is_ok() { StepState::Done } else { StepState::Failed };
        self.tell(Event::Step { step, state, secs: Some(began.elapsed().as_secs_f64()) });
        result
    }
}
