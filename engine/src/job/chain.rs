//! The chain of strategies. What its leading ones decided is kept from job to job: a change at the end of the chain, or of
//! an exponent behind it, does not train anew.

use std::collections::VecDeque;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::quantize::{JobError, Progress};
use super::worker::name_of;
use super::{Event, Library, QuantizeRequest, StrategyRequest};
use crate::draft::Draft;
use crate::host::{self, PluginDescription};
use crate::report::StrategyFacts;
use crate::session::{Session, Workplace};
use crate::strategy::{LogLevel, StrategyHost};

/// Prefixes of chains that are kept.
const MAX_KEPT: usize = 8;
/// Weights in all kept drafts at most: 256 MiB.
const MAX_WEIGHTS: usize = 64 << 20;

/// What the first strategies of a chain decided.
#[derive(Debug)]
struct Kept {
    key: [u8; 32],
    draft: Draft,
    facts: Vec<StrategyFacts>,
    /// False where the same job may decide something else: it depends on files, programs, or on when it was told to finish.
    is_repeatable: bool,
}

impl Kept {
    fn weights(&self) -> usize {
        let values = self.draft.changed_weights.values().chain(self.draft.corrected_weights.values());
        values.map(|v| v.len()).sum()
    }
}

/// What the first strategies of earlier chains decided, the one that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct ChainCache(VecDeque<Kept>);

impl ChainCache {
    /// The longest of these prefixes that is known: its length, and what is kept of it. With `any`, also one that is not
    /// repeatable.
    fn longest(&mut self, keys: &[[u8; 32]], any: bool) -> Option<(usize, &Kept)> {
        let (length, place) = (1..=keys.len()).rev().find_map(|length| {
            let key = keys.get(length - 1)?;
            let is_it = |kept: &Kept| kept.key == *key && (any || kept.is_repeatable);
            Some((length, self.0.iter().position(is_it)?))
        })?;
        let kept = self.0.remove(place)?;
        self.0.push_back(kept);
        Some((length, self.0.back()?))
    }

    fn keep(&mut self, new: Kept) {
        self.0.retain(|kept| kept.key != new.key);
        self.0.push_back(new);
        self.trim(MAX_WEIGHTS);
    }

    /// Forgets what was not used for longest, until so many weights are left.
    fn trim(&mut self, max_weights: usize) {
        while self.0.len() > MAX_KEPT || self.0.iter().map(Kept::weights).sum::<usize>() > max_weights {
            self.0.pop_front();
        }
    }
}

/// A strategy that is about to run.
struct Link<'a> {
    library: &'a Library,
    requested: &'a StrategyRequest,
    description: PluginDescription,
    settings: serde_json::Value,
}

/// Runs the chain, without those that a job before this one ran on the same `subject`: model, pictures and how they become
/// tensors.
pub(super) fn run_strategies(
    request: &QuantizeRequest,
    libraries: &[Library],
    subject: &str,
    session: &mut Session,
    cache: &mut ChainCache,
    progress: &Progress,
) -> Result<Vec<StrategyFacts>, JobError> {
    let links: Result<Vec<Link<'_>>, JobError> =
        request.strategies.iter().zip(libraries).map(|(s, l)| link(s, l, progress)).collect();
    let links = links?;
    let keys = keys(&links, subject, &request.target);
    let (mut known, mut facts, mut is_repeatable) = (0, Vec::new(), true);
    if let Some((length, kept)) = cache.longest(&keys, request.reuse) {
        (known, facts, is_repeatable) = (length, kept.facts.clone(), kept.is_repeatable);
        session.resume(kept.draft.clone());
        let ids: Vec<&str> = facts.iter().map(|f| f.id.as_str()).collect();
        let message = format!("{}: as in an earlier job, not run again", ids.join(", "));
        (progress.sink)(Event::Log { level: LogLevel::Info, message });
    }
    for (place, (link, key)) in links.into_iter().zip(&keys).enumerate().skip(known) {
        let Link { library, requested, description, settings } = link;
        check(library)?;
        (progress.plugin)(Some(&description.id));
        let started = Instant::now();
        session.begin_strategy(Workplace::new(&request.model, &request.out, place, &description.id));
        let ran = host::run_library(&library.path, &settings, session);
        // Whatever follows a strategy that looks outside depends on more than the keys say.
        is_repeatable &= session.is_repeatable();
        let curves = session.end_strategy();
        (progress.plugin)(None);
        if progress.cancel.is_cancelled() {
            return Err(JobError::Cancelled);
        }
        ran?;
        facts.push(StrategyFacts {
            id: description.id,
            version: description.version,
            sha256: library.sha256.clone(),
            settings,
            requested: requested.settings.clone(),
            secs: started.elapsed().as_secs_f64(),
            curves,
        });
        let draft = StrategyHost::draft(session).clone();
        cache.keep(Kept { key: *key, draft, facts: facts.clone(), is_repeatable });
    }
    // What was asked for may be written in another way than when they ran.
    for (fact, strategy) in facts.iter_mut().zip(&request.strategies) {
        fact.requested.clone_from(&strategy.settings);
    }
    Ok(facts)
}

