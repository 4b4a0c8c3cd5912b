//! What the project names and is not there.

use egui::Ui;

use super::widgets::{notice, quiet_button};
use crate::tr;
use crate::window::actions::{Action, Actions, ProjectAction};
use crate::window::state::State;
use crate::window::theme::tokens;

/// Names that are listed.
const NAMED: usize = 12;

/// A line for a project of which something is missing.
pub(super) fn missing_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let mut names = state.project.missing.words();
    if names.is_empty() {
        return;
    }
    if names.len() > NAMED {
        names.truncate(NAMED);
        names.push("…".to_owned());
    }
    let detail = tr!(
        "%{names} — the project keeps the names, for when a disk is back; open it again then.",
        names = names.join(", ")
    );
    notice(ui, tokens(ui).warn, "Some of what the project names is not there", &detail);
    if quiet_button(ui, "Take it out of the project").clicked() {
        out.push(Action::Project(ProjectAction::ForgetMissing));
    }
}
