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
    /// The longest of these prefixes that is known: its length, draft and facts.
    fn longest(&mut self, keys: &[[u8; 32]]) -> Option<(usize, Draft, Vec<StrategyFacts>)> {
        let (length, place) = (1..=keys.len()).rev().find_map(|length| {
            let key = keys.get(length - 1)?;
            Some((length, self.0.iter().position(|kept| kept.key == *key)?))
        })?;
        let kept = self.0.remove(place)?;
        let found = (length, kept.draft.clone(), kept.facts.clone());
        self.0.push_back(kept);
        Some(found)
    }

    fn keep(&mut self, key: [u8; 32], draft: &Draft, facts: &[StrategyFacts]) {
        self.0.retain(|kept| kept.key != key);
        self.0.push_back(Kept { key, draft: draft.clone(), facts: facts.to_vec() });
        while self.0.len() > MAX_KEPT || self.0.iter().map(Kept::weights).sum::<usize>() > MAX_WEIGHTS {
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
    let (known, mut facts) = match cache.longest(&keys) {
        Some((known, draft, facts)) => {
            session.resume(draft);
            let ids: Vec<&str> = facts.iter().map(|f| f.id.as_str()).collect();
            let message = format!("{}: as in an earlier job, not run again", ids.join(", "));
            (progress.sink)(Event::Log { level: LogLevel::Info, message });
            (known, facts)
        }
        None => (0, Vec::new()),
    };
    // Whatever follows a strategy that looks outside depends on more than the keys say.
    let mut is_repeatable = true;
    for (place, (link, key)) in links.into_iter().zip(&keys).enumerate().skip(known) {
        let Link { library, requested, description, settings } = link;
        check(library)?;
        (progress.plugin)(Some(&description.id));
        let started = Instant::now();
        session.begin_strategy(Workplace::new(&request.model, &request.out, place, &description.id));
        let ran = host::run_library(&library.path, &settings, session);
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
        if is_repeatable {
            cache.keep(*key, StrategyHost::draft(session), &facts);
        }
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

    #[test]
    fn the_longest_known_prefix_is_found_and_what_was_not_used_goes_first() {
        let key = |n: u8| [n; 32];
        let mut cache = ChainCache::default();
        for n in 0..MAX_KEPT as u8 {
            cache.keep(key(n), &Draft::default(), &[]);
        }
        assert_eq!(cache.longest(&[key(0), key(1), key(99)]).map(|f| f.0), Some(2));
        assert_eq!(cache.longest(&[key(0), key(99)]).map(|f| f.0), Some(1));
        assert!(cache.longest(&[key(99)]).is_none() && cache.longest(&[]).is_none());
        cache.keep(key(50), &Draft::default(), &[]);
        cache.keep(key(51), &Draft::default(), &[]);
        assert!(cache.longest(&[key(2)]).is_none() && cache.longest(&[key(3)]).is_none());
        assert!(cache.longest(&[key(1)]).is_some(), "it was used");
    }

    #[test]
    fn drafts_that_take_too_much_memory_are_not_kept() {
        let mut cache = ChainCache::default();
        let mut large = Draft::default();
        let values: std::sync::Arc<[f32]> = vec![0.0; MAX_WEIGHTS / 2 + 1].into();
        large.changed_weights.insert(crate::network::TensorId(0), values);
        cache.keep([1; 32], &large, &[]);
        cache.keep([2; 32], &large, &[]);
        assert!(cache.longest(&[[1; 32]]).is_none() && cache.longest(&[[2; 32]]).is_some());
    }
}
