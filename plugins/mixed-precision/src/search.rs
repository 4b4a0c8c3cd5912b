//! The search: greedy by gain for the time it costs, with lazy re-evaluation.
//!
//! A promotion is a unit alone, or a unit with its neighbours: an edge keeps 16 bits only when both of its ends have
//! them, so that an operation between two of 8 bits gains by its weights alone. All promotions are measured once on the
//! starting draft; then the best one is kept, the next ones are measured again on top of it, and so on. A gain seldom
//! grows when others were promoted, so a promotion whose fresh figure still beats the stale figures of the others is
//! the best (Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978).
//!
//! Gain for cost spends a budget on small promotions first and may leave no room for a large one that gains more than all
//! of them. So a second search begins with the promotion that gains most, whatever it costs within the budget, and
//! the better end counts (Khuller et al., "The budgeted maximum coverage problem", 1999, section 3).

use std::collections::BTreeSet;

use octet_plugin_api::sdk::{Cost, Error};

use crate::settings::Settings;
use crate::trial::{Bench, Outcome, difference};
use crate::units::{UnitId, Units};

/// A promotion must lower the noise by this fraction of what is left.
const LEAST_GAIN: f64 = 0.005;
/// Promotions that are measured again in one round at most, once one of them gains.
const MOST_FRESH: usize = 24;
/// Time below which a promotion's cost no longer counts, as a fraction of the network's: the estimate is not that exact.
const NEGLIGIBLE_TIME: f64 = 0.0005;

/// Units that are promoted together.
#[derive(Debug, Clone, PartialEq)]
struct Promotion {
    units: BTreeSet<UnitId>,
    /// The one that it is about.
    about: UnitId,
    /// Gain for its cost when it was measured last.
    worth: f64,
    /// What it came to on the starting draft; `None` before it was measured.
    first: Option<Outcome>,
}

/// Searches until a target is met, the budget is used up, or nothing gains any more.
pub(crate) fn run(
    settings: &Settings,
    excluded: &BTreeSet<UnitId>,
    bench: &mut impl Bench,
) -> Result<(), Error> {
    let mut open = promotions(bench, excluded);
    let all = open.len().max(1);
    for (i, promotion) in open.iter_mut().enumerate() {
        let words = format!("sensitivity of {}", bench.units().name(promotion.about));
        bench.progress(0.05 + 0.6 * i as f64 / all as f64, &words)?;
        if bench.finish_early()? {
            bench.log("the search was stopped before it chose anything");
            return Ok(());
        }
        promotion.first = try_out(settings, bench, &promotion.units)?;
        promotion.worth = worth(bench, promotion.first);
    }
    let begun = bench.mark();
    let mut rounds = greedy(settings, bench, open.clone(), 0.65)?;
    let largest = open
        .iter()
        .filter(|p| p.worth > 0.0)
        .filter_map(|p| Some((p, p.first?)))
        .min_by(|(_, a), (_, b)| a.noise.total_cmp(&b.noise));
    if let Some((largest, outcome)) = largest
        && !reached(settings, bench.kept())
        && !largest.units.iter().all(|&unit| bench.is_wide(unit))
        && !bench.finish_early()?
    {
        let (found, first_rounds) = (bench.mark(), rounds);
        bench.back(&begun)?;
        bench.log("once more, beginning with the promotion that gains most");
        keep(bench, largest, outcome)?;
        rounds = 1 + greedy(settings, bench, open.clone(), 0.82)?;
        if !reached(settings, bench.kept()) && bench.kept().noise >= found.kept.noise {
            bench.log("the first search found more; back to it");
            bench.back(&found)?;
            rounds = first_rounds;
        }
    }
    if bench.finish_early()? {
        bench.log("the search was stopped before its end; what it has found is kept");
    }
    let words = match rounds {
        0 => "the search had nothing to do".to_owned(),
        _ => format!("the search: {}", difference(bench.start(), bench.kept())),
    };
    bench.log(&words);
    Ok(())
}

/// Keeps a promotion and tells what it brought.
fn keep(bench: &mut impl Bench, promotion: &Promotion, outcome: Outcome) -> Result<(), Error> {
    let before = bench.kept();
    bench.keep(&promotion.units, outcome)?;
    let names: Vec<&str> = promotion.units.iter().map(|&unit| bench.units().name(unit)).collect();
    bench.log(&format!("16 bits: {}: {}", names.join(", "), difference(before, outcome)));
    Ok(())
}

/// Keeps the best promotion over and over. Returns how many were kept.
fn greedy(
    settings: &Settings,
    bench: &mut impl Bench,
    mut open: Vec<Promotion>,
    from: f64,
) -> Result<u32, Error> {
    let mut round = 0i32;
    while !reached(settings, bench.kept()) && !bench.finish_early()? {
        let words = format!("promotion {}: noise:signal {:.2} %", round + 1, bench.kept().noise * 100.0);
        bench.progress(from + 0.17 * (1.0 - 0.8f64.powi(round)), &words)?;
        open.retain(|p| p.worth > 0.0 && p.units.iter().any(|&unit| !bench.is_wide(unit)));
        let Some((best, outcome)) = freshest(settings, bench, &mut open)? else { break };
        keep(bench, &best, outcome)?;
        round += 1;
    }
    Ok(round.unsigned_abs())
}

