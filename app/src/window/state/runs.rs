//! Finished runs.

use std::path::PathBuf;
use std::sync::Arc;

use octet_engine::report::Report;

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
        let folder = if self.path.ends_with("report.json") { self.path.parent() } else { None };
        let path = folder.unwrap_or(&self.path);
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The figure that tells runs apart: accuracy, else agreement, as a fraction and its name.
    pub fn verdict(&self) -> Option<(f64, &'static str)> {
        let evaluation = self.report.evaluation.as_ref();
        if let Some(accuracy) = evaluation.and_then(|e| e.quantized) {
            return Some((accuracy.top1, "top-1"));
        }
        let agreement = evaluation.map(|e| e.agreement).or(self.report.r#final.agreement)?;
        Some((agreement, "agreement"))
    }
}

/// All runs of this session, newest last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// The runs.
    pub all: Vec<Run>,
    /// Index of the one on display.
    pub shown: Option<usize>,
    /// Index of the one that others are compared with.
    pub reference: Option<usize>,
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

    /// Adds a run, or replaces it when it was there, and displays it.
    pub fn add(&mut self, run: Run) {
        let index = self.all.iter().position(|r| r.path == run.path).unwrap_or(self.all.len());
        if index == self.all.len() {
            self.all.push(run);
        } else {
            self.all[index] = run;
        }
        self.shown = Some(index);
    }
}
