//! What actions are called, and which of them belong into the history.

use super::{Action, EditAction};

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
            Action::Mark(name) | Action::MarkTo(name) => format!("mark {name}"),
            Action::Filter(_) => "filter the table".to_owned(),
            Action::CopyTable(_) => "copy the table".to_owned(),
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
            Action::Deploy(action) => action.name(),
            Action::Edit(action) => action.name(),
            Action::Project(action) => action.name(),
            Action::Habit(action) => action.name(),
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
                | Action::Drop(_)
                | Action::Start
                | Action::Cancel
                | Action::Graph(_)
                | Action::Deploy(_)
                | Action::Project(_)
                | Action::Habit(_)
        )
    }

    /// What it changes, for changes that go on step by step: typing, dragging.
    pub(super) fn subject(&self) -> Option<String> {
        match self {
            Action::Set { id, key, .. } => Some(format!("{id}.{key}")),
            Action::Edit(EditAction::SetExponent(of, _)) => Some(format!("exponent of {of}")),
            Action::Edit(EditAction::ShiftWeights(of, _)) => Some(format!("weights of {of}")),
            _ => None,
        }
    }
}
