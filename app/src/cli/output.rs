//! What a command prints: JSON lines for programs, a bar and sentences for people.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use octet_engine::job::{Event, Phase};
use octet_engine::strategy::LogLevel;
use serde::Serialize;

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
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
}

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
        let bar = (!json && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(1000);
            if let Ok(style) =
                ProgressStyle::with_template("{prefix:>10} {bar:32} {percent:>3} %  {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        EventPrinter { json, bar, phase: None }
    }

    /// Shows one event.
    pub(super) fn show(&mut self, event: &Event) -> anyhow::Result<()> {
        if self.json {
            return print_json(event);
        }
        match event {
            Event::Progress { phase, fraction, message } => {
                if let Some(bar) = &self.bar {
                    bar.set_prefix(in_words(*phase));
                    bar.set_position((fraction * 1000.0) as u64);
                    bar.set_message(message.clone());
                } else if self.phase != Some(*phase) {
                    tracing::info!("{}", in_words(*phase));
                }
                self.phase = Some(*phase);
            }
            Event::Log { level, message } => {
                let log = || match level {
                    LogLevel::Warning => tracing::warn!("{message}"),
                    LogLevel::Info => tracing::info!("{message}"),
                    LogLevel::Debug => tracing::debug!("{message}"),
                };
                match &self.bar {
                    Some(bar) => bar.suspend(log),
                    None => log(),
                }
            }
            Event::Warning(finding) => {
                let tell = || tracing::warn!("{} -> {}", finding.text, summary::remedy(finding));
                match &self.bar {
                    Some(bar) => bar.suspend(tell),
                    None => tell(),
                }
            }
            Event::CanFinish { can: true } => {
                let hint = || tracing::info!("Ctrl-C stops this strategy and keeps the best so far");
                match &self.bar {
                    Some(bar) => bar.suspend(hint),
                    None => hint(),
                }
            }
            Event::CanFinish { can: false } | Event::Point { .. } => {}
            Event::Error { .. } | Event::Done { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
        Ok(())
    }
}
