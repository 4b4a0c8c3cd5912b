//! The memory map: which chip's is seen, how, and what it says.

use octet_engine::report::{
    ActivationPlace, ChipMemory, FittingInput, MemoryMap, MemoryMaps, chip_in_words, size_in_words, whole_kib,
};

use super::State;
use crate::tr;

/// Which of the two maps are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapSide {
    /// Layer by layer, and as the firmware runs it.
    #[default]
    Both,
    /// Layer by layer.
    Before,
    /// As the firmware runs it.
    After,
}

impl MapSide {
    /// All, from left to right.
    pub const ALL: [MapSide; 3] = [MapSide::Before, MapSide::After, MapSide::Both];

    /// On its button.
    pub fn title(self) -> &'static str {
        match self {
            MapSide::Both => "Both",
            MapSide::Before => "Layer by layer",
            MapSide::After => "On the chip",
        }
    }

    /// What it draws.
    pub fn explanation(self) -> &'static str {
        match self {
            MapSide::Both => "Both maps, in one scale",
            MapSide::Before => "Every tensor whole, one operation after the other",
            MapSide::After => {
                "As the firmware runs it: blocks streamed row by row until the chip's memory suffices"
            }
        }
    }
}

/// How the map is seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryView {
    /// The chip that was chosen; `None` for that of the run.
    pub chip: Option<String>,
    /// Which maps are drawn.
    pub side: MapSide,
    /// Counts how often somebody asked for the panel.
    pub asked: u32,
}

/// The map on display.
#[derive(Debug, Clone, Copy)]
pub struct ShownMemory<'s> {
    /// All maps of the run.
    pub maps: &'s MemoryMaps,
    /// The chip.
    pub chip: &'s ChipMemory,
    /// Layer by layer.
    pub before: &'s MemoryMap,
    /// As the chip's firmware runs it.
    pub after: &'s MemoryMap,
}

impl<'s> ShownMemory<'s> {
    /// Bytes at the upper end of both maps.
    pub fn scale_bytes(&self) -> u64 {
        self.before.arena_bytes.max(self.after.arena_bytes).max(self.chip.sram_bytes).max(1)
    }

    /// The name of an operation.
    pub fn name(&self, operation: usize) -> &'s str {
        self.maps.operations.get(operation).map_or("", String::as_str)
    }
}

impl State {
    /// The memory map on display; `None` without a run, or where the run has none.
    pub fn memory(&self) -> Option<ShownMemory<'_>> {
        let maps = self.report()?.memory_map.as_ref()?;
        let chosen = self.memory.chip.as_deref().and_then(|name| maps.chip(name));
        let chip = chosen.or_else(|| maps.chip(&maps.target)).or(maps.chips.first())?;
        Some(ShownMemory { maps, chip, before: maps.before()?, after: maps.after(chip)? })
    }

    /// Whether an operation of the memory map can be selected: operations that only the file has cannot.
    pub fn knows_operation(&self, name: &str) -> bool {
        let network = self.model.open.as_ref().map(|m| &m.network);
        self.layer(name).is_some() || network.is_some_and(|n| n.find_node(name).is_some())
    }
}

/// How a chip copes, in a sentence of the window's language.
pub fn verdict_words(maps: &MemoryMaps, memory: &ChipMemory) -> String {
    let chip = chip_in_words(&memory.chip);
    let sram = whole_kib(memory.sram_bytes);
    let need = match whole_kib(memory.needed_bytes) {
        exact if memory.same_file => exact,
        other => tr!("about %{what}", what = other).into_owned(),
    };
    let size = maps.input.map(size_in_words);
    let streamed = maps.after(memory).is_some_and(|m| m.streamed_blocks > 0);
    let whole = whole_kib(maps.before().map_or(0, |m| m.arena_bytes));
    let words = match (memory.place, size) {
        (ActivationPlace::Sram, _) if streamed => tr!(
            "needs %{need} fused (%{whole} layer by layer): fits the %{chip}'s SRAM (%{sram})",
            need = need,
            whole = whole,
            chip = chip,
            sram = sram
        ),
        (ActivationPlace::Sram, _) => tr!(
            "needs %{need} layer by layer: fits the %{chip}'s SRAM (%{sram})",
            need = need,
            chip = chip,
            sram = sram
        ),
        (ActivationPlace::Psram, Some(size)) => tr!(
            "needs PSRAM at %{size}: %{need} fused do not fit the %{chip}'s SRAM (%{sram})",
            size = size,
            need = need,
            chip = chip,
            sram = sram
        ),
        (ActivationPlace::Psram, None) => tr!(
            "needs PSRAM: %{need} fused do not fit the %{chip}'s SRAM (%{sram})",
            need = need,
            chip = chip,
            sram = sram
        ),
        (ActivationPlace::Nowhere, Some(size)) => tr!(
            "does not fit the %{chip} at %{size}: %{need} fused, %{sram} of SRAM, no PSRAM",
            size = size,
            need = need,
            chip = chip,
            sram = sram
        ),
        (ActivationPlace::Nowhere, None) => tr!(
            "does not fit the %{chip}: %{need} fused, %{sram} of SRAM, no PSRAM",
            need = need,
            chip = chip,
            sram = sram
        ),
    };
    if memory.place == ActivationPlace::Sram {
        return words.into_owned();
    }
    let remedy = match memory.fitting {
        Some(FittingInput { size, planned: true }) => {
            tr!("SRAM suffices from %{size} down", size = size_in_words(size))
        }
        Some(FittingInput { size, planned: false }) => {
            tr!("SRAM suffices from about %{size} down", size = size_in_words(size))
        }
        None => tr!("no smaller input fits either"),
    };
    tr!("%{verdict}; %{remedy}", verdict = words, remedy = remedy).into_owned()
}

#[cfg(test)]
mod tests {
    use octet_engine::memory::sentence;

    use super::*;

    #[test]
    fn the_window_says_of_a_chip_what_the_engine_says() {
        let map =
            |arena_bytes, streamed_blocks| MemoryMap { arena_bytes, streamed_blocks, ..MemoryMap::default() };
        let planned = |planned| Some(FittingInput { size: [160, 200], planned });
        for input in [None, Some([224, 224]), Some([80, 112])] {
            let maps =
                MemoryMaps { input, maps: vec![map(1_216_413, 0), map(416_595, 3)], ..Default::default() };
            for place in [ActivationPlace::Sram, ActivationPlace::Psram, ActivationPlace::Nowhere] {
                for (map, same_file, fitting) in
                    [(0, true, None), (1, false, planned(true)), (1, true, planned(false))]
                {
                    let chip = ChipMemory {
                        chip: "esp32s3".to_owned(),
                        sram_bytes: 262_144,
                        same_file,
                        map,
                        place,
                        needed_bytes: 248_913,
                        fitting,
                        verdict: String::new(),
                    };
                    assert_eq!(verdict_words(&maps, &chip), sentence(&maps, &chip));
                }
            }
        }
    }
}
