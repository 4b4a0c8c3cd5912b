//! The page of runs: names, notes, figures, and what can be done with a run.

use egui::{Align, Id, Label, Layout, RichText, Sense, TextEdit, Ui, vec2};
use octet_engine::report::Report;

use super::bar_ui::chip;
use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, card, heading, primary_button, problem_ui, quiet_button, section};
use crate::window::actions::{Action, Actions, RunsAction};
use crate::window::backend::Pick;
use crate::window::format;
use crate::window::state::{EarlierRun, Place, Run, State};
use crate::window::theme::{GAP, figures, tokens};
use crate::{key, tr};

/// The page of runs.
pub(super) fn runs_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Runs");
    problem_ui(ui, state, Place::Run, out);
    let runs = &state.runs;
    if runs.all.is_empty() {
        caption(
            ui,
            "Quantizing makes a run. Each keeps its model, its report and its settings in a folder of its own.",
        );
    } else {
        caption(ui, "Tick two or more to compare them; the pinned one is what the others are held against.");
        ui.add_space(GAP / 2.0);
        compare_button_ui(ui, state, out);
    }
    undo_ui(ui, state, out);
    for (index, run) in runs.all.iter().enumerate().rev() {
        run_ui(ui, state, index, run, out);
        ui.add_space(2.0);
    }
    if quiet_button(ui, "Open a run folder…").clicked() {
        out.push(Action::Ask(Pick::Run));
    }
    if !runs.earlier.is_empty() {
        section(ui, "Earlier");
        runs.earlier.iter().for_each(|run| earlier_ui(ui, run, out));
    }
}

fn compare_button_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let count = state.runs.to_compare().len();
    let words = if count < 2 { tr!("Compare") } else { tr!("Compare %{n} runs", n = count) };
    let button = primary_button(ui, &words, count >= 2);
    if button.on_disabled_hover_text(crate::tr!("Tick two runs or more")).clicked() {
        out.push(Action::Runs(RunsAction::Compare));
    }
    ui.add_space(GAP / 2.0);
}

/// The run that was deleted last can come back.
pub(super) fn undo_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let Some(deleted) = state.runs.deleted.last() else { return };
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let button = quiet_button(ui, "Undo")
                .on_hover_text(crate::tr!("Take the run out of the trash, which is emptied a day later"));
            if button.accessible_name(tr!("Restore the deleted run")).clicked() {
                out.push(Action::Runs(RunsAction::Restore));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let text = tr!("Deleted %{name}", name = deleted.name);
                ui.add(Label::new(RichText::new(text).small().color(t.weak)).truncate());
            });
        });
    });
}

fn run_ui(ui: &mut Ui, state: &State, index: usize, run: &Run, out: &mut Actions) {
    let t = tokens(ui);
    let (name, shown) = (state.runs.name(run), state.runs.shown == Some(index));
    card(ui, |ui| {
        ui.horizontal(|ui| {
            let mut ticked = state.runs.ticked.contains(&run.path);
            let tick = ui.checkbox(&mut ticked, "").on_hover_text(crate::tr!("Compare this run"));
            if tick.accessible_name(tr!("Compare %{name}", name = name)).changed() {
                out.push(Action::Runs(RunsAction::Tick(run.path.clone())));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                pin_ui(ui, state, index, &name, out);
                if let Some((figure, what)) = run.verdict() {
                    let figure = RichText::new(format::accuracy(figure)).font(figures()).color(t.strong);
                    ui.label(figure).on_hover_text(tr!(what));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let colour = if shown { t.accent } else { t.strong };
                    let label =
                        Label::new(RichText::new(&name).color(colour)).truncate().sense(Sense::click());
                    let label = ui.add(label).on_hover_text(run.folder().display().to_string());
                    label.widget_info(|| {
                        egui::WidgetInfo::selected(
                            egui::Role::Button,
                            true,
                            shown,
                            tr!("Show %{name}", name = name),
                        )
                    });
                    if label.clicked() {
                        out.push(Action::ShowRun(index));
                        out.push(Action::Runs(RunsAction::ShowPage));
                    }
                });
            });
        });
        let words = facts(state, run);
        ui.add(Label::new(RichText::new(words).small().color(t.weak)).wrap());
        if shown {
            describe_ui(ui, state, run, &name, out);
            buttons_ui(ui, run, &name, out);
        } else if let Some(label) = state.runs.label(run).filter(|l| !l.notes.is_empty()) {
            ui.add(Label::new(RichText::new(&label.notes).small().color(t.text)).wrap());
        }
    });
}

