//! Actions on the list of runs and their comparison.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::compare::{Comparison, LayerOrder};
use octet_engine::job::StrategyRequest;
use octet_engine::target::TargetSpec;

use super::deploy::look_for_measured;
use super::{Action, Effect, apply};
use crate::window::backend::Backend;
use crate::window::messages::report_problem;
use crate::window::state::{
    ComparePage, DeletedRun, EarlierRun, Place, Problem, Run, RunLabel, Side, State, Step, Target,
};

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
    /// Take target, strategies, pictures and pre-processing of a run.
    RestoreSettings(PathBuf),
    /// Move a run to the trash.
    Delete(PathBuf),
    /// Take the run that was deleted last out of the trash.
    Restore,
    /// Open its folder in the system's file manager.
    OpenFolder(PathBuf),
}

impl RunsAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            RunsAction::ShowPage => "show the runs".to_owned(),
            RunsAction::Describe { run, .. } => format!("describe run {}", run.display()),
            RunsAction::Pin(Some(index)) => format!("run {} as reference", index + 1),
            RunsAction::Pin(None) => "no reference".to_owned(),
            RunsAction::Tick(run) => format!("tick run {}", run.display()),
            RunsAction::Compare => "compare runs".to_owned(),
            RunsAction::SortLayers(_) | RunsAction::ShowLayerwise(_) => "look at the layers".to_owned(),
            RunsAction::CloseComparison => "close the comparison".to_owned(),
            RunsAction::RestoreSettings(run) => format!("settings of run {}", run.display()),
            RunsAction::Delete(run) => format!("delete run {}", run.display()),
            RunsAction::Restore => "restore the deleted run".to_owned(),
            RunsAction::OpenFolder(run) => format!("open {}", run.display()),
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
                runs.reference = index.filter(|i| *i < runs.all.len());
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
                    state.toasts.info("Tick two runs or more to compare them");
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
            RunsAction::RestoreSettings(run) => return restore_settings(state, &run),
            RunsAction::Delete(run) => RunsEffect::Delete(run),
            RunsAction::Restore => {
                let Some(deleted) = runs.deleted.pop() else { return Vec::new() };
                RunsEffect::Restore(Box::new(deleted))
            }
            RunsAction::OpenFolder(run) => RunsEffect::OpenFolder(run),
        };
        vec![Effect::Runs(effect)]
    }
}

fn restore_settings(state: &mut State, path: &Path) -> Vec<Effect> {
    let Some(run) = state.runs.all.iter().find(|r| r.path == path) else { return Vec::new() };
    let (report, label) = (run.report.clone(), state.runs.label(run).cloned().unwrap_or_default());
    let request = |s: &octet_engine::report::StrategyFacts| StrategyRequest {
        id: s.id.clone(),
        settings: s.requested.clone(),
    };
    let requests: Vec<StrategyRequest> = report.strategy.iter().map(request).collect();
    match state.strategies.resolve(&requests) {
        Ok(chain) => state.strategies.chain = chain,
        Err(reason) => {
            let title = "The strategies of this run are not all here";
            report_problem(state, Problem::new(Place::Strategy, title, reason));
        }
    }
    if let Some(spec) = TargetSpec::by_name(&report.target) {
        state.target = Target(spec);
    }
    let model = state.model.open.clone().filter(|m| m.sha256 == report.model.sha256);
    // What the model says anyway is left to it.
    let own = model.as_ref().and_then(|m| {
        octet_engine::pictures::Preprocessing::of_network(&m.network, &Default::default()).ok()
    });
    let own = own.map(|p| p.settings()).unwrap_or_default();
    let differs = |(key, value): &(&String, &String)| own.get(*key) != Some(*value);
    let settings = report.preprocessing_settings.iter().filter(differs);
    state.pictures.preprocessing = settings.map(|(k, v)| (k.clone(), v.clone())).collect();
    state.pictures.folders.clear();
    state.pictures.evaluation = None;
    state.pictures.labels.clone_from(&label.labels);
    let mut effects = Vec::new();
    for folder in &report.calibration.folders {
        effects.extend(apply(state, Action::AddPictures(folder.into())));
    }
    if let Some(folder) = label.evaluation {
        effects.extend(apply(state, Action::SetEvaluation(folder)));
    }
    if model.is_none() {
        effects.extend(apply(state, Action::OpenModel(report.model.path.clone().into())));
    }
    state.toasts.info("Settings of the run restored; Quantize runs them again");
    state.side = Side::Step(Step::Strategy);
    effects
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
    /// Move a run to the trash.
    Delete(PathBuf),
    /// Move a run back.
    Restore(Box<DeletedRun>),
    /// Open a folder in the system's file manager.
    OpenFolder(PathBuf),
}

