//! Finished runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::key;
use octet_engine::compare::{Comparison, LayerOrder};
use octet_engine::report::Report;
use serde::{Deserialize, Serialize};

use super::{HeatSide, State};

/// A run and what it found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its folder.
    pub path: PathBuf,
    /// Its report.
    pub report: Arc<Report>,
}

impl Run {
    /// The folder's name.
    pub fn name(&self) -> String {
        let path = self.folder();
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The folder, also where the report in it was opened.
    pub fn folder(&self) -> &Path {
        let folder = if self.path.ends_with("report.json") { self.path.parent() } else { None };
        folder.unwrap_or(&self.path)
    }

    /// Its folder lies elsewhere now.
    pub fn moved_to(&mut self, folder: PathBuf) {
        self.path = if self.path.ends_with("report.json") { folder.join("report.json") } else { folder };
    }

    /// The figure that tells runs apart: accuracy, else agreement, as a fraction and its name.
    pub fn verdict(&self) -> Option<(f64, &'static str)> {
        verdict(&self.report)
    }
}

/// See [`Run::verdict`].
pub fn verdict(report: &Report) -> Option<(f64, &'static str)> {
    let evaluation = report.evaluation.as_ref();
    if let Some(accuracy) = evaluation.and_then(|e| e.quantized) {
        return Some((accuracy.top1, key!("top-1")));
    }
    let agreement = evaluation.map(|e| e.agreement).or(report.r#final.agreement)?;
    Some((agreement, key!("agreement")))
}

/// What people say of a run, and what the window asked for that its report does not hold; `window.json` in its folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLabel {
    /// Version of the form.
    pub schema: u32,
    /// Its name; empty for the folder's.
    pub name: String,
    /// Notes.
    pub notes: String,
    /// The folder that it was evaluated on.
    pub evaluation: Option<PathBuf>,
    /// The table of labels.
    pub labels: Option<PathBuf>,
    /// When the report was written; told by the file system.
    #[serde(skip)]
    pub finished: Option<SystemTime>,
}

/// A run that lies in the trash.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletedRun {
    /// What it was called.
    pub name: String,
    /// Where its folder was.
    pub folder: PathBuf,
    /// Where its folder is now.
    pub trash: PathBuf,
    /// The run as it was listed; `None` where another session deleted it.
    pub run: Option<Run>,
}

/// A run of an earlier session.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierRun {
    /// Its folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// When it was finished.
    pub finished: Option<SystemTime>,
}

/// The page that compares runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparePage {
    /// The folders, the reference first.
    pub runs: Vec<PathBuf>,
    /// The order of the layers.
    pub order: LayerOrder,
    /// The layers' figure is the layerwise error, not the graphwise one.
    pub layerwise: bool,
    /// The comparison, once a thread has made it.
    pub result: Option<Arc<Comparison>>,
}

/// All runs of this session, newest last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// The runs.
    pub all: Vec<Run>,
    /// Index of the one on display.
    pub shown: Option<usize>,
    /// Index of the one that others are held against.
    pub reference: Option<usize>,
    /// Folders of the runs that are ticked for a comparison.
    pub ticked: BTreeSet<PathBuf>,
    /// Names and notes, by path.
    pub labels: BTreeMap<PathBuf, RunLabel>,
    /// What the finished job was asked for, until its run is read.
    pub asked: Option<RunLabel>,
    /// Folder of the run that the job has just finished.
    pub fresh: Option<PathBuf>,
    /// Runs whose reports are being read.
    pub reading: BTreeSet<PathBuf>,
    /// The run that was asked for last.
    pub latest: Option<PathBuf>,
    /// The run whose settings are being restored.
    pub restoring: Option<PathBuf>,
    /// Runs in the trash, newest last.
    pub deleted: Vec<DeletedRun>,
    /// Runs of earlier sessions, newest first.
    pub earlier: Vec<EarlierRun>,
    /// The page that compares runs, while it is open.
    pub comparison: Option<ComparePage>,
    /// The runs whose models were to be exported; a question for a path names one by its place.
    pub exports: Vec<PathBuf>,
}

impl Runs {
    /// The run on display.
    pub fn shown(&self) -> Option<&Run> {
        self.all.get(self.shown?)
    }

    /// The run that the one on display is compared with; not itself.
    pub fn reference(&self) -> Option<&Run> {
        self.all.get(self.reference.filter(|r| self.shown != Some(*r))?)
    }

    /// Place of a run in the list.
    pub fn position(&self, path: &Path) -> Option<usize> {
        self.all.iter().position(|r| r.path == path)
    }

    /// Adds a run, or replaces it when it was there; gives its place.
    pub fn list(&mut self, run: Run) -> usize {
        match self.position(&run.path) {
            Some(index) => {
                self.all[index] = run;
                index
            }
            None => {
                self.all.push(run);
                self.all.len() - 1
            }
        }
    }

    /// Takes note that a report was read: whether its run was asked for last, or `None` when nobody waits for it.
    pub fn arrived(&mut self, path: &Path) -> Option<bool> {
        self.reading.take(path).map(|_| self.latest.as_deref() == Some(path))
    }

    /// Takes a run out; the others keep their roles.
    pub fn remove(&mut self, index: usize) -> Option<Run> {
        if index >= self.all.len() {
            return None;
        }
        let run = self.all.remove(index);
        let moved = |role: Option<usize>| match role {
            Some(at) if at == index => None,
            Some(at) if at > index => Some(at - 1),
            other => other,
        };
        (self.shown, self.reference) = (moved(self.shown), moved(self.reference));
        self.ticked.remove(&run.path);
        Some(run)
    }

    /// What people say of a run.
    pub fn label(&self, run: &Run) -> Option<&RunLabel> {
        self.labels.get(&run.path)
    }

    /// The name that people gave a run, else its folder's.
    pub fn name(&self, run: &Run) -> String {
        let given = self.label(run).map(|l| l.name.trim()).filter(|name| !name.is_empty());
        given.map_or_else(|| run.name(), str::to_owned)
    }

    /// The runs to compare, the reference first: those that are ticked, with the pinned one among them.
    pub fn to_compare(&self) -> Vec<PathBuf> {
        let pinned = self.reference.and_then(|i| self.all.get(i)).map(|r| &r.path);
        let ticked = self.all.iter().map(|r| &r.path).filter(|p| self.ticked.contains(*p));
        let others = ticked.filter(|p| Some(*p) != pinned);
        pinned.into_iter().chain(others).cloned().collect()
    }
}

impl State {
    /// Compares the run on display with another one, or with none; the graph shows the difference.
    pub fn hold_against(&mut self, index: Option<usize>) {
        self.runs.reference = index.filter(|i| *i < self.runs.all.len());
        let is_set = self.runs.reference.is_some();
        self.graph.side = if is_set { HeatSide::Difference } else { HeatSide::Shown };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_another_version_is_read_as_far_as_it_is_known() {
        let label: RunLabel = serde_json::from_str(r#"{"name":"größer","colour":"red"}"#).unwrap();
        assert_eq!((label.name.as_str(), label.notes.as_str()), ("größer", ""));
    }
}
