//! The keys of the canvas: arrows and Enter when it has the keyboard.

use egui::{EventFilter, Key, Modifiers, Response, Stroke, StrokeKind, Ui};

use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::graph::Direction;
use crate::window::picture::Scene;
use crate::window::state::State;

/// Takes the keys.
pub(super) fn keys_ui(ui: &Ui, state: &State, scene: &Scene<'_>, canvas: &Response, out: &mut Actions) {
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
