//! What a run is made of and the user can change: all that undo brings back and a project keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use octet_engine::pictures::LEFT_OUT;
use octet_engine::report::Report;

use super::pictures::named;
use super::{Chosen, Edits, PictureFolder, State, Target};

/// A copy of everything that can be undone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The chip.
    pub target: Target,
    /// Calibration pictures.
    pub folders: Vec<PictureFolder>,
    /// Evaluation pictures.
    pub evaluation: Option<PictureFolder>,
    /// CSV with the classes of the evaluation pictures.
    pub labels: Option<PathBuf>,
    /// Pre-processing that differs from the model's own.
    pub preprocessing: BTreeMap<String, String>,
    /// Calibration pictures that are not used.
    pub leave_out: Arc<BTreeSet<PathBuf>>,
    /// The strategies with their settings.
    pub chain: Vec<Chosen>,
    /// Changes by hand.
    pub edits: Edits,
}

/// The pictures of these folders that a run did without.
pub(in crate::window) fn left_out(report: &Report, folders: &[PictureFolder]) -> BTreeSet<PathBuf> {
    let skipped = report.calibration.skipped.iter().filter(|s| s.reason == LEFT_OUT);
    named(folders, skipped.map(|s| s.file.as_str()))
}

impl Document {
    /// As it is now.
    pub fn of(state: &State) -> Self {
        Self {
            target: state.target,
            folders: state.pictures.folders.clone(),
            evaluation: state.pictures.evaluation.clone(),
            labels: state.pictures.labels.clone(),
            preprocessing: state.pictures.preprocessing.clone(),
            leave_out: state.pictures.leave_out.clone(),
            chain: state.strategies.chain.clone(),
            edits: state.edits.clone(),
        }
    }

    /// The same as if nothing had been changed by hand.
    pub fn without_edits(self) -> Self {
        Self { edits: Edits::default(), ..self }
    }

    /// Makes the state what it was.
    pub fn restore(self, state: &mut State) {
        state.target = self.target;
        state.pictures.folders = self.folders;
        state.pictures.evaluation = self.evaluation;
        state.pictures.labels = self.labels;
        state.pictures.preprocessing = self.preprocessing;
        state.pictures.leave_out = self.leave_out;
        state.strategies.chain = self.chain;
        state.edits = self.edits;
    }

    /// True when `other` differs in what the user changed by hand alone, so that a score compares the two.
    pub fn differs_by_hand_only(&self, other: &Document) -> bool {
        let same_edits = Document { edits: other.edits.clone(), ..self.clone() };
        self.edits != other.edits && same_edits == *other
    }
}
