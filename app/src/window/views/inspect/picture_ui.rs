//! One picture: which, float against quantized values, and feature maps.

use std::path::{Path, PathBuf};

use egui::{Align, ComboBox, Layout, Ui};

use super::{answer_ui, maps_ui, scatter_ui};
use crate::window::actions::{Action, Actions, InspectAction};
use crate::window::state::State;
use crate::window::views::try_ui::choose_ui;
use crate::window::views::widgets::{card, section};
use crate::{key, tr};

/// Pictures of the menu; with more of them, those are enough to look at.
const MOST: usize = 200;

/// The section of one picture.
pub(super) fn picture_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let inspect = &state.inspect;
    section(ui, "On one picture");
    chooser_ui(ui, state, out);
    card(ui, |ui| {
        answer_ui(ui, &inspect.scatter, key!("the values"), 170.0, |ui, scatter| {
            scatter_ui::scatter_ui(ui, scatter);
        });
    });
    // The same words would stand twice.
    let same =
        matches!((&inspect.scatter.value, &inspect.maps.value), (Some(Err(a)), Some(Err(b))) if a == b);
    if !same {
        ui.add_space(4.0);
        card(ui, |ui| {
            answer_ui(ui, &inspect.maps, key!("the feature maps"), 200.0, |ui, maps| {
                maps_ui::maps_ui(ui, inspect, maps, out);
            });
        });
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn chooser_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let inspect = &state.inspect;
    let none = Vec::new();
    let pictures: &Vec<PathBuf> = inspect.pictures.here().map_or(&none, |p| p.as_ref());
    let chosen = inspect.picture.as_ref().or(pictures.first());
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            choose_ui(ui, &tr!("Other…"), out);
            let width = ui.available_width().max(60.0);
            let text = chosen.map_or_else(|| tr!("no picture").into_owned(), |p| name(p));
            let named = tr!("Picture that is looked at: %{name}", name = text);
            let combo = ComboBox::from_id_salt("picture").selected_text(text).width(width).truncate();
            let shown = combo.show_ui(ui, |ui| {
                let extra = chosen.filter(|c| !pictures.contains(c));
                for picture in extra.into_iter().chain(pictures.iter().take(MOST)) {
                    if ui.selectable_label(chosen == Some(picture), name(picture)).clicked() {
                        out.push(Action::Inspect(InspectAction::ShowPicture(picture.clone())));
                    }
                }
            });
            shown.response.accessible_name(named);
        });
    });
}
