//! Everything a user can do, as data: views hand back actions, [`apply`] changes the state. What takes time comes
//! out as [`Effect`]s, which [`tasks`](super::tasks) carry out.

mod deploy;
mod edit;
mod graph;
mod habits;
mod inspect;
mod job;
mod load;
mod log;
mod look;
mod memory;
mod names;
mod overwrite;
mod paths;
mod pictures;
mod project;
mod restore;
mod runs;
mod show;
mod strategy;

pub use deploy::{DeployAction, DeployEffect, DeployMessage, watch_ports};
pub use edit::{EditAction, EditEffect, EditMessage};
pub(super) use edit::{after_job, give_up_long_score};
pub use graph::{GraphAction, GraphEffect, GraphMessage};
pub use habits::{HabitAction, found};
pub use inspect::{Ask, InspectAction, InspectEffect, InspectMessage, Told, follow};
pub use load::Loaded;
pub use log::LogAction;
pub use memory::MemoryAction;
pub use overwrite::OverwriteAction;
pub(super) use overwrite::looked;
pub(super) use paths::picked;
pub use pictures::{PicturesAction, PicturesEffect, PicturesMessage, refresh};
pub(super) use pictures::{input_format, listed};
pub use project::{ProjectAction, ProjectEffect, ProjectMessage};
pub(super) use project::{asks_to_close, note_opened};
pub use restore::Listings;
pub use runs::{RunsAction, RunsEffect, RunsMessage};
pub(super) use show::{finished, read};
pub use strategy::{StrategyAction, StrategyEffect, StrategyMessage};

use std::path::PathBuf;

use octet_engine::job::QuantizeRequest;
use octet_engine::target::TargetSpec;
use serde_json::Value;

use self::paths::{absolute, submit_path};
use super::backend::Pick;
use super::state::{
    Column, Document, PathField, Place, Side, State, Step, TableFormat, Target, ThemeChoice, table_text,
};
use crate::tr;

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
    /// Mark or unmark a row beside the selected one.
    Mark(String),
    /// Mark all rows from the selected one to this.
    MarkTo(String),
    /// List only operations with this text.
    Filter(String),
    /// Put the table on the clipboard.
    CopyTable(TableFormat),
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
    /// On boards.
    Deploy(DeployAction),
    /// On changes by hand, and undoing them.
    Edit(EditAction),
    /// On projects, recent files and the journal.
    Project(ProjectAction),
    /// On the memory map.
    Memory(MemoryAction),
    /// On the window itself.
    Habit(HabitAction),
    /// On the question before a file is replaced.
    Overwrite(OverwriteAction),
    /// On the view of the jobs' logs.
    Log(LogAction),
    /// Put the problem of a place on the clipboard.
    CopyProblem(Place),
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
        /// CSV of the classes.
        labels: Option<PathBuf>,
        /// The question's number.
        ticket: u64,
    },
    /// Look for plugins.
    FindPlugins,
    /// Start a job in a new run folder.
    Start {
        /// What to do; `out` is filled in later.
        request: Box<QuantizeRequest>,
        /// How the run folder's name starts.
        label: String,
        /// It is a score, of which only the last ones are kept.
        is_score: bool,
    },
    /// Look whether a file is there, then do what writes it, or ask.
    LookForFile {
        /// The file.
        path: PathBuf,
        /// What writes it.
        then: Box<Action>,
    },
    /// Put a text on the clipboard.
    Copy(String),
    /// Make everything larger or smaller.
    SetScale(f32),
    /// Add a face of the system with all Chinese glyphs.
    AddChineseGlyphs,
    /// Close the window.
    Close,
    /// Tell of something through the system, since the window may be behind others.
    Notify(String),
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
    /// On boards.
    Deploy(DeployEffect),
    /// On changes by hand, and undoing them.
    Edit(EditEffect),
    /// On projects, recent files and the journal.
    Project(ProjectEffect),
}

/// Does what the user wants; what takes time is handed back. A change of what runs are made of goes into the history.
pub fn apply(state: &mut State, action: Action) -> Vec<Effect> {
    if !action.may_change_document() {
        return perform(state, action);
    }
    let (made, subject) = (action.clone(), action.subject());
    let before = Document::of(state);
    let mut effects = perform(state, action);
    effects.extend(changed(state, made, &before, subject));
    effects
}

