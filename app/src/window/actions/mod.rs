//! Everything a user can do, as data: views hand back actions, [`apply`] changes the state. What takes time comes
//! out as [`Effect`]s, which [`tasks`](super::tasks) carry out.

mod edit;
mod graph;
mod inspect;
mod pictures;
mod project;
mod runs;
mod strategy;

pub use edit::{EditAction, EditEffect, EditMessage};
pub use graph::{GraphAction, GraphEffect, GraphMessage};
pub use inspect::{InspectAction, InspectEffect, InspectMessage};
pub use pictures::{PicturesAction, PicturesEffect, PicturesMessage, refresh};
pub(super) use pictures::{input_format, labels_refused};
pub use project::{ProjectAction, ProjectEffect, ProjectMessage};
pub use runs::{RunsAction, RunsEffect, RunsMessage};
pub(super) use runs::{finished, opened};
pub use strategy::{StrategyAction, StrategyEffect, StrategyMessage};

use std::path::PathBuf;
use std::time::Instant;

use octet_engine::job::QuantizeRequest;
use octet_engine::target::TargetSpec;
use serde_json::Value;

use super::backend::Pick;
use super::graph::Camera;
use super::state::{Column, Heat, Job, PathField, Place, Side, State, Step, Target, ThemeChoice, rows};

/// Where views put actions.
pub type Actions = Vec<Action>;

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Show a dialog for a path.
    Ask(Pick),
    /// Show the field for a path instead.
    ShowPathField(Pick),
    /// Type in the field.
    EditPath(String),
    /// Take the field's path.
    SubmitPath,
    /// Close the field.
    ClosePathField,
    /// Something was dropped.
    Drop(Vec<PathBuf>),
    /// Open a model.
    OpenModel(PathBuf),
    /// Open the model that comes with the program.
    OpenExample,
    /// Open a run folder.
    OpenRun(PathBuf),
    /// Display a run of the list.
    ShowRun(usize),
    /// Add a folder to calibrate with.
    AddPictures(PathBuf),
    /// Take a folder out.
    RemovePictures(usize),
    /// Evaluate on this folder.
    SetEvaluation(PathBuf),
    /// Evaluate on nothing.
    ClearEvaluation,
    /// Choose the chip, by name.
    SetTarget(&'static str),
    /// Make one strategy the whole chain.
    OnlyStrategy(String),
    /// Add a strategy at the end of the chain, or take it out.
    ToggleStrategy(String),
    /// Set a value of a strategy.
    Set {
        /// The strategy.
        id: String,
        /// The setting.
        key: String,
        /// The value.
        value: Value,
    },
    /// Quantize.
    Start,
    /// End the running job.
    Cancel,
    /// Ends the running strategy and goes on with the best that it found.
    FinishEarly,
    /// Show or hide the log.
    ToggleLog,
    /// Select an operation by name, or nothing.
    Select(Option<String>),
    /// Select the row this far below the selected one.
    MoveSelection(i32),
    /// Open or close a group of the graph.
    ToggleGroup(usize),
    /// Open or close all groups.
    OpenAllGroups(bool),
    /// Look at another part of the graph.
    Look(Camera),
    /// Keep all of the graph in view.
    Fit,
    /// Colour the graph by another figure.
    SetHeat(Heat),
    /// A heading was clicked.
    SortBy(Column),
    /// Show a step's page.
    ShowStep(Step),
    /// Show or hide the rest of a message.
    ToggleToast(u64),
    /// Copy a message.
    CopyToast(u64),
    /// Take a message away.
    DismissToast(u64),
    /// Look for plugins again.
    FindPlugins,
    /// Load this plugin from now on.
    Trust(PathBuf),
    /// Change the colours.
    SetTheme(ThemeChoice),
    /// On the canvas: what is seen of it, and what colours it.
    Graph(GraphAction),
    /// On the inspector and the picture that is tried.
    Inspect(InspectAction),
    /// On pictures, their pre-processing and labels.
    Pictures(PicturesAction),
    /// On the chain of strategies and the plugins.
    Strategy(StrategyAction),
    /// On the list of runs and their comparison.
    Runs(RunsAction),
    /// On changes by hand, and undoing them.
    Edit(EditAction),
    /// On projects, recent files and the journal.
    Project(ProjectAction),
}

