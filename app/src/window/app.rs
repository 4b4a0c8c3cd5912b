//! The window as eframe runs it: input becomes actions, actions change the state, effects go to threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};

use super::actions::{
    Action, Actions, Effect, GraphAction, HabitAction, ProjectEffect, RunsEffect, apply, asks_to_close,
    follow, refresh, watch_ports,
};
use super::backend::Backend;
use super::commands::{COMMANDS, Command};
use super::fonts::MissingGlyphs;
use super::messages::receive;
use super::panels::{self, Panel, Panels};
use super::project::{Journal, Project, Writer};
use super::settings::Settings;
use super::state::{Deploy, Hover, Language, State};
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
    /// How often the memory map had been asked for by then.
    memory_asked: u32,
    keeping: Keeping,
    glyphs: MissingGlyphs,
}

/// How long settings must rest before they are written: dragging a panel changes them with every frame.
const SETTINGS_REST: Duration = Duration::from_millis(300);

/// What is kept while the window runs: the journal of the project, and the settings.
struct Keeping {
    journal: Option<Journal>,
    project: Project,
    settings: Settings,
    settings_writer: Option<Writer<Settings>>,
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
        let settings_writer = settings_writer(backend.clone());
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
        let deploy = Deploy { options: settings.deploy.clone(), ..Deploy::default() };
        let state = State { settings: settings.clone(), deploy, ..State::default() };
        let keeping = Keeping { journal, project: Project::journalled(&state), settings, settings_writer };
        let mut window = Self {
            panels: panels::restored(state.settings.layout.as_ref()),
            state,
            tasks,
            start: StartTrace { started: options.started, frames: 0 },
            layout_resets: 0,
            memory_asked: 0,
            keeping,
            glyphs: MissingGlyphs::default(),
        };
        if window.state.settings.language == Language::Chinese {
            window.glyphs.asked();
        }
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
        let project = Project::journalled(&self.state);
        if project != self.keeping.project {
            if let Some(journal) = &self.keeping.journal {
                journal.keep(project.clone());
            }
            self.keeping.project = project;
        }
        if self.state.settings != self.keeping.settings {
            self.keeping.settings = self.state.settings.clone();
            if let Some(writer) = &self.keeping.settings_writer {
                writer.keep(self.state.settings.clone());
            }
        }
    }

    /// Asks before work is lost.
    fn closing(&mut self, ctx: &egui::Context) {
        let (asked, size) = ctx.input(|i| (i.viewport().close_requested(), i.viewport().inner_rect));
        if let Some(size) = size.map(|r| r.size()) {
            let size = (size * ctx.zoom_factor()).round();
            let size = [size.x, size.y];
            if asked {
                self.state.settings.size = Some(size);
            }
        }
        if asked && asks_to_close(&mut self.state) {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
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

/// Writes the settings whenever they have changed and come to rest.
fn settings_writer(backend: Arc<dyn Backend>) -> Option<Writer<Settings>> {
    let writer = Writer::new("settings", SETTINGS_REST, move |settings: Settings| {
        backend.save_settings(&settings);
    });
    writer.inspect_err(|e| tracing::warn!("the window's settings cannot be kept: {e}")).ok()
}

/// The keys that work everywhere.
fn keys(ctx: &egui::Context, state: &State, actions: &mut Actions) {
    // A question over the window has to be answered first; it closes by Escape itself.
    let behind_question = !ctx.memory(|m| m.is_above_modal_layer(egui::LayerId::background()));
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
            let action = (command.action)(state);
            if behind_question && !matches!(action, Some(Action::Habit(HabitAction::SetScale(_)))) {
                continue;
            }
            if ctx.input_mut(|i| i.consume_shortcut(&shortcut)) {
                actions.extend(action);
            }
        }
    }
    // Letters and arrows belong to whoever has the keyboard: a text field, or a focused slider.
    let has_menu = egui::Popup::is_any_open(ctx);
    let is_behind = state.palette.is_some() || behind_question || has_menu || state.deploy.is_open;
    if ctx.text_edit_focused() || is_behind {
        return;
    }
    ctx.input_mut(|i| {
        if i.consume_key(Modifiers::NONE, Key::Escape) {
            let action = if state.shows_log {
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
        let effects = watch_ports(&mut self.state);
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
        if self.glyphs.appear(ui.ctx(), &self.state) {
            self.tasks.run(Effect::AddChineseGlyphs);
        }
        let mut actions = Actions::new();
        self.files(&ui.ctx().clone(), &mut actions);
        keys(ui.ctx(), &self.state, &mut actions);
        if self.layout_resets != self.state.layout_resets {
            self.layout_resets = self.state.layout_resets;
            self.panels = panels::at_first();
            self.state.settings.layout = None;
        }
        if self.memory_asked != self.state.memory.asked {
            self.memory_asked = self.state.memory.asked;
            panels::show(&mut self.panels, Panel::Memory);
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
        // The letters of a text and the steps of a drag are one change, until the field is left or the mouse let go.
        if !ui.ctx().text_edit_focused() && !ui.ctx().input(|i| i.pointer.any_down()) {
            self.state.history.seal();
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.keep();
        if let Some(mut writer) = self.keeping.settings_writer.take() {
            writer.finish();
        }
        if let Some(journal) = self.keeping.journal.take() {
            self.tasks.backend().end_journal(journal);
        }
    }
}
