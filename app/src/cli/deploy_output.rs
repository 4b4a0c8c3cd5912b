//! How a deployment looks: JSON lines for programs, steps with a bar for people.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use octet_engine::deploy::{BoardEvent, ConsoleLine, Event, Step, StepState, Verification};
use octet_engine::strategy::LogLevel;
use serde_json::Value;

use super::classify;
use super::output::{print_json, print_line};

/// Shows a deployment's events.
pub(super) struct DeployPrinter {
    json: bool,
    bar: Option<ProgressBar>,
    /// The console's lines are what was asked for, or one step of many.
    shows_console: bool,
}

impl DeployPrinter {
    /// JSON lines, or sentences with a bar where standard error is a terminal.
    pub(super) fn new(json: bool, shows_console: bool) -> Self {
        let bar = (!json && !shows_console && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(1000);
            if let Ok(style) =
                ProgressStyle::with_template("{prefix:>10} {bar:32} {percent:>3} %  {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        DeployPrinter { json, bar, shows_console }
    }

    /// Shows one event. Errors are printed where all errors are.
    pub(super) fn show(&mut self, event: &Event) {
        if matches!(event, Event::Error { .. }) {
            self.clear();
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
                let Some(bar) = &self.bar else { return };
                bar.set_position((fraction * 1000.0) as u64);
                bar.set_message(match bytes {
                    Some([done, all]) => format!("{} of {} KiB  {message}", done >> 10, all >> 10),
                    None => message.clone(),
                });
            }
            Event::Log { level, message, .. } => self.beside_bar(|| match level {
                LogLevel::Warning => tracing::warn!("{message}"),
                LogLevel::Info => tracing::info!("{message}"),
                LogLevel::Debug => tracing::debug!("{message}"),
            }),
            Event::Diagnostic(diagnostic) => {
                let place = match (&diagnostic.file, diagnostic.line, diagnostic.column) {
                    (Some(file), Some(line), Some(column)) => format!("{}:{line}:{column}: ", file.display()),
                    (Some(file), Some(line), None) => format!("{}:{line}: ", file.display()),
                    _ => String::new(),
                };
                let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
                let text = format!("{place}{}: {}{help}", diagnostic.severity, diagnostic.message);
                self.beside_bar(|| tracing::warn!("{text}"));
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
                self.beside_bar(|| tracing::info!("{text}"));
            }
            Event::Console(line) => {
                if self.shows_console {
                    print_line(&console_text(line));
                }
            }
            Event::Verified(verification) => {
                self.clear();
                verified(verification);
            }
            Event::Classified(classification) => self.beside_bar(|| classify::print(classification)),
            Event::Done { .. } | Event::Error { .. } => self.clear(),
        }
    }

    fn step(&mut self, step: Step, state: StepState, secs: Option<f64>) {
        let word = step.word();
        if let Some(bar) = &self.bar {
            bar.set_prefix(word);
            bar.set_position(0);
            bar.set_message("");
        }
        match state {
            StepState::Started if self.bar.is_none() => tracing::info!("{word}"),
            StepState::Done => {
                let text = format!("{word} done in {:.1} s", secs.unwrap_or(0.0));
                self.beside_bar(|| tracing::info!("{text}"));
            }
            StepState::Started | StepState::Failed => {}
        }
    }

    fn beside_bar(&self, tell: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(tell),
            None => tell(),
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A line of the console: events in words, everything else as it is.
fn console_text(line: &ConsoleLine) -> String {
    let lost = if line.lost > 0 { format!("({} lines were lost) ", line.lost) } else { String::new() };
    match &line.message {
        Some(event) => format!("{lost}{}", event_text(event)),
        None if line.damaged => format!("(damaged) {}", line.text),
        None => line.text.clone(),
    }
}

fn event_text(event: &BoardEvent) -> String {
    let text = |key: &str| event.text(key).unwrap_or("-").to_owned();
    let number = |key: &str| event.number(key).unwrap_or(0);
    match event.event.as_str() {
        "hello" => format!(
            "hello: {} on {}, model {} of {} bytes, {} layers, {} KiB for activations",
            text("firmware"),
            text("target"),
            text("model_crc32"),
            number("model_bytes"),
            number("layers"),
            number("arena_bytes") >> 10
        ),
        "layer" => format!(
            "layer {:>3}  {:>9} us  {:<18} {}",
            number("index"),
            number("micros"),
            text("op"),
            text("name")
        ),
        "tensor" => format!("tensor {:>3}  {}  {}", number("index"), text("crc32"), text("name")),
        "result" => result_text(event),
        "test" => {
            let passed = event.fields.get("passed").and_then(Value::as_bool).unwrap_or(false);
            format!("self-test {}", if passed { "passed" } else { "FAILED" })
        }
        "error" => format!("error: {}", text("message")),
        other => format!("{other}: {}", event.fields),
    }
}

fn result_text(event: &BoardEvent) -> String {
    let top = event.fields.get("top").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let answers: Vec<String> = top
        .iter()
        .map(|answer| {
            let index = answer.get("index").and_then(Value::as_u64).unwrap_or(0);
            let name =
                answer.get("label").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
            let score = answer.get("score").and_then(Value::as_f64).unwrap_or(0.0);
            format!("{name} {:.1} %", score * 100.0)
        })
        .collect();
    let micros = event.fields.get("micros").and_then(|m| m.get("network")).and_then(Value::as_u64);
    let took = micros.map_or_else(String::new, |us| format!(" in {:.1} ms", us as f64 / 1000.0));
    let name = event.text("name").unwrap_or("network");
    format!("{name}{took}: {}", answers.join(", "))
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
