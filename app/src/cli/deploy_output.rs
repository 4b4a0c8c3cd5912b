//! How a deployment looks: JSON lines for programs, steps with a bar for people.

use octet_engine::deploy::{Event, Step, StepState, Verification};

use super::bar::Bar;
use super::classify;
use super::output::{print_json, print_line};
use crate::board_words::line_text;

/// Shows a deployment's events.
pub(super) struct DeployPrinter {
    json: bool,
    bar: Bar,
    /// The console's lines are what was asked for, or one step of many.
    shows_console: bool,
}

impl DeployPrinter {
    /// JSON lines, or sentences with a bar where standard error is a terminal.
    pub(super) fn new(json: bool, shows_console: bool) -> Self {
        DeployPrinter { json, bar: Bar::new(!json && !shows_console), shows_console }
    }

    /// Shows one event. Errors are printed where all errors are.
    pub(super) fn show(&mut self, event: &Event) {
        if matches!(event, Event::Error { .. }) {
            self.bar.clear();
        } else if self.json {
            // An event always has a JSON form; a closed pipe ends the program in there.
            let _ = print_json(event);
        } else {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Step { step, state, secs } => self.step(*step, *state, *secs),
            Event::Progress { fraction, message, bytes, .. } => {
                let words = match bytes {
                    Some([done, all]) => format!("{} of {} KiB  {message}", done >> 10, all >> 10),
                    None => message.clone(),
                };
                self.bar.reach(*fraction, words);
            }
            Event::Log { level, message, .. } => self.bar.log(*level, message),
            Event::Diagnostic(diagnostic) => {
                let place = match (&diagnostic.file, diagnostic.line, diagnostic.column) {
                    (Some(file), Some(line), Some(column)) => format!("{}:{line}:{column}: ", file.display()),
                    (Some(file), Some(line), None) => format!("{}:{line}: ", file.display()),
                    _ => String::new(),
                };
                let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
                let text = format!("{place}{}: {}{help}", diagnostic.severity, diagnostic.message);
                self.bar.beside(|| tracing::warn!("{text}"));
            }
            Event::Device(device) => {
                let revision =
                    device.revision.map_or_else(String::new, |(a, b)| format!(" revision {a}.{b}"));
                let mac = device.mac.as_ref().map_or_else(String::new, |mac| format!(", {mac}"));
                let text = format!(
                    "{}: {}{revision}, {} MB of flash{mac}",
                    device.port,
                    device.chip,
                    device.flash_bytes >> 20
                );
                self.bar.beside(|| tracing::info!("{text}"));
            }
            Event::Console(line) => {
                if self.shows_console {
                    print_line(&line_text(line));
                }
            }
            Event::Verified(verification) => {
                self.bar.clear();
                verified(verification);
            }
            Event::Classified(classification) => self.bar.beside(|| classify::print(classification)),
            Event::Done { .. } | Event::Error { .. } => self.bar.clear(),
        }
    }

    fn step(&mut self, step: Step, state: StepState, secs: Option<f64>) {
        let word = step.word();
        self.bar.name(word);
        self.bar.reach(0.0, String::new());
        match state {
            StepState::Started if !self.bar.is_shown() => tracing::info!("{word}"),
            StepState::Done => {
                let text = format!("{word} done in {:.1} s", secs.unwrap_or(0.0));
                self.bar.beside(|| tracing::info!("{text}"));
            }
            StepState::Started | StepState::Failed => {}
        }
    }
}

fn verified(verification: &Verification) {
    let measurement = &verification.measurement;
    match (&verification.first_difference, verification.output_matches) {
        (Some(difference), _) => print_line(&format!("  differs     first in tensor `{}`", difference.name)),
        (None, false) => print_line("  differs     the output is not the one stored in the model"),
        (None, true) if verification.tensors == 0 => {
            print_line("  verified    the output is the one stored in the model")
        }
        (None, true) => print_line(&format!("  verified    {} tensors are bit-equal", verification.tensors)),
    }
    if verification.untold > 0 {
        print_line(&format!("              {} tensors lie inside of fused blocks", verification.untold));
    }
    print_line(&format!("  network     {:.1} ms on the board", measurement.network_us as f64 / 1000.0));
    let mut slowest: Vec<_> = measurement.layers.iter().collect();
    slowest.sort_by_key(|layer| std::cmp::Reverse(layer.micros));
    for layer in slowest.iter().take(5) {
        print_line(&format!(
            "              {:>8.2} ms  {:<18} {}",
            layer.micros as f64 / 1000.0,
            layer.op,
            layer.name
        ));
    }
}
