//! The left rail: the path from top to bottom, and the runs.

use egui::{Align, CornerRadius, Layout, Rect, RichText, Role, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use super::widgets::{progress_sign, section};
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::state::{STEPS, Side, State, Step};
use crate::window::theme::{RADIUS, tokens};

/// The rail.
pub(super) fn rail_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    for (index, step) in STEPS.into_iter().enumerate() {
        step_ui(ui, state, step, index + 1, out);
    }
    if !state.runs.all.is_empty() {
        section(ui, "Runs");
        runs_ui(ui, state, out);
    }
}

fn step_ui(ui: &mut Ui, state: &State, step: Step, number: usize, out: &mut Actions) {
    let t = tokens(ui);
    let progress = step.progress(state);
    let chosen = state.side == Side::Step(step);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 46.0), Sense::click());
    let label = format!("{} ({})", step.title(), progress.words());
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
        ui.add(egui::Label::new(RichText::new(step.title()).color(colour)).truncate());
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
        let name = run.name();
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, shown, format!("Run {name}")));
        background_ui(ui, rect, shown, response.hovered());
        let inside = rect.shrink2(vec2(10.0, 2.0));
        let mut row =
            ui.new_child(UiBuilder::new().max_rect(inside).layout(Layout::right_to_left(Align::Center)));
        if let Some((figure, _)) = run.verdict() {
            let figure = RichText::new(format::accuracy(figure)).font(crate::window::theme::figures());
            row.label(figure.color(t.strong));
        }
        row.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(&name).small().color(t.text)).truncate());
        });
        let response = response.on_hover_text(run.path.display().to_string());
        if response.clicked() {
            out.push(Action::ShowRun(index));
        }
    }
}