/// The most worthwhile promotion by fresh figures; `None` when none is left that gains and fits.
fn freshest(
    settings: &Settings,
    bench: &mut impl Bench,
    open: &mut [Promotion],
) -> Result<Option<(Promotion, Outcome)>, Error> {
    open.sort_by(|a, b| b.worth.total_cmp(&a.worth).then_with(|| a.units.cmp(&b.units)));
    let mut best: Option<(Promotion, Outcome)> = None;
    let least = |kept: Outcome, outcome: Outcome| outcome.noise < kept.noise * (1.0 - LEAST_GAIN);
    for (fresh, promotion) in open.iter_mut().enumerate() {
        let is_enough =
            |(found, _): &(Promotion, Outcome)| found.worth >= promotion.worth || fresh >= MOST_FRESH;
        if best.as_ref().is_some_and(is_enough) || bench.finish_early()? {
            break;
        }
        let outcome = try_out(settings, bench, &promotion.units)?;
        promotion.worth = worth(bench, outcome);
        let better = best.as_ref().is_none_or(|(found, _)| promotion.worth > found.worth);
        if let Some(outcome) = outcome
            && promotion.worth > 0.0
            && least(bench.kept(), outcome)
            && better
        {
            best = Some((promotion.clone(), outcome));
        }
    }
    Ok(best)
}

/// What units in 16 bits come to; `None` where the budget does not reach.
fn try_out(
    settings: &Settings,
    bench: &mut impl Bench,
    units: &BTreeSet<UnitId>,
) -> Result<Option<Outcome>, Error> {
    let start = bench.start().cost;
    bench.try_out(units, &|cost| fits(settings, start, cost))
}

/// Every computing unit alone, with the units before it, with the units behind it, and with both.
fn promotions(bench: &impl Bench, excluded: &BTreeSet<UnitId>) -> Vec<Promotion> {
    let units: &Units = bench.units();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for about in units.ids().filter(|&unit| units.computes(unit)) {
        let Some(unit) = units.get(about) else { continue };
        let (alone, before, after) = (BTreeSet::from([about]), &unit.before, &unit.after);
        let sets = [alone.clone(), &alone | before, &alone | after, &(&alone | before) | after];
        for units in sets {
            let allowed = units.is_disjoint(excluded) && units.iter().any(|&unit| !bench.is_wide(unit));
            if allowed && seen.insert(units.clone()) {
                all.push(Promotion { units, about, worth: 0.0, first: None });
            }
        }
    }
    all
}

/// Noise that is lost for the time that is spent; nothing where the budget does not reach or nothing is gained.
fn worth(bench: &impl Bench, outcome: Option<Outcome>) -> f64 {
    let (start, kept) = (bench.start(), bench.kept());
    let Some(outcome) = outcome.filter(|outcome| outcome.noise < kept.noise) else { return 0.0 };
    let gain = kept.noise - outcome.noise;
    let time_ms = outcome.cost.latency_ms - kept.cost.latency_ms;
    gain / time_ms.max(start.cost.latency_ms * NEGLIGIBLE_TIME).max(f64::MIN_POSITIVE)
}

/// Whether a cost lies within the budget; 0 stands for no limit.
fn fits(settings: &Settings, start: Cost, cost: Cost) -> bool {
    let within = |extra: f64, limit: f64| limit <= 0.0 || extra <= limit;
    let kib = |bytes: u64, base: u64| (bytes as f64 - base as f64) / 1024.0;
    let time_ms = cost.latency_ms - start.latency_ms;
    within(time_ms, start.latency_ms * settings.max_extra_time_percent / 100.0)
        && within(time_ms, settings.max_extra_time_ms)
        && within(kib(cost.flash_bytes, start.flash_bytes), settings.max_extra_flash_kib)
        && within(kib(cost.arena_bytes, start.arena_bytes), settings.max_extra_arena_kib)
}

