//! The questions that the window asks: whether to save first, which lost sessions to bring back, and whether the programs
//! of a pipeline may run.

use egui::{Frame, Id, Label, Margin, Modal, RichText, ScrollArea, Ui};

use super::widgets::{caption, card, primary_button, quiet_button};
use crate::window::actions::{Action, Actions, ProjectAction, StrategyAction};
use crate::window::project::Orphan;
use crate::window::state::{Next, ProgramQuestion, State};
use crate::window::theme::{GAP, figures, tokens};
use crate::{key, tr, trn};

/// The question that is open; one at a time.
pub(super) fn questions_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if let Some(next) = &state.project.asks {
        save_ui(ui, state, next, out);
    } else if let Some(question) = &state.strategies.asks {
        programs_ui(ui, state, question, out);
    } else if state.project.shows_orphans {
        orphans_ui(ui, state, out);
    }
}

fn frame(ui: &Ui) -> Frame {
    Frame::popup(ui.style()).inner_margin(Margin::same(20))
}

fn title(ui: &mut Ui, text: &str) {
    let colour = tokens(ui).strong;
    ui.label(RichText::new(tr!(text)).size(18.0).color(colour));
}

/// Whether to save before something is lost.
fn save_ui(ui: &Ui, state: &State, next: &Next, out: &mut Actions) {
    let shown = Modal::new(Id::unique("save")).frame(frame(ui)).show(ui.ctx(), |ui| {
        ui.set_width(440.0);
        let closes = *next == Next::Close;
        title(
            ui,
            match (closes, state.is_unsaved()) {
                (true, true) => key!("Save the project before closing?"),
                (true, false) => key!("Close while a job is running?"),
                (false, _) => key!("Save the project before another one is opened?"),
            },
        );
        if closes && state.is_running() {
            caption(ui, "A job is running; closing the window cancels it.");
        }
        if state.is_unsaved() {
            let words = match state.project.path() {
                Some(_) => key!("It has changed since it was saved."),
                None => key!("It has no file."),
            };
            caption(ui, words);
        }
        ui.add_space(GAP);
        ui.horizontal(|ui| {
            if state.is_unsaved() && primary_button(ui, "Save", true).clicked() {
                out.push(Action::Project(ProjectAction::SaveFirst));
            }
            let words = match (closes, state.is_unsaved()) {
                (true, true) => key!("Close without saving"),
                (true, false) => key!("Close"),
                (false, _) => key!("Open without saving"),
            };
            if ui.button(tr!(words)).clicked() {
                out.push(Action::Project(ProjectAction::WithoutSaving));
            }
            if quiet_button(ui, "Stay").clicked() {
                out.push(Action::Project(ProjectAction::Stay));
            }
        });
    });
    if shown.should_close() {
        out.push(Action::Project(ProjectAction::Stay));
    }
}

/// Every session that ended in a crash, each with what can be done with it.
fn orphans_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let shown = Modal::new(Id::unique("restore")).frame(frame(ui)).show(ui.ctx(), |ui| {
        ui.set_width(460.0);
        title(ui, key!("Octet ended unexpectedly"));
        caption(ui, "These sessions can be brought back as of their last change. Those that you leave are offered again.");
        ui.add_space(GAP);
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for orphan in &state.project.orphans {
                ui.push_id(&orphan.path, |ui| card(ui, |ui| orphan_ui(ui, orphan, out)));
                ui.add_space(4.0);
            }
        });
        ui.add_space(GAP);
        if quiet_button(ui, "Later").clicked() {
            out.push(Action::Project(ProjectAction::ShowOrphans(false)));
        }
    });
    // A click beside it is none of the answers.
    if shown.should_close() && !shown.backdrop_response.clicked() {
        out.push(Action::Project(ProjectAction::ShowOrphans(false)));
    }
}

fn orphan_ui(ui: &mut Ui, orphan: &Orphan, out: &mut Actions) {
    let t = tokens(ui);
    let project = &orphan.project;
    let model = project.model.as_deref().and_then(|m| m.file_name());
    let model = model.map_or_else(|| tr!("no model").into_owned(), |m| m.to_string_lossy().into_owned());
    ui.add(Label::new(RichText::new(model).color(t.strong)).truncate());
    let runs = trn!(project.runs.len(), "1 run", "%{n} runs");
    let changes = trn!(
        project.edits.operations().len(),
        "1 operation changed by hand",
        "%{n} operations changed by hand"
    );
    let mut words = format!("{runs} · {changes}");
    if let Some(age) = orphan.changed.and_then(|at| at.elapsed().ok()) {
        words = format!("{words} · {}", crate::window::format::ago(age));
    }
    ui.add(Label::new(RichText::new(words).small().color(t.weak)).wrap());
    ui.horizontal(|ui| {
        if primary_button(ui, "Restore", true).clicked() {
            out.push(Action::Project(ProjectAction::Restore(orphan.path.clone())));
        }
        if quiet_button(ui, "Forget it").clicked() {
            out.push(Action::Project(ProjectAction::Forget(orphan.path.clone())));
        }
    });
}

/// What a chain that came with a file would run, word for word.
fn programs_ui(ui: &Ui, state: &State, question: &ProgramQuestion, out: &mut Actions) {
    let shown = Modal::new(Id::unique("programs")).frame(frame(ui)).show(ui.ctx(), |ui| {
        ui.set_width(520.0);
        let t = tokens(ui);
        title(ui, key!("May this pipeline run programs?"));
        caption(
            ui,
            "Its settings came with a project, a run, a pipeline or an advice, and name what is started with your rights. Let them run only if you know what they do.",
        );
        ui.add_space(GAP);
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for program in &question.programs {
                card(ui, |ui| {
                    let plugin = state.strategies.plugin(&program.id);
                    let name = plugin.map_or(program.id.as_str(), |p| p.name.as_str());
                    let what = format!("{name}: {}", program.key);
                    ui.label(RichText::new(what).small().color(t.weak));
                    // Written as JSON, so that no character hides.
                    let value = RichText::new(visible(&program.value.to_string())).font(figures()).color(t.strong);
                    ui.add(Label::new(value).wrap().selectable(true));
                });
                ui.add_space(4.0);
            }
        });
        ui.add_space(GAP);
        ui.horizontal(|ui| {
            if ui.button(tr!("Let them run")).clicked() {
                out.push(Action::Strategy(StrategyAction::AllowPrograms));
            }
            if primary_button(ui, "Run nothing", true).clicked() {
                out.push(Action::Strategy(StrategyAction::RefusePrograms));
            }
        });
    });
    if shown.should_close() {
        out.push(Action::Strategy(StrategyAction::RefusePrograms));
    }
}

/// A text whose invisible characters, such as those that turn the direction of writing, are written out.
fn visible(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    let shown = |c: char| if is_plain(c) { c.to_string() } else { c.escape_default().to_string() };
    text.chars().map(shown).collect()
}
