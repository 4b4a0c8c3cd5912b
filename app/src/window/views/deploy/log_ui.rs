//! What a step told, and what the build complained of.

use egui::{Align, Label, Layout, Link, RichText, ScrollArea, Ui};
use octet_engine::deploy::Diagnostic;

use crate::tr;
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::state::{DeployStep, Deployment, StepStatus, StepView};
use crate::window::theme::{figures, tokens};
use crate::window::views::log_ui::line_label;
use crate::window::views::widgets::quiet_button;

/// Height of a log, and of a list of complaints.
const HEIGHT: f32 = 190.0;

/// The log of a step, with the buttons for it.
pub(super) fn log_ui(ui: &mut Ui, deployment: &Deployment, view: &StepView, out: &mut Actions) {
    let t = tokens(ui);
    if view.log.is_empty() {
        // The console and an error say more than that.
        if view.step != DeployStep::Monitor && view.status != StepStatus::Failed {
            ui.label(RichText::new(tr!("It has told nothing.")).small().color(t.weak));
        }
        return;
    }
    let title = tr!(StepView::title(view.step));
    ui.horizontal(|ui| {
        let words = match view.dropped {
            0 => tr!("%{n} lines", n = view.log.len()),
            dropped => tr!(
                "%{n} lines, after %{dropped} that are no longer here",
                n = view.log.len(),
                dropped = dropped
            ),
        };
        ui.label(RichText::new(words).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let button = quiet_button(ui, "Copy the log");
            if button.accessible_name(tr!("Copy the log of %{step}", step = title)).clicked() {
                let lines: Vec<&str> = view.log.iter().map(|line| line.text.as_str()).collect();
                out.push(Action::Deploy(DeployAction::Copy(lines.join("\n"))));
            }
            if view.step == DeployStep::Build && quiet_button(ui, "Open build.log").clicked() {
                out.push(Action::Deploy(DeployAction::OpenFile(deployment.run.join("build.log"))));
            }
        });
    });
    let line_height = ui.text_style_height(&egui::TextStyle::Monospace);
    let area = ScrollArea::both().id_salt(("log", view.step)).max_height(HEIGHT).auto_shrink([false, true]);
    area.stick_to_bottom(true).show_rows(ui, line_height, view.log.len(), |ui, range| {
        for line in &view.log[range] {
            let label = line_label(ui, line).extend();
            ui.add(label);
        }
    });
}

/// Errors and warnings, each with its place; a click opens the file.
pub(super) fn diagnostics_ui(ui: &mut Ui, diagnostics: &[Diagnostic], out: &mut Actions) {
    let t = tokens(ui);
    let errors = diagnostics.iter().filter(|d| is_error(d)).count();
    ui.horizontal(|ui| {
        let words = tr!(
            "%{errors} errors, %{warnings} warnings",
            errors = errors,
            warnings = diagnostics.len() - errors
        );
        ui.label(RichText::new(words).small().color(if errors > 0 { t.error } else { t.warn }));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if quiet_button(ui, "Copy errors and warnings").clicked() {
                let lines: Vec<String> = diagnostics.iter().map(text).collect();
                out.push(Action::Deploy(DeployAction::Copy(lines.join("\n"))));
            }
        });
    });
    let area = ScrollArea::vertical().id_salt("diagnostics").max_height(HEIGHT).auto_shrink([false, true]);
    area.show(ui, |ui| {
        // Errors before warnings, each kind in the order in which it came.
        let (first, then): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
            diagnostics.iter().partition(|d| is_error(d));
        for diagnostic in first.into_iter().chain(then) {
            diagnostic_ui(ui, diagnostic, out);
        }
    });
}

fn diagnostic_ui(ui: &mut Ui, diagnostic: &Diagnostic, out: &mut Actions) {
    let t = tokens(ui);
    let (word, colour) = if is_error(diagnostic) { ("error", t.error) } else { ("warning", t.warn) };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(tr!(word)).small().color(colour));
        if let (Some(file), Some(place)) = (&diagnostic.file, place(diagnostic)) {
            let link = ui.add(Link::new(RichText::new(&place).font(figures())));
            if link.on_hover_text(tr!("Open the file")).clicked() {
                out.push(Action::Deploy(DeployAction::OpenFile(file.clone())));
            }
        }
        ui.add(Label::new(RichText::new(&diagnostic.message).color(t.text)).wrap().selectable(true));
    });
    if let Some(help) = &diagnostic.help {
        ui.add(Label::new(RichText::new(help).small().color(t.weak)).wrap());
    }
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == "error"
}

/// `main.c:12:5`
fn place(diagnostic: &Diagnostic) -> Option<String> {
    let file = diagnostic.file.as_ref()?.display();
    Some(match (diagnostic.line, diagnostic.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        _ => file.to_string(),
    })
}

fn text(diagnostic: &Diagnostic) -> String {
    let place = place(diagnostic).map_or_else(String::new, |place| format!("{place}: "));
    format!("{place}{}: {}", diagnostic.severity, diagnostic.message)
}
