//! The last step's page: what the run found out, or what is missing for one.

use egui::{Label, Response, RichText, Ui};
use octet_engine::deploy::Measurement;
use octet_engine::report::{Accuracy, EvaluationFacts, PeakTensor, Report};

use super::bar_ui::chip;
use super::unscored_ui::unscored_ui;
use super::widgets::{caption, card, fact, heading, notice, primary_button, problem_ui, section};
use super::{advice_ui, deploy, memory, try_ui};
use crate::window::actions::{Action, Actions, MemoryAction};
use crate::window::format;
use crate::window::state::{Place, ShownMemory, State, verdict_words};
use crate::window::theme::{GAP, tokens};
use crate::{tr, trn};

/// The errors' page.
pub(super) fn summary_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Errors");
    problem_ui(ui, state, Place::Run, out);
    if let Some(run) = state.runs.shown() {
        unscored_ui(ui, state, out);
        report_ui(ui, state, &run.name(), &run.report, out);
        return;
    }
    if state.is_running() {
        caption(ui, "The job is at work; its progress is shown below.");
        return;
    }
    caption(
        ui,
        "Quantizing shows the error of every operation, the accuracy, and whether the network fits the chip.",
    );
    ui.add_space(GAP);
    if primary_button(ui, "Quantize now", state.obstacle().is_none()).clicked() {
        out.push(Action::Start);
    }
    if let Some(obstacle) = state.obstacle() {
        caption(ui, &tr!("%{what}.", what = tr!(obstacle)));
    }
}

fn report_ui(ui: &mut Ui, state: &State, name: &str, report: &Report, out: &mut Actions) {
    let t = tokens(ui);
    let strategies: Vec<&str> =
        report.strategy.iter().map(|s| s.id.rsplit('.').next().unwrap_or(&s.id)).collect();
    let words = tr!(
        "%{strategies} for %{target}",
        strategies = strategies.join(" → "),
        target = chip(&report.target)
    );
    ui.label(RichText::new(words).color(t.text));
    ui.add(Label::new(RichText::new(name).small().color(t.weak)).truncate());
    for warning in &report.warnings {
        ui.add_space(2.0);
        notice(ui, t.warn, warning, "");
    }
    try_ui::choose_ui(ui, &tr!("Try a picture…"), out);
    advice_ui::advice_ui(ui, report, out);
    match &report.evaluation {
        Some(evaluation) => evaluation_ui(ui, evaluation),
        None => {
            section(ui, "Agreement");
            card(ui, |ui| {
                if let Some(agreement) = report.r#final.agreement {
                    fact(ui, "Same class as float", &format::accuracy(agreement));
                }
                if let Some(nsr) = report.r#final.graphwise_nsr {
                    fact(ui, "Error of the scores", &format::percent(nsr));
                }
                caption(ui, "On calibration pictures; add evaluation pictures for the accuracy.");
            });
        }
    }
    memory_ui(ui, state, report, out);
    latency_ui(ui, report, state.measured().map(|m| &m.measurement));
    section(ui, "Pictures");
    card(ui, |ui| {
        fact(ui, "Calibrated on", &report.calibration.used.len().to_string());
        if !report.calibration.skipped.is_empty() {
            let row = fact(ui, "Left out", &report.calibration.skipped.len().to_string());
            list_on_hover(row, &report.calibration.skipped, |s| format!("{}: {}", s.file, s.reason));
        }
        let secs: f64 = report.timings_secs.values().sum();
        fact(ui, "Time of the run", &format::wait(std::time::Duration::from_secs_f64(secs.clamp(0.0, 1e9))));
    });
}

/// Lines of a list that hovering shows.
const MAX_HOVER_LINES: usize = 24;

/// Shows the first lines of a list while the pointer is on something; they are only written then.
fn list_on_hover<T>(row: Response, items: &[T], line: impl Fn(&T) -> String) {
    row.on_hover_ui(|ui| {
        ui.label(first_lines(items, line));
    });
}

/// The first lines of a list, and how many there are beyond.
fn first_lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    let mut lines: Vec<String> = items.iter().take(MAX_HOVER_LINES).map(line).collect();
    if items.len() > MAX_HOVER_LINES {
        lines.push(tr!("and %{n} more", n = items.len() - MAX_HOVER_LINES).into_owned());
    }
    lines.join("\n")
}

