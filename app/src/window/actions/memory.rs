//! Actions on the memory map.

use super::Effect;
use crate::window::state::{MapSide, State};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum MemoryAction {
    /// Bring the panel to the front.
    Show,
    /// Draw the map of this chip's firmware.
    SetChip(String),
    /// Draw another of the two maps, or both.
    SetSide(MapSide),
}

impl MemoryAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            MemoryAction::Show => "show the memory map".to_owned(),
            MemoryAction::SetChip(chip) => format!("memory of {chip}"),
            MemoryAction::SetSide(side) => format!("memory map: {}", side.title()),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            MemoryAction::Show => state.memory.asked += 1,
            MemoryAction::SetChip(chip) => state.memory.chip = Some(chip),
            MemoryAction::SetSide(side) => state.memory.side = side,
        }
        Vec::new()
    }
}
