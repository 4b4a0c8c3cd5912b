//! The largest input with which a network fits a memory.

use octet_runtime::{Simulator, Strategy};

use super::within;
use crate::deploy::ChipFacts;
use crate::report::FittingInput;

/// Networks are made for sizes that are multiples of this: what their strides divide by.
const STEP: usize = 32;

/// Height and width of the network's input.
pub(super) fn input(simulator: &Simulator) -> Option<[usize; 2]> {
    match simulator.input().shape[..] {
        [_, height, width, _] => Some([height, width]),
        _ => None,
    }
}

/// The sizes below the network's own, each planned once.
pub(super) struct Sizes<'s> {
    simulator: &'s Simulator,
    fused_bytes: usize,
    /// From the largest down: the size, and the bytes with every block streamed. `None` until somebody asks.
    planned: Option<Vec<([usize; 2], usize)>>,
}

impl<'s> Sizes<'s> {
    /// `fused_bytes` is what the network needs at its own size with every block streamed.
    pub(super) fn new(simulator: &'s Simulator, fused_bytes: usize) -> Self {
        Self { simulator, fused_bytes, planned: None }
    }

    /// The largest that fits the chip's own memory, if there is one.
    pub(super) fn largest(&mut self, chip: &ChipFacts) -> Option<FittingInput> {
        let own = input(self.simulator)?;
        let simulator = self.simulator;
        let planned = self.planned.get_or_insert_with(|| plan(simulator, own));
        if planned.is_empty() {
            return estimated(own, self.fused_bytes as u64, chip.sram_bytes);
        }
        let fits = |&&(size, fused_bytes): &&([usize; 2], usize)| {
            fused_bytes as u64 <= chip.sram_bytes || simulator.memory_map_at(size, within(chip)).is_ok()
        };
        planned.iter().find(fits).map(|&(size, _)| FittingInput { size, planned: true })
    }
}

/// Sizes in the proportion of `own`, smaller than it, from the largest down.
fn smaller(own: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    let short = own[0].min(own[1]);
    let steps = short.saturating_sub(1) / STEP;
    let scaled = move |side: usize, short_now: usize| {
        (side.saturating_mul(short_now).saturating_add(short / 2)) / short.max(1)
    };
    (1..=steps).rev().map(move |n| own.map(|side| scaled(side, n * STEP)))
}

/// Empty where the network exists at its own size alone.
fn plan(simulator: &Simulator, own: [usize; 2]) -> Vec<([usize; 2], usize)> {
    let bytes = |size| simulator.memory_map_at(size, Strategy::Fused).map(|map| map.arena_bytes);
    // Very small ones may not exist where the larger ones do: windows without padding need some rows.
    smaller(own).map_while(|size| Some((size, bytes(size).ok()?))).collect()
}

/// Bytes grow with the area: the largest step whose share of the bytes fits.
fn estimated(own: [usize; 2], fused_bytes: u64, sram_bytes: u64) -> Option<FittingInput> {
    let area = |size: [usize; 2]| size[0] as u128 * size[1] as u128;
    let fits = |size: &[usize; 2]| {
        u128::from(fused_bytes).saturating_mul(area(*size))
            <= u128::from(sram_bytes).saturating_mul(area(own))
    };
    smaller(own).find(fits).map(|size| FittingInput { size, planned: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_sizes_keep_the_proportion() {
        let sizes = |own| smaller(own).collect::<Vec<_>>();
        assert_eq!(sizes([96, 96]), [[64, 64], [32, 32]]);
        assert_eq!(sizes([80, 112]), [[64, 90], [32, 45]]);
        assert_eq!(sizes([32, 400]), [[0; 2]; 0]);
        assert_eq!(sizes([0, 0]), [[0; 2]; 0]);
    }

    #[test]
    fn an_estimate_grows_with_the_area() {
        let fitting = |size| Some(FittingInput { size, planned: false });
        assert_eq!(estimated([224, 224], 400, 200), fitting([128, 128]));
        assert_eq!(estimated([224, 224], 400, 205), fitting([160, 160]));
        assert_eq!(estimated([224, 224], 400, 8), None);
        assert_eq!(estimated([usize::MAX, 64], u64::MAX, 1), None);
    }
}
