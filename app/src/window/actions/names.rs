//! What actions are called, and which of them belong into the history.

use super::{Action, EditAction, PicturesAction};
use crate::tr;

impl Action {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            Action::Ask(what) | Action::ShowPathField(what) => tr!(what.title()).into_owned(),
            Action::EditPath(_) => tr!("edit the path").into_owned(),
            Action::SubmitPath => tr!("take the path").into_owned(),
            Action::ClosePathField => tr!("close the path field").into_owned(),
            Action::Drop(paths) => tr!("drop %{n} item(s)", n = paths.len()).into_owned(),
            Action::OpenModel(path) => tr!("open %{path}", path = path.display()).into_owned(),
            Action::OpenExample => tr!("open the example").into_owned(),
            Action::OpenRun(path) => tr!("open run %{path}", path = path.display()).into_owned(),
            Action::ShowRun(index) => tr!("show run %{n}", n = index + 1).into_owned(),
            Action::AddPictures(path) => tr!("calibrate with %{path}", path = path.display()).into_owned(),
            Action::RemovePictures(_) => tr!("remove a folder").into_owned(),
            Action::SetEvaluation(path) => tr!("evaluate on %{path}", path = path.display()).into_owned(),
            Action::ClearEvaluation => tr!("evaluate on nothing").into_owned(),
            Action::SetTarget(name) => tr!("target %{name}", name = name).into_owned(),
            Action::OnlyStrategy(id) | Action::ToggleStrategy(id) => {
                tr!("strategy %{id}", id = id).into_owned()
            }
            Action::Set { key, value, .. } => {
                tr!("%{key} to %{value}", key = key, value = value).into_owned()
            }
            Action::Start => tr!("quantize").into_owned(),
            Action::FinishEarly => tr!("keep the best so far").into_owned(),
            Action::Cancel => tr!("cancel the job").into_owned(),
            Action::ToggleLog => tr!("show or hide the log").into_owned(),
            Action::Select(Some(name)) => tr!("select %{name}", name = name).into_owned(),
            Action::Select(None) => tr!("select nothing").into_owned(),
            Action::MoveSelection(_) => tr!("move the selection").into_owned(),
            Action::Mark(name) | Action::MarkTo(name) => tr!("mark %{name}", name = name).into_owned(),
            Action::Filter(_) => tr!("filter the table").into_owned(),
            Action::CopyTable(_) => tr!("copy the table").into_owned(),
            Action::SortBy(column) => tr!("sort by %{column}", column = tr!(column.title())).into_owned(),
            Action::ShowStep(step) => tr!("show %{page}", page = tr!(step.title())).into_owned(),
            Action::ToggleToast(_) => tr!("show details").into_owned(),
            Action::CopyToast(_) => tr!("copy a message").into_owned(),
            Action::DismissToast(_) => tr!("dismiss a message").into_owned(),
            Action::FindPlugins => tr!("look for plugins").into_owned(),
            Action::SetTheme(_) => tr!("change the colours").into_owned(),
            Action::Graph(action) => action.name(),
            Action::Inspect(action) => action.name(),
            Action::Pictures(action) => action.name(),
            Action::Strategy(action) => action.name(),
            Action::Runs(action) => action.name(),
            Action::Deploy(action) => action.name(),
            Action::Edit(action) => action.name(),
            Action::Project(action) => action.name(),
            Action::Memory(action) => action.name(),
            Action::Habit(action) => action.name(),
            Action::Overwrite(action) => action.name(),
            Action::Log(action) => action.name(),
            Action::CopyProblem(_) => tr!("copy a message").into_owned(),
        }
    }

    /// False for what only changes what is seen, and for what keeps the history itself.
    pub(super) fn may_change_document(&self) -> bool {
        use EditAction::{Redo, RedoTimes, Score, Undo, UndoTimes};
        !matches!(
            self,
            Action::Edit(Undo | Redo | UndoTimes(_) | RedoTimes(_) | Score)
                | Action::Select(_)
                | Action::Mark(_)
                | Action::MarkTo(_)
                | Action::Filter(_)
                | Action::CopyTable(_)
                | Action::MoveSelection(_)
                | Action::EditPath(_)
                | Action::SubmitPath
                | Action::Drop(_)
                | Action::OpenModel(_)
                | Action::OpenRun(_)
                | Action::ShowRun(_)
                | Action::Runs(_)
                | Action::Start
                | Action::Cancel
                | Action::Graph(_)
                | Action::Deploy(_)
                | Action::Project(_)
                | Action::Memory(_)
                | Action::Habit(_)
                | Action::Overwrite(_)
                | Action::Log(_)
                | Action::CopyProblem(_)
        )
    }

    /// What it changes, for changes that go on step by step: typing, dragging.
    pub(super) fn subject(&self) -> Option<String> {
        match self {
            Action::Set { value: serde_json::Value::Bool(_), .. } => None,
            Action::Set { id, key, .. } => Some(format!("{id}.{key}")),
            Action::Pictures(PicturesAction::SetPreprocessing(key, _)) => {
                Some(format!("pre-processing {key}"))
            }
            Action::Edit(EditAction::SetExponent(of, _)) => Some(format!("exponent of {of}")),
            Action::Edit(EditAction::ShiftWeights(of, _)) => Some(format!("weights of {of}")),
            _ => None,
        }
    }
}
