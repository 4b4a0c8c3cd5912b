//! The settings of a run, chosen again: chip, strategies, pictures, pre-processing and changes by hand, as one change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::job::StrategyRequest;
use octet_engine::pictures::Preprocessing;
use octet_engine::report::{Report, StrategyFacts};
use octet_engine::target::TargetSpec;

use super::{Action, Effect, RunsAction, RunsEffect, changed, show};
use crate::window::backend::Backend;
use crate::window::messages::report_problem;
use crate::window::state::{
    Chosen, Document, Edits, PictureFolder, Place, Problem, Side, State, Step, Target, left_out,
};
use crate::{key, tr};

/// The folders of a run's pictures, looked at.
#[derive(Debug)]
pub struct Listings {
    /// The run.
    pub run: PathBuf,
    folders: Vec<Result<PictureFolder, Problem>>,
    evaluation: Option<Result<PictureFolder, Problem>>,
    labels: Option<PathBuf>,
}

/// The chain of a report, as far as its plugins are here.
fn chain(state: &State, report: &Report) -> Result<Vec<Chosen>, String> {
    let request = |s: &StrategyFacts| StrategyRequest { id: s.id.clone(), settings: s.requested.clone() };
    state.strategies.resolve(&report.strategy.iter().map(request).collect::<Vec<_>>())
}

/// Looks for the pictures of a run, on its own model.
pub(super) fn restore_settings(state: &mut State, path: &Path) -> Vec<Effect> {
    let Some(index) = state.runs.position(path) else { return Vec::new() };
    let run = &state.runs.all[index];
    let (report, label) = (run.report.clone(), state.runs.label(run).cloned().unwrap_or_default());
    if let Err(reason) = chain(state, &report) {
        let title = key!("The strategies of this run are not all here");
        report_problem(state, Problem::new(Place::Strategy, title, reason));
        return Vec::new();
    }
    let fits = state.model.open.as_ref().is_some_and(|m| m.sha256 == report.model.sha256);
    let mut effects = if fits { Vec::new() } else { show::show(state, index) };
    state.runs.restoring = Some(path.to_owned());
    effects.push(Effect::Runs(RunsEffect::ListPictures {
        run: path.to_owned(),
        folders: report.calibration.folders.iter().map(PathBuf::from).collect(),
        evaluation: label.evaluation,
        labels: label.labels,
    }));
    effects
}

/// Looks at the folders; on a thread.
pub(super) fn look(
    backend: &dyn Backend,
    run: PathBuf,
    folders: &[PathBuf],
    evaluation: Option<&Path>,
    labels: Option<PathBuf>,
) -> Listings {
    let folders = folders.iter().map(|folder| backend.list_pictures(folder, None)).collect();
    let evaluation = evaluation.map(|folder| backend.list_pictures(folder, labels.as_deref()));
    Listings { run, folders, evaluation, labels }
}

/// Chooses what the run was made with, as far as it is here.
pub(super) fn restored(state: &mut State, listings: Listings) -> Vec<Effect> {
    let Listings { run: path, folders, evaluation, labels } = listings;
    if state.runs.restoring.take_if(|run| *run == path).is_none() {
        return Vec::new();
    }
    let Some(index) = state.runs.position(&path) else { return Vec::new() };
    let report = state.runs.all[index].report.clone();
    let chain = match chain(state, &report) {
        Ok(chain) if state.model.last_sha256.as_ref() == Some(&report.model.sha256) => chain,
        // Another model was opened meanwhile, or plugins have gone: nothing is changed.
        _ => return Vec::new(),
    };
    let mut missing = Vec::new();
    let mut here = |found: Result<PictureFolder, Problem>| found.map_err(|p| missing.push(p)).ok();
    let folders: Vec<PictureFolder> = folders.into_iter().filter_map(&mut here).collect();
    let evaluation = evaluation.and_then(&mut here);
    let before = Document::of(state);
    let document = Document {
        target: TargetSpec::by_name(&report.target).map_or(state.target, Target),
        leave_out: Arc::new(left_out(&report, &folders)),
        folders,
        evaluation,
        labels,
        preprocessing: differing(state, &report),
        chain,
        // Widths and calibration methods by hand are in the strategies' settings.
        edits: Edits { exponents: report.edits.clone(), ..Edits::default() },
    };
    document.restore(state);
    state.toasts.info(tr!("Settings of the run restored; Quantize runs them again"));
    state.side = Side::Step(Step::Strategy);
    missing.into_iter().for_each(|problem| report_problem(state, problem));
    changed(state, Action::Runs(RunsAction::RestoreSettings(path)), &before, None)
}

/// The pre-processing of a report that differs from what the open model says itself.
fn differing(state: &State, report: &Report) -> BTreeMap<String, String> {
    let model = state.model.open.as_ref().filter(|m| m.sha256 == report.model.sha256);
    let own = model.and_then(|m| Preprocessing::of_network(&m.network, &Default::default()).ok());
    let own = own.map(|p| p.settings()).unwrap_or_default();
    let all = report.preprocessing_settings.iter();
    all.filter(|(k, v)| own.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
