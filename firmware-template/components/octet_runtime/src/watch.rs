//! Looks at a network while it runs: times per node, CRC32 per tensor.

use octet_runtime::observe::{Observer, Part};
use octet_runtime::plan::TensorSlot;

use crate::checksum::Crc32;
use crate::clock::{Elapsed, Start};
use crate::platform::Platform;

/// Other tasks get a turn after so many microseconds.
const TURN_MICROS: u64 = 20_000;

/// What one tensor and the node that computes it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    /// Time of the node.
    pub elapsed: Elapsed,
    /// Of the tensor's bytes.
    pub crc: Crc32,
}

/// Fills the meters. The clock stands still while it looks.
pub(crate) struct Watch<'w> {
    platform: &'w mut dyn Platform,
    tensors: &'w [TensorSlot],
    meters: &'w mut [Meter],
    checksums: bool,
    total: Elapsed,
    start: Start,
    turn: u64,
}

impl<'w> Watch<'w> {
    /// Begins to measure.
    pub(crate) fn new(
        platform: &'w mut dyn Platform,
        tensors: &'w [TensorSlot],
        meters: &'w mut [Meter],
        checksums: bool,
    ) -> Self {
        let turn = platform.micros();
        let start = Start::now(platform);
        Self { platform, tensors, meters, checksums, total: Elapsed::default(), start, turn }
    }

    /// Time of the whole run.
    pub(crate) fn end(mut self) -> Elapsed {
        self.halt();
        self.total
    }

    /// Stops the clock; gives the time since it was started.
    fn halt(&mut self) -> Elapsed {
        let elapsed = self.start.elapsed(self.platform);
        self.total.add(elapsed);
        elapsed
    }

    fn go_on(&mut self) {
        self.start = Start::now(self.platform);
    }
}

impl Observer for Watch<'_> {
    fn before(&mut self, _: usize) {
        self.halt();
        self.go_on();
    }

    fn after(&mut self, node: usize) {
        let elapsed = self.halt();
        // The network's input is the tensor before the first node's.
        let tensor = node + 1;
        debug_assert_eq!(self.tensors.get(tensor).and_then(TensorSlot::node), Some(node));
        if let Some(meter) = self.meters.get_mut(tensor) {
            meter.elapsed.add(elapsed);
        }
        let now = self.platform.micros();
        if now.wrapping_sub(self.turn) >= TURN_MICROS {
            self.turn = now;
            self.platform.pause();
        }
        self.go_on();
    }

    fn part(&mut self, part: Part<'_>) {
        self.halt();
        if let Some(meter) = self.meters.get_mut(part.tensor).filter(|_| self.checksums) {
            meter.crc.add(part.bytes);
        }
        self.go_on();
    }
}