/// Whether every target that is set is met; without any, the budget is used up.
fn reached(settings: &Settings, kept: Outcome) -> bool {
    let (noise, agreement) = (settings.target_noise_percent, settings.target_agreement_percent);
    (noise > 0.0 || agreement > 0.0)
        && (noise <= 0.0 || kept.noise * 100.0 <= noise)
        && (agreement <= 0.0 || kept.agreement * 100.0 >= agreement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Mark;
    use crate::units::tests::chain;

    /// Units a, b, c, d in a row. Each has noise of its own that 16 bits remove, and costs a time; the edge between b
    /// and c has noise too, which goes when both are wide.
    struct Made {
        units: Units,
        wide: BTreeSet<UnitId>,
        kept: Outcome,
        start: Outcome,
        /// Of each unit its noise and its time.
        made_of: Vec<(f64, f64)>,
        edge_noise: f64,
    }

    const MADE_OF: [(f64, f64); 4] = [(0.010, 1.0), (0.001, 2.0), (0.002, 2.0), (0.004, 8.0)];
    const EDGE_NOISE: f64 = 0.05;

    fn outcome(made_of: &[(f64, f64)], wide: &BTreeSet<UnitId>, edge_noise: f64) -> Outcome {
        let all = made_of.iter().enumerate();
        let own: f64 = all.filter(|(i, _)| !wide.contains(i)).map(|(_, of)| of.0).sum();
        let edge = if wide.contains(&1) && wide.contains(&2) { 0.0 } else { edge_noise };
        let time: f64 = wide.iter().map(|&i| made_of[i].1).sum();
        let bytes = wide.len() as u64 * 1024;
        let cost = Cost { latency_ms: 100.0 + time, flash_bytes: 10_000 + bytes, arena_bytes: 5_000 + bytes };
        Outcome { noise: own + edge, agreement: 1.0 - own - edge, cost }
    }

    impl Made {
        fn new(made_of: &[(f64, f64)], edge_noise: f64) -> Made {
            let start = outcome(made_of, &BTreeSet::new(), edge_noise);
            let units = chain(&vec!["unit"; made_of.len()]);
            Made { units, wide: BTreeSet::new(), kept: start, start, made_of: made_of.to_vec(), edge_noise }
        }
    }

    impl Bench for Made {
        fn units(&self) -> &Units {
            &self.units
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
            let outcome = outcome(&self.made_of, &(&self.wide | units), self.edge_noise);
            Ok(fits(outcome.cost).then_some(outcome))
        }
        fn keep(&mut self, units: &BTreeSet<UnitId>, outcome: Outcome) -> Result<(), Error> {
            self.wide.extend(units);
            self.kept = outcome;
            Ok(())
        }
        fn mark(&self) -> Mark {
            Mark { wide: self.wide.clone(), kept: self.kept, snapshot: None }
        }
        fn back(&mut self, mark: &Mark) -> Result<(), Error> {
            (self.wide, self.kept) = (mark.wide.clone(), mark.kept);
            Ok(())
        }
        fn progress(&mut self, _fraction: f64, _words: &str) -> Result<(), Error> {
            Ok(())
        }
        fn finish_early(&mut self) -> Result<bool, Error> {
            Ok(false)
        }
        fn log(&mut self, _text: &str) {}
    }

    fn wide(settings: &Settings, excluded: &[UnitId]) -> Vec<UnitId> {
        wide_with(EDGE_NOISE, settings, excluded)
    }

    fn wide_with(edge_noise: f64, settings: &Settings, excluded: &[UnitId]) -> Vec<UnitId> {
        wide_of(Made::new(&MADE_OF, edge_noise), settings, excluded)
    }

    fn wide_of(mut made: Made, settings: &Settings, excluded: &[UnitId]) -> Vec<UnitId> {
        run(settings, &excluded.iter().copied().collect(), &mut made).unwrap();
        made.wide.into_iter().collect()
    }

    fn budget(percent: f64) -> Settings {
        Settings { max_extra_time_percent: percent, ..Settings::default() }
    }

    #[test]
    fn both_ends_of_a_noisy_edge_are_promoted_together() {
        assert_eq!(wide(&budget(4.0), &[]), [1, 2]);
    }

    #[test]
    fn what_gains_most_for_its_time_comes_first_and_the_budget_holds() {
        assert_eq!(wide(&budget(1.5), &[]), [0]);
        assert_eq!(wide(&budget(5.0), &[]), [0, 1, 2]);
        assert_eq!(wide(&budget(13.0), &[]), [0, 1, 2, 3]);
        assert!(wide(&budget(0.5), &[]).is_empty());
    }

    #[test]
    fn one_large_promotion_may_beat_several_small_ones() {
        // a gains most for its time, but leaves no room for b and c, whose edge holds far more.
        assert_eq!(wide_with(0.03, &budget(4.5), &[]), [1, 2]);
        assert_eq!(wide_with(0.03, &budget(5.5), &[]), [0, 1, 2]);
    }

    #[test]
    fn what_no_longer_fits_hides_nothing_that_does() {
        let mut made_of = vec![(0.003, 3.0); 60];
        made_of.push((0.002, 2.1));
        let found = wide_of(Made::new(&made_of, 0.0), &budget(5.1), &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&60), "{found:?}");
    }

    #[test]
    fn flash_and_arena_are_budgets_too() {
        let flash = Settings { max_extra_flash_kib: 2.0, ..budget(0.0) };
        assert_eq!(wide(&flash, &[]), [1, 2]);
        let arena = Settings { max_extra_arena_kib: 1.0, ..budget(0.0) };
        assert_eq!(wide(&arena, &[]), [0]);
    }

    #[test]
    fn a_target_ends_the_search_though_budget_is_left() {
        let target = Settings { target_noise_percent: 2.0, ..budget(0.0) };
        assert_eq!(wide(&target, &[]), [1, 2]);
        let agreement = Settings { target_agreement_percent: 99.0, ..budget(0.0) };
        assert_eq!(wide(&agreement, &[]), [0, 1, 2]);
    }

    #[test]
    fn excluded_units_stay_narrow() {
        assert_eq!(wide(&budget(0.0), &[1]), [0, 2, 3]);
    }
}
