//! What a command prints: JSON lines for programs, a bar and sentences for people.

use std::io::Write;
use std::time::{Duration, Instant};

use octet_engine::job::{Event, Phase};
use serde::Serialize;

use super::bar::Bar;
use super::summary;

/// Writes a line to standard output. A closed pipe ends the program quietly, as `head` expects.
pub(super) fn print_line(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Writes one JSON object on one line.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_line(&serde_json::to_string(value)?);
    Ok(())
}

/// Shows a job's events.
pub(super) struct EventPrinter {
    json: bool,
    bar: Bar,
    phase: Option<Phase>,
    told: Instant,
}

/// Without a terminal, long work says so often how far it is.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// A phase in words.
fn in_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "load",
        Phase::Calibrate => "calibrate",
        Phase::Strategy => "strategy",
        Phase::Graphwise => "graphwise",
        Phase::Layerwise => "layerwise",
        Phase::Evaluate => "evaluate",
        Phase::Export => "export",
    }
}

impl EventPrinter {
    /// JSON lines, or a bar where standard error is a terminal.
    pub(super) fn new(json: bool) -> Self {
        EventPrinter { json, bar: Bar::new(!json), phase: None, told: Instant::now() }
    }

    /// Shows one event.
    pub(super) fn show(&mut self, event: &Event) -> anyhow::Result<()> {
        if self.json {
            return print_json(event);
        }
        match event {
            Event::Progress { phase, fraction, message } => {
                if self.bar.is_shown() {
                    self.bar.name(in_words(*phase));
                    self.bar.reach(*fraction, message.clone());
                } else if self.phase != Some(*phase) {
                    tracing::info!("{}", in_words(*phase));
                    self.told = Instant::now();
                } else if self.told.elapsed() > TELL_EVERY {
                    tracing::info!("{} {:.0} %  {message}", in_words(*phase), 100.0 * fraction);
                    self.told = Instant::now();
                }
                self.phase = Some(*phase);
            }
            Event::Log { level, message } => self.bar.log(*level, message),
            Event::Warning(finding) => {
                self.bar.beside(|| tracing::warn!("{} -> {}", finding.text, summary::remedy(finding)));
            }
            Event::CanFinish { can: true } => {
                self.bar.beside(|| tracing::info!("Ctrl-C stops this strategy and keeps the best so far"));
            }
            Event::CanFinish { can: false } | Event::Point { .. } => {}
            Event::Error { .. } | Event::Done { .. } => self.bar.clear(),
        }
        Ok(())
    }
}
