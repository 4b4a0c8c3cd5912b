//! What the program says of itself.

use egui::{Frame, Id, Margin, Modal, RichText, Ui};

use super::widgets::{caption, primary_button};
use crate::tr;
use crate::window::actions::{Action, Actions, HabitAction};
use crate::window::state::State;
use crate::window::theme::{GAP, tokens};

/// Its version and licence.
pub(super) fn about_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if !state.shows_about {
        return;
    }
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let shown = Modal::new(Id::unique("about")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(380.0);
        let t = tokens(ui);
        ui.label(RichText::new(format!("Octet {}", env!("CARGO_PKG_VERSION"))).size(20.0).color(t.strong));
        caption(ui, &tr!("Puts image classifiers on ESP32 chips, bit for bit."));
        caption(ui, &tr!("MIT or Apache-2.0, as you like."));
        ui.add_space(GAP);
        if primary_button(ui, &tr!("Close"), true).clicked() {
            out.push(Action::Habit(HabitAction::ToggleAbout));
        }
    });
    if shown.should_close() {
        out.push(Action::Habit(HabitAction::ToggleAbout));
    }
}
