//! The backend that runs Octet's engine.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use octet_engine::host::{Discovery, SearchPath, TrustStore, data_folder, discover};
use octet_engine::job::{JobHandle, Library, QuantizeRequest, Workers, start};
use octet_engine::onnx::{self, OpenError};
use octet_engine::report::{Report, SCHEMA_VERSION};
use octet_engine::run::{RunError, read_report};

use super::inspect::Probes;
use super::{Backend, Example, FoundPlugins, OpenedModel, PicturesBackend, RefusedPlugin};
use crate::demo;
use crate::window::state::{Place, Problem};
use crate::{key, tr};

/// Octet's own engine. It keeps one worker process between jobs.
#[derive(Debug, Default)]
pub struct EngineBackend {
    workers: OnceLock<Workers>,
    /// The last search for plugins: jobs take the libraries from it.
    installed: Mutex<Discovery>,
    /// The run that was looked into last.
    pub(super) probes: Probes,
}

impl EngineBackend {
    pub(super) fn workers(&self) -> Result<&Workers, Problem> {
        if let Some(workers) = self.workers.get() {
            return Ok(workers);
        }
        let started = Workers::of_this_program()
            .map_err(|e| problem(Place::Run, key!("Octet cannot find its own program file"), e))?;
        Ok(self.workers.get_or_init(|| started))
    }

    fn search(&self) -> Result<Discovery, Problem> {
        let workers = self.workers()?;
        let trust = TrustStore::of_user()
            .map_err(|e| problem(Place::Strategy, key!("The list of trusted plugins cannot be read"), e))?;
        Ok(discover(&SearchPath::standard(), &trust, |library: &Path| workers.describe(library)))
    }
}

/// Folders in the data folder: of runs, and of scores of changes by hand.
pub(super) const RUNS: &str = "runs";
pub(super) const SCORES: &str = "scores";
/// Scores that are kept; each takes as much as a run.
const KEPT_SCORES: usize = 16;

/// A folder that does not exist yet, in this one of the data folder.
fn new_folder(kind: &str, label: &str) -> Result<PathBuf, Problem> {
    let title = key!("There is no place for the run");
    let data = data_folder()
        .ok_or_else(|| problem(Place::Run, title, tr!("there is no home directory to keep runs in")))?;
    let folder = data.join(kind);
    let free = (1..10_000).map(|n: u32| folder.join(format!("{label}-{n}"))).find(|path| !path.exists());
    let full = || tr!("%{path} is full", path = folder.join(format!("{label}-*")).display());
    free.ok_or_else(|| problem(Place::Run, title, full()))
}

/// Removes the oldest scores beyond so many.
fn forget_old_scores(scores: &Path, kept: usize) {
    let entries = std::fs::read_dir(scores).into_iter().flatten().filter_map(Result::ok);
    let written = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let mut all: Vec<_> = entries.map(|e| (written(&e.path()), e.path())).collect();
    all.sort();
    for (_, path) in &all[..all.len().saturating_sub(kept)] {
        if let Err(error) = std::fs::remove_dir_all(path) {
            tracing::warn!("an old score stays: {error}: {}", path.display());
        }
    }
}

pub(super) fn problem(place: Place, title: &str, cause: impl Display) -> Problem {
    Problem::new(place, title, cause.to_string())
}

impl PicturesBackend for EngineBackend {}

impl Backend for EngineBackend {
    fn open_model(&self, path: &Path) -> Result<OpenedModel, Problem> {
        let opened = onnx::open(path).map_err(|error| {
            let title = match &error {
                OpenError::Io { .. } => key!("The model cannot be read"),
                OpenError::TooLarge { .. } => key!("The model is too large"),
                OpenError::NotOnnx { .. } => key!("This is not an ONNX model"),
                OpenError::Malformed { .. } => key!("The model is damaged"),
                OpenError::NotAClassifier { .. } => key!("This is not a picture classifier"),
                OpenError::Unsupported { .. } => key!("The model has operations that Octet does not support"),
            };
            problem(Place::Model, title, error)
        })?;
        Ok(OpenedModel { network: opened.network, sha256: opened.sha256, notes: opened.notes })
    }

    fn example(&self) -> Result<Example, Problem> {
        let title = key!("The example cannot be written");
        let folder = data_folder()
            .ok_or_else(|| problem(Place::Model, title, tr!("there is no home directory to keep it in")))?;
        let inputs = demo::unpack(&folder.join("example"))
            .map_err(|e| problem(Place::Model, title, format!("{e:#}")))?;
        Ok(Example { model: inputs.model, pictures: inputs.pictures })
    }

    fn plugins(&self) -> Result<FoundPlugins, Problem> {
        let installed = self.search()?;
        let usable = installed.loaded.iter().map(|found| found.description.clone().into());
        let refused = installed.refused.iter().map(|r| RefusedPlugin {
            path: r.path.clone(),
            reason: r.reason.clone(),
            can_be_trusted: r.untrusted_sha256.is_some(),
        });
        let found = FoundPlugins { usable: usable.collect(), refused: refused.collect() };
        *self.installed.lock().unwrap_or_else(PoisonError::into_inner) = installed;
        Ok(found)
    }

    fn new_run_folder(&self, label: &str) -> Result<PathBuf, Problem> {
        new_folder(RUNS, label)
    }

    fn new_score_folder(&self, label: &str) -> Result<PathBuf, Problem> {
        let folder = new_folder(SCORES, label)?;
        if let Some(scores) = folder.parent() {
            forget_old_scores(scores, KEPT_SCORES - 1);
        }
        Ok(folder)
    }

    fn start(&self, request: QuantizeRequest) -> Result<JobHandle, Problem> {
        let installed = self.installed.lock().unwrap_or_else(PoisonError::into_inner);
        let library = |id: &str| installed.find(id).map(Library::from);
        let libraries: Result<Vec<Library>, String> =
            request.strategies.iter().map(|s| library(&s.id)).collect();
        let libraries = libraries.map_err(|e| problem(Place::Strategy, key!("A strategy is gone"), e))?;
        Ok(start(self.workers()?, request, libraries))
    }

    fn load_report(&self, run: &Path) -> Result<Report, Problem> {
        let report = read_report(run).map_err(|error| {
            let title = match &error {
                RunError::Read { .. } | RunError::NoRun { .. } | RunError::Model { .. } => {
                    key!("This run cannot be read")
                }
                _ => key!("This report is damaged"),
            };
            problem(Place::Run, title, error)
        })?;
        if report.schema > SCHEMA_VERSION {
            let detail = tr!(
                "It has schema %{schema}, this Octet knows %{known}; a newer Octet can show it: %{path}",
                schema = report.schema,
                known = SCHEMA_VERSION,
                path = run.display()
            );
            return Err(problem(Place::Run, key!("This run is from a newer Octet"), detail));
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_scores_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c", "a", "b"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            // File times are coarse.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        forget_old_scores(folder.path(), 2);
        assert!(!folder.path().join("c").exists());
        assert!(folder.path().join("a").exists() && folder.path().join("b").exists());
        forget_old_scores(&folder.path().join("none"), 2);
    }
}
