//! Actions on the memory map.

use super::Effect;
use crate::tr;
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
            MemoryAction::Show => tr!("show the memory map").into_owned(),
            MemoryAction::SetChip(chip) => tr!("memory of %{chip}", chip = chip).into_owned(),
            MemoryAction::SetSide(side) => tr!("memory map: %{side}", side = tr!(side.title())).into_owned(),
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
