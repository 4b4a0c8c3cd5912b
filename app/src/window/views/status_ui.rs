//! The status bar: the job at work, or the verdict of the run on display.

use egui::{Align, Label, Layout, ProgressBar, RichText, Ui};

use super::bar_ui::chip;
use super::deploy;
use super::widgets::quiet_button;
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::state::{Job, State, phase_words};
use crate::window::theme::{figures, tokens};

/// The status bar.
pub(super) fn status_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    ui.horizontal_centered(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(job) = &state.job {
                job_ui(ui, job, out);
            }
            deploy::status_ui(ui, state, out);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| verdict_ui(ui, state));
        });
    });
}

/// From right to left: cancel, finish, log, time left, bar, phase.
fn job_ui(ui: &mut Ui, job: &Job, out: &mut Actions) {
    let t = tokens(ui);
    if job.end.is_none() {
        let text = if job.cancelling { "Cancelling…" } else { "Cancel" };
        if ui.add_enabled(!job.cancelling, egui::Button::new(text).small()).clicked() {
            out.push(Action::Cancel);
        }
    }
    if job.end.is_none() && job.can_finish {
        let text = if job.finishing { "Finishing…" } else { "Keep the best so far" };
        let button = egui::Button::new(text).small();
        let button = ui.add_enabled(!job.finishing && !job.cancelling, button);
        if button.on_hover_text(crate::tr!("Ends this strategy now and goes on with what it found")).clicked()
        {
            out.push(Action::FinishEarly);
        }
    }
    if quiet_button(ui, "Log").on_hover_text(crate::tr!("What the job tells")).clicked() {
        out.push(Action::ToggleLog);
    }
    if job.end.is_some() {
        return;
    }
    if let Some(left) = job.left(job.started.elapsed()) {
        ui.label(RichText::new(format!("{} left", format::wait(left))).font(figures()).color(t.weak));
    }
    let bar = ProgressBar::new(job.overall()).desired_width(180.0).desired_height(8.0).fill(t.accent);
    ui.add(bar).accessible_name(format!("Progress of {}", job.title));
    let phase = job.phase.map_or("starting", phase_words);
    let words = if job.message.is_empty() { phase.to_owned() } else { format!("{phase}: {}", job.message) };
    ui.add(Label::new(RichText::new(words).color(t.text)).truncate());
    // The time left goes on while the job is silent.
    ui.ctx().request_repaint_after_secs(0.5);
}

fn verdict_ui(ui: &mut Ui, state: &State) {
    let t = tokens(ui);
    let text = match state.report() {
        Some(report) => {
            let mut parts = vec![format!(
                "{}: {} flash, {} RAM",
                chip(&report.target),
                format::bytes(report.memory.flash_bytes),
                format::bytes(report.memory.arena_bytes)
            )];
            if let Some(ms) = report.latency.estimated_ms {
                parts.push(format!("≈ {ms:.0} ms"));
            }
            if let Some(measured) = state.measured() {
                let time = format::milliseconds(measured.measurement.network_us as f64);
                parts.push(crate::tr!("%{time} on the board", time = time).into_owned());
            }
            if let Some((figure, name)) = state.runs.shown().and_then(|r| r.verdict()) {
                parts.push(format!("{} {name}", format::accuracy(figure)));
            }
            parts.join("  ·  ")
        }
        None if state.is_running() => String::new(),
        None => match state.obstacle() {
            Some(obstacle) => format!("Next: {}", obstacle.to_lowercase().trim_end_matches(" first")),
            None => "Ready to quantize".to_owned(),
        },
    };
    ui.add(Label::new(RichText::new(text).color(t.weak)).truncate());
}
