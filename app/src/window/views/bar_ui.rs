//! The top bar: the whole main job, from left to right.

use egui::{Align, Button, ComboBox, Layout, Rect, RichText, Sense, Theme, Ui, pos2, vec2};
use octet_engine::target::TARGETS;

use super::icon_ui::{Icon, icon_button};
use super::menu_ui;
use super::widgets::{primary_button, quiet_button};
use crate::window::actions::{Action, Actions, DeployAction, EditAction};
use crate::window::backend::Pick;
use crate::window::commands::COMMANDS;
use crate::window::state::{State, ThemeChoice};
use crate::window::theme::tokens;
use crate::{key, tr};

/// Widths in points: of what has a name of any length, and of what stands behind it.
const NARROWEST_NAME: f32 = 100.0;
const WIDEST_NAME: f32 = 260.0;
const BEHIND_MODEL: f32 = 620.0;
const BEHIND_STRATEGY: f32 = 390.0;

/// The top bar.
pub(super) fn bar_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    ui.horizontal_centered(|ui| {
        menu_ui::menu_ui(ui, state, out);
        logo_ui(ui);
        ui.add_space(10.0);
        model_button_ui(ui, state, out);
        target_ui(ui, state, out);
        strategy_ui(ui, state, out);
        ui.add_space(6.0);
        start_ui(ui, state, out);
        deploy_ui(ui, state, out);
        undo_ui(ui, state, out);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| theme_ui(ui, out));
    });
}

/// Eight bits, and the name.
fn logo_ui(ui: &mut Ui) {
    let t = tokens(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(30.0, 16.0), Sense::hover());
    for bit in 0..8 {
        let (column, row) = (bit % 4, bit / 4);
        let min = rect.min + vec2(column as f32 * 8.0, row as f32 * 8.0 + 1.0);
        let colour = if 0b1011_0110 >> bit & 1 == 1 { t.accent } else { t.line };
        ui.painter().rect_filled(Rect::from_min_max(min, pos2(min.x + 6.0, min.y + 6.0)), 1.5, colour);
    }
    if is_narrow(ui) {
        return;
    }
    ui.label(RichText::new(crate::tr!("Octet")).size(17.0).color(t.strong));
}

/// The whole bar does not fit.
fn is_narrow(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() < 960.0
}

/// However long a name is, what comes after it stays in the window.
fn bounded<R>(ui: &mut Ui, behind: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let room = (ui.available_width() - behind).clamp(NARROWEST_NAME, WIDEST_NAME);
    ui.scope(|ui| {
        ui.set_max_width(room);
        add(ui)
    })
    .inner
}

fn model_button_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let name = match (&state.model.opening, &state.model.open) {
        (Some(path), _) => {
            tr!("Opening %{name}…", name = path.file_name().unwrap_or_default().to_string_lossy())
                .into_owned()
        }
        (None, Some(model)) => model.file_name(),
        (None, None) => tr!("Open a model…").into_owned(),
    };
    let shortcut =
        ui.ctx().format_shortcut(&egui::KeyboardShortcut::new(egui::Modifiers::COMMAND, egui::Key::O));
    let hint = tr!("Open another model (%{keys})", keys = shortcut);
    let button = bounded(ui, BEHIND_MODEL, |ui| ui.add(Button::new(&name).truncate()));
    let button = button.on_hover_text(format!("{name}\n{hint}"));
    if button.clicked() {
        out.push(Action::Ask(Pick::Model));
    }
}

fn target_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let combo = ComboBox::from_id_salt("target").selected_text(chip(state.target.0.name)).width(104.0);
    // All chips without scrolling.
    let combo = combo.height(32.0 * TARGETS.len() as f32);
    let shown = combo.show_ui(ui, |ui| {
        for spec in &TARGETS {
            let chosen = spec.name == state.target.0.name;
            if ui.selectable_label(chosen, chip(spec.name)).clicked() {
                out.push(Action::SetTarget(spec.name));
            }
        }
    });
    shown
        .response
        .accessible_name(tr!("Target"))
        .on_hover_text(crate::tr!("The chip that the network will run on"));
}

