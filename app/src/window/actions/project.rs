//! Actions on projects, recent files and the journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::report::Report;
use octet_engine::target::TargetSpec;

use super::Effect;
use crate::window::backend::{Backend, DropKind, Pick};
use crate::window::messages::report_problem;
use crate::window::project::{Orphan, Project};
use crate::window::state::{
    Chosen, Document, Model, PictureFolder, Place, Problem, Run, Side, State, Step, Target,
};
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
    /// Bring back the newest session that ended in a crash.
    Restore,
    /// Forget the sessions that ended in a crash.
    Forget,
    /// Forget which files were opened.
    ClearRecent,
    /// Answer to the question at the end: save first.
    SaveAndClose,
    /// Answer to the question at the end: do not save.
    CloseUnsaved,
    /// Answer to the question at the end: stay.
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
            ProjectAction::Restore => tr!("restore the last session").into_owned(),
            ProjectAction::Forget => tr!("forget the last session").into_owned(),
            ProjectAction::ClearRecent => tr!("forget recent files").into_owned(),
            ProjectAction::SaveAndClose => tr!("save and close").into_owned(),
            ProjectAction::CloseUnsaved => tr!("close without saving").into_owned(),
            ProjectAction::Stay => tr!("stay").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        match self {
            ProjectAction::Open(path) => vec![Effect::Project(ProjectEffect::Open(path))],
            ProjectAction::OpenRecent(path) => vec![Effect::Drop(vec![path])],
            ProjectAction::Save => match state.project.path.clone() {
                Some(path) => save(state, path),
                None => vec![Effect::Ask(Pick::SaveProject)],
            },
            ProjectAction::SaveAs(path) => save(state, with_ending(path)),
            ProjectAction::Restore => {
                let Some(orphan) = state.project.orphans.first().cloned() else { return Vec::new() };
                vec![Effect::Project(ProjectEffect::Restore(Box::new(orphan)))]
            }
            ProjectAction::Forget => {
                let orphans = std::mem::take(&mut state.project.orphans);
                let paths = orphans.into_iter().map(|o| o.path).collect();
                vec![Effect::Project(ProjectEffect::Forget(paths))]
            }
            ProjectAction::ClearRecent => {
                state.settings.recent.clear();
                Vec::new()
            }
            ProjectAction::SaveAndClose => {
                state.project.closes_when_saved = true;
                state.project.asks_to_save = false;
                ProjectAction::Save.apply(state)
            }
            ProjectAction::CloseUnsaved => {
                state.project.asks_to_save = false;
                state.project.saved = Some(Project::of(state));
                vec![Effect::Close]
            }
            ProjectAction::Stay => {
                state.project.asks_to_save = false;
                Vec::new()
            }
        }
    }
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

fn save(state: &mut State, path: PathBuf) -> Vec<Effect> {
    let project = Box::new(Project::of(state));
    vec![Effect::Project(ProjectEffect::Save { project, path })]
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
    },
    /// Remove journals.
    Forget(Vec<PathBuf>),
    /// Look for journals of windows that died.
    FindOrphans,
}

impl ProjectEffect {
    /// Does the work.
    pub fn run(self, backend: &dyn Backend) -> ProjectMessage {
        match self {
            ProjectEffect::Open(path) => match Project::read(&path) {
                Ok(project) => ProjectMessage::Opened(Box::new(load(backend, project, Some(path), None))),
                Err(error) => ProjectMessage::Failed(Problem::new(
                    Place::Model,
                    key!("The project cannot be opened"),
                    error.to_string(),
                )),
            },
            ProjectEffect::Restore(orphan) => {
                ProjectMessage::Opened(Box::new(load(backend, orphan.project, None, Some(orphan.path))))
            }
            ProjectEffect::Save { project, path } => match project.write(&path) {
                Ok(()) => ProjectMessage::Saved { project, path },
                Err(error) => ProjectMessage::Failed(Problem::new(
                    Place::Model,
                    key!("The project could not be saved"),
                    error.to_string(),
                )),
            },
            ProjectEffect::Forget(journals) => {
                journals.iter().for_each(|j| crate::window::project::forget(j));
                ProjectMessage::Orphans(Vec::new())
            }
            ProjectEffect::FindOrphans => ProjectMessage::Orphans(backend.orphans()),
        }
    }
}

/// A project with all that it names, as far as it is there.
#[derive(Debug)]
pub struct Loaded {
    project: Project,
    path: Option<PathBuf>,
    journal: Option<PathBuf>,
    model: Option<Model>,
    folders: Vec<PictureFolder>,
    evaluation: Option<PictureFolder>,
    runs: Vec<(PathBuf, Report)>,
    missing: Vec<Problem>,
}

