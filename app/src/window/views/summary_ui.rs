//! The last step's page: what the run found out, or what is missing for one.

use egui::{Label, RichText, Ui};
use octet_engine::deploy::Measurement;
use octet_engine::report::{Accuracy, EvaluationFacts, Report};

use super::bar_ui::chip;
use super::widgets::{caption, card, fact, heading, notice, primary_button, problem_ui, section};
use super::{advice_ui, deploy, try_ui};
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::state::{Place, State};
use crate::window::theme::{GAP, tokens};

/// The errors' page.
pub(super) fn summary_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Errors");
    problem_ui(ui, state, Place::Run);
    if let Some(run) = state.runs.shown() {
        report_ui(ui, &run.name(), &run.report, state.measured().map(|m| &m.measurement), out);
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
        caption(ui, &format!("{obstacle}."));
    }
}

fn report_ui(ui: &mut Ui, name: &str, report: &Report, measured: Option<&Measurement>, out: &mut Actions) {
    let t = tokens(ui);
    let strategies: Vec<&str> =
        report.strategy.iter().map(|s| s.id.rsplit('.').next().unwrap_or(&s.id)).collect();
    let words = format!("{} for {}", strategies.join(" → "), chip(&report.target));
    ui.label(RichText::new(words).color(t.text));
    ui.add(Label::new(RichText::new(name).small().color(t.weak)).truncate());
    for warning in &report.warnings {
        ui.add_space(2.0);
        notice(ui, t.warn, warning, "");
    }
    try_ui::choose_ui(ui, "Try a picture…", out);
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
    memory_ui(ui, report);
    latency_ui(ui, report, measured);
    section(ui, "Pictures");
    card(ui, |ui| {
        fact(ui, "Calibrated on", &report.calibration.used.len().to_string());
        if !report.calibration.skipped.is_empty() {
            let row = fact(ui, "Left out", &report.calibration.skipped.len().to_string());
            let reasons = report.calibration.skipped.iter().map(|s| format!("{}: {}", s.file, s.reason));
            row.on_hover_text(reasons.collect::<Vec<_>>().join("\n"));
        }
        let secs: f64 = report.timings_secs.values().sum();
        fact(ui, "Time of the run", &format::wait(std::time::Duration::from_secs_f64(secs.clamp(0.0, 1e9))));
    });
}

fn evaluation_ui(ui: &mut Ui, evaluation: &EvaluationFacts) {
    let has_labels = evaluation.quantized.is_some();
    section(ui, if has_labels { "Accuracy" } else { "Agreement (the pictures have no labels)" });
    card(ui, |ui| {
        if let (Some(float), Some(quantized)) = (evaluation.float, evaluation.quantized) {
            accuracy_ui(ui, "Float", &float, false);
            accuracy_ui(ui, "Quantized", &quantized, true);
            ui.separator();
        }
        fact(ui, "Same class as float", &format::accuracy(evaluation.agreement));
        fact(ui, "95 % interval", &format::interval(evaluation.agreement_interval95));
        fact(ui, "Error of the scores", &format::percent(evaluation.output_nsr));
        fact(ui, "Pictures", &evaluation.images.to_string());
    });
    if evaluation.calibration_overlap > 0 {
        let title = format!("{} of them were calibrated on", evaluation.calibration_overlap);
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

fn memory_ui(ui: &mut Ui, report: &Report) {
    section(ui, "Memory");
    card(ui, |ui| {
        fact(ui, "Flash", &format::bytes(report.memory.flash_bytes));
        let arena = fact(ui, "RAM for activations", &format::bytes(report.memory.arena_bytes));
        let peak = report.memory.peak.iter().map(|p| format!("{}  {}", format::bytes(p.bytes), p.name));
        let peak = peak.collect::<Vec<_>>().join("\n");
        if !peak.is_empty() {
            arena.on_hover_text(format!("Alive at the peak:\n{peak}"));
        }
    });
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
            fact(ui, "range", &format!("{low:.0} to {high:.0} ms"));
        }
        if !report.latency.inputs.is_empty() {
            row.on_hover_text(report.latency.inputs.join("\n"));
        }
    });
}