fn evaluation_ui(ui: &mut Ui, evaluation: &EvaluationFacts) {
    let has_labels = evaluation.quantized.is_some();
    section(ui, if has_labels { "Accuracy" } else { "Agreement (the pictures have no labels)" });
    card(ui, |ui| {
        if let (Some(float), Some(quantized)) = (evaluation.float, evaluation.quantized) {
            accuracy_ui(ui, &tr!("Float"), &float, false);
            accuracy_ui(ui, &tr!("Quantized"), &quantized, true);
            ui.separator();
        }
        fact(ui, "Same class as float", &format::accuracy(evaluation.agreement));
        fact(ui, "95 % interval", &format::interval(evaluation.agreement_interval95));
        fact(ui, "Error of the scores", &format::percent(evaluation.output_nsr));
        fact(ui, "Pictures", &evaluation.images.to_string());
    });
    if evaluation.calibration_overlap > 0 {
        let title = trn!(
            evaluation.calibration_overlap,
            "1 of them was calibrated on",
            "%{n} of them were calibrated on"
        );
        ui.add_space(4.0);
        notice(ui, tokens(ui).warn, &title, "The accuracy may look better than it is.");
    }
}

fn accuracy_ui(ui: &mut Ui, name: &str, accuracy: &Accuracy, is_result: bool) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).color(t.weak));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let colour = if is_result { t.accent } else { t.strong };
            let text = RichText::new(format::accuracy(accuracy.top1)).monospace().size(16.0).color(colour);
            ui.label(text).on_hover_text(crate::tr!("The right class comes first (top-1)"));
        });
    });
    fact(ui, "95 % interval", &format::interval(accuracy.top1_interval95));
    fact(ui, "among the first five", &format::accuracy(accuracy.top5));
}

fn memory_ui(ui: &mut Ui, state: &State, report: &Report, out: &mut Actions) {
    section(ui, "Memory");
    card(ui, |ui| {
        if let Some(memory) = state.memory() {
            map_ui(ui, memory, out);
        }
        fact(ui, "Flash", &format::bytes(report.memory.flash_bytes));
        let arena = fact(ui, "RAM layer by layer", &format::bytes(report.memory.arena_bytes));
        if !report.memory.peak.is_empty() {
            arena.on_hover_ui(|ui| {
                let line = |p: &PeakTensor| format!("{}  {}", format::bytes(p.bytes), p.name);
                let peak = first_lines(&report.memory.peak, line);
                ui.label(tr!("Alive at the peak:\n%{peak}", peak = peak));
            });
        }
    });
}

/// Whether the network fits the run's chip, and the others.
fn map_ui(ui: &mut Ui, memory: ShownMemory<'_>, out: &mut Actions) {
    let t = tokens(ui);
    if let Some(chip) = memory.maps.chip(&memory.maps.target) {
        let words = memory::sentence_case(&verdict_words(memory.maps, chip));
        ui.add(Label::new(RichText::new(words).color(t.strong)).wrap());
        if let Some(after) = memory.maps.after(chip) {
            fact(ui, "RAM on the chip", &format::bytes(after.arena_bytes));
        }
    }
    ui.horizontal_wrapped(|ui| {
        if ui.button(tr!("Memory map")).clicked() {
            out.push(Action::Memory(MemoryAction::Show));
        }
    });
    egui::CollapsingHeader::new(RichText::new(tr!("Every chip")).small())
        .id_salt("verdicts")
        .show(ui, |ui| memory::verdicts_ui(ui, memory));
}

fn latency_ui(ui: &mut Ui, report: &Report, measured: Option<&Measurement>) {
    if let Some(measured) = measured {
        section(ui, "Time of one inference (measured)");
        card(ui, |ui| deploy::measured_facts_ui(ui, measured));
    }
    let Some(ms) = report.latency.estimated_ms else { return };
    section(ui, "Time of one inference (estimate)");
    card(ui, |ui| {
        let row = fact(ui, &chip(&report.target), &format!("≈ {ms:.0} ms"));
        if let Some([low, high]) = report.latency.range_ms {
            fact(
                ui,
                "range",
                &tr!("%{low} to %{high} ms", low = format!("{low:.0}"), high = format!("{high:.0}")),
            );
        }
        if !report.latency.inputs.is_empty() {
            list_on_hover(row, &report.latency.inputs, String::clone);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let items: Vec<usize> = (0..10_000).collect();
        let lines = first_lines(&items, usize::to_string);
        assert_eq!(lines.lines().count(), MAX_HOVER_LINES + 1);
        assert!(lines.ends_with(&format!("{} more", 10_000 - MAX_HOVER_LINES)), "{lines}");
        assert_eq!(first_lines(&items[..2], usize::to_string), "0\n1");
    }
}