impl Action {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            Action::Ask(what) | Action::ShowPathField(what) => what.title().to_owned(),
            Action::EditPath(_) => "edit the path".to_owned(),
            Action::SubmitPath => "take the path".to_owned(),
            Action::ClosePathField => "close the path field".to_owned(),
            Action::Drop(paths) => format!("drop {} item(s)", paths.len()),
            Action::OpenModel(path) => format!("open {}", path.display()),
            Action::OpenExample => "open the example".to_owned(),
            Action::OpenRun(path) => format!("open run {}", path.display()),
            Action::ShowRun(index) => format!("show run {}", index + 1),
            Action::AddPictures(path) => format!("calibrate with {}", path.display()),
            Action::RemovePictures(_) => "remove a folder".to_owned(),
            Action::SetEvaluation(path) => format!("evaluate on {}", path.display()),
            Action::ClearEvaluation => "evaluate on nothing".to_owned(),
            Action::SetTarget(name) => format!("target {name}"),
            Action::OnlyStrategy(id) | Action::ToggleStrategy(id) => format!("strategy {id}"),
            Action::Set { key, value, .. } => format!("{key} to {value}"),
            Action::Start => "quantize".to_owned(),
            Action::FinishEarly => "keep the best so far".to_owned(),
            Action::Cancel => "cancel the job".to_owned(),
            Action::ToggleLog => "show or hide the log".to_owned(),
            Action::Select(Some(name)) => format!("select {name}"),
            Action::Select(None) => "select nothing".to_owned(),
            Action::MoveSelection(_) => "move the selection".to_owned(),
            Action::ToggleGroup(_) | Action::OpenAllGroups(_) => "open or close blocks".to_owned(),
            Action::Look(_) => "look elsewhere".to_owned(),
            Action::Fit => "fit the graph".to_owned(),
            Action::SetHeat(heat) => format!("colour by {}", heat.words()),
            Action::SortBy(column) => format!("sort by {}", column.title()),
            Action::ShowStep(step) => format!("show {}", step.title()),
            Action::ToggleToast(_) => "show details".to_owned(),
            Action::CopyToast(_) => "copy a message".to_owned(),
            Action::DismissToast(_) => "dismiss a message".to_owned(),
            Action::FindPlugins => "look for plugins".to_owned(),
            Action::Trust(path) => format!("trust {}", path.display()),
            Action::SetTheme(_) => "change the colours".to_owned(),
            Action::Graph(action) => action.name(),
            Action::Inspect(action) => action.name(),
            Action::Pictures(action) => action.name(),
            Action::Strategy(action) => action.name(),
            Action::Runs(action) => action.name(),
            Action::Edit(action) => action.name(),
            Action::Project(action) => action.name(),
        }
    }
}

/// Something that takes time or reaches outside the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Show a dialog.
    Ask(Pick),
    /// Find out what was dropped, then do it.
    Drop(Vec<PathBuf>),
    /// Find out what hovers.
    LookAtHover(Vec<PathBuf>),
    /// Read a model.
    OpenModel(PathBuf),
    /// Write the example, then read it.
    OpenExample,
    /// Read a run's report.
    OpenRun(PathBuf),
    /// Look what a folder holds.
    ListPictures {
        /// The folder.
        path: PathBuf,
        /// For the evaluation.
        evaluation: bool,
        /// CSV of the classes.
        labels: Option<PathBuf>,
    },
    /// Look for plugins.
    FindPlugins,
    /// Remember the user's trust in a plugin.
    Trust(PathBuf),
    /// Start a job in a new run folder.
    Start {
        /// What to do; `out` is filled in later.
        request: Box<QuantizeRequest>,
        /// How the run folder's name starts.
        label: String,
    },
    /// Put a text on the clipboard.
    Copy(String),
    /// Change the colours.
    SetTheme(ThemeChoice),
    /// On the canvas: what is seen of it, and what colours it.
    Graph(GraphEffect),
    /// On the inspector and the picture that is tried.
    Inspect(InspectEffect),
    /// On pictures, their pre-processing and labels.
    Pictures(PicturesEffect),
    /// On the chain of strategies and the plugins.
    Strategy(StrategyEffect),
    /// On the list of runs and their comparison.
    Runs(RunsEffect),
    /// On changes by hand, and undoing them.
    Edit(EditEffect),
    /// On projects, recent files and the journal.
    Project(ProjectEffect),
}

