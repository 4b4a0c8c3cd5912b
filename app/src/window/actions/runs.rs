//! Actions on the list of runs and their comparison.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::compare::{Comparison, LayerOrder};

use super::restore::{self, Listings};
use super::{Action, Effect, apply, show};
use crate::tr;
use crate::window::backend::{Backend, Pick};
use crate::window::messages::report_problem;
use crate::window::state::{ComparePage, DeletedRun, EarlierRun, Problem, RunLabel, Side, State};

/// Something the user does. Runs are named by their paths, as they were opened.
#[derive(Debug, Clone, PartialEq)]
pub enum RunsAction {
    /// Show the page of runs.
    ShowPage,
    /// Give a run another name and other notes.
    Describe {
        /// The run.
        run: PathBuf,
        /// Empty for the folder's name.
        name: String,
        /// Notes.
        notes: String,
    },
    /// Hold the others against this one, or against none.
    Pin(Option<usize>),
    /// Tick a run for the comparison, or take it out.
    Tick(PathBuf),
    /// Compare what is ticked.
    Compare,
    /// Change the order of the layers.
    SortLayers(LayerOrder),
    /// Show the layerwise errors, or the graphwise ones.
    ShowLayerwise(bool),
    /// Close the comparison.
    CloseComparison,
    /// Display a run of the list.
    Show(PathBuf),
    /// Take target, strategies, pictures, pre-processing and changes by hand of a run.
    RestoreSettings(PathBuf),
    /// Move a run to the trash.
    Delete(PathBuf),
    /// Take the run that was deleted last out of the trash.
    Restore,
    /// Open its folder in the system's file manager.
    OpenFolder(PathBuf),
    /// Ask where to put a copy of a run's model.
    AskExport(PathBuf),
    /// Put the copy that was asked for there.
    Export {
        /// Place of the run in [`Runs::exports`](crate::window::state::Runs::exports).
        asked: usize,
        /// The new file.
        to: PathBuf,
    },
}

