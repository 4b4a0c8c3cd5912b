//! The second step's page: folders of pictures.

use egui::{Align, Label, Layout, RichText, Ui};

use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, card, heading, problem_ui, quiet_button, section};
use crate::window::actions::{Action, Actions};
use crate::window::backend::Pick;
use crate::window::state::{PictureFolder, Place, State};
use crate::window::theme::{GAP, tokens};

/// The pictures' page.
pub(super) fn pictures_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Pictures");
    caption(
        ui,
        "Calibration looks at a few dozen pictures of the kind the chip will see. They need no labels. Drop folders anywhere on the window.",
    );
    problem_ui(ui, state, Place::Pictures);
    section(ui, "Calibration");
    for (index, folder) in state.pictures.folders.iter().enumerate() {
        if folder_ui(ui, folder) {
            out.push(Action::RemovePictures(index));
        }
        ui.add_space(2.0);
    }
    if state.pictures.pending > 0 {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(14.0).color(tokens(ui).accent));
            caption(ui, "Looking at the folder…");
        });
    }
    choose_ui(ui, "Add a folder…", Pick::Pictures, out);

    section(ui, "Evaluation");
    match &state.pictures.evaluation {
        Some(folder) => {
            if folder_ui(ui, folder) {
                out.push(Action::ClearEvaluation);
            }
        }
        None => {
            caption(
                ui,
                "Optional: other pictures, in one folder for each class, tell how many are named rightly before and after.",
            );
            choose_ui(ui, "Choose a folder…", Pick::Evaluation, out);
        }
    }
}

fn choose_ui(ui: &mut Ui, text: &str, what: Pick, out: &mut Actions) {
    ui.add_space(GAP / 2.0);
    ui.horizontal(|ui| {
        if ui.button(text).clicked() {
            out.push(Action::Ask(what));
        }
        let button = quiet_button(ui, "Type a path…");
        if button.accessible_name(format!("Type a path: {}", what.title())).clicked() {
            out.push(Action::ShowPathField(what));
        }
    });
}

/// A folder; true when it should go.
fn folder_ui(ui: &mut Ui, folder: &PictureFolder) -> bool {
    let t = tokens(ui);
    card(ui, |ui| {
        let name = folder.path.file_name().unwrap_or(folder.path.as_os_str()).to_string_lossy();
        let mut goes = false;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                goes = icon_button(ui, Icon::Cross, &format!("Remove {name}")).clicked();
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(RichText::new(name.as_ref()).color(t.strong)).truncate());
                });
            });
        });
        let mut words = format!("{} pictures", folder.pictures);
        if folder.classes > 1 {
            words += &format!(" in {} folders", folder.classes);
        }
        if folder.others > 0 {
            words += &format!(", {} other files", folder.others);
        }
        let label = ui.label(RichText::new(words).small().color(t.weak));
        label.on_hover_text(folder.path.display().to_string());
        goes
    })
}
