//! The close look at the selected operation: pictures of its weights, activations and feature maps.

mod activations_ui;
mod attributes_ui;
mod maps_ui;
mod picture_ui;
pub(super) mod plot;
mod scatter_ui;
mod weights_ui;

pub(super) use attributes_ui::attributes_ui;

use egui::{CornerRadius, Label, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use super::advice_ui::finding_ui;
use super::widgets::{caption, section};
use crate::tr;
use crate::window::actions::Actions;
use crate::window::state::{Answer, Problem, State};
use crate::window::theme::{RADIUS, tokens};

/// What the run's advice says of the selected operation.
pub(super) fn advice_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let (Some(name), Some(report)) = (&state.selection, state.report()) else { return };
    let quoted = format!("`{name}`");
    let is_about =
        |f: &&octet_engine::report::Finding| f.subject.as_ref() == Some(name) || f.text.contains(&quoted);
    let mut findings = report.advice.iter().filter(is_about).peekable();
    if findings.peek().is_some() {
        section(ui, "Why it hurts");
        findings.for_each(|finding| finding_ui(ui, finding, out));
    }
}

/// Weights, activations and one picture, where a run is on display.
pub(super) fn parts_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let inspect = &state.inspect;
    let Some(subject) = &inspect.subject else { return };
    // Where the run cannot be opened, all questions have the same answer.
    let answers = [problem(&inspect.activations), problem(&inspect.scatter), problem(&inspect.maps)];
    if let [Some(a), Some(b), Some(c)] = answers
        && a == b
        && b == c
    {
        section(ui, "Weights and activations");
        problem_ui(ui, a);
        return;
    }
    if subject.has_weights {
        weights_ui::weights_ui(ui, &state.inspect, out);
    }
    activations_ui::activations_ui(ui, &state.inspect, out);
    picture_ui::picture_ui(ui, state, out);
}

/// Why there is no answer.
fn problem<T>(answer: &Answer<T>) -> Option<&Problem> {
    answer.value.as_ref()?.as_ref().err()
}

/// What an answer looks like: the good one by `draw`, a grey field while it is not there, or why it never will be.
fn answer_ui<T>(ui: &mut Ui, answer: &Answer<T>, what: &str, height: f32, draw: impl FnOnce(&mut Ui, &T)) {
    match &answer.value {
        Some(Ok(value)) => draw(ui, value),
        Some(Err(problem)) => problem_ui(ui, problem),
        None if answer.waiting => skeleton_ui(ui, &tr!("Looking at %{what}…", what = tr!(what)), height),
        None => {}
    }
}

/// Why something cannot be shown, where it would be. It belongs here alone, so that it is quiet.
pub(super) fn problem_ui(ui: &mut Ui, problem: &Problem) {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(tr!(&problem.title)).color(t.warn)).wrap());
    if !problem.detail.is_empty() {
        caption(ui, &problem.detail);
    }
}

/// A field where something will be.
pub(super) fn skeleton_ui(ui: &mut Ui, words: &str, height: f32) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), t.card_hovered);
    let font = egui::FontId::proportional(crate::window::theme::SMALL_SIZE);
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, words, font, t.weak);
}
