//! Which run is on display: reports that were read, runs of the list, and what follows from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::report::Report;
use octet_engine::target::TargetSpec;

use super::deploy::look_for_measured;
use super::{Action, Effect, RunsEffect, apply};
use crate::tr;
use crate::window::messages::report_problem;
use crate::window::state::{Document, Problem, Run, RunLabel, Side, State, Step, Target};

/// Displays a run of the list on its own model; another one that is open is closed, and what was changed on it by hand
/// is kept.
pub(super) fn show(state: &mut State, index: usize) -> Vec<Effect> {
    let Some(run) = state.runs.all.get(index) else {
        state.runs.shown = None;
        return Vec::new();
    };
    let (path, sha256) = (PathBuf::from(&run.report.model.path), run.report.model.sha256.clone());
    state.runs.shown = Some(index);
    state.turn_to(&sha256);
    state.follow_run();
    state.colour_by_what_was_measured();
    if state.model.open.as_ref().is_some_and(|m| m.sha256 == sha256) {
        // The other one that was being opened is not wanted any more.
        state.model.opening = None;
        return Vec::new();
    }
    state.model.open = None;
    state.marked.clear();
    apply(state, Action::OpenModel(path))
}

/// A run's report was read. A job's run of a model that is no longer open is listed and told of, not shown.
pub(in crate::window) fn read(
    state: &mut State,
    path: PathBuf,
    result: Result<Box<Report>, Problem>,
) -> Vec<Effect> {
    let Some(is_latest) = state.runs.arrived(&path) else { return Vec::new() };
    let report = match result {
        Ok(report) => *report,
        Err(problem) => {
            report_problem(state, problem);
            return Vec::new();
        }
    };
    let is_own = state.runs.fresh.as_ref() == Some(&path);
    let elsewhere = is_elsewhere(state, &report);
    let run = Run { path: path.clone(), report: Arc::new(report) };
    let mut effects = vec![label(state, &run), look_for_measured(run.folder())];
    let target = TargetSpec::by_name(&run.report.target).map(Target);
    let index = state.runs.list(run);
    if !is_latest || is_own && elsewhere {
        if is_own && elsewhere {
            let name = state.runs.all[index].name();
            state.toasts.run(
                tr!("%{run} is done; it is of another model than the one that is open", run = name),
                path,
            );
        }
        return effects;
    }
    let was_empty = state.model.last_sha256.is_none();
    effects.extend(show(state, index));
    // Whoever changes an operation goes on looking at it.
    if state.shown_made().is_none_or(|made| !made.is_score) {
        state.side = Side::Step(Step::Errors);
        state.selection = None;
    }
    // A job's own run was made for the chip that was chosen when it started; another one may be chosen by now.
    let target = target.filter(|_| !state.scoring.made.contains_key(&path));
    if let Some(target) = target.filter(|target| *target != state.target) {
        let before = Document::of(state);
        state.target = target;
        if !was_empty {
            state.history.note(Action::SetTarget(target.0.name), before, None);
        }
        state.scoring.generation += 1;
        state.scoring.wanted = false;
    }
    effects
}

/// True when the window is at another model than the report's.
fn is_elsewhere(state: &State, report: &Report) -> bool {
    let model = &state.model;
    match (&model.opening, &model.open) {
        (Some(opening), _) => *opening != Path::new(&report.model.path),
        (None, Some(open)) => open.sha256 != report.model.sha256,
        (None, None) => false,
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

/// The label of a run that was read: read too, or written when the run is new.
fn label(state: &mut State, run: &Run) -> Effect {
    let runs = &mut state.runs;
    runs.earlier.retain(|e| e.path != run.path);
    let is_fresh = runs.fresh.take_if(|fresh| *fresh == run.path).is_some();
    let asked = if is_fresh { runs.asked.take() } else { None };
    Effect::Runs(match asked {
        Some(label) => {
            let label = RunLabel { finished: Some(std::time::SystemTime::now()), ..label };
            runs.labels.insert(run.path.clone(), label.clone());
            RunsEffect::SaveLabel { run: run.path.clone(), label }
        }
        None => RunsEffect::ReadLabel(run.path.clone()),
    })
}
