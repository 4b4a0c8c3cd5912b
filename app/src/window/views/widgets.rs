//! Small parts that several views are made of.

use egui::{
    Align, Button, Color32, CornerRadius, Frame, Layout, Margin, Response, RichText, Sense, Stroke, Ui, Vec2,
    pos2, vec2,
};

use crate::window::actions::{Action, Actions};
use crate::window::state::{Place, Progress, State};
use crate::window::theme::{self, GAP, RADIUS, SECTION, tokens};

/// The one button of a page that goes on.
pub(super) fn primary_button(ui: &mut Ui, text: &str, enabled: bool) -> Response {
    let text = crate::tr!(text);
    let t = tokens(ui);
    let (fill, colour) = if enabled { (t.accent, t.on_accent) } else { (t.card, t.weak) };
    let button = Button::new(RichText::new(text).color(colour)).fill(fill).min_size(vec2(96.0, 30.0));
    ui.add_enabled(enabled, button)
}

/// A button without a frame.
pub(super) fn quiet_button(ui: &mut Ui, text: &str) -> Response {
    let text = crate::tr!(text);
    let colour = tokens(ui).weak;
    ui.add(Button::new(RichText::new(text).color(colour)).frame_when_inactive(false))
}

/// A page's heading.
pub(super) fn heading(ui: &mut Ui, text: &str) {
    let text = crate::tr!(text);
    let colour = tokens(ui).strong;
    ui.label(RichText::new(text).size(18.0).color(colour));
    ui.add_space(2.0);
}

/// A heading within a page, with air above.
pub(super) fn section(ui: &mut Ui, text: &str) {
    let text = crate::tr!(text);
    ui.add_space(SECTION - GAP);
    let colour = tokens(ui).weak;
    ui.label(RichText::new(text).small().color(colour));
}

/// A paragraph that steps back.
pub(super) fn caption(ui: &mut Ui, text: &str) {
    let text = crate::tr!(text);
    let colour = tokens(ui).weak;
    ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
}

/// A name on the left, a figure flush right.
pub(super) fn fact(ui: &mut Ui, name: &str, value: &str) -> Response {
    let name = crate::tr!(name);
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let text = RichText::new(value).font(theme::figures()).color(t.strong);
            ui.add(egui::Label::new(text).truncate());
        });
    })
    .response
}

/// A frame around things that belong together.
pub(super) fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui);
    Frame::new()
        .fill(t.card)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(RADIUS))
        .inner_margin(Margin::symmetric(12, 10))
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            add(ui)
        })
        .inner
}

/// A line with a coloured bar on its left: a problem or a warning, where it belongs.
pub(super) fn notice(ui: &mut Ui, colour: Color32, title: &str, detail: &str) {
    let (title, detail) = (crate::tr!(title), crate::tr!(detail));
    let t = tokens(ui);
    let shown = Frame::new().inner_margin(Margin { left: 12, right: 0, top: 4, bottom: 4 }).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add(egui::Label::new(RichText::new(title).color(colour)).wrap());
        if !detail.is_empty() {
            ui.add(egui::Label::new(RichText::new(detail).small().color(t.weak)).wrap());
        }
    });
    let rect = shown.response.rect;
    let bar = egui::Rect::from_min_max(rect.min, pos2(rect.left() + 3.0, rect.bottom()));
    ui.painter().rect_filled(bar, CornerRadius::same(1), colour);
}

/// The problem of a place, if there is one.
pub(super) fn problem_ui(ui: &mut Ui, state: &State, place: Place, out: &mut Actions) {
    if let Some(problem) = state.problems.get(&place) {
        ui.add_space(GAP);
        notice(ui, tokens(ui).error, &problem.title, &problem.detail);
        ui.horizontal(|ui| {
            ui.add_space(GAP);
            let button = quiet_button(ui, "Copy").on_hover_text(crate::tr!("Copy this message"));
            if button.clicked() {
                out.push(Action::CopyProblem(place));
            }
        });
    }
}

/// The sign of a step: a ring to fill, a tick, a point that asks for a look.
pub(super) fn progress_sign(ui: &mut Ui, progress: Progress, number: usize) {
    let t = tokens(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(22.0), Sense::hover());
    let painter = ui.painter();
    let (centre, radius) = (rect.center(), 10.0);
    let digit = |colour| {
        painter.text(centre, egui::Align2::CENTER_CENTER, number, egui::FontId::proportional(11.5), colour);
    };
    match progress {
        Progress::Done => {
            painter.circle_filled(centre, radius, t.accent);
            let tick = [vec2(-4.0, 0.5), vec2(-1.2, 3.4), vec2(4.4, -3.0)].map(|v| centre + v);
            painter.line(tick.to_vec(), Stroke::new(1.8, t.on_accent));
        }
        Progress::ToDo => {
            painter.circle_stroke(centre, radius, Stroke::new(1.2, t.edge));
            digit(t.weak);
        }
        Progress::Working => {
            painter.circle_stroke(centre, radius, Stroke::new(2.0, t.accent));
            digit(t.accent);
        }
        Progress::Attention => {
            painter.circle_filled(centre, radius, t.warn);
            painter
                .line_segment([centre - vec2(0.0, 5.0), centre + vec2(0.0, 1.2)], Stroke::new(2.0, t.panel));
            painter.circle_filled(centre + vec2(0.0, 4.6), 1.3, t.panel);
        }
    }
}
