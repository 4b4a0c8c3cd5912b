//! What the window asks for about the list of runs and their comparison.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use octet_engine::compare::{Comparison, LayerOrder, Run, compare};
use octet_engine::host::data_folder;
use octet_engine::run::{replace_file, write_json};

use super::engine::RUNS;
use super::{EngineBackend, trash};
use crate::window::state::{DeletedRun, EarlierRun, Place, Problem, RunLabel};
use crate::{key, tr};

/// Name of [`RunLabel`] in a run folder.
pub(super) const LABEL: &str = "window.json";
/// Name of what goes onto the chip.
const MODEL: &str = "model.espdl";
/// Longer files are no labels.
const MAX_LABEL_BYTES: u64 = 1 << 20;
/// Version of the labels.
const LABEL_SCHEMA: u32 = 1;
/// Runs of earlier sessions that are listed.
const MAX_EARLIER: usize = 100;
/// Runs in the trash that are offered again.
const MAX_DELETED: usize = 10;

/// The part of the [`Backend`](super::Backend) about the list of runs and their comparison.
pub trait RunsBackend {
    /// The folder in which runs and the trash are kept.
    fn runs_data(&self) -> Option<PathBuf> {
        None
    }
    /// Opens a folder in the system's file manager.
    fn open_folder(&self, folder: &Path) -> Result<(), Problem> {
        open::that_detached(folder).map_err(|e| {
            let detail = tr!("%{reason}; the folder is %{path}", reason = e, path = folder.display());
            Problem::new(Place::Run, key!("No file manager could be opened"), detail)
        })
    }

    /// What people say of a run; empty when they say nothing.
    fn read_label(&self, run: &Path) -> RunLabel {
        let path = run.join(LABEL);
        let is_small = fs::metadata(&path).is_ok_and(|m| m.len() <= MAX_LABEL_BYTES);
        let read = || -> Option<RunLabel> {
            serde_json::from_slice(&fs::read(&path).ok()?).inspect_err(log(&path)).ok()
        };
        let label = if is_small { read() } else { None }.unwrap_or_default();
        RunLabel { finished: finished(run), ..label }
    }
    /// Writes what people say of a run into its folder.
    fn save_label(&self, run: &Path, label: &RunLabel) -> Result<(), Problem> {
        let label = RunLabel { schema: LABEL_SCHEMA, ..label.clone() };
        write_json(run, LABEL, &label).map_err(|e| {
            Problem::new(Place::Run, key!("Name and notes of the run could not be saved"), e.to_string())
        })
    }
    /// Compares runs with the first one.
    fn compare(&self, runs: &[PathBuf], order: LayerOrder) -> Result<Comparison, Problem> {
        let runs: Result<Vec<Run>, _> = runs.iter().map(|run| Run::read(run)).collect();
        let runs = runs.map_err(|e| {
            Problem::new(Place::Run, key!("A run cannot be read for the comparison"), e.to_string())
        })?;
        Ok(compare(&runs, 0, order))
    }
    /// Copies a run's model to a file of the user's choice, which is replaced as a whole or not at all.
    fn export_model(&self, run: &Path, to: &Path) -> Result<(), Problem> {
        let model = run.join(MODEL);
        let title = key!("The model could not be exported");
        let failed = |path: &Path, e: std::io::Error| {
            Problem::new(Place::Run, title, format!("{e}: {}", path.display()))
        };
        // Read as a whole before anything is written: it may be asked to replace itself.
        let bytes = fs::read(&model).map_err(|e| failed(&model, e))?;
        replace_file(to, &bytes).map_err(|e| failed(to, e))
    }
    /// Moves a run folder to the trash; returns where it is now.
    fn delete_run(&self, run: &Path) -> Result<PathBuf, Problem> {
        let title = key!("The run could not be deleted");
        let data =
            self.runs_data().ok_or_else(|| tr!("there is no home directory for the trash").into_owned());
        let moved = data.and_then(|data| trash::delete(run, &data));
        moved.map_err(|reason| Problem::new(Place::Run, title, reason))
    }
    /// Moves a run folder back from the trash; returns where it is now.
    fn restore_run(&self, trash: &Path, run: &Path) -> Result<PathBuf, Problem> {
        let title = key!("The run could not be taken back from the trash");
        trash::restore(trash, run).map_err(|reason| Problem::new(Place::Run, title, reason))
    }
    /// Empties the trash of what an earlier session left in it, and lists the runs of earlier sessions, newest first.
    fn earlier_runs(&self) -> Vec<EarlierRun> {
        let Some(data) = self.runs_data() else { return Vec::new() };
        trash::tidy(&data, SystemTime::now());
        let entries = fs::read_dir(data.join(RUNS)).into_iter().flatten().filter_map(Result::ok);
        let mut runs: Vec<EarlierRun> = entries
            .map(|e| e.path())
            .filter(|path| path.join("report.json").is_file())
            .map(|path| EarlierRun { finished: finished(&path), name: self.name_of(&path), path })
            .collect();
        runs.sort_by(|a, b| b.finished.cmp(&a.finished).then_with(|| a.path.cmp(&b.path)));
        runs.truncate(MAX_EARLIER);
        runs
    }
    /// The runs that lie in the trash, newest last.
    fn deleted_runs(&self) -> Vec<DeletedRun> {
        let found = self.runs_data().map(|data| trash::list(&data)).unwrap_or_default();
        let latest = found.len().saturating_sub(MAX_DELETED);
        let deleted = |(trash, folder): (PathBuf, PathBuf)| {
            let given = self.read_label(&trash).name;
            let name = if given.trim().is_empty() { folder_name(&folder) } else { given };
            DeletedRun { name, folder, trash, run: None }
        };
        found.into_iter().skip(latest).map(deleted).collect()
    }
    /// The name that people gave a run, else its folder's.
    fn name_of(&self, run: &Path) -> String {
        let given = self.read_label(run).name;
        if given.trim().is_empty() { folder_name(run) } else { given }
    }
}

impl RunsBackend for EngineBackend {
    fn runs_data(&self) -> Option<PathBuf> {
        data_folder()
    }
}

fn folder_name(run: &Path) -> String {
    run.file_name().unwrap_or(run.as_os_str()).to_string_lossy().into_owned()
}

/// When a run's report was written.
fn finished(run: &Path) -> Option<SystemTime> {
    fs::metadata(run.join("report.json")).and_then(|m| m.modified()).ok()
}

fn log(path: &Path) -> impl Fn(&serde_json::Error) {
    move |error| tracing::warn!("{} is left alone: {error}", path.display())
}