impl RunsEffect {
    /// Does the work.
    pub fn run(self, backend: &dyn Backend) -> RunsMessage {
        match self {
            RunsEffect::Begin => RunsMessage::Earlier(backend.earlier_runs()),
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
            RunsEffect::Delete(run) => {
                let trash = backend.delete_run(folder(&run));
                RunsMessage::Deleted(run, trash)
            }
            RunsEffect::Restore(deleted) => {
                let result = backend.restore_run(&deleted.trash, deleted.run.folder());
                RunsMessage::Restored(deleted, result)
            }
            RunsEffect::OpenFolder(run) => RunsMessage::Saved(backend.open_folder(folder(&run))),
        }
    }
}

fn folder(run: &Path) -> &Path {
    if run.ends_with("report.json") { run.parent().unwrap_or(run) } else { run }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum RunsMessage {
    /// Runs of earlier sessions.
    Earlier(Vec<EarlierRun>),
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
    /// A run was moved to the trash.
    Deleted(PathBuf, Result<PathBuf, Problem>),
    /// A run was moved back.
    Restored(Box<DeletedRun>, Result<(), Problem>),
}

impl RunsMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        let runs = &mut state.runs;
        match self {
            RunsMessage::Earlier(earlier) => runs.earlier = earlier,
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
            RunsMessage::Deleted(path, Ok(trash)) => {
                let index = runs.all.iter().position(|r| r.path == path);
                if let Some(run) = index.and_then(|i| runs.remove(i)) {
                    runs.deleted.push(DeletedRun { run, trash });
                }
                runs.earlier.retain(|e| e.path != path);
                if state.selection.is_some() && state.runs.shown.is_none() {
                    return apply(state, Action::Select(None));
                }
            }
            RunsMessage::Restored(deleted, Ok(())) => {
                let shown = runs.shown;
                runs.add(deleted.run);
                // It comes back to the list; what is on display stays.
                runs.shown = shown.or(runs.shown);
            }
            RunsMessage::Restored(deleted, Err(problem)) => {
                runs.deleted.push(*deleted);
                report_problem(state, problem);
            }
            RunsMessage::Saved(Err(problem)) | RunsMessage::Deleted(_, Err(problem)) => {
                report_problem(state, problem);
            }
        }
        Vec::new()
    }
}

/// A job is started: notes what its report will not hold.
pub(in crate::window) fn started(state: &mut State) {
    state.runs.asked = Some(RunLabel {
        evaluation: state.pictures.evaluation.as_ref().map(|f| f.path.clone()),
        labels: state.pictures.labels.clone(),
        ..RunLabel::default()
    });
}

/// The job has written this run.
pub(in crate::window) fn finished(state: &mut State, run: &Path) {
    state.runs.fresh = Some(run.to_owned());
}

/// A run was read: its label is read too, or written when the run is new.
pub(in crate::window) fn opened(state: &mut State, run: &Run) -> Vec<Effect> {
    let runs = &mut state.runs;
    runs.earlier.retain(|e| e.path != run.path);
    let is_fresh = runs.fresh.take_if(|fresh| *fresh == run.path).is_some();
    let effect = match runs.asked.take().filter(|_| is_fresh) {
        Some(label) => {
            let label = RunLabel { finished: Some(std::time::SystemTime::now()), ..label };
            runs.labels.insert(run.path.clone(), label.clone());
            RunsEffect::SaveLabel { run: run.path.clone(), label }
        }
        None => RunsEffect::ReadLabel(run.path.clone()),
    };
    vec![Effect::Runs(effect), look_for_measured(run.folder())]
}
