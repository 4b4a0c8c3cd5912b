//! The window as eframe runs it: input becomes actions, actions change the state, effects go to threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use egui::{Key, KeyboardShortcut, Modifiers};

use super::actions::{Action, Actions, Effect, RunsEffect, apply, refresh};
use super::backend::{Backend, Pick};
use super::messages::receive;
use super::state::{Hover, State};
use super::tasks::Tasks;
use super::views::window_ui;
use super::{START_TARGET, WindowOptions, theme};

/// The window.
pub struct OctetWindow {
    state: State,
    tasks: Tasks,
    start: StartTrace,
}

/// Reports how long the first frames took, when `OCTET_TRACE_START=1`.
struct StartTrace {
    started: Instant,
    frames: u32,
}

impl StartTrace {
    /// Call at the start of each frame: by the second one, the first has been shown.
    fn frame(&mut self, ctx: &egui::Context) {
        if self.frames > 1 {
            return;
        }
        let ms = self.started.elapsed().as_millis();
        if self.frames == 0 {
            tracing::info!(target: START_TARGET, ms, "first frame begins");
            ctx.request_repaint();
        } else {
            tracing::info!(target: START_TARGET, ms, "first frame is on the screen");
        }
        self.frames += 1;
    }
}

impl OctetWindow {
    /// Makes the window; what takes time starts on threads at once.
    pub fn new(cc: &eframe::CreationContext<'_>, backend: Arc<dyn Backend>, options: WindowOptions) -> Self {
        theme::install(&cc.egui_ctx);
        let tasks = Tasks::new(cc.egui_ctx.clone(), backend);
        tasks.run(Effect::FindPlugins);
        tasks.run(Effect::Runs(RunsEffect::Begin));
        let mut window = Self {
            state: State::default(),
            tasks,
            start: StartTrace { started: options.started, frames: 0 },
        };
        if let Some(path) = options.open {
            window.perform(vec![Action::Drop(vec![path])]);
        }
        window
    }

    /// What the window knows.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Does what the user wants.
    pub fn perform(&mut self, actions: Actions) {
        for action in actions {
            let effects = apply(&mut self.state, action);
            self.run(effects);
        }
        let effects = refresh(&mut self.state);
        self.run(effects);
    }

    fn run(&self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|e| self.tasks.run(e));
    }

    /// Keeps track of what hovers, and turns drops into an action.
    fn files(&mut self, ctx: &egui::Context, actions: &mut Actions) {
        let (hovered, dropped) = ctx.input(|i| {
            let hovered: Vec<PathBuf> =
                i.raw.hovered_files.iter().map(|f| f.path.clone().unwrap_or_default()).collect();
            let dropped: Vec<PathBuf> = i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect();
            (hovered, dropped)
        });
        if hovered != self.state.hover.paths {
            self.state.hover = Hover { paths: hovered.clone(), kinds: Vec::new() };
            if !hovered.is_empty() {
                self.tasks.run(Effect::LookAtHover(hovered));
            }
        }
        if !dropped.is_empty() {
            actions.push(Action::Drop(dropped));
        }
    }
}

/// The keys that work everywhere.
fn keys(ctx: &egui::Context, state: &State, actions: &mut Actions) {
    let open = KeyboardShortcut::new(Modifiers::COMMAND, Key::O);
    if ctx.input_mut(|i| i.consume_shortcut(&open)) {
        actions.push(Action::Ask(Pick::Model));
    }
    // Letters and arrows belong to whoever has the keyboard: a text field, or a focused slider.
    if ctx.text_edit_focused() {
        return;
    }
    ctx.input_mut(|i| {
        if i.key_pressed(Key::Escape) {
            let action = if state.path_field.is_some() {
                Action::ClosePathField
            } else if state.shows_log {
                Action::ToggleLog
            } else {
                Action::Select(None)
            };
            actions.push(action);
        }
        if i.consume_key(Modifiers::NONE, Key::F) {
            actions.push(Action::Fit);
        }
    });
    if ctx.memory(|m| m.focused()).is_none() {
        ctx.input_mut(|i| {
            for (key, by) in
                [(Key::ArrowDown, 1), (Key::ArrowUp, -1), (Key::PageDown, 10), (Key::PageUp, -10)]
            {
                if i.consume_key(Modifiers::NONE, key) {
                    actions.push(Action::MoveSelection(by));
                }
            }
        });
    }
}

impl eframe::App for OctetWindow {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        let messages = self.tasks.messages();
        let heard = !messages.is_empty();
        for message in messages {
            let effects = receive(&mut self.state, message);
            self.run(effects);
        }
        if heard {
            let effects = refresh(&mut self.state);
            self.run(effects);
        }
        if let Some(secs) = self.state.toasts.expire(ctx.time()) {
            ctx.request_repaint_after_secs(secs as f32);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.start.frame(ui.ctx());
        let mut actions = Actions::new();
        self.files(&ui.ctx().clone(), &mut actions);
        keys(ui.ctx(), &self.state, &mut actions);
        window_ui(ui, &self.state, &mut actions);
        if !actions.is_empty() {
            ui.ctx().request_repaint();
            self.perform(actions);
        }
    }
}
