//! Changes by hand are scored by themselves: which runs are scores, and whether another one is wanted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use octet_engine::job::StrategyRequest;
use octet_engine::pictures::Preprocessing;

use super::{Chosen, Document, Heat, HeatSide, Run, State, left_out, requests};

/// What a run of this session was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The document when it was started.
    pub document: Document,
    /// Only the errors that take seconds were measured.
    pub is_score: bool,
}

/// Why a change by hand has no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unscored {
    /// The run on display was made with other settings than those chosen now, so that nothing can be compared.
    OtherSettings,
    /// A strategy of the chain runs a program, which is never done unasked.
    Programs,
    /// The changes were made in an earlier session.
    Earlier,
    /// Its strategies take long.
    Long,
    /// The score was cancelled, or failed.
    Ended,
}

/// Scores of changes by hand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scoring {
    /// By run folder.
    pub made: BTreeMap<PathBuf, Made>,
    /// Counts changes, so that a wait that is outdated is told from the last one.
    pub generation: u64,
    /// A change has no score yet.
    pub wanted: bool,
    /// The user asked for the score that is wanted.
    pub asked: bool,
    /// A chain whose score was given up because it would have taken long. The worker remembers what strategies decided, so
    /// that the next score of a chain that ran to its end is quick again.
    pub long: Option<Vec<Chosen>>,
    /// What coloured the graph before a score was shown, which has fewer figures.
    pub heat_before: Option<(Heat, HeatSide)>,
}

impl State {
    /// What the run on display was made from, when it was made in this session.
    pub fn shown_made(&self) -> Option<&Made> {
        self.scoring.made.get(&self.runs.shown()?.path)
    }

    /// True for a score that was made in this session.
    pub fn is_score(&self, run: &Path) -> bool {
        self.scoring.made.get(run).is_some_and(|made| made.is_score)
    }

    /// Colours the graph by what the run on display has: a score shows what it changed of the graphwise errors, and a
    /// run shows again what was shown before scores.
    pub fn follow_run(&mut self) {
        let is_score = self.shown_made().is_some_and(|m| m.is_score);
        match (is_score, self.scoring.heat_before) {
            (true, None) => {
                self.scoring.heat_before = Some((self.graph.heat, self.graph.side));
                self.graph.heat = Heat::Graphwise;
                let compared = self.runs.reference.is_some() && self.runs.reference != self.runs.shown;
                self.graph.side = if compared { HeatSide::Difference } else { HeatSide::Shown };
            }
            (false, Some((heat, side))) if self.runs.shown.is_some() => {
                (self.graph.heat, self.graph.side) = (heat, side);
                self.scoring.heat_before = None;
            }
            _ => {}
        }
    }

    /// Colours by graphwise errors where the run on display measured no layerwise ones: the graph would be grey.
    pub fn colour_by_what_was_measured(&mut self) {
        let Some(run) = self.runs.shown() else { return };
        let layers = &run.report.layers;
        let is_grey = layers.iter().all(|l| l.layerwise_nsr.is_none());
        if self.graph.heat == Heat::Layerwise && is_grey && layers.iter().any(|l| l.graphwise_nsr.is_some()) {
            self.graph.heat = Heat::Graphwise;
        }
    }

    /// True while the figures on display are older than the last change by hand.
    pub fn is_outdated(&self) -> bool {
        let at_work = self.job.as_ref().is_some_and(|j| j.is_score && j.end.is_none());
        self.scoring.wanted || at_work
    }

    /// True when changes by hand are not scored by themselves.
    pub fn scores_on_demand(&self) -> bool {
        self.scoring.long.as_ref() == Some(&self.strategies.chain) || self.strategies.runs_programs()
    }

    /// Why the changes by hand that there are now have no score; `None` when they have one, or wait for it.
    pub fn unscored(&self) -> Option<Unscored> {
        let run = self.runs.shown()?;
        if self.is_outdated() {
            return None;
        }
        let Some(made) = self.scoring.made.get(&run.path) else {
            let now = Document::of(self);
            if self.edits.is_empty() || self.would_make(&now, run) {
                return None;
            }
            let is_base = self.would_make(&now.without_edits(), run);
            return Some(if is_base { Unscored::Earlier } else { Unscored::OtherSettings });
        };
        if made.document.edits == self.edits || !Document::of(self).differs_by_hand_only(&made.document) {
            return None;
        }
        Some(if self.strategies.runs_programs() {
            Unscored::Programs
        } else if self.scores_on_demand() {
            Unscored::Long
        } else {
            Unscored::Ended
        })
    }

    /// True when a job on this document would do what made a run: the same chip, pictures, pre-processing, strategies
    /// and exponents by hand.
    pub fn would_make(&self, document: &Document, run: &Run) -> bool {
        let report = &run.report;
        let folders = document.folders.iter().map(|f| f.path.as_path());
        let theirs = report.calibration.folders.iter().map(std::path::Path::new);
        if document.target.0.name != report.target
            || document.edits.exponents != report.edits
            || !folders.eq(theirs)
        {
            return false;
        }
        let left_out = left_out(report, &document.folders);
        let is_there = |path: &&PathBuf| document.folders.iter().any(|f| path.starts_with(&f.path));
        if !document.leave_out.iter().filter(is_there).eq(&left_out) {
            return false;
        }
        let model = self.model.open.as_ref();
        let own = model.and_then(|m| Preprocessing::of_network(&m.network, &document.preprocessing).ok());
        if own.is_none_or(|own| own.settings() != report.preprocessing_settings) {
            return false;
        }
        let mut strategies = self.strategies.clone();
        strategies.chain.clone_from(&document.chain);
        let as_request = |s: &octet_engine::report::StrategyFacts| StrategyRequest {
            id: s.id.clone(),
            settings: s.requested.clone(),
        };
        let made: Vec<StrategyRequest> = report.strategy.iter().map(as_request).collect();
        let ours = requests(&strategies, &document.edits).ok().and_then(|r| strategies.resolve(&r).ok());
        ours.is_some_and(|ours| strategies.resolve(&made).is_ok_and(|made| made == ours))
    }

    /// Index of a run of the open model that was made from what there is now.
    pub fn run_of(&self, document: &Document) -> Option<usize> {
        let sha256 = self.model.open.as_ref().map(|m| m.sha256.as_str())?;
        self.runs.all.iter().rposition(|run| {
            let made = self.scoring.made.get(&run.path);
            run.report.model.sha256 == sha256 && made.is_some_and(|m| m.document == *document)
        })
    }
}
