//! The status bar: the job at work, or the verdict of the run on display.

use egui::{Align, Label, Layout, ProgressBar, RichText, Ui};
use octet_engine::report::Report;

use super::bar_ui::chip;
use super::deploy;
use super::widgets::quiet_button;
use crate::window::actions::{Action, Actions, EditAction};
use crate::window::format;
use crate::window::state::{Job, State, Unscored, phase_words};
use crate::window::theme::{figures, tokens};
use crate::{key, tr};

/// The status bar.
pub(super) fn status_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    ui.horizontal_centered(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(job) = &state.job {
                job_ui(ui, job, out);
            }
            if state.unscored().is_some_and(|why| why != Unscored::OtherSettings) {
                score_button_ui(ui, out);
            }
            deploy::status_ui(ui, state, out);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| verdict_ui(ui, state));
        });
    });
}

/// Offers the score of the last change, where it takes long.
fn score_button_ui(ui: &mut Ui, out: &mut Actions) {
    let button = ui.add(egui::Button::new(tr!("Score")).small());
    let hint = tr!("The figures do not have the last change by hand");
    if button.on_hover_text(hint).clicked() {
        out.push(Action::Edit(EditAction::Score));
    }
    ui.label(RichText::new(tr!("not scored")).small().color(tokens(ui).warn));
}

/// From right to left: cancel, finish, log, time left, bar, phase.
fn job_ui(ui: &mut Ui, job: &Job, out: &mut Actions) {
    let t = tokens(ui);
    if job.end.is_none() {
        let text = if job.cancelling { key!("Cancelling…") } else { key!("Cancel") };
        if ui.add_enabled(!job.cancelling, egui::Button::new(tr!(text)).small()).clicked() {
            out.push(Action::Cancel);
        }
    }
    if job.end.is_none() && job.can_finish {
        let text = if job.finishing { key!("Finishing…") } else { key!("Keep the best so far") };
        let button = egui::Button::new(tr!(text)).small();
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
        ui.label(RichText::new(tr!("%{time} left", time = format::wait(left))).font(figures()).color(t.weak));
    }
    let bar = ProgressBar::new(job.overall()).desired_width(180.0).desired_height(8.0).fill(t.accent);
    ui.add(bar).accessible_name(tr!("Progress of %{title}", title = job.title));
    let phase = tr!(job.phase.map_or(key!("starting"), phase_words));
    let words = match job.message.as_str() {
        "" => phase,
        message => tr!("%{phase}: %{message}", phase = phase, message = message),
    };
    ui.add(Label::new(RichText::new(words).color(t.text)).truncate());
    // The time left goes on while the job is silent.
    ui.ctx().request_repaint_after_secs(0.5);
}

/// What the firmware takes; layer by layer where that is not known.
fn ram_bytes(report: &Report) -> u64 {
    let maps = report.memory_map.as_ref();
    let after = maps.and_then(|m| m.after(m.chip(&m.target)?));
    after.map_or(report.memory.arena_bytes, |map| map.arena_bytes)
}

fn verdict_ui(ui: &mut Ui, state: &State) {
    let t = tokens(ui);
    let text = match state.report() {
        Some(report) => {
            let mut parts = vec![
                tr!(
                    "%{chip}: %{flash} flash, %{ram} RAM",
                    chip = chip(&report.target),
                    flash = format::bytes(report.memory.flash_bytes),
                    ram = format::bytes(ram_bytes(report))
                )
                .into_owned(),
            ];
            if let Some(ms) = report.latency.estimated_ms {
                parts.push(format!("≈ {ms:.0} ms"));
            }
            if let Some(measured) = state.measured() {
                let time = format::milliseconds(measured.measurement.network_us as f64);
                parts.push(crate::tr!("%{time} on the board", time = time).into_owned());
            }
            if let Some((figure, name)) = state.runs.shown().and_then(|r| r.verdict()) {
                parts.push(
                    tr!("%{accuracy} %{kind}", accuracy = format::accuracy(figure), kind = tr!(name))
                        .into_owned(),
                );
            }
            parts.join("  ·  ")
        }
        None if state.is_running() => String::new(),
        None => tr!(state.next_step()).into_owned(),
    };
    ui.add(Label::new(RichText::new(text).color(t.weak)).truncate());
}
