//! The board's console: decoded, searchable, kept in the run folder.

use egui::{Align, Label, Layout, RichText, ScrollArea, TextEdit, Ui};

use crate::tr;
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::state::{Deployment, LineKind, State};
use crate::window::theme::{figures, tokens};
use crate::window::views::widgets::{caption, quiet_button};

/// Height of the lines.
const HEIGHT: f32 = 240.0;

/// The console with its search.
pub(super) fn console_ui(ui: &mut Ui, state: &State, deployment: &Deployment, out: &mut Actions) {
    let t = tokens(ui);
    let console = &state.deploy.console;
    let found = console.found();
    ui.horizontal(|ui| {
        let mut filter = console.filter.clone();
        let field =
            TextEdit::singleline(&mut filter).hint_text(tr!("Search the console")).desired_width(170.0);
        if ui.add(field).accessible_name(tr!("Search the console")).changed() {
            out.push(Action::Deploy(DeployAction::FilterConsole(filter)));
        }
        let words = match console.filter.trim().is_empty() {
            true => tr!("%{n} lines", n = found.len()),
            false => tr!("%{n} of %{all} lines", n = found.len(), all = console.lines.len()),
        };
        ui.label(RichText::new(words).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if quiet_button(ui, "Clear").clicked() {
                out.push(Action::Deploy(DeployAction::ClearConsole));
            }
            if quiet_button(ui, "Copy the lines").clicked() {
                out.push(Action::Deploy(DeployAction::Copy(console.text())));
            }
            let log = deployment.run.join("console.log");
            if quiet_button(ui, "Open console.log").on_hover_text(log.display().to_string()).clicked() {
                out.push(Action::Deploy(DeployAction::OpenFile(log)));
            }
        });
    });
    if found.is_empty() {
        caption(
            ui,
            if console.lines.is_empty() {
                "The board has said nothing yet."
            } else {
                "No line has this text."
            },
        );
        return;
    }
    let line_height = ui.text_style_height(&egui::TextStyle::Monospace);
    let area = ScrollArea::both().id_salt("console").max_height(HEIGHT).auto_shrink([false, true]);
    area.stick_to_bottom(true).show_rows(ui, line_height, found.len(), |ui, range| {
        for line in &found[range] {
            let colour = match line.kind {
                LineKind::Text => t.weak,
                LineKind::Event => t.text,
                LineKind::Trouble => t.error,
            };
            let text = RichText::new(&line.text).font(figures()).color(colour);
            ui.add(Label::new(text).extend().selectable(true));
        }
    });
}
