//! What says that the figures on display are older than the changes by hand, and what can be done about it.

use egui::Ui;

use super::widgets::notice;
use crate::window::actions::{Action, Actions, EditAction, RunsAction};
use crate::window::state::{State, Unscored};
use crate::window::theme::tokens;
use crate::{key, tr};

/// A line while a change by hand has no score, with the button that makes one.
pub(super) fn unscored_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let (Some(why), Some(run)) = (state.unscored(), state.runs.shown()) else { return };
    let detail = match why {
        Unscored::OtherSettings => {
            key!(
                "This run was made with other pictures or strategies than those that are chosen, so that no score would tell what the change does. Take its settings and change it again, or quantize."
            )
        }
        Unscored::Programs => key!("A strategy of the pipeline runs a program, which is not done unasked."),
        Unscored::Long => key!("The strategies of this pipeline take long."),
        Unscored::Earlier => key!("It was made in an earlier session, whose scores are not kept."),
        Unscored::Ended => key!("The last score failed or was cancelled."),
    };
    notice(ui, tokens(ui).warn, "The figures do not have the last change by hand", detail);
    let (words, action) = match why {
        Unscored::OtherSettings => {
            (key!("Take the run's settings"), Action::Runs(RunsAction::RestoreSettings(run.path.clone())))
        }
        _ => (key!("Score the change"), Action::Edit(EditAction::Score)),
    };
    if ui.button(tr!(words)).clicked() {
        out.push(action);
    }
}
