//! The keys of the canvas: Ctrl+F everywhere, arrows and Enter when it has the keyboard.

use egui::{EventFilter, Key, KeyboardShortcut, Modifiers, Response, Stroke, StrokeKind, Ui};

use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::graph::Direction;
use crate::window::picture::Scene;
use crate::window::state::State;

/// Opens the search.
pub(super) const FIND: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::F);

/// Takes the keys.
pub(super) fn keys_ui(ui: &Ui, state: &State, scene: &Scene<'_>, canvas: &Response, out: &mut Actions) {
    if ui.input_mut(|i| i.consume_shortcut(&FIND)) {
        out.push(Action::Graph(GraphAction::ShowFind(true)));
    }
    if !canvas.has_focus() {
        return;
    }
    // Arrows walk along edges instead of from widget to widget.
    let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|m| m.set_focus_lock_filter(canvas.id, arrows));
    let line = Stroke::new(1.0, scene.tokens.accent.gamma_multiply(0.5));
    ui.painter().rect_stroke(scene.rect.shrink(1.0), 0.0, line, StrokeKind::Inside);
    let steps = [
        (Key::ArrowRight, Direction::Next),
        (Key::ArrowLeft, Direction::Previous),
        (Key::ArrowDown, Direction::Down),
        (Key::ArrowUp, Direction::Up),
    ];
    ui.input_mut(|i| {
        for (key, direction) in steps {
            if i.consume_key(Modifiers::NONE, key) {
                out.push(Action::Graph(GraphAction::Walk(direction)));
            }
        }
        if state.selection.is_some() && i.consume_key(Modifiers::NONE, Key::Enter) {
            out.push(Action::Graph(GraphAction::ToggleSelected));
        }
    });
}
