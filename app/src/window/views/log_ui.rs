//! The job's log.

use egui::{Align2, Label, RichText, ScrollArea, Ui, Window, vec2};
use octet_engine::strategy::LogLevel;

use super::widgets::caption;
use crate::tr;
use crate::window::actions::{Action, Actions};
use crate::window::state::{LogLine, State};
use crate::window::theme::{figures, tokens};

/// Only this many of the last lines of each job are drawn.
const MAX_LINES: usize = 500;

/// The log in a window of its own, above the status bar.
pub(super) fn log_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if !state.shows_log {
        return;
    }
    let mut open = true;
    Window::new(tr!("Log"))
        .open(&mut open)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-14.0, -44.0))
        .default_size([560.0, 300.0])
        .collapsible(false)
        .show(ui.ctx(), |ui| lines_ui(ui, state));
    if !open {
        out.push(Action::ToggleLog);
    }
}

fn lines_ui(ui: &mut Ui, state: &State) {
    let t = tokens(ui);
    let lines = state.job.as_ref().map(|j| j.log.as_slice()).unwrap_or_default();
    if lines.is_empty() && state.earlier_logs.is_empty() {
        caption(ui, "The job has told nothing yet.");
        return;
    }
    ScrollArea::vertical().auto_shrink([false, false]).stick_to_bottom(true).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        let title_ui = |ui: &mut Ui, title: &str| {
            ui.label(RichText::new(title).small().color(t.weak));
        };
        for log in &state.earlier_logs {
            title_ui(ui, &log.title);
            log_lines_ui(ui, &log.lines);
            ui.separator();
        }
        if let Some(job) = state.job.as_ref().filter(|_| !state.earlier_logs.is_empty()) {
            title_ui(ui, &job.title);
        }
        log_lines_ui(ui, lines);
    });
}

fn log_lines_ui(ui: &mut Ui, lines: &[LogLine]) {
    for line in &lines[lines.len().saturating_sub(MAX_LINES)..] {
        let label = line_label(ui, line).wrap();
        ui.add(label);
    }
}

/// A line of a log in the colour of its severity. Its text can be marked and copied.
pub(super) fn line_label(ui: &Ui, line: &LogLine) -> Label {
    let t = tokens(ui);
    let colour = match line.level {
        None => t.error,
        Some(LogLevel::Warning) => t.warn,
        Some(LogLevel::Info) => t.text,
        Some(LogLevel::Debug) => t.weak,
    };
    Label::new(RichText::new(&line.text).font(figures()).color(colour)).selectable(true)
}
