//! Trying promotions: what each gains and costs, on the draft that the host holds.

use std::collections::BTreeSet;

use octet_plugin_api::sdk::{Cost, Error, Host, Log, Pictures, ScoreKind, SnapshotId};

use crate::settings::Settings;
use crate::units::{UnitId, Units};
use crate::widen::{Ranges, widen};

/// How a set of widths fares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Noise:signal of the scores, a fraction.
    pub(crate) noise: f64,
    /// Fraction of pictures that keep their class.
    pub(crate) agreement: f64,
    /// Time, flash and arena.
    pub(crate) cost: Cost,
}

/// What a search may do: promote units, look at the outcome, keep it or take it back.
pub(crate) trait Bench {
    /// The network's units.
    fn units(&self) -> &Units;
    /// True when a unit has 16 bits in what was kept.
    fn is_wide(&self, unit: UnitId) -> bool;
    /// What was kept so far.
    fn kept(&self) -> Outcome;
    /// The draft in which the search began.
    fn start(&self) -> Outcome;
    /// Tries units in 16 bits on top of what was kept, and takes it back. `None` where the cost does not fit.
    fn try_out(
        &mut self,
        units: &BTreeSet<UnitId>,
        fits: &dyn Fn(Cost) -> bool,
    ) -> Result<Option<Outcome>, Error>;
    /// Keeps units in 16 bits.
    fn keep(&mut self, units: &BTreeSet<UnitId>, outcome: Outcome) -> Result<(), Error>;
    /// What was kept, to come back to.
    fn mark(&self) -> Mark;
    /// Goes back to a mark.
    fn back(&mut self, mark: &Mark) -> Result<(), Error>;
    /// Reports how far the search is.
    fn progress(&mut self, fraction: f64, words: &str) -> Result<(), Error>;
    /// True once the user wants it to end with what was kept.
    fn finish_early(&mut self) -> Result<bool, Error>;
    /// Tells the user.
    fn log(&mut self, text: &str);
}

/// A place in a search that it can come back to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    pub(crate) wide: BTreeSet<UnitId>,
    pub(crate) kept: Outcome,
    /// The host's number of the draft, if there is a host.
    pub(crate) snapshot: Option<SnapshotId>,
}

/// A draft under change.
pub(crate) struct Trial<'h, 'a, 'u> {
    host: &'h mut Host<'a>,
    units: &'u Units,
    pictures: u64,
    ranges: Ranges,
    wide: BTreeSet<UnitId>,
    snapshot: SnapshotId,
    start: Outcome,
    kept: Outcome,
}

impl<'h, 'a, 'u> Trial<'h, 'a, 'u> {
    pub(crate) fn new(host: &'h mut Host<'a>, units: &'u Units, settings: &Settings) -> Result<Self, Error> {
        host.progress(0.02, "ranges of the activations")?;
        // A search asks for one after the other; what is named by hand is seen to when it is widened.
        let ranges = if settings.searches() { Ranges::of_all(host)? } else { Ranges::default() };
        let mut wide = BTreeSet::new();
        for unit in units.ids() {
            if units.is_wide(unit, host)? {
                wide.insert(unit);
            }
        }
        let pictures = u64::from(settings.pictures);
        let start = outcome(host, pictures)?;
        let snapshot = host.snapshot()?;
        Ok(Trial { host, units, pictures, ranges, wide, snapshot, start, kept: start })
    }

    /// Promotes what the user named.
    pub(crate) fn by_hand(&mut self, units: &BTreeSet<UnitId>) -> Result<(), Error> {
        self.widen(units)?;
        let outcome = outcome(self.host, self.pictures)?;
        let before = self.kept;
        self.keep(units, outcome)?;
        let names: Vec<&str> = units.iter().map(|&unit| self.units.name(unit)).collect();
        let text = format!("16 bits by hand: {}: {}", names.join(", "), difference(before, outcome));
        self.log(&text);
        // A search begins here, with its whole budget.
        self.start = outcome;
        Ok(())
    }

    fn widen(&mut self, units: &BTreeSet<UnitId>) -> Result<(), Error> {
        let new = units.iter().copied().filter(|unit| !self.wide.contains(unit));
        widen(self.host, self.units, new, &mut self.ranges)
    }
}

/// Scores the draft and estimates its cost.
fn outcome(host: &mut Host<'_>, pictures: u64) -> Result<Outcome, Error> {
    let cost = host.cost()?;
    score(host, pictures, cost)
}

/// Scores a draft of this cost.
fn score(host: &mut Host<'_>, pictures: u64, cost: Cost) -> Result<Outcome, Error> {
    let score = host.score(Pictures::Calibration, ScoreKind::Output, pictures)?;
    Ok(Outcome { noise: score.output_nsr, agreement: score.agreement, cost })
}

/// What changed from one outcome to another, in words.
pub(crate) fn difference(before: Outcome, after: Outcome) -> String {
    let kib = |bytes: u64, base: u64| (bytes as f64 - base as f64) / 1024.0;
    let (old, new) = (before.cost, after.cost);
    format!(
        "noise:signal {:.2} % -> {:.2} %, agreement {:.1} % -> {:.1} %; time {:+.2} ms ({:+.1} %), flash {:+.1} KiB, \
         arena {:+.1} KiB",
        before.noise * 100.0,
        after.noise * 100.0,
        before.agreement * 100.0,
        after.agreement * 100.0,
        new.latency_ms - old.latency_ms,
        (new.latency_ms / old.latency_ms - 1.0) * 100.0,
        kib(new.flash_bytes, old.flash_bytes),
        kib(new.arena_bytes, old.arena_bytes),
    )
}

impl Bench for Trial<'_, '_, '_> {
    fn units(&self) -> &Units {
        self.units
    }

    fn is_wide(&self, unit: UnitId) -> bool {
        self.wide.contains(&unit)
    }

    fn kept(&self) -> Outcome {
        self.kept
    }

    fn start(&self) -> Outcome {
        self.start
    }

    fn try_out(
        &mut self,
        units: &BTreeSet<UnitId>,
        fits: &dyn Fn(Cost) -> bool,
    ) -> Result<Option<Outcome>, Error> {
        self.widen(units)?;
        // A score takes many times longer than a cost.
        let outcome = match self.host.cost() {
            Ok(cost) if !fits(cost) => Ok(None),
            Ok(cost) => score(self.host, self.pictures, cost).map(Some),
            Err(error) => Err(error),
        };
        self.host.restore(self.snapshot)?;
        outcome
    }

    fn keep(&mut self, units: &BTreeSet<UnitId>, outcome: Outcome) -> Result<(), Error> {
        self.widen(units)?;
        self.wide.extend(units);
        self.kept = outcome;
        self.snapshot = self.host.snapshot()?;
        self.host.point("noise:signal over estimated ms", outcome.cost.latency_ms, outcome.noise)
    }

    fn mark(&self) -> Mark {
        Mark { wide: self.wide.clone(), kept: self.kept, snapshot: Some(self.snapshot) }
    }

    fn back(&mut self, mark: &Mark) -> Result<(), Error> {
        (self.wide, self.kept) = (mark.wide.clone(), mark.kept);
        self.snapshot = mark.snapshot.unwrap_or(self.snapshot);
        self.host.restore(self.snapshot)
    }

    fn progress(&mut self, fraction: f64, words: &str) -> Result<(), Error> {
        self.host.progress(fraction as f32, words)
    }

    fn finish_early(&mut self) -> Result<bool, Error> {
        self.host.finish_early()
    }

    fn log(&mut self, text: &str) {
        self.host.log(Log::Info, text);
    }
}
