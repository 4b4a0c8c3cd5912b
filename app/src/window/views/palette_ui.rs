//! The command palette.

use egui::{
    Align, Align2, Area, Frame, Id, Key, Label, Layout, Margin, Modifiers, Order, RichText, ScrollArea,
    TextEdit, Ui, vec2,
};

use crate::tr;
use crate::window::actions::{Action, Actions, HabitAction, found};
use crate::window::state::State;
use crate::window::theme::{GAP, tokens};

/// The palette, while it is open.
pub(super) fn palette_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let Some(palette) = &state.palette else { return };
    let t = tokens(ui);
    let act = |action: HabitAction, out: &mut Actions| out.push(Action::Habit(action));
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(12));
    let area =
        Area::new(Id::unique("palette")).order(Order::Foreground).anchor(Align2::CENTER_TOP, vec2(0.0, 70.0));
    let shown = area.show(ui.ctx(), |ui| {
        frame.show(ui, |ui| {
            ui.set_width(460.0);
            let keys = ui.input_mut(|i| {
                let mut taken = |key| i.consume_key(Modifiers::NONE, key);
                (taken(Key::ArrowDown), taken(Key::ArrowUp), taken(Key::Enter), taken(Key::Escape))
            });
            let mut query = palette.query.clone();
            let field = TextEdit::singleline(&mut query)
                .hint_text(tr!("Type a command"))
                .desired_width(f32::INFINITY);
            let field = ui.add(field.margin(vec2(8.0, 6.0)));
            field.request_focus();
            if field.accessible_name(tr!("Command")).changed() {
                act(HabitAction::Query(query), out);
            }
            match keys {
                (true, ..) => act(HabitAction::MovePalette(1), out),
                (_, true, ..) => act(HabitAction::MovePalette(-1), out),
                (_, _, true, _) => act(HabitAction::RunPalette, out),
                (.., true) => act(HabitAction::ClosePalette, out),
                _ => {}
            }
            ui.add_space(GAP);
            ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                for (index, command) in found(state).into_iter().enumerate() {
                    let action = (command.action)(state);
                    let chosen = index == palette.chosen;
                    ui.add_enabled_ui(action.is_some(), |ui| {
                        ui.horizontal(|ui| {
                            let line = ui.selectable_label(chosen, tr!(command.title));
                            if chosen {
                                line.scroll_to_me(None);
                            }
                            if line.clicked() {
                                act(HabitAction::ClosePalette, out);
                                out.extend(action);
                            }
                            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                                let keys = command
                                    .shortcut
                                    .map(|s| ui.ctx().format_shortcut(&s))
                                    .unwrap_or_default();
                                ui.add(Label::new(RichText::new(keys).small().color(t.weak)));
                            });
                        });
                    });
                }
            });
        });
    });
    if shown.response.clicked_elsewhere() {
        act(HabitAction::ClosePalette, out);
    }
}