impl RunsAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            RunsAction::ShowPage => tr!("show the runs").into_owned(),
            RunsAction::Describe { run, .. } => {
                tr!("describe run %{path}", path = run.display()).into_owned()
            }
            RunsAction::Pin(Some(index)) => tr!("run %{n} as reference", n = index + 1).into_owned(),
            RunsAction::Pin(None) => tr!("no reference").into_owned(),
            RunsAction::Tick(run) => tr!("tick run %{path}", path = run.display()).into_owned(),
            RunsAction::Compare => tr!("compare runs").into_owned(),
            RunsAction::SortLayers(_) | RunsAction::ShowLayerwise(_) => {
                tr!("look at the layers").into_owned()
            }
            RunsAction::CloseComparison => tr!("close the comparison").into_owned(),
            RunsAction::Show(run) => tr!("show run %{n}", n = run.display()).into_owned(),
            RunsAction::RestoreSettings(run) => {
                tr!("settings of run %{path}", path = run.display()).into_owned()
            }
            RunsAction::Delete(run) => tr!("delete run %{path}", path = run.display()).into_owned(),
            RunsAction::Restore => tr!("restore the deleted run").into_owned(),
            RunsAction::OpenFolder(run) => tr!("open %{path}", path = run.display()).into_owned(),
            RunsAction::AskExport(_) => tr!("export the model").into_owned(),
            RunsAction::Export { to, .. } => {
                tr!("export the model as %{path}", path = to.display()).into_owned()
            }
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        let runs = &mut state.runs;
        let effect = match self {
            RunsAction::ShowPage => {
                state.side = Side::Runs;
                return Vec::new();
            }
            RunsAction::Describe { run, name, notes } => {
                let label = runs.labels.entry(run.clone()).or_default();
                let described = RunLabel { name, notes, ..label.clone() };
                if *label == described {
                    return Vec::new();
                }
                label.clone_from(&described);
                RunsEffect::SaveLabel { run, label: described }
            }
            RunsAction::Pin(index) => {
                state.hold_against(index);
                return Vec::new();
            }
            RunsAction::Tick(run) => {
                if !runs.ticked.remove(&run) {
                    runs.ticked.insert(run);
                }
                return Vec::new();
            }
            RunsAction::Compare => {
                let paths = runs.to_compare();
                if paths.len() < 2 {
                    state.toasts.info(tr!("Tick two runs or more to compare them"));
                    return Vec::new();
                }
                runs.comparison = Some(ComparePage {
                    runs: paths.clone(),
                    order: LayerOrder::Change,
                    layerwise: false,
                    result: None,
                });
                RunsEffect::Compare { runs: paths, order: LayerOrder::Change }
            }
            RunsAction::SortLayers(order) => {
                let Some(page) = &mut runs.comparison else { return Vec::new() };
                page.order = order;
                RunsEffect::Compare { runs: page.runs.clone(), order }
            }
            RunsAction::ShowLayerwise(layerwise) => {
                if let Some(page) = &mut runs.comparison {
                    page.layerwise = layerwise;
                }
                return Vec::new();
            }
            RunsAction::CloseComparison => {
                runs.comparison = None;
                return Vec::new();
            }
            RunsAction::Show(run) => {
                let index = runs.position(&run);
                return index.map_or_else(Vec::new, |index| apply(state, Action::ShowRun(index)));
            }
            RunsAction::RestoreSettings(run) => return restore::restore_settings(state, &run),
            RunsAction::Delete(run) => RunsEffect::Delete(run),
            RunsAction::Restore => {
                let Some(deleted) = runs.deleted.pop() else { return Vec::new() };
                RunsEffect::Restore(Box::new(deleted))
            }
            RunsAction::OpenFolder(run) => RunsEffect::OpenFolder(run),
            RunsAction::AskExport(run) => {
                // Another run may be on display by the time of the answer, or asked for too.
                let known = runs.exports.iter().position(|asked| *asked == run);
                let asked = known.unwrap_or_else(|| {
                    runs.exports.push(run);
                    runs.exports.len() - 1
                });
                return vec![Effect::Ask(Pick::ExportModel(asked))];
            }
            RunsAction::Export { asked, to } => {
                let Some(run) = runs.exports.get(asked).cloned() else { return Vec::new() };
                RunsEffect::Export { run, to }
            }
        };
        vec![Effect::Runs(effect)]
    }
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum RunsEffect {
    /// Empty the trash, and list the runs of earlier sessions.
    Begin,
    /// Read what people say of a run.
    ReadLabel(PathBuf),
    /// Write what people say of a run.
    SaveLabel {
        /// The run.
        run: PathBuf,
        /// What they say.
        label: RunLabel,
    },
    /// Compare runs with the first one.
    Compare {
        /// The runs.
        runs: Vec<PathBuf>,
        /// The order of the layers.
        order: LayerOrder,
    },
    /// Look at the folders of a run's pictures.
    ListPictures {
        /// The run.
        run: PathBuf,
        /// To calibrate with.
        folders: Vec<PathBuf>,
        /// For the evaluation.
        evaluation: Option<PathBuf>,
        /// CSV of the classes.
        labels: Option<PathBuf>,
    },
    /// Move a run to the trash.
    Delete(PathBuf),
    /// Move a run back.
    Restore(Box<DeletedRun>),
    /// Open a folder in the system's file manager.
    OpenFolder(PathBuf),
    /// Copy a run's model.
    Export {
        /// The run.
        run: PathBuf,
        /// The new file.
        to: PathBuf,
    },
}

impl RunsEffect {
    /// Does the work.
    pub fn run(self, backend: &dyn Backend) -> RunsMessage {
        match self {
            RunsEffect::Begin => {
                let earlier = backend.earlier_runs();
                RunsMessage::Earlier { earlier, deleted: backend.deleted_runs() }
            }
            RunsEffect::ReadLabel(run) => {
                let label = backend.read_label(folder(&run));
                RunsMessage::Label(run, label)
            }
            RunsEffect::SaveLabel { run, label } => {
                RunsMessage::Saved(backend.save_label(folder(&run), &label))
            }
            RunsEffect::Compare { runs, order } => {
                let result = backend.compare(&runs, order).map(Box::new);
                RunsMessage::Compared { runs, order, result }
            }
            RunsEffect::ListPictures { run, folders, evaluation, labels } => {
                let listings = restore::look(backend, run, &folders, evaluation.as_deref(), labels);
                RunsMessage::Listed(Box::new(listings))
            }
            RunsEffect::Delete(run) => {
                let trash = backend.delete_run(folder(&run));
                RunsMessage::Deleted(run, trash)
            }
            RunsEffect::Restore(deleted) => {
                let result = backend.restore_run(&deleted.trash, &deleted.folder);
                let is_gone = result.is_err() && !deleted.trash.exists();
                RunsMessage::Restored { deleted, result, is_gone }
            }
            RunsEffect::OpenFolder(run) => RunsMessage::Saved(backend.open_folder(folder(&run))),
            RunsEffect::Export { run, to } => {
                RunsMessage::Exported(backend.export_model(folder(&run), &to).map(|()| to))
            }
        }
    }
}

