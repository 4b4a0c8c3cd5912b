//! The memory map of a network before it is flashed: what lies where layer by layer, what each chip's firmware makes
//! of it, and whether that fits. The runtime's planner computes it all; nothing here places a tensor.

mod fitting;
mod map;
mod verdict;

use octet_runtime::{MemoryMap as Placed, Simulator, SimulatorError, Strategy};

use crate::deploy::{ChipFacts, Psram};
use crate::report::{ActivationPlace, ChipMemory, MemoryMap, MemoryMaps};
use crate::target::{TARGETS, TargetSpec};
use fitting::Sizes;
pub use verdict::sentence;

/// What a chip's firmware executes, and where.
pub(crate) struct OnChip {
    /// The arena.
    pub(crate) map: Placed,
    /// Where it lies.
    pub(crate) place: ActivationPlace,
}

/// Plans as the firmware does: as few streamed blocks as fit the chip's own memory; where none do, layer by layer in
/// external memory, or the least there can be.
pub(crate) fn on_chip(simulator: &Simulator, chip: &ChipFacts) -> Result<OnChip, SimulatorError> {
    // An error says that it does not fit: the network itself has been planned before.
    let within = simulator.memory_map(within(chip));
    Ok(match (within, chip.psram) {
        (Ok(map), _) => OnChip { map, place: ActivationPlace::Sram },
        (Err(_), Psram::None) => {
            OnChip { map: simulator.memory_map(Strategy::Fused)?, place: ActivationPlace::Nowhere }
        }
        (Err(_), _) => {
            OnChip { map: simulator.memory_map(Strategy::Layerwise)?, place: ActivationPlace::Psram }
        }
    })
}

fn within(chip: &ChipFacts) -> Strategy {
    Strategy::Within(usize::try_from(chip.sram_bytes).unwrap_or(usize::MAX))
}

/// The maps of a network for the chip whose file it is, and how every other chip would cope.
///
/// # Errors
/// When the file cannot be planned.
pub fn maps(simulator: &Simulator) -> Result<MemoryMaps, SimulatorError> {
    let before = simulator.memory_map(Strategy::Layerwise)?;
    let fused = simulator.memory_map(Strategy::Fused)?;
    let target = TargetSpec::of(simulator.target());
    let mut maps = MemoryMaps {
        target: target.name.to_owned(),
        input: fitting::input(simulator),
        operations: map::operations(&before),
        blocks: fused.stages.iter().filter(|s| s.fused).count(),
        maps: vec![map::described(&before)],
        chips: Vec::new(),
    };
    let mut sizes = Sizes::new(simulator, fused.arena_bytes);
    for spec in &TARGETS {
        let chip = ChipFacts::of(spec.target);
        let OnChip { map, place } = on_chip(simulator, chip)?;
        let needed = if place == ActivationPlace::Sram { map.arena_bytes } else { fused.arena_bytes };
        let mut memory = ChipMemory {
            chip: spec.name.to_owned(),
            sram_bytes: chip.sram_bytes,
            same_file: computes_alike(spec, target),
            map: number(&mut maps.maps, map::described(&map)),
            place,
            needed_bytes: needed as u64,
            fitting: (place != ActivationPlace::Sram).then(|| sizes.largest(chip)).flatten(),
            verdict: String::new(),
        };
        memory.verdict = sentence(&maps, &memory);
        maps.chips.push(memory);
    }
    Ok(maps)
}

/// Whether both chips execute the same file: everything but the name is the same.
pub(crate) fn computes_alike(a: &TargetSpec, b: &TargetSpec) -> bool {
    TargetSpec { target: b.target, name: b.name, ..*a } == *b
}

/// The number of a map, which is added unless it is there.
fn number(maps: &mut Vec<MemoryMap>, map: MemoryMap) -> usize {
    maps.iter().position(|known| *known == map).unwrap_or_else(|| {
        maps.push(map);
        maps.len() - 1
    })
}

#[cfg(test)]
mod tests;