/// Does what the user wants; what takes time is handed back.
pub fn apply(state: &mut State, action: Action) -> Vec<Effect> {
    tracing::debug!(target: "octet::actions", "{}", action.name());
    match action {
        Action::Ask(what) => vec![Effect::Ask(what)],
        Action::ShowPathField(what) => {
            state.path_field = Some(PathField { what, text: String::new() });
            Vec::new()
        }
        Action::EditPath(text) => {
            if let Some(field) = &mut state.path_field {
                field.text = text;
            }
            Vec::new()
        }
        Action::SubmitPath => submit_path(state),
        Action::ClosePathField => {
            state.path_field = None;
            Vec::new()
        }
        Action::Drop(paths) => vec![Effect::Drop(paths)],
        Action::OpenModel(path) => {
            state.problems.remove(&Place::Model);
            state.model.opening = Some(path.clone());
            vec![Effect::OpenModel(path)]
        }
        Action::OpenExample => {
            state.problems.remove(&Place::Model);
            vec![Effect::OpenExample]
        }
        Action::OpenRun(path) => {
            state.problems.remove(&Place::Run);
            vec![Effect::OpenRun(path)]
        }
        Action::ShowRun(index) => {
            state.runs.shown = Some(index).filter(|i| *i < state.runs.all.len());
            state.side = Side::Step(Step::Errors);
            Vec::new()
        }
        Action::AddPictures(path) => {
            state.problems.remove(&Place::Pictures);
            state.pictures.pending += 1;
            vec![Effect::ListPictures { path, evaluation: false, labels: None }]
        }
        Action::RemovePictures(index) => {
            if index < state.pictures.folders.len() {
                state.pictures.folders.remove(index);
            }
            Vec::new()
        }
        Action::SetEvaluation(path) => {
            state.problems.remove(&Place::Pictures);
            state.pictures.pending += 1;
            vec![Effect::ListPictures { path, evaluation: true, labels: state.pictures.labels.clone() }]
        }
        Action::ClearEvaluation => {
            state.pictures.evaluation = None;
            Vec::new()
        }
        Action::Start => start(state),
        Action::FinishEarly => {
            if let Some(job) = state.job.as_mut().filter(|j| j.end.is_none() && j.can_finish) {
                job.finishing = true;
                if let Some(cancel) = &job.cancel {
                    cancel.finish_early();
                }
            }
            Vec::new()
        }
        Action::Cancel => {
            if let Some(job) = state.job.as_mut().filter(|j| j.end.is_none()) {
                job.cancelling = true;
                if let Some(cancel) = &job.cancel {
                    cancel.cancel();
                }
            }
            Vec::new()
        }
        Action::ToggleToast(id) => {
            if let Some(toast) = state.toasts.get_mut(id) {
                toast.shows_detail = !toast.shows_detail;
            }
            Vec::new()
        }
        Action::CopyToast(id) => {
            let toast = state.toasts.get_mut(id).map(|t| format!("{}\n{}", t.title, t.detail));
            toast.map(|text| Effect::Copy(text.trim().to_owned())).into_iter().collect()
        }
        Action::DismissToast(id) => {
            state.toasts.dismiss(id);
            Vec::new()
        }
        Action::FindPlugins => vec![Effect::FindPlugins],
        Action::Trust(path) => vec![Effect::Trust(path)],
        Action::SetTheme(theme) => {
            state.theme = theme;
            vec![Effect::SetTheme(theme)]
        }
        Action::Graph(action) => action.apply(state),
        Action::Inspect(action) => action.apply(state),
        Action::Pictures(action) => action.apply(state),
        Action::Strategy(action) => action.apply(state),
        Action::Runs(action) => action.apply(state),
        Action::Edit(action) => action.apply(state),
        Action::Project(action) => action.apply(state),
        chosen @ (Action::SetTarget(_)
        | Action::OnlyStrategy(_)
        | Action::ToggleStrategy(_)
        | Action::Set { .. }) => {
            choose(state, chosen);
            Vec::new()
        }
        looked => {
            look(state, looked);
            Vec::new()
        }
    }
}

