//! The logs of jobs: searchable, and as long as they are.

use egui::{Align, Align2, Label, Layout, RichText, ScrollArea, TextEdit, Ui, Window, vec2};
use octet_engine::strategy::LogLevel;

use super::thumbnails_ui::thousands;
use super::widgets::{caption, quiet_button};
use crate::tr;
use crate::window::actions::{Action, Actions, LogAction};
use crate::window::state::{LogLeast, LogLine, LogRow, State};
use crate::window::theme::{figures, tokens};

/// The log in a window of its own, above the status bar.
pub(super) fn log_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if !state.shows_log {
        return;
    }
    let mut open = true;
    Window::new(tr!("Log"))
        .open(&mut open)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-14.0, -44.0))
        .default_size([640.0, 320.0])
        .collapsible(false)
        .show(ui.ctx(), |ui| {
            if state.log_lines() == 0 {
                caption(ui, "The job has told nothing yet.");
                return;
            }
            let rows = state.log_rows();
            search_ui(ui, state, &rows, out);
            levels_ui(ui, state, out);
            rows_ui(ui, state, &rows);
        });
    if !open {
        out.push(Action::ToggleLog);
    }
}

fn search_ui(ui: &mut Ui, state: &State, rows: &[LogRow<'_>], out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        let mut filter = state.log.filter.clone();
        let field = TextEdit::singleline(&mut filter).hint_text(tr!("Search the log")).desired_width(200.0);
        if ui.add(field).accessible_name(tr!("Search the log")).changed() {
            out.push(Action::Log(LogAction::Filter(filter)));
        }
        let shown = rows.iter().filter(|row| matches!(row, LogRow::Line(_))).count();
        let words = match state.log.leaves_out() {
            false => tr!("%{n} lines", n = thousands(shown)),
            true => tr!("%{n} of %{all} lines", n = thousands(shown), all = thousands(state.log_lines())),
        };
        ui.label(RichText::new(words).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if quiet_button(ui, "Copy the lines").clicked() {
                out.push(Action::Log(LogAction::Copy));
            }
        });
    });
}

fn levels_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        for least in LogLeast::ALL {
            let words = RichText::new(tr!(least.words())).small();
            if ui.selectable_label(state.log.least == least, words).clicked() {
                out.push(Action::Log(LogAction::Least(least)));
            }
        }
    });
}

/// Only the rows that are in view are made: a strategy may tell ten thousand lines.
fn rows_ui(ui: &mut Ui, state: &State, rows: &[LogRow<'_>]) {
    let t = tokens(ui);
    if rows.is_empty() {
        let by_text = !state.log.filter.trim().is_empty();
        caption(ui, if by_text { "No line has this text." } else { "No line is of this level." });
        return;
    }
    ui.spacing_mut().item_spacing.y = 3.0;
    let line_height = ui.text_style_height(&egui::TextStyle::Monospace);
    let area = ScrollArea::both().id_salt("log").auto_shrink([false, false]).stick_to_bottom(true);
    area.show_rows(ui, line_height, rows.len(), |ui, range| {
        for row in rows.get(range).unwrap_or_default() {
            let label = match row {
                LogRow::Title(_) => {
                    Label::new(RichText::new(row.text()).font(figures()).color(t.weak).underline())
                }
                LogRow::Line(line) => line_label(ui, line),
            };
            ui.add(label.extend().selectable(true));
        }
    });
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
