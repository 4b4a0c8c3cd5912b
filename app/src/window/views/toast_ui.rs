//! Messages in the corner.

use egui::{Align2, Area, CornerRadius, Frame, Id, Label, Margin, Order, RichText, Stroke, Ui, vec2};

use super::widgets::quiet_button;
use crate::window::actions::{Action, Actions, RunsAction};
use crate::window::state::{State, Toast};
use crate::window::theme::{RADIUS, tokens};
use crate::{key, tr};

/// All messages, the newest at the bottom.
pub(super) fn toasts_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if state.toasts.all.is_empty() {
        return;
    }
    Area::new(Id::unique("toasts"))
        .anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -48.0))
        .order(Order::Foreground)
        .show(ui.ctx(), |ui| {
            ui.set_width(380.0);
            for toast in &state.toasts.all {
                toast_ui(ui, toast, out);
            }
        });
}

fn toast_ui(ui: &mut Ui, toast: &Toast, out: &mut Actions) {
    let t = tokens(ui);
    let line = if toast.is_error { t.error } else { t.accent };
    let frame = Frame::new()
        .fill(t.card)
        .stroke(Stroke::new(1.0, line))
        .corner_radius(CornerRadius::same(RADIUS))
        .inner_margin(Margin::symmetric(14, 10))
        .shadow(egui::Shadow {
            offset: [0, 4],
            blur: 16,
            spread: 0,
            color: egui::Color32::from_black_alpha(60),
        });
    frame.show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.add(Label::new(RichText::new(tr!(&toast.title)).color(t.strong)).wrap());
        if toast.shows_detail {
            ui.add(Label::new(RichText::new(&toast.detail).small().color(t.text)).wrap().selectable(true));
        }
        if let Some(run) = &toast.run
            && quiet_button(ui, "Show").clicked()
        {
            out.push(Action::Runs(RunsAction::Show(run.clone())));
            out.push(Action::DismissToast(toast.id));
        }
        if toast.is_error {
            ui.horizontal(|ui| {
                let words = if toast.shows_detail { key!("Less") } else { key!("Details") };
                if !toast.detail.is_empty() && quiet_button(ui, words).clicked() {
                    out.push(Action::ToggleToast(toast.id));
                }
                if quiet_button(ui, "Copy").clicked() {
                    out.push(Action::CopyToast(toast.id));
                }
                if quiet_button(ui, "Dismiss").clicked() {
                    out.push(Action::DismissToast(toast.id));
                }
            });
        }
    });
}
