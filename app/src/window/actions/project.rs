//! Actions on projects, recent files and the journal.

use std::path::{Path, PathBuf};

use super::load::{Loaded, load, opened};
use super::{Action, Effect};
use crate::window::backend::{Backend, DropKind, Pick};
use crate::window::messages::report_problem;
use crate::window::project::{Orphan, Project, SavedAs};
use crate::window::state::{Missing, Next, Overwrite, Place, Problem, State};
use crate::{key, tr};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum ProjectAction {
    /// Open a project file.
    Open(PathBuf),
    /// Open whatever this is: a model, a project, a run.
    OpenRecent(PathBuf),
    /// Write the project where it came from, or ask where to.
    Save,
    /// Write the project to this file.
    SaveAs(PathBuf),
    /// Bring back the session that this journal keeps.
    Restore(PathBuf),
    /// Forget it.
    Forget(PathBuf),
    /// Show or hide the sessions that ended in a crash.
    ShowOrphans(bool),
    /// No longer keep what the project names and is not there.
    ForgetMissing,
    /// Forget which files were opened.
    ClearRecent,
    /// Answer to the question whether to save first: yes.
    SaveFirst,
    /// Answer to the question whether to save first: no, go on.
    WithoutSaving,
    /// Answer to the question whether to save first: do not go on.
    Stay,
}

impl ProjectAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            ProjectAction::Open(path) | ProjectAction::OpenRecent(path) => {
                tr!("open %{path}", path = path.display()).into_owned()
            }
            ProjectAction::Save => tr!("save the project").into_owned(),
            ProjectAction::SaveAs(path) => {
                tr!("save the project as %{path}", path = path.display()).into_owned()
            }
            ProjectAction::Restore(_) => tr!("restore a session").into_owned(),
            ProjectAction::Forget(_) => tr!("forget a session").into_owned(),
            ProjectAction::ShowOrphans(_) => tr!("show or hide lost sessions").into_owned(),
            ProjectAction::ForgetMissing => tr!("forget what is missing").into_owned(),
            ProjectAction::ClearRecent => tr!("forget recent files").into_owned(),
            ProjectAction::SaveFirst => tr!("save first").into_owned(),
            ProjectAction::WithoutSaving => tr!("go on without saving").into_owned(),
            ProjectAction::Stay => tr!("stay").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            ProjectAction::Open(path) => ask_first(state, Next::Open(super::absolute(path))),
            ProjectAction::OpenRecent(path) => vec![Effect::Project(ProjectEffect::LookForRecent(path))],
            // What is being written is looked at by the next write; what comes of this one decides about that.
            ProjectAction::Save if state.project.saving > 0 => {
                state.project.save_again = true;
                Vec::new()
            }
            ProjectAction::Save => match state.project.saved_as.clone() {
                Some(before) => save(state, before.path.clone(), Some(before)),
                None => vec![Effect::Ask(Pick::SaveProject)],
            },
            ProjectAction::SaveAs(path) => save(state, with_ending(super::absolute(path)), None),
            ProjectAction::Restore(journal) => {
                // Its list does not stand in the way of what was chosen from it.
                state.project.shows_orphans = false;
                ask_first(state, Next::Restore(journal))
            }
            ProjectAction::Forget(journal) => {
                let project = &mut state.project;
                let Some(at) = project.orphans.iter().position(|o| o.path == journal) else {
                    return Vec::new();
                };
                project.orphans.remove(at);
                project.shows_orphans &= !project.orphans.is_empty();
                vec![Effect::Project(ProjectEffect::Forget(journal))]
            }
            ProjectAction::ShowOrphans(shown) => {
                state.project.shows_orphans = shown && !state.project.orphans.is_empty();
                Vec::new()
            }
            ProjectAction::ForgetMissing => {
                state.project.missing = Missing::default();
                Vec::new()
            }
            ProjectAction::ClearRecent => {
                state.settings.recent.clear();
                Vec::new()
            }
            ProjectAction::SaveFirst => {
                state.project.after_save = state.project.asks.take();
                ProjectAction::Save.apply(state)
            }
            ProjectAction::WithoutSaving => {
                let next = state.project.asks.take();
                next.map_or_else(Vec::new, |next| go(state, next))
            }
            ProjectAction::Stay => {
                state.project.asks = None;
                Vec::new()
            }
        }
    }
}

/// Goes on at once, unless something that was not saved would be lost.
fn ask_first(state: &mut State, next: Next) -> Vec<Effect> {
    if state.is_unsaved() {
        state.project.asks = Some(next);
        return Vec::new();
    }
    go(state, next)
}

/// Does what waited for the answer.
fn go(state: &mut State, next: Next) -> Vec<Effect> {
    let project = &mut state.project;
    match next {
        Next::Close => {
            project.closes = true;
            vec![Effect::Close]
        }
        Next::Open(path) => {
            project.opening = Some(path.clone());
            vec![Effect::Project(ProjectEffect::Open(path))]
        }
        Next::Restore(journal) => {
            let known = project.orphans.iter().chain(&project.last_session).find(|o| o.path == journal);
            let Some(orphan) = known.cloned() else { return Vec::new() };
            project.opening = Some(journal);
            vec![Effect::Project(ProjectEffect::Restore(Box::new(orphan)))]
        }
    }
}

/// Asks before the window closes, when something would be lost by it; true when it has to stay open for the answer.
pub(in crate::window) fn asks_to_close(state: &mut State) -> bool {
    if state.project.closes || !(state.is_unsaved() || state.is_running()) {
        return false;
    }
    state.project.asks = Some(Next::Close);
    true
}

pub(super) fn with_ending(path: PathBuf) -> PathBuf {
    match path.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("octet") => path,
        _ => {
            let mut name = path.into_os_string();
            name.push(".octet");
            name.into()
        }
    }
}

