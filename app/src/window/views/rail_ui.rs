//! The left rail: the path from top to bottom, and the runs.

use egui::{
    Align, CornerRadius, Layout, Rect, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2,
};

use super::runs_ui::undo_ui;
use super::widgets::{progress_sign, quiet_button};
use crate::window::actions::{Action, Actions, RunsAction};
use crate::window::format;
use crate::window::state::{STEPS, Side, State, Step};
use crate::window::theme::{GAP, RADIUS, SECTION, tokens};
use crate::{key, tr};

/// The rail.
pub(super) fn rail_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    for (index, step) in STEPS.into_iter().enumerate() {
        step_ui(ui, state, step, index + 1, out);
    }
    let runs = &state.runs;
    if runs.all.is_empty() && runs.earlier.is_empty() && runs.deleted.is_empty() {
        return;
    }
    ui.add_space(SECTION - GAP);
    ui.horizontal(|ui| {
        ui.label(RichText::new(crate::tr!("Runs")).small().color(tokens(ui).weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let words = if runs.all.is_empty() { key!("Earlier…") } else { key!("Compare…") };
            let button = quiet_button(ui, words)
                .on_hover_text(crate::tr!("All runs: names, notes, comparison, earlier ones"));
            if button.accessible_name(tr!("Show all runs")).clicked() {
                out.push(Action::Runs(RunsAction::ShowPage));
            }
        });
    });
    ScrollArea::vertical().id_salt("runs").show(ui, |ui| {
        runs_ui(ui, state, out);
        // Those of other sessions wait on the page.
        if runs.deleted.last().is_some_and(|deleted| deleted.run.is_some()) {
            undo_ui(ui, state, out);
        }
    });
}

fn step_ui(ui: &mut Ui, state: &State, step: Step, number: usize, out: &mut Actions) {
    let t = tokens(ui);
    let progress = step.progress(state);
    let chosen = state.side == Side::Step(step);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 46.0), Sense::click());
    let label = format!("{} ({})", tr!(step.title()), tr!(progress.words()));
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &label));
    background_ui(ui, rect, chosen, response.hovered());
    let inside =
        UiBuilder::new().max_rect(rect.shrink2(vec2(10.0, 4.0))).layout(Layout::left_to_right(Align::Center));
    let mut row = ui.new_child(inside);
    progress_sign(&mut row, progress, number);
    row.add_space(2.0);
    row.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.add_space(3.0);
        let colour = if chosen { t.strong } else { t.text };
        ui.add(egui::Label::new(RichText::new(crate::tr!(step.title())).color(colour)).truncate());
        let summary = RichText::new(step.summary(state)).small().color(t.weak);
        ui.add(egui::Label::new(summary).truncate());
    });
    if response.clicked() {
        out.push(Action::ShowStep(step));
    }
}

fn background_ui(ui: &Ui, rect: Rect, chosen: bool, hovered: bool) {
    let t = tokens(ui);
    if chosen || hovered {
        let fill = if chosen { t.card } else { t.card_hovered.gamma_multiply(0.5) };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    }
    if chosen {
        let bar =
            Rect::from_min_size(rect.min + vec2(0.0, rect.height() * 0.26), vec2(3.0, rect.height() * 0.48));
        ui.painter().rect_filled(bar, CornerRadius::same(2), t.accent);
    }
}

fn runs_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    for (index, run) in state.runs.all.iter().enumerate().rev() {
        let shown = state.runs.shown == Some(index);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::click());
        let name = state.runs.name(run);
        response
            .widget_info(|| WidgetInfo::selected(Role::Button, true, shown, tr!("Run %{name}", name = name)));
        background_ui(ui, rect, shown, response.hovered());
        let inside = rect.shrink2(vec2(10.0, 2.0));
        let mut row =
            ui.new_child(UiBuilder::new().max_rect(inside).layout(Layout::right_to_left(Align::Center)));
        if let Some((figure, _)) = run.verdict() {
            let figure = RichText::new(format::accuracy(figure)).font(crate::window::theme::figures());
            row.label(figure.color(t.strong));
        }
        if state.runs.reference == Some(index) {
            row.label(RichText::new(crate::tr!("ref")).small().color(t.accent))
                .on_hover_text(crate::tr!("The pinned reference"));
        }
        row.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(&name).small().color(t.text)).truncate());
        });
        let notes = state.runs.label(run).map(|l| l.notes.as_str()).unwrap_or_default();
        let hint = format!("{}\n{notes}", run.folder().display());
        let response = response.on_hover_text(hint.trim_end());
        if response.clicked() {
            out.push(Action::ShowRun(index));
        }
        response.context_menu(|ui| menu_ui(ui, state, index, out));
    }
}

/// What can be done with a run.
fn menu_ui(ui: &mut Ui, state: &State, index: usize, out: &mut Actions) {
    let Some(run) = state.runs.all.get(index) else { return };
    let path = || run.path.clone();
    let pinned = state.runs.reference == Some(index);
    let pin = if pinned { key!("Unpin") } else { key!("Pin as reference") };
    let tick =
        if state.runs.ticked.contains(&run.path) { key!("Do not compare") } else { key!("Tick to compare") };
    let items = [
        (key!("Name and notes…"), vec![Action::ShowRun(index), Action::Runs(RunsAction::ShowPage)]),
        (pin, vec![Action::Runs(RunsAction::Pin(Some(index).filter(|_| !pinned)))]),
        (tick, vec![Action::Runs(RunsAction::Tick(path())), Action::Runs(RunsAction::ShowPage)]),
        (key!("Restore settings"), vec![Action::Runs(RunsAction::RestoreSettings(path()))]),
        (key!("Open folder"), vec![Action::Runs(RunsAction::OpenFolder(path()))]),
        (key!("Delete"), vec![Action::Runs(RunsAction::Delete(path()))]),
    ];
    for (words, actions) in items {
        if ui.button(tr!(words)).clicked() {
            out.extend(actions);
            ui.close();
        }
    }
}
