//! One step of a deployment as the sheet shows it.

use std::time::{Duration, Instant};

use octet_engine::strategy::LogLevel;

use super::DeployStep;
use crate::window::state::LogLine;

/// All steps, from top to bottom.
pub const DEPLOY_STEPS: [DeployStep; 6] = [
    DeployStep::Toolchain,
    DeployStep::Generate,
    DeployStep::Build,
    DeployStep::Flash,
    DeployStep::Monitor,
    DeployStep::Verify,
];

/// Lines that a step keeps; the whole log of a build is a file.
const MAX_LINES: usize = 4000;
/// Lines that go at once when there are too many.
const DROPPED_LINES: usize = 500;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepStatus {
    /// Not yet.
    #[default]
    ToDo,
    /// The user does not want it.
    LeftOut,
    /// At work.
    Running,
    /// Came to its end.
    Done,
    /// Ended with an error.
    Failed,
    /// The user ended it.
    Cancelled,
}

impl StepStatus {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            StepStatus::ToDo => "to do",
            StepStatus::LeftOut => "left out",
            StepStatus::Running => "running",
            StepStatus::Done => "done",
            StepStatus::Failed => "failed",
            StepStatus::Cancelled => "cancelled",
        }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// Which.
    pub step: DeployStep,
    /// How far it is.
    pub status: StepStatus,
    /// When it began.
    pub began: Option<Instant>,
    /// How long it took.
    pub secs: Option<f64>,
    /// 0..=1, where it tells.
    pub fraction: Option<f32>,
    /// What it does now.
    pub message: String,
    /// Bytes done, and bytes in all.
    pub bytes: Option<[u64; 2]>,
    /// What it told.
    pub log: Vec<LogLine>,
    /// Lines that the log no longer has.
    pub dropped: usize,
    /// The log is shown.
    pub is_open: bool,
}

impl StepView {
    /// A step that has not begun.
    pub fn new(step: DeployStep) -> Self {
        Self {
            step,
            status: StepStatus::ToDo,
            began: None,
            secs: None,
            fraction: None,
            message: String::new(),
            bytes: None,
            log: Vec::new(),
            dropped: 0,
            is_open: false,
        }
    }

    /// What it is called.
    pub fn title(step: DeployStep) -> &'static str {
        match step {
            DeployStep::Toolchain => "Tools and board",
            DeployStep::Generate => "Generate",
            DeployStep::Build => "Build",
            DeployStep::Flash => "Flash",
            DeployStep::Monitor => "Monitor",
            DeployStep::Verify => "Verify",
            DeployStep::Classify => "Classify",
        }
    }

    /// What it does.
    pub fn explanation(step: DeployStep) -> &'static str {
        match step {
            DeployStep::Toolchain => "Looks for ESP-IDF, Rust and the board before anything is done",
            DeployStep::Generate => "Writes the ESP-IDF project into the run folder",
            DeployStep::Build => "Builds it with ESP-IDF",
            DeployStep::Flash => "Writes to the board, verified piece by piece",
            DeployStep::Monitor => "Shows the board's console",
            DeployStep::Verify => {
                "Compares every tensor of the board with the desktop's, and measures every layer"
            }
            DeployStep::Classify => {
                "Sends pictures to the board, and compares its answers with the desktop's"
            }
        }
    }

    /// It begins.
    pub fn begin(&mut self, now: Instant) {
        *self = Self {
            status: StepStatus::Running,
            began: Some(now),
            is_open: self.is_open,
            ..Self::new(self.step)
        };
    }

    /// How long it has been at work, or how long it took.
    pub fn time(&self, now: Instant) -> Option<Duration> {
        match (self.status, self.secs, self.began) {
            (StepStatus::Running, _, Some(began)) => Some(now.saturating_duration_since(began)),
            (_, Some(secs), _) => Duration::try_from_secs_f64(secs).ok(),
            _ => None,
        }
    }

    /// Adds a line; the oldest ones give way.
    pub fn note(&mut self, level: Option<LogLevel>, text: String) {
        if self.log.len() >= MAX_LINES {
            self.log.drain(..DROPPED_LINES);
            self.dropped += DROPPED_LINES;
        }
        self.log.push(LogLine { level, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_end_and_counts_what_went() {
        let mut step = StepView::new(DeployStep::Build);
        for i in 0..10_000_usize {
            step.note(Some(LogLevel::Debug), i.to_string());
        }
        assert!(step.log.len() <= MAX_LINES);
        assert_eq!(step.dropped + step.log.len(), 10_000);
        assert_eq!(step.log[0].text, step.dropped.to_string());
    }
}