fn link<'a>(
    requested: &'a StrategyRequest,
    library: &'a Library,
    progress: &Progress,
) -> Result<Link<'a>, JobError> {
    check(library)?;
    (progress.plugin)(Some(&name_of(&library.path)));
    let description = host::describe_library(&library.path)?;
    (progress.plugin)(Some(&description.id));
    let settings = host::settings(&description, &requested.settings)?;
    (progress.plugin)(None);
    Ok(Link { library, requested, description, settings })
}

/// What the draft behind each strategy depends on; each key stands for all strategies up to its own.
fn keys(links: &[Link<'_>], subject: &str, target: &str) -> Vec<[u8; 32]> {
    let mut hash = Sha256::new();
    for part in [subject, target] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let key = |link: &Link<'_>| -> [u8; 32] {
        for part in [link.library.sha256.as_str(), &link.settings.to_string()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.clone().finalize().into()
    };
    links.iter().map(key).collect()
}

/// Refuses a file that is not the one that was found and trusted, before any of its code runs.
fn check(library: &Library) -> Result<(), host::HostError> {
    let path = library.path.clone();
    match host::file_sha256(&path) {
        Ok(sha256) if sha256 == library.sha256 => Ok(()),
        Ok(_) => Err(host::HostError::Changed { path }),
        Err(source) => Err(host::HostError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(n: u8, draft: Draft, is_repeatable: bool) -> Kept {
        Kept { key: [n; 32], draft, facts: Vec::new(), is_repeatable }
    }

    fn known(cache: &mut ChainCache, keys: &[u8], any: bool) -> Option<usize> {
        let keys: Vec<[u8; 32]> = keys.iter().map(|n| [*n; 32]).collect();
        cache.longest(&keys, any).map(|(length, _)| length)
    }

    #[test]
    fn the_longest_known_prefix_is_found_and_what_was_not_used_goes_first() {
        let mut cache = ChainCache::default();
        for n in 0..MAX_KEPT as u8 {
            cache.keep(kept(n, Draft::default(), true));
        }
        assert_eq!(known(&mut cache, &[0, 1, 99], false), Some(2));
        assert_eq!(known(&mut cache, &[0, 99], false), Some(1));
        assert_eq!(known(&mut cache, &[99], false), None);
        assert_eq!(known(&mut cache, &[], false), None);
        cache.keep(kept(50, Draft::default(), true));
        cache.keep(kept(51, Draft::default(), true));
        assert_eq!((known(&mut cache, &[2], false), known(&mut cache, &[3], false)), (None, None));
        assert_eq!(known(&mut cache, &[1], false), Some(1), "it was used");
    }

    #[test]
    fn what_may_turn_out_otherwise_is_taken_for_scores_alone() {
        let mut cache = ChainCache::default();
        cache.keep(kept(1, Draft::default(), true));
        cache.keep(kept(2, Draft::default(), false));
        assert_eq!(known(&mut cache, &[1, 2], false), Some(1));
        assert_eq!(known(&mut cache, &[1, 2], true), Some(2));
    }

    #[test]
    fn drafts_that_take_too_much_memory_are_not_kept() {
        let mut cache = ChainCache::default();
        let mut large = Draft::default();
        large.changed_weights.insert(crate::network::TensorId(0), vec![0.0; 10].into());
        cache.keep(kept(1, large.clone(), true));
        cache.keep(kept(2, large, true));
        cache.trim(15);
        assert_eq!((known(&mut cache, &[1], false), known(&mut cache, &[2], false)), (None, Some(1)));
        cache.trim(5);
        assert_eq!(known(&mut cache, &[2], false), None);
    }
}
