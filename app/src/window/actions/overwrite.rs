//! The question before a file is replaced that somebody named by typing, or that got another ending.

use std::path::{Path, PathBuf};

use super::{Action, Effect, apply};
use crate::tr;
use crate::window::state::{Overwrite, State};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum OverwriteAction {
    /// Do this, which writes a file, unless one of that name is there.
    Look {
        /// The file.
        path: PathBuf,
        /// What writes it.
        then: Box<Action>,
    },
    /// Yes: replace it.
    Replace,
    /// No.
    Keep,
}

impl OverwriteAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            OverwriteAction::Look { then, .. } => then.name(),
            OverwriteAction::Replace => tr!("replace the file").into_owned(),
            OverwriteAction::Keep => tr!("keep the file").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            OverwriteAction::Look { path, then } => vec![Effect::LookForFile { path, then }],
            OverwriteAction::Replace => {
                state.overwrite.take().map_or_else(Vec::new, |question| apply(state, *question.then))
            }
            OverwriteAction::Keep => {
                state.overwrite = None;
                // Whoever wanted to save first goes on as before.
                state.project.after_save = None;
                Vec::new()
            }
        }
    }
}

/// What was found under the name.
pub(in crate::window) fn looked(
    state: &mut State,
    path: PathBuf,
    then: Box<Action>,
    is_there: bool,
) -> Vec<Effect> {
    if !is_there {
        return apply(state, *then);
    }
    state.overwrite = Some(Overwrite { path, then, was_changed: false });
    Vec::new()
}

/// Guards an action that writes to `written` where the user picked `picked`. The system's dialog has asked before it hands
/// out the name of a file that is there; a field for a path has not, nor has the dialog seen the ending that is added.
pub(super) fn guarded(picked: &Path, written: PathBuf, was_asked: bool, action: Action) -> Action {
    match was_asked && *written == *picked {
        true => action,
        false => Action::Overwrite(OverwriteAction::Look { path: written, then: Box::new(action) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::actions::{ProjectAction, picked};
    use crate::window::backend::Pick;

    #[test]
    fn a_typed_path_and_an_added_ending_are_looked_at_first() {
        let looks = |what, path: &str, was_asked| match picked(what, path.into(), was_asked) {
            Action::Overwrite(OverwriteAction::Look { path, .. }) => Some(path),
            _ => None,
        };
        assert_eq!(looks(Pick::SaveProject, "/a/p.octet", true), None, "the dialog has asked");
        assert_eq!(looks(Pick::SaveProject, "/a/p", true), Some("/a/p.octet".into()));
        assert_eq!(looks(Pick::SaveProject, "/a/p.octet", false), Some("/a/p.octet".into()));
        assert_eq!(looks(Pick::SavePipeline, "/a/p", false), Some("/a/p.json".into()));
        assert_eq!(looks(Pick::ExportModel(0), "/a/m", true), Some("/a/m.espdl".into()));
        assert_eq!(
            looks(Pick::ExportModel(0), "/a/m.bin", true),
            None,
            "whoever names another ending wants it"
        );
        assert_eq!(looks(Pick::GraphPicture, "/a/p.svg", false), Some("/a/p.svg".into()));
        assert_eq!(looks(Pick::Model, "/a/m.onnx", false), None);
    }

    #[test]
    fn a_file_is_replaced_only_after_a_yes() {
        let mut state = State::default();
        let then = || Box::new(Action::Project(ProjectAction::SaveAs("/a/p.octet".into())));
        assert!(!looked(&mut state, "/a/p.octet".into(), then(), false).is_empty());
        assert!(looked(&mut state, "/a/p.octet".into(), then(), true).is_empty());
        assert!(apply(&mut state, Action::Overwrite(OverwriteAction::Keep)).is_empty());
        assert!(state.overwrite.is_none());
        looked(&mut state, "/a/p.octet".into(), then(), true);
        assert!(!apply(&mut state, Action::Overwrite(OverwriteAction::Replace)).is_empty());
        assert!(state.overwrite.is_none());
    }
}
