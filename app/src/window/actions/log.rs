//! Actions on the view of the jobs' logs.

use super::Effect;
use crate::tr;
use crate::window::state::{LogLeast, State};

/// Something the user does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAction {
    /// Show only lines with this text.
    Filter(String),
    /// Show only lines from this level on.
    Least(LogLeast),
    /// Put the lines that are shown on the clipboard.
    Copy,
}

impl LogAction {
    /// For the log of actions.
    pub fn name(&self) -> String {
        match self {
            LogAction::Filter(_) | LogAction::Least(_) => tr!("search the log").into_owned(),
            LogAction::Copy => tr!("copy the log").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            LogAction::Filter(text) => state.log.filter = text,
            LogAction::Least(least) => state.log.least = least,
            LogAction::Copy => {
                state.toasts.info(tr!("The log is on the clipboard"));
                return vec![Effect::Copy(state.log_text())];
            }
        }
        Vec::new()
    }
}
