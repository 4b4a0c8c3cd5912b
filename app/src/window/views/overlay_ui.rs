//! What lies over the window for a moment: what a drop would do, and the field for a path.

use egui::{
    Align2, Color32, CornerRadius, FontId, Frame, Id, Key, LayerId, Margin, Modal, Order, RichText, Stroke,
    StrokeKind, TextEdit, Ui, vec2,
};

use super::widgets::{caption, primary_button, quiet_button};
use crate::window::actions::{Action, Actions, OverwriteAction};
use crate::window::backend::DropKind;
use crate::window::state::{NOTHING_TO_TRY, State};
use crate::window::theme::{GAP, tokens};
use crate::{key, tr};

/// Says what a drop would do, while something hovers.
pub(super) fn hover_ui(ui: &Ui, state: &State) {
    let hover = &state.hover;
    if hover.paths.is_empty() {
        return;
    }
    let t = tokens(ui);
    let can_try = state.report().is_some();
    let welcome = hover.kinds.iter().all(|k| k.is_welcome() && (can_try || *k != DropKind::Picture));
    let words = match hover.kinds.as_slice() {
        [] => key!("Drop it here"),
        [DropKind::Picture, rest @ ..] if !can_try && rest.iter().all(|k| *k == DropKind::Picture) => {
            NOTHING_TO_TRY
        }
        [one] => one.promise(),
        [first, rest @ ..] if rest.iter().all(|k| k == first) => first.promise(),
        _ => key!("Drop them here"),
    };
    let words = tr!(words);
    let rect = ui.ctx().content_rect();
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Tooltip, Id::unique("hover")));
    let colour = if welcome { t.accent } else { t.warn };
    painter.rect_filled(rect, 0.0, Color32::from_black_alpha(150));
    painter.rect_stroke(
        rect.shrink(14.0),
        CornerRadius::same(14),
        Stroke::new(2.5, colour),
        StrokeKind::Inside,
    );
    let galley = painter.layout_no_wrap(words.clone().into_owned(), FontId::proportional(22.0), t.strong);
    let plate = egui::Rect::from_center_size(rect.center(), galley.size() + vec2(56.0, 36.0));
    painter.rect(plate, CornerRadius::same(10), t.card, Stroke::new(1.0, colour), StrokeKind::Inside);
    let response = ui.interact(plate, Id::unique("hover words"), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &*words));
    painter.galley(plate.center() - galley.size() / 2.0, galley, t.strong);
    if let [path] = hover.paths.as_slice() {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let at = plate.center_bottom() + vec2(0.0, 14.0);
        painter.text(at, Align2::CENTER_TOP, name, FontId::proportional(13.5), Color32::from_gray(225));
    }
}

/// Asks before a file is replaced.
pub(super) fn overwrite_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let Some(question) = &state.overwrite else { return };
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let shown = Modal::new(Id::unique("overwrite")).frame(frame).show(ui.ctx(), |ui| {
        let t = tokens(ui);
        ui.set_width(420.0);
        ui.label(RichText::new(crate::tr!("Replace this file?")).size(18.0).color(t.strong));
        ui.add(egui::Label::new(RichText::new(question.path.display().to_string()).color(t.weak)).wrap());
        if question.was_changed {
            caption(ui, "Somebody else has changed it since it was opened here.");
        }
        ui.add_space(GAP);
        ui.horizontal(|ui| {
            if ui.button(crate::tr!("Replace")).clicked() {
                out.push(Action::Overwrite(OverwriteAction::Replace));
            }
            if primary_button(ui, "Keep it", true).clicked() {
                out.push(Action::Overwrite(OverwriteAction::Keep));
            }
        });
    });
    if shown.should_close() {
        out.push(Action::Overwrite(OverwriteAction::Keep));
    }
}

/// Asks for a path where there is no dialog.
pub(super) fn path_field_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let Some(field) = &state.path_field else { return };
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let shown = Modal::new(Id::unique("path field")).frame(frame).show(ui.ctx(), |ui| {
        let t = tokens(ui);
        ui.set_width(460.0);
        ui.label(RichText::new(crate::tr!(field.what.title())).size(18.0).color(t.strong));
        ui.add_space(GAP);
        let mut text = field.text.clone();
        let edit = ui.add(
            TextEdit::singleline(&mut text)
                .hint_text(tr!(field.what.hint()))
                .desired_width(f32::INFINITY)
                .margin(vec2(8.0, 6.0)),
        );
        let edit = edit.accessible_name(tr!(field.what.hint()));
        if edit.changed() {
            out.push(Action::EditPath(text.clone()));
        }
        let entered = edit.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        if !entered && !edit.has_focus() && field.text.is_empty() {
            edit.request_focus();
        }
        ui.add_space(GAP);
        ui.horizontal(|ui| {
            let ready = !text.trim().is_empty();
            if primary_button(ui, "Take it", ready).clicked() || (entered && ready) {
                out.push(Action::SubmitPath);
            }
            if quiet_button(ui, "Never mind").clicked() {
                out.push(Action::ClosePathField);
            }
        });
    });
    if shown.should_close() {
        out.push(Action::ClosePathField);
    }
}