/// Takes note of a change of the document, if it is one; what follows from it is handed back.
pub(super) fn changed(
    state: &mut State,
    made: Action,
    before: &Document,
    subject: Option<String>,
) -> Vec<Effect> {
    if Document::of(state) == *before {
        return Vec::new();
    }
    state.history.note(made, before.clone(), subject);
    state.history.forget_no_change(&Document::of(state));
    edit::after_change(state, before)
}

fn perform(state: &mut State, action: Action) -> Vec<Effect> {
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
            state.project.after_save = None;
            Vec::new()
        }
        Action::Drop(paths) => vec![Effect::Drop(paths.into_iter().map(absolute).collect())],
        Action::OpenModel(path) => {
            state.problems.remove(&Place::Model);
            let path = absolute(path);
            state.model.opening = Some(path.clone());
            vec![Effect::OpenModel(path)]
        }
        Action::OpenExample => {
            state.problems.remove(&Place::Model);
            vec![Effect::OpenExample]
        }
        Action::OpenRun(path) => {
            state.problems.remove(&Place::Run);
            let path = absolute(path);
            state.runs.reading.insert(path.clone());
            state.runs.latest = Some(path.clone());
            vec![Effect::OpenRun(path)]
        }
        Action::ShowRun(index) => {
            state.side = Side::Step(Step::Errors);
            show::show(state, index)
        }
        Action::AddPictures(path) => pictures::list(state, path, false),
        Action::RemovePictures(index) => {
            if index < state.pictures.folders.len() {
                let gone = state.pictures.folders.remove(index);
                state.pictures.forget_left_out(&gone);
            }
            Vec::new()
        }
        Action::SetEvaluation(path) => pictures::list(state, path, true),
        Action::ClearEvaluation => {
            state.pictures.evaluation = None;
            state.pictures.asked.retain(|a| !a.evaluation);
            state.project.missing.evaluation = None;
            Vec::new()
        }
        Action::Start => job::start(state, false),
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
            let toast = state.toasts.get_mut(id).map(|t| format!("{}\n{}", tr!(&t.title), t.detail));
            toast.map(|text| Effect::Copy(text.trim().to_owned())).into_iter().collect()
        }
        Action::DismissToast(id) => {
            state.toasts.dismiss(id);
            Vec::new()
        }
        Action::CopyTable(format) => {
            state.toasts.info(tr!("The table is on the clipboard"));
            vec![Effect::Copy(table_text(state, format))]
        }
        Action::FindPlugins => vec![Effect::FindPlugins],
        Action::SetTheme(theme) => {
            state.settings.theme = theme;
            vec![Effect::SetTheme(theme)]
        }
        Action::Graph(action) => action.apply(state),
        Action::Inspect(action) => action.apply(state),
        Action::Pictures(action) => action.apply(state),
        Action::Strategy(action) => action.apply(state),
        Action::Runs(action) => action.apply(state),
        Action::Deploy(action) => action.apply(state),
        Action::ShowStep(Step::Deploy) => DeployAction::Open.apply(state),
        Action::Edit(action) => action.apply(state),
        Action::Project(action) => action.apply(state),
        Action::Memory(action) => action.apply(state),
        Action::Habit(action) => action.apply(state),
        Action::Overwrite(action) => action.apply(state),
        Action::Log(action) => action.apply(state),
        Action::CopyProblem(place) => {
            let problem = state.problems.get(&place);
            let text = problem.map(|p| format!("{}\n{}", tr!(&p.title), p.detail).trim().to_owned());
            text.map(Effect::Copy).into_iter().collect()
        }
        chosen @ (Action::SetTarget(_)
        | Action::OnlyStrategy(_)
        | Action::ToggleStrategy(_)
        | Action::Set { .. }) => {
            choose(state, chosen);
            Vec::new()
        }
        looked => {
            look::look(state, looked);
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
                state.project.missing.target = None;
            }
        }
        Action::OnlyStrategy(id) => state.strategies.only(&id),
        Action::ToggleStrategy(id) => state.strategies.toggle(&id),
        Action::Set { id, key, value } => {
            state.strategies.set(&id, &key, value);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Problem;

    #[test]
    fn a_problem_can_be_copied_after_its_message_is_gone() {
        let mut state = State::default();
        assert!(apply(&mut state, Action::CopyProblem(Place::Run)).is_empty());
        state
            .problems
            .insert(Place::Run, Problem::new(Place::Run, "Quantizing failed", "node `x` is missing"));
        let effects = apply(&mut state, Action::CopyProblem(Place::Run));
        assert_eq!(effects, [Effect::Copy("Quantizing failed\nnode `x` is missing".to_owned())]);
    }
}
