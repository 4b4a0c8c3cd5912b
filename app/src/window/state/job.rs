//! A running job as the window follows it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use octet_engine::job::{Cancel, Event, Phase};
use octet_engine::strategy::LogLevel;

/// All phases in order, each with its usual share of a job's time (percent, measured on MobileNetV2 with 32
/// pictures is still to come; these are estimates that only steer the bar).
pub const PHASES: [(Phase, f32); 7] = [
    (Phase::Load, 5.0),
    (Phase::Calibrate, 20.0),
    (Phase::Strategy, 10.0),
    (Phase::Graphwise, 15.0),
    (Phase::Layerwise, 35.0),
    (Phase::Evaluate, 10.0),
    (Phase::Export, 5.0),
];

/// A phase in words.
pub fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "loading",
        Phase::Calibrate => "calibrating",
        Phase::Strategy => "strategy",
        Phase::Graphwise => "graphwise errors",
        Phase::Layerwise => "layerwise errors",
        Phase::Evaluate => "accuracy",
        Phase::Export => "writing the run",
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Severity; `None` for the job's own error.
    pub level: Option<LogLevel>,
    /// Text.
    pub text: String,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// With a run folder.
    Done(PathBuf),
    /// With an error.
    Failed(String),
    /// The user cancelled.
    Cancelled,
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// What it does, e.g. `Int8 for esp32s3`.
    pub title: String,
    /// Raised to end it; there as soon as it has started.
    pub cancel: Option<Cancel>,
    /// The user asked it to end.
    pub cancelling: bool,
    /// When it was asked for.
    pub started: Instant,
    /// The phase at work.
    pub phase: Option<Phase>,
    /// 0..=1 within the phase.
    pub fraction: f32,
    /// What it says about the phase.
    pub message: String,
    /// Its log.
    pub log: Vec<LogLine>,
    /// Set once it has ended.
    pub end: Option<JobEnd>,
}

impl Job {
    /// A job that was just asked for.
    pub fn new(title: String, started: Instant) -> Self {
        Self {
            title,
            cancel: None,
            cancelling: false,
            started,
            phase: None,
            fraction: 0.0,
            message: String::new(),
            log: Vec::new(),
            end: None,
        }
    }

    /// Takes note of what the job tells.
    pub fn note(&mut self, event: Event) {
        match event {
            Event::Progress { phase, fraction, message } => {
                self.phase = Some(phase);
                self.fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
                self.message = message;
            }
            Event::Log { level, message } => {
                self.log.push(LogLine { level: Some(level), text: message });
            }
            Event::Error { message } => {
                self.log.push(LogLine { level: None, text: message.clone() });
                let cancelled = self.cancelling;
                self.end = Some(if cancelled { JobEnd::Cancelled } else { JobEnd::Failed(message) });
            }
            Event::Done { run } => self.end = Some(JobEnd::Done(run)),
        }
    }

    /// 0..=1 over all phases.
    pub fn overall(&self) -> f32 {
        let Some(phase) = self.phase else { return 0.0 };
        let before: f32 = PHASES.iter().filter(|(p, _)| *p < phase).map(|(_, w)| w).sum();
        let this: f32 = PHASES.iter().filter(|(p, _)| *p == phase).map(|(_, w)| w).sum();
        ((before + this * self.fraction) / 100.0).clamp(0.0, 1.0)
    }

    /// How long it will take from now, once that can be told.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let done = f64::from(self.overall());
        if self.end.is_some() || elapsed < Duration::from_secs(1) || !(0.04..1.0).contains(&done) {
            return None;
        }
        Some(elapsed.mul_f64((1.0 - done) / done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: Phase, fraction: f32) -> Event {
        Event::Progress { phase, fraction, message: String::new() }
    }

    #[test]
    fn the_shares_of_the_phases_are_a_whole() {
        assert_eq!(PHASES.iter().map(|(_, w)| w).sum::<f32>(), 100.0);
        assert!(PHASES.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn the_bar_never_goes_back_and_the_time_left_shrinks() {
        let mut job = Job::new("j".to_owned(), Instant::now());
        let mut last = 0.0;
        for (phase, _) in PHASES {
            for fraction in [0.0, 0.5, 1.0] {
                job.note(progress(phase, fraction));
                assert!(job.overall() >= last);
                last = job.overall();
            }
        }
        assert_eq!(last, 1.0);
        job.note(progress(Phase::Layerwise, 0.0));
        let left = job.left(Duration::from_secs(10)).unwrap();
        assert!((left.as_secs_f64() - 10.0).abs() < 1e-3);
        assert_eq!(job.left(Duration::from_millis(10)), None);
    }

    #[test]
    fn an_error_after_cancel_is_no_failure() {
        let mut job = Job::new("j".to_owned(), Instant::now());
        job.cancelling = true;
        job.note(Event::Error { message: "cancelled".to_owned() });
        assert_eq!(job.end, Some(JobEnd::Cancelled));
    }
}