fn save(state: &mut State, path: PathBuf, before: Option<SavedAs>) -> Vec<Effect> {
    let project = Box::new(Project::of(state));
    state.project.saving += 1;
    vec![Effect::Project(ProjectEffect::Save { project, path, before })]
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum ProjectEffect {
    /// Read a project and all that it names.
    Open(PathBuf),
    /// The same with a journal.
    Restore(Box<Orphan>),
    /// Write a project.
    Save {
        /// What.
        project: Box<Project>,
        /// Where.
        path: PathBuf,
        /// What lies there, unless somebody else wrote it; `None` where any file may be replaced.
        before: Option<SavedAs>,
    },
    /// Remove a journal.
    Forget(PathBuf),
    /// Look for journals of windows that died, and for the last session.
    FindOrphans,
    /// Look whether a recent file is still there.
    LookForRecent(PathBuf),
}

impl ProjectEffect {
    /// Does the work.
    pub fn run(self, backend: &dyn Backend) -> ProjectMessage {
        match self {
            ProjectEffect::Open(path) => match Project::read(&path) {
                Ok(project) => ProjectMessage::Opened(Box::new(load(backend, project, path, false))),
                Err(error) => ProjectMessage::Failed(Problem::new(
                    Place::Model,
                    key!("The project cannot be opened"),
                    error.to_string(),
                )),
            },
            ProjectEffect::Restore(orphan) => {
                ProjectMessage::Opened(Box::new(load(backend, orphan.project, orphan.path, true)))
            }
            ProjectEffect::Save { project, path, before } => {
                let now = before.as_ref().and_then(|before| SavedAs::look_at(before.path.clone()).ok());
                if now.is_some() && now != before {
                    return ProjectMessage::Changed(path);
                }
                let written = project.write(&path).map_err(|error| error.to_string());
                let looked_at = written.and_then(|()| {
                    SavedAs::look_at(path.clone()).map_err(|error| format!("{error}: {}", path.display()))
                });
                match looked_at {
                    Ok(saved_as) => ProjectMessage::Saved { project, saved_as },
                    Err(reason) => ProjectMessage::NotSaved(Problem::new(
                        Place::Model,
                        key!("The project could not be saved"),
                        reason,
                    )),
                }
            }
            ProjectEffect::Forget(journal) => {
                crate::window::project::forget(&journal);
                ProjectMessage::Forgotten
            }
            ProjectEffect::LookForRecent(path) => {
                // What cannot be looked at may be there; whoever opens it says why it cannot be read.
                let is_there = path.try_exists().unwrap_or(true);
                ProjectMessage::Recent { path, is_there }
            }
            ProjectEffect::FindOrphans => {
                ProjectMessage::Orphans(backend.orphans(), backend.last_session().map(Box::new))
            }
        }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum ProjectMessage {
    /// A project was read.
    Opened(Box<Loaded>),
    /// A project was written.
    Saved {
        /// What.
        project: Box<Project>,
        /// Where.
        saved_as: SavedAs,
    },
    /// The project's file is no longer as it was read or written last, and was left alone.
    Changed(PathBuf),
    /// Journals of windows that died, and the session that ended in order before this one.
    Orphans(Vec<Orphan>, Option<Box<Orphan>>),
    /// A journal was removed, or it was logged why not.
    Forgotten,
    /// A recent file was looked for.
    Recent {
        /// The file.
        path: PathBuf,
        /// It is still there.
        is_there: bool,
    },
    /// The project could not be written.
    NotSaved(Problem),
    /// It did not work.
    Failed(Problem),
}

impl ProjectMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        match self {
            ProjectMessage::Opened(loaded) => return opened(state, *loaded),
            ProjectMessage::Saved { project, saved_as } => {
                state.project.written();
                state.settings.opened(&saved_as.path);
                state.toasts.info(tr!("Saved %{path}", path = saved_as.path.display()));
                state.project.saved_as = Some(saved_as);
                state.project.saved = Some(*project);
                if std::mem::take(&mut state.project.save_again) {
                    return ProjectAction::Save.apply(state);
                }
                if let Some(next) = state.project.after_save.take() {
                    return go(state, next);
                }
            }
            ProjectMessage::Changed(path) => {
                state.project.written();
                state.project.save_again = false;
                let then = Box::new(Action::Project(ProjectAction::SaveAs(path.clone())));
                state.overwrite = Some(Overwrite { path, then, was_changed: true });
            }
            ProjectMessage::Orphans(orphans, last) => {
                state.project.shows_orphans = !orphans.is_empty();
                state.project.orphans = orphans;
                state.project.last_session = last.map(|last| *last);
            }
            ProjectMessage::Forgotten => {}
            ProjectMessage::Recent { path, is_there: true } => return vec![Effect::Drop(vec![path])],
            ProjectMessage::Recent { path, is_there: false } => {
                state.settings.recent.retain(|p| *p != path);
                let words = tr!("%{path} is gone, and no longer listed", path = path.display());
                state.toasts.info(words);
            }
            ProjectMessage::NotSaved(problem) => {
                state.project.written();
                (state.project.save_again, state.project.after_save) = (false, None);
                report_problem(state, problem);
            }
            ProjectMessage::Failed(problem) => {
                (state.project.after_save, state.project.opening) = (None, None);
                report_problem(state, problem);
            }
        }
        Vec::new()
    }
}

/// Takes note of a file that was opened, for the list of recent ones.
pub(in crate::window) fn note_opened(state: &mut State, path: &Path, kind: DropKind) {
    if matches!(kind, DropKind::Model | DropKind::Run) && path.is_absolute() {
        state.settings.opened(path);
    }
}
