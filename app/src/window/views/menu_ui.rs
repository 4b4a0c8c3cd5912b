//! The menu: every command, with the keys that do the same.

use egui::{Button, Ui};

use super::icon_ui::{Icon, icon_button};
use crate::tr;
use crate::window::actions::{Action, Actions, ProjectAction};
use crate::window::commands::{COMMANDS, Menu};
use crate::window::state::State;

/// The button of the menu, and the menu.
pub(super) fn menu_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let button = icon_button(ui, Icon::Menu, &tr!("Menu"));
    egui::Popup::menu(&button).show(|ui| {
        ui.set_min_width(170.0);
        for menu in Menu::ALL {
            ui.menu_button(tr!(menu.title()), |ui| {
                ui.set_min_width(250.0);
                for command in COMMANDS.iter().filter(|c| c.menu == menu) {
                    let action = (command.action)(state);
                    let keys = command.shortcut.map(|s| ui.ctx().format_shortcut(&s)).unwrap_or_default();
                    let button = Button::new(tr!(command.title)).shortcut_text(keys);
                    if ui.add_enabled(action.is_some(), button).clicked() {
                        out.extend(action);
                        ui.close();
                    }
                }
                if menu == Menu::File {
                    ui.separator();
                    recent_ui(ui, state, out);
                }
            });
        }
    });
}

/// Files that were opened before.
fn recent_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let recent = &state.settings.recent;
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button(tr!("Recent"), |ui| {
            for path in recent {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                    out.push(Action::Project(ProjectAction::OpenRecent(path.clone())));
                    ui.close();
                }
            }
            ui.separator();
            if ui.button(tr!("Forget recent files")).clicked() {
                out.push(Action::Project(ProjectAction::ClearRecent));
                ui.close();
            }
        });
    });
}