/// The file that a model is exported to.
pub(super) fn with_ending(mut path: PathBuf) -> PathBuf {
    if path.extension().is_none() {
        path.set_extension("espdl");
    }
    path
}

fn folder(run: &Path) -> &Path {
    if run.ends_with("report.json") { run.parent().unwrap_or(run) } else { run }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum RunsMessage {
    /// What earlier sessions left.
    Earlier {
        /// Their runs.
        earlier: Vec<EarlierRun>,
        /// Those that they deleted and that are still in the trash, newest last.
        deleted: Vec<DeletedRun>,
    },
    /// What people say of a run.
    Label(PathBuf, RunLabel),
    /// Something was written or opened, or not.
    Saved(Result<(), Problem>),
    /// Runs were compared.
    Compared {
        /// The runs.
        runs: Vec<PathBuf>,
        /// The order of the layers.
        order: LayerOrder,
        /// The comparison.
        result: Result<Box<Comparison>, Problem>,
    },
    /// The folders of a run's pictures were looked at.
    Listed(Box<Listings>),
    /// A run was moved to the trash.
    Deleted(PathBuf, Result<PathBuf, Problem>),
    /// A run was moved back.
    Restored {
        /// What was in the trash.
        deleted: Box<DeletedRun>,
        /// Where its folder is now, or why it could not be moved.
        result: Result<PathBuf, Problem>,
        /// It is no longer in the trash: somebody else took it out, or emptied it.
        is_gone: bool,
    },
    /// A model was copied to this file, or not.
    Exported(Result<PathBuf, Problem>),
}

impl RunsMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        let runs = &mut state.runs;
        match self {
            RunsMessage::Earlier { earlier, mut deleted } => {
                runs.earlier = earlier;
                // What was deleted while the trash was looked at is known better.
                deleted.retain(|old| runs.deleted.iter().all(|known| known.trash != old.trash));
                runs.deleted.splice(0..0, deleted);
            }
            RunsMessage::Label(run, label) => {
                runs.labels.insert(run, label);
            }
            RunsMessage::Saved(Ok(())) => {}
            RunsMessage::Compared { runs: paths, order, result } => {
                let page = runs.comparison.as_mut().filter(|p| p.runs == paths && p.order == order);
                match (page, result) {
                    (Some(page), Ok(comparison)) => page.result = Some(Arc::new(*comparison)),
                    (Some(_), Err(problem)) => {
                        runs.comparison = None;
                        report_problem(state, problem);
                    }
                    (None, _) => {}
                }
            }
            RunsMessage::Listed(listings) => return restore::restored(state, *listings),
            RunsMessage::Deleted(path, Ok(trash)) => {
                let index = runs.position(&path);
                if let Some(run) = index.and_then(|i| runs.remove(i)) {
                    let (name, folder) = (runs.name(&run), run.folder().to_owned());
                    runs.deleted.push(DeletedRun { name, folder, trash, run: Some(run) });
                }
                runs.earlier.retain(|e| e.path != path);
                if state.selection.is_some() && state.runs.shown.is_none() {
                    return apply(state, Action::Select(None));
                }
            }
            RunsMessage::Restored { deleted, result: Ok(folder), .. } => {
                let Some(mut run) = deleted.run else { return apply(state, Action::OpenRun(folder)) };
                run.moved_to(folder);
                let mut effects = vec![Effect::Runs(RunsEffect::ReadLabel(run.path.clone()))];
                let index = runs.list(run);
                // It comes back to the list; what is on display stays.
                if runs.shown.is_none() {
                    effects.extend(show::show(state, index));
                }
                return effects;
            }
            RunsMessage::Restored { deleted, result: Err(problem), is_gone } => {
                // To the end of the queue, so that it does not stand before the others.
                if !is_gone {
                    runs.deleted.insert(0, *deleted);
                }
                report_problem(state, problem);
            }
            RunsMessage::Exported(Ok(path)) => {
                state.toasts.info(tr!("Saved %{path}", path = path.display()));
            }
            // It belongs to no step: the run is as good as before.
            RunsMessage::Exported(Err(problem)) => state.toasts.problem(&problem),
            RunsMessage::Saved(Err(problem)) | RunsMessage::Deleted(_, Err(problem)) => {
                report_problem(state, problem);
            }
        }
        Vec::new()
    }
}
