//! Actions on the inspector and the picture that is tried.

use super::Effect;
use crate::window::backend::Backend;
use crate::window::state::State;

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum InspectAction {}

impl InspectAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match *self {}
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, _state: &mut State) -> Vec<Effect> {
        match self {}
    }
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum InspectEffect {}

impl InspectEffect {
    /// Does the work.
    pub fn run(self, _backend: &dyn Backend) -> InspectMessage {
        match self {}
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum InspectMessage {}

impl InspectMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, _state: &mut State) -> Vec<Effect> {
        match self {}
    }
}
