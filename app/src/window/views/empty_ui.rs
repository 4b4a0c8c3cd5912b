//! The window before anything is open: one drop target.

use egui::{Align, Color32, CornerRadius, Layout, RichText, Sense, Shape, Stroke, Ui, UiBuilder, vec2};

use super::widgets::{notice, primary_button, quiet_button};
use crate::window::actions::{Action, Actions, ProjectAction};
use crate::window::backend::Pick;
use crate::window::state::{Place, State};
use crate::window::theme::{GAP, tokens};

/// The drop target, with other ways to open something.
pub(super) fn empty_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    let area = ui.available_rect_before_wrap().shrink(28.0);
    ui.painter().rect_filled(area, CornerRadius::same(14), t.panel.gamma_multiply(0.5));
    dashed_ui(ui, area, t.edge.gamma_multiply(0.7));
    let inside = egui::Rect::from_center_size(area.center(), vec2(area.width().min(560.0), 430.0));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inside).layout(Layout::top_down(Align::Center)));
    picture_ui(&mut ui);
    ui.add_space(18.0);
    ui.label(RichText::new(crate::tr!("Drop a MobileNetV2 .onnx here")).size(22.0).color(t.strong));
    ui.add_space(2.0);
    ui.label(
        RichText::new(crate::tr!("Octet quantizes it for an ESP32 and shows where the error is."))
            .color(t.weak),
    );
    ui.add_space(18.0);
    buttons_ui(&mut ui, out);
    last_session_ui(&mut ui, state, out);
    if !state.project.orphans.is_empty() && quiet_button(&mut ui, "Lost sessions…").clicked() {
        out.push(Action::Project(ProjectAction::ShowOrphans(true)));
    }
    ui.add_space(GAP);
    ui.label(
        RichText::new(crate::tr!("A folder of pictures or a finished run can be dropped as well."))
            .small()
            .color(t.weak),
    );
    recent_ui(&mut ui, state, out);
    if let Some(problem) = state.problems.get(&Place::Model).or(state.problems.get(&Place::Run)) {
        ui.add_space(2.0 * GAP);
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            notice(ui, t.error, &problem.title, &problem.detail);
        });
    }
}

fn buttons_ui(ui: &mut Ui, out: &mut Actions) {
    ui.horizontal(|ui| {
        // Three buttons of about this width, in the middle.
        ui.add_space((ui.available_width() - 356.0).max(0.0) / 2.0);
        if primary_button(ui, "Open…", true).clicked() {
            out.push(Action::Ask(Pick::Model));
        }
        let example = egui::Button::new(crate::tr!("Try the example")).min_size(vec2(126.0, 30.0));
        if ui.add(example).clicked() {
            out.push(Action::OpenExample);
        }
        if quiet_button(ui, "Type a path…").clicked() {
            out.push(Action::ShowPathField(Pick::Model));
        }
    });
}

/// Recent files that are offered.
const RECENT: usize = 4;

/// What was opened last.
fn recent_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    if state.settings.recent.is_empty() {
        return;
    }
    let t = tokens(ui);
    ui.add_space(2.0 * GAP);
    ui.label(RichText::new(crate::tr!("Recent")).small().color(t.weak));
    for path in state.settings.recent.iter().take(RECENT) {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let button = egui::Button::new(RichText::new(name).color(t.accent)).frame(false).truncate();
        if ui.add(button).on_hover_text(path.display().to_string()).clicked() {
            out.push(Action::Project(ProjectAction::OpenRecent(path.clone())));
        }
    }
}

/// The session that ended in order before this one, if it was worth keeping.
fn last_session_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let Some(last) = &state.project.last_session else { return };
    let model = last.project.model.as_deref().and_then(|m| m.file_name()).unwrap_or_default();
    let words = crate::tr!("Last session: %{name}", name = model.to_string_lossy());
    ui.add_space(4.0);
    if quiet_button(ui, words.trim_end_matches([':', '：', ' '])).clicked() {
        out.push(Action::Project(ProjectAction::Restore(last.path.clone())));
    }
}

/// A chain of blocks that grows hot, as in the graph.
fn picture_ui(ui: &mut Ui) {
    let t = tokens(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(244.0, 44.0), Sense::hover());
    let painter = ui.painter();
    for i in 0..5 {
        let min = rect.min + vec2(i as f32 * 50.0, 0.0);
        let block = egui::Rect::from_min_size(min, vec2(40.0, 44.0));
        painter.rect(
            block,
            CornerRadius::same(6),
            t.card,
            Stroke::new(1.0, t.line),
            egui::StrokeKind::Inside,
        );
        let cell = egui::Rect::from_min_size(min + vec2(7.0, 26.0), vec2(26.0, 9.0));
        painter.rect_filled(cell, CornerRadius::same(2), crate::window::heat::colour(i as f32 / 4.0));
        for (line, width) in [(11.0, 18.0), (17.0, 12.0)] {
            let bar = egui::Rect::from_min_size(min + vec2(7.0, line), vec2(width, 2.5));
            painter.rect_filled(bar, CornerRadius::same(1), t.edge);
        }
        if i < 4 {
            let from = block.right_center();
            painter.line_segment([from, from + vec2(10.0, 0.0)], Stroke::new(1.5, t.edge));
        }
    }
}

/// A dashed outline.
pub(super) fn dashed_ui(ui: &Ui, rect: egui::Rect, colour: Color32) {
    let corners =
        [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    ui.painter().extend(Shape::dashed_line(&corners, Stroke::new(1.5, colour), 7.0, 6.0));
}