/// Target and strategies.
fn choose(state: &mut State, action: Action) {
    state.problems.remove(&Place::Strategy);
    match action {
        Action::SetTarget(name) => {
            if let Some(spec) = TargetSpec::by_name(name) {
                state.target = Target(spec);
            }
        }
        Action::OnlyStrategy(id) => state.strategies.only(&id),
        Action::ToggleStrategy(id) => state.strategies.toggle(&id),
        Action::Set { id, key, value } => state.strategies.set(&id, &key, value),
        _ => {}
    }
}

/// What only changes what is seen.
fn look(state: &mut State, action: Action) {
    match action {
        Action::Select(name) => select(state, name),
        Action::MoveSelection(by) => move_selection(state, by),
        Action::ToggleGroup(index) => {
            let was_open = state.graph.open.remove(&index);
            if !was_open {
                state.graph.open.insert(index);
            }
        }
        Action::OpenAllGroups(open) => {
            let count = state.model.open.as_ref().map_or(0, |m| m.groups.len());
            state.graph.open = if open { (0..count).collect() } else { Default::default() };
            state.graph.camera = None;
        }
        Action::Look(camera) => state.graph.camera = Some(camera),
        Action::Fit => state.graph.camera = None,
        Action::SetHeat(heat) => state.graph.heat = heat,
        Action::SortBy(column) => state.table.click(column),
        Action::ShowStep(step) => state.side = Side::Step(step),
        Action::ToggleLog => state.shows_log = !state.shows_log,
        _ => {}
    }
}

fn select(state: &mut State, name: Option<String>) {
    state.side = match (&name, state.side) {
        (Some(_), _) => Side::Layer,
        (None, Side::Layer) if state.report().is_some() => Side::Step(Step::Errors),
        (None, Side::Layer) => Side::Step(Step::Model),
        (None, side) => side,
    };
    state.selection = name;
}

fn move_selection(state: &mut State, by: i32) {
    let rows = rows(state);
    let Some(last) = rows.len().checked_sub(1) else { return };
    let at = state.selection.as_ref().and_then(|name| rows.iter().position(|r| r.name == *name));
    let to = match at {
        Some(at) => at.saturating_add_signed(by as isize).min(last),
        None if by > 0 => 0,
        None => last,
    };
    select(state, Some(rows[to].name.clone()));
}

fn submit_path(state: &mut State) -> Vec<Effect> {
    let Some(field) = state.path_field.take() else { return Vec::new() };
    let text = field.text.trim();
    if text.is_empty() {
        state.path_field = Some(field);
        return Vec::new();
    }
    let path = PathBuf::from(text);
    apply(state, picked(field.what, path))
}

/// What a picked path is for.
pub(super) fn picked(what: Pick, path: PathBuf) -> Action {
    match what {
        Pick::Model => Action::OpenModel(path),
        Pick::Pictures => Action::AddPictures(path),
        Pick::Evaluation => Action::SetEvaluation(path),
        Pick::Run => Action::OpenRun(path),
        Pick::Labels => Action::Pictures(PicturesAction::SetLabels(path)),
        Pick::Plugin => Action::Strategy(StrategyAction::Offer { path, in_place: false }),
        Pick::OpenPipeline => Action::Strategy(StrategyAction::LoadPipeline(path)),
        Pick::SavePipeline => Action::Strategy(StrategyAction::SavePipeline(path)),
    }
}

fn start(state: &mut State) -> Vec<Effect> {
    if let Some(obstacle) = state.obstacle() {
        state.toasts.info(obstacle);
        return Vec::new();
    }
    let Some(model) = state.model.open.clone() else { return Vec::new() };
    state.problems.remove(&Place::Run);
    let target = state.target.0.name;
    runs::started(state);
    let title = format!("{} for {target}", state.strategies.words());
    state.job = Some(Job::new(title, Instant::now()));
    let stem = model.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let request = QuantizeRequest {
        model: model.path.clone(),
        images: state.pictures.folders.iter().map(|f| f.path.clone()).collect(),
        eval: state.pictures.evaluation.as_ref().map(|f| f.path.clone()),
        labels: state.pictures.labels.clone(),
        strategies: state.strategies.requests(),
        target: target.to_owned(),
        out: PathBuf::new(),
        graphwise_pictures: 32,
        layerwise_pictures: 16,
        layerwise_outputs: false,
        keep_clip: false,
        preprocessing: state.pictures.preprocessing.clone(),
        threads: 0,
    };
    let label = format!("{stem}-{}-{target}", state.strategies.slug());
    vec![Effect::Start { request: Box::new(request), label }]
}
