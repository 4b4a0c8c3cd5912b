//! Times of parts of a run.

use crate::platform::Platform;

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// Microseconds.
    pub micros: u64,
    /// Cycles or retired instructions; 0 when the board does not count them.
    pub cycles: u64,
}

impl Elapsed {
    /// Adds another time.
    pub fn add(&mut self, other: Elapsed) {
        self.micros = self.micros.saturating_add(other.micros);
        self.cycles = self.cycles.saturating_add(other.cycles);
    }
}

/// The moment at which something began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start(Elapsed);

impl Start {
    /// Now.
    pub(crate) fn now(platform: &mut dyn Platform) -> Self {
        let micros = platform.micros();
        Self(Elapsed { micros, cycles: platform.cycles().unwrap_or(0) })
    }

    /// Time since then.
    pub(crate) fn elapsed(self, platform: &mut dyn Platform) -> Elapsed {
        // In the reverse order, so that the counter's own interval is the shorter one.
        let cycles = platform.cycles().unwrap_or(0).wrapping_sub(self.0.cycles);
        Elapsed { micros: platform.micros().wrapping_sub(self.0.micros), cycles }
    }
}
