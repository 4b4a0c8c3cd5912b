//! The window as eframe runs it: input becomes actions, actions change the state, effects go to threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use egui::{Key, Modifiers};

use super::actions::{
    Action, Actions, Effect, GraphAction, ProjectEffect, RunsEffect, apply, follow, refresh,
};
use super::backend::Backend;
use super::commands::{COMMANDS, Command};
use super::messages::receive;
use super::panels::{self, Panels};
use super::project::{Journal, Project};
use super::settings::Settings;
use super::state::{Hover, Language, State};
use super::tasks::Tasks;
use super::views::window_ui;
use super::{START_TARGET, WindowOptions, theme};

/// The window.
pub struct OctetWindow {
    state: State,
    tasks: Tasks,
    start: StartTrace,
    panels: Panels,
    /// How often the panels had been put back when they were drawn last.
    layout_resets: u32,
    keeping: Keeping,
}

/// What is kept while the window runs: the journal of the project, and the settings.
struct Keeping {
    journal: Option<Journal>,
    project: Project,
    settings: Settings,
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
        // The keys of the scale are commands of the menu.
        cc.egui_ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let settings = backend.settings();
        settings.language.speak();
        let journal = backend.journal();
        let tasks = Tasks::new(cc.egui_ctx.clone(), backend);
        tasks.run(Effect::FindPlugins);
        tasks.run(Effect::Runs(RunsEffect::Begin));
        tasks.run(Effect::Project(ProjectEffect::FindOrphans));
        tasks.run(Effect::SetTheme(settings.theme));
        if settings.language == Language::Chinese {
            tasks.run(Effect::AddChineseGlyphs);
        }
        if settings.scale != 1.0 {
            tasks.run(Effect::SetScale(settings.scale));
        }
        let state = State { settings: settings.clone(), ..State::default() };
        let keeping = Keeping { journal, project: Project::of(&state), settings };
        let mut window = Self {
            panels: panels::restored(state.settings.layout.as_ref()),
            state,
            tasks,
            start: StartTrace { started: options.started, frames: 0 },
            layout_resets: 0,
            keeping,
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

    /// Writes down what has changed: the project to the journal, the settings to their file.
    fn keep(&mut self) {
        let project = Project::of(&self.state);
        if project != self.keeping.project {
            if let Some(journal) = &self.keeping.journal {
                journal.keep(project.clone());
            }
            self.keeping.project = project;
        }
        if self.state.settings != self.keeping.settings {
            self.keeping.settings = self.state.settings.clone();
            let settings = Box::new(self.state.settings.clone());
            self.tasks.run(Effect::Project(ProjectEffect::SaveSettings(settings)));
        }
    }

    /// Asks before work is lost.
    fn closing(&mut self, ctx: &egui::Context) {
        let (asked, size) = ctx.input(|i| (i.viewport().close_requested(), i.viewport().inner_rect));
        if let Some(size) = size.map(|r| r.size()) {
            let size = [size.x.round(), size.y.round()];
            if asked {
                self.state.settings.size = Some(size);
            }
        }
        if asked && self.state.is_unsaved() {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.state.project.asks_to_save = true;
        }
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
    if state.palette.is_none() {
        // Keys with Shift first: those without it fit as well while it is held.
        let has_shift = |c: &&Command| c.shortcut.is_some_and(|s| s.modifiers.shift);
        let (with, without): (Vec<&Command>, Vec<&Command>) = COMMANDS.iter().partition(has_shift);
        for command in with.into_iter().chain(without) {
            let Some(shortcut) = command.shortcut else { continue };
            // A text field has an undo of its own.
            let is_undo = matches!(shortcut.logical_key, Key::Z);
            if is_undo && ctx.text_edit_focused() {
                continue;
            }
            if ctx.input_mut(|i| i.consume_shortcut(&shortcut)) {
                actions.extend((command.action)(state));
            }
        }
    }
    // Letters and arrows belong to whoever has the keyboard: a text field, or a focused slider.
    if ctx.text_edit_focused() || state.palette.is_some() || state.deploy.is_open {
        return;
    }
    ctx.input_mut(|i| {
        if i.key_pressed(Key::Escape) {
            let action = if state.path_field.is_some() {
                Action::ClosePathField
            } else if state.shows_log {
                Action::ToggleLog
            } else if state.graph.find.is_some() {
                Action::Graph(GraphAction::ShowFind(false))
            } else {
                Action::Select(None)
            };
            actions.push(action);
        }
        if i.consume_key(Modifiers::SHIFT, Key::F) {
            actions.push(Action::Graph(GraphAction::FitSelection));
        } else if i.consume_key(Modifiers::NONE, Key::F) {
            actions.push(Action::Graph(GraphAction::Fit));
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
        // Whatever changed the selection or the run, the close look goes with it.
        let effects = follow(&mut self.state);
        self.run(effects);
        self.closing(ctx);
        if heard {
            let effects = refresh(&mut self.state);
            self.run(effects);
            self.keep();
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
        if self.layout_resets != self.state.layout_resets {
            self.layout_resets = self.state.layout_resets;
            self.panels = panels::at_first();
            self.state.settings.layout = None;
        }
        if window_ui(ui, &self.state, &mut self.panels, &mut actions) {
            self.state.settings.layout = serde_json::to_value(&self.panels).ok();
            self.keep();
        }
        if !actions.is_empty() {
            ui.ctx().request_repaint();
            self.perform(actions);
            self.keep();
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        if self.state.settings != self.keeping.settings {
            self.tasks.backend().save_settings(&self.state.settings);
        }
        if let Some(journal) = self.keeping.journal.take() {
            self.tasks.backend().end_journal(journal);
        }
    }
}