/// Strategies, chip and times of a run in a line.
fn facts(state: &State, run: &Run) -> String {
    let mut parts = vec![chain(&run.report), chip(&run.report.target)];
    parts.extend(run.verdict().map(|(_, what)| tr!(what).into_owned()));
    let finished = state.runs.label(run).and_then(|l| l.finished);
    if let Some(age) = finished.and_then(|at| at.elapsed().ok()) {
        parts.push(format::ago(age));
    }
    let secs: f64 = run.report.timings_secs.values().sum();
    let time = format::wait(std::time::Duration::from_secs_f64(secs.clamp(0.0, 1e9)));
    parts.push(tr!("took %{time}", time = time).into_owned());
    parts.join(" · ")
}

/// The strategies of a report by the last part of their ids.
pub(super) fn chain(report: &Report) -> String {
    let last = |id: &str| id.rsplit('.').next().unwrap_or(id).to_owned();
    report.strategy.iter().map(|s| last(&s.id)).collect::<Vec<_>>().join(" → ")
}

fn pin_ui(ui: &mut Ui, state: &State, index: usize, name: &str, out: &mut Actions) {
    let pinned = state.runs.reference == Some(index);
    let (icon, words, to) = if pinned {
        (Icon::Pin, tr!("Unpin %{name}", name = name), None)
    } else {
        (Icon::Unpinned, tr!("Pin %{name} as reference", name = name), Some(index))
    };
    if icon_button(ui, icon, &words).clicked() {
        out.push(Action::Runs(RunsAction::Pin(to)));
    }
}

/// Name and notes; they are kept when the field is left.
fn describe_ui(ui: &mut Ui, state: &State, run: &Run, name: &str, out: &mut Actions) {
    let label = state.runs.label(run).cloned().unwrap_or_default();
    let id = Id::unique(("describe run", &run.path));
    let typed = ui.data(|d| d.get_temp::<(String, String)>(id));
    let (mut new_name, mut notes) = typed.clone().unwrap_or((label.name.clone(), label.notes.clone()));
    ui.add_space(2.0);
    let edit = TextEdit::singleline(&mut new_name)
        .hint_text(run.name())
        .desired_width(f32::INFINITY)
        .char_limit(200);
    let one = ui.add(edit).accessible_name(tr!("Name of %{name}", name = name));
    let edit = TextEdit::multiline(&mut notes)
        .hint_text(crate::tr!("Notes"))
        .desired_rows(2)
        .desired_width(f32::INFINITY)
        .char_limit(10_000);
    let other = ui.add(edit).accessible_name(tr!("Notes on %{name}", name = name));
    if one.changed() || other.changed() {
        ui.data_mut(|d| d.insert_temp(id, (new_name.clone(), notes.clone())));
    }
    let left = one.lost_focus() || other.lost_focus();
    if left && !one.has_focus() && !other.has_focus() && (typed.is_some() || one.changed() || other.changed())
    {
        ui.data_mut(|d| d.remove::<(String, String)>(id));
        let describe = RunsAction::Describe { run: run.path.clone(), name: new_name, notes };
        out.push(Action::Runs(describe));
    }
}

fn buttons_ui(ui: &mut Ui, run: &Run, name: &str, out: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let path = || run.path.clone();
        let buttons = [
            (
                key!("Export model…"),
                key!("Writes a copy of its model.espdl, which goes onto the chip, where you want it"),
                RunsAction::AskExport(path()),
            ),
            (
                key!("Restore settings"),
                key!("Takes the target, the strategies, the pictures and the pre-processing of this run"),
                RunsAction::RestoreSettings(path()),
            ),
            (
                key!("Open folder"),
                key!("Opens the run folder in the file manager"),
                RunsAction::OpenFolder(path()),
            ),
            (
                key!("Delete"),
                key!("Moves the run folder to the trash; it can be undone"),
                RunsAction::Delete(path()),
            ),
        ];
        for (words, hint, action) in buttons {
            let words = tr!(words);
            let button = egui::Button::new(RichText::new(&*words).small());
            let button = ui.add(button).on_hover_text(tr!(hint));
            if button.accessible_name(format!("{words}: {name}")).clicked() {
                out.push(Action::Runs(action));
            }
        }
    });
}

fn earlier_ui(ui: &mut Ui, run: &EarlierRun, out: &mut Actions) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, tr!("Open earlier run %{name}", name = run.name))
    });
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, egui::CornerRadius::same(4), t.card_hovered);
    }
    let inside = egui::UiBuilder::new()
        .max_rect(rect.shrink2(vec2(4.0, 0.0)))
        .layout(Layout::right_to_left(Align::Center));
    let mut row = ui.new_child(inside);
    if let Some(age) = run.finished.and_then(|at| at.elapsed().ok()) {
        row.label(RichText::new(format::ago(age)).small().color(t.weak));
    }
    row.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.add(Label::new(RichText::new(&run.name).color(t.text)).truncate());
    });
    if response.on_hover_text(run.path.display().to_string()).clicked() {
        out.push(Action::OpenRun(run.path.clone()));
    }
}