fn load(backend: &dyn Backend, project: Project, path: Option<PathBuf>, journal: Option<PathBuf>) -> Loaded {
    let mut missing = Vec::new();
    let mut kept = |problem: Problem| missing.push(problem);
    let model = project.model.as_ref().and_then(|path| {
        backend.open_model(path).map_err(&mut kept).ok().map(|opened| Model::new(path.clone(), opened))
    });
    let mut list =
        |path: &Path, labels: Option<&Path>| backend.list_pictures(path, labels).map_err(&mut kept).ok();
    let folders = project.images.iter().filter_map(|p| list(p, None)).collect();
    let evaluation = project.evaluation.as_ref().and_then(|p| list(p, project.labels.as_deref()));
    let reports = project.runs.iter().filter_map(|run| {
        let report = backend.load_report(&run.path).map_err(&mut kept).ok()?;
        Some((run.path.clone(), report))
    });
    let runs = reports.collect();
    Loaded { project, path, journal, model, folders, evaluation, runs, missing }
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
        path: PathBuf,
    },
    /// Journals of windows that died.
    Orphans(Vec<Orphan>),
    /// It did not work.
    Failed(Problem),
}

impl ProjectMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        match self {
            ProjectMessage::Opened(loaded) => return opened(state, *loaded),
            ProjectMessage::Saved { project, path } => {
                state.settings.opened(&path);
                state.toasts.info(tr!("Saved %{path}", path = path.display()));
                state.project.path = Some(path);
                state.project.saved = Some(*project);
                if state.project.closes_when_saved {
                    return vec![Effect::Close];
                }
            }
            ProjectMessage::Orphans(orphans) => state.project.orphans = orphans,
            ProjectMessage::Failed(problem) => {
                state.project.closes_when_saved = false;
                report_problem(state, problem);
            }
        }
        Vec::new()
    }
}

fn opened(state: &mut State, loaded: Loaded) -> Vec<Effect> {
    let Loaded { project, path, journal, model, folders, evaluation, runs, missing } = loaded;
    state.problems.clear();
    let target = TargetSpec::by_name(&project.target);
    let chain = project.strategies.iter();
    let document = Document {
        target: target.map_or_else(Target::default, Target),
        folders,
        evaluation,
        labels: project.labels.clone(),
        preprocessing: project.preprocessing.clone(),
        chain: chain.map(|s| Chosen { id: s.id.clone(), settings: s.settings.clone() }).collect(),
        edits: project.edits.clone(),
    };
    document.restore(state);
    state.history.clear();
    state.scoring = Default::default();
    state.marked.clear();
    state.model.opening = None;
    state.model.last_sha256 = model.as_ref().map(|m| m.sha256.clone());
    state.model.open = model.map(Arc::new);
    state.graph = Default::default();
    state.graph.heat = project.heat;
    state.runs = Default::default();
    for (path, report) in runs {
        let wanted = project.runs.iter().find(|r| r.path == path);
        let (shown, reference) = wanted.map_or((false, false), |r| (r.shown, r.reference));
        state.runs.all.push(Run { path, report: Arc::new(report) });
        let index = state.runs.all.len() - 1;
        if shown {
            state.runs.shown = Some(index);
        }
        if reference {
            state.runs.reference = Some(index);
        }
    }
    state.selection = project.selection.clone();
    state.side = match (&state.selection, state.runs.shown) {
        (Some(_), _) => Side::Layer,
        (None, Some(_)) => Side::Step(Step::Errors),
        (None, None) => Side::Step(Step::Model),
    };
    for problem in missing {
        report_problem(state, problem);
    }
    state.project.saved = path.is_some().then(|| Project::of(state));
    if let Some(path) = &path {
        state.settings.opened(path);
    }
    state.project.path = path;
    match journal {
        Some(journal) => {
            state.toasts.info(tr!("The last session is back as of its last change"));
            state.project.orphans.retain(|o| o.path != journal);
            vec![Effect::Project(ProjectEffect::Forget(vec![journal]))]
        }
        None => Vec::new(),
    }
}

/// Takes note of a file that was opened, for the list of recent ones.
pub(in crate::window) fn note_opened(state: &mut State, path: &Path, kind: DropKind) {
    if matches!(kind, DropKind::Model | DropKind::Run) && path.is_absolute() {
        state.settings.opened(path);
    }
}
