//! The list of changes.

use egui::{Id, RichText, ScrollArea, Ui, Window};

use super::widgets::{caption, quiet_button};
use crate::tr;
use crate::window::actions::{Action, Actions, EditAction, HabitAction};
use crate::window::state::State;
use crate::window::theme::tokens;

/// The list of changes: a click goes back to before it, or forward again to after it.
pub(super) fn history_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if !state.shows_history {
        return;
    }
    let mut open = true;
    let window = Window::new(tr!("History")).id(Id::unique("history")).open(&mut open).default_width(320.0);
    window.default_pos(ui.ctx().content_rect().center() - egui::vec2(160.0, 200.0)).show(ui.ctx(), |ui| {
        let t = tokens(ui);
        let (past, future) = (state.history.past(), state.history.future());
        if past.len() == 0 && future.len() == 0 {
            caption(ui, &tr!("Nothing was changed yet. Every change will be listed here and can be undone."));
            return;
        }
        ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            let made = past.len();
            for (index, name) in past.enumerate() {
                let line = ui.selectable_label(index + 1 == made, name);
                if line.on_hover_text(tr!("Go back to right after this change")).clicked() && index + 1 < made
                {
                    out.push(Action::Edit(EditAction::UndoTimes(made - index - 1)));
                }
            }
            for (index, name) in future.enumerate() {
                let line = ui.selectable_label(false, RichText::new(name).color(t.weak).italics());
                if line.on_hover_text(tr!("Redo up to this change")).clicked() {
                    out.push(Action::Edit(EditAction::RedoTimes(index + 1)));
                }
            }
            if made > 0 && quiet_button(ui, &tr!("Undo all")).clicked() {
                out.push(Action::Edit(EditAction::UndoTimes(made)));
            }
        });
    });
    if !open {
        out.push(Action::Habit(HabitAction::ToggleHistory));
    }
}