/// A chip's name as its maker writes it.
pub(super) fn chip(name: &str) -> String {
    match name.strip_prefix("esp32") {
        Some("") => "ESP32".to_owned(),
        Some(rest) => format!("ESP32-{}", rest.to_uppercase()),
        None => name.to_owned(),
    }
}

fn strategy_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let strategies = &state.strategies;
    let words = match strategies.words() {
        words if words.is_empty() => tr!("Choose a strategy").into_owned(),
        words => words,
    };
    let hint = format!("{words}\n{}", tr!("How the numbers are chosen"));
    let combo = ComboBox::from_id_salt("strategy").selected_text(words).width(NARROWEST_NAME).truncate();
    let menu = |ui: &mut Ui| {
        let found = strategies.found.as_deref().unwrap_or_default();
        if found.is_empty() {
            ui.label(crate::tr!("No strategies were found"));
        }
        for plugin in found {
            let chosen = strategies.position(&plugin.id).is_some();
            if ui.selectable_label(chosen, &plugin.name).on_hover_text(tr!(&plugin.description)).clicked() {
                out.push(Action::OnlyStrategy(plugin.id.clone()));
            }
        }
    };
    let shown = bounded(ui, BEHIND_STRATEGY, |ui| combo.show_ui(ui, menu));
    shown.response.accessible_name(tr!("Strategy")).on_hover_text(hint);
}

fn start_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let obstacle = state.obstacle();
    let mut button = primary_button(ui, "Quantize", obstacle.is_none());
    if let Some(obstacle) = obstacle {
        button = button.on_disabled_hover_text(tr!(obstacle));
    }
    if button.clicked() {
        out.push(Action::Start);
    }
}

/// Opens the sheet; its title says what is at work there.
fn deploy_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let words = if state.deploy.is_running() { tr!("Deploying…") } else { tr!("Deploy") };
    let hint = tr!("Put the run onto a board (%{keys})", keys = shortcut(ui, "Deploy to a board…"));
    let button = ui.button(words).on_hover_text(hint);
    if button.clicked() {
        out.push(Action::Deploy(DeployAction::Open));
    }
}

/// The keys of a command.
fn shortcut(ui: &Ui, title: &str) -> String {
    let command = COMMANDS.iter().find(|c| c.title == title);
    command.and_then(|c| c.shortcut).map(|s| ui.ctx().format_shortcut(&s)).unwrap_or_default()
}

/// Undo and redo, with what they would do.
fn undo_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let undo = state.history.past().next_back();
    let redo = state.history.future().next();
    for (icon, title, what, action) in [
        (Icon::Undo, key!("Undo"), undo, EditAction::Undo),
        (Icon::Redo, key!("Redo"), redo, EditAction::Redo),
    ] {
        ui.add_enabled_ui(what.is_some(), |ui| {
            let button = icon_button(ui, icon, &tr!(title));
            if let Some(what) = what {
                if button.clicked() {
                    out.push(Action::Edit(action));
                }
                button.on_hover_text(format!("{what} ({})", shortcut(ui, title)));
            }
        });
    }
}

fn theme_ui(ui: &mut Ui, out: &mut Actions) {
    let dark = ui.ctx().theme() == Theme::Dark;
    let (sign, other, words) = if dark {
        (Icon::Sun, ThemeChoice::Light, key!("Light colours"))
    } else {
        (Icon::Moon, ThemeChoice::Dark, key!("Dark colours"))
    };
    if icon_button(ui, sign, words).clicked() {
        out.push(Action::SetTheme(other));
    }
    // The menu has it too, where there is no room.
    if is_narrow(ui) {
        return;
    }
    if quiet_button(ui, "Open run…").on_hover_text(crate::tr!("Show the report of a run folder")).clicked()
    {
        out.push(Action::Ask(Pick::Run));
    }
}
