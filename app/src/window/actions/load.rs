//! Opening a project: everything that it names, as far as it is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::report::Report;
use octet_engine::target::TargetSpec;

use super::{Effect, ProjectEffect};
use crate::window::backend::Backend;
use crate::window::messages::report_problem;
use crate::window::project::{Project, ProjectRun, SavedAs};
use crate::window::state::{
    Chosen, Document, Edits, Kept, Missing, Model, ModelState, PictureFolder, Place, Problem, Run, Runs,
    Scoring, Side, State, Step, Target,
};
use crate::{key, tr};

/// A project with all that it names, as far as it is there.
#[derive(Debug)]
pub struct Loaded {
    project: Project,
    /// The project's file, or the journal.
    path: PathBuf,
    is_journal: bool,
    file: ProjectFile,
    model: Option<Model>,
    folders: Vec<PictureFolder>,
    evaluation: Option<PictureFolder>,
    runs: Vec<(ProjectRun, Report)>,
    missing: Missing,
    problems: Vec<Problem>,
}

/// The file that saving goes to.
#[derive(Debug, Default)]
struct ProjectFile {
    /// `None` where somebody has to choose one.
    saved_as: Option<SavedAs>,
    /// What it holds, where that is not what was opened.
    saved: Option<Project>,
    /// A journal's file is not the one that it was: saving over it would take what somebody did meanwhile.
    has_changed: bool,
}

impl ProjectFile {
    fn of(project: &Project, path: &Path, is_journal: bool) -> Self {
        if !is_journal {
            return Self { saved_as: SavedAs::look_at(path.to_owned()).ok(), ..Self::default() };
        }
        let Some(before) = &project.saved_as else { return Self::default() };
        // Of a file that is gone nothing is saved.
        let nothing = |_| Project::of(&State::default());
        let saved = Some(Project::read(&before.path).unwrap_or_else(nothing));
        match SavedAs::look_at(before.path.clone()) {
            Ok(now) if now == *before => Self { saved_as: Some(now), saved, has_changed: false },
            _ => Self { saved_as: None, saved, has_changed: true },
        }
    }
}

/// Reads what a project names; on a thread.
pub(super) fn load(backend: &dyn Backend, project: Project, path: PathBuf, is_journal: bool) -> Loaded {
    let (mut missing, mut problems) = (Missing::default(), Vec::new());
    let mut kept = |problem: Problem| problems.push(problem);
    let file = ProjectFile::of(&project, &path, is_journal);
    let model = project.model.as_ref().and_then(|path| {
        let opened = backend.open_model(path).map_err(&mut kept).ok();
        missing.model = Some(path.clone()).filter(|_| opened.is_none());
        opened.map(|opened| Model::new(path.clone(), opened))
    });
    let mut folders = Vec::new();
    for (place, path) in project.images.iter().enumerate() {
        match backend.list_pictures(path, None).map_err(&mut kept) {
            Ok(folder) => folders.push(folder),
            Err(()) => missing.images.push((place, path.clone())),
        }
    }
    let evaluation = project.evaluation.as_ref().and_then(|path| {
        let listed = backend.list_pictures(path, project.labels.as_deref()).map_err(&mut kept).ok();
        missing.evaluation = Some(path.clone()).filter(|_| listed.is_none());
        listed
    });
    let mut runs = Vec::new();
    for run in &project.runs {
        match backend.load_report(&run.path).map_err(&mut kept) {
            Ok(report) => runs.push((run.clone(), report)),
            Err(()) => missing.runs.push(run.clone()),
        }
    }
    if TargetSpec::by_name(&project.target).is_none() {
        missing.target = Some((project.target.clone(), Target::default()));
        let title = key!("This Octet does not know the project's chip");
        let detail =
            tr!("`%{name}`; another one is chosen, and the project keeps the name", name = project.target);
        problems.push(Problem::new(Place::Strategy, title, detail));
    }
    Loaded { project, path, is_journal, file, model, folders, evaluation, runs, missing, problems }
}

/// Shows a project that was read, in place of what is open.
pub(super) fn opened(state: &mut State, loaded: Loaded) -> Vec<Effect> {
    let Loaded { project, path, is_journal, file, model, folders, evaluation, runs, missing, problems } =
        loaded;
    // Another one has been asked for since.
    if state.project.opening.take_if(|opening| *opening == path).is_none() {
        return Vec::new();
    }
    state.problems.clear();
    let chain = project.strategies.iter();
    let document = Document {
        target: TargetSpec::by_name(&project.target).map_or_else(Target::default, Target),
        folders,
        evaluation,
        labels: project.labels.clone(),
        preprocessing: project.preprocessing.clone(),
        leave_out: Arc::new(project.leave_out.iter().cloned().collect()),
        chain: chain.map(|s| Chosen { id: s.id.clone(), settings: s.settings.clone() }).collect(),
        edits: project.edits.clone(),
    };
    document.restore(state);
    state.history.clear();
    state.scoring = Scoring { generation: state.scoring.generation + 1, ..Scoring::default() };
    state.marked.clear();
    // What was asked for before belongs to what was open before.
    state.pictures.asked.clear();
    let kept = |edits: &Edits| Kept { edits: edits.clone(), ..Kept::default() };
    // Where the model is missing its runs tell which one it was.
    let of_model =
        |(_, report): &&(ProjectRun, Report)| project.model.as_deref() == Some(Path::new(&report.model.path));
    let of_run = runs.iter().rev().find(of_model).map(|(_, report)| report.model.sha256.clone());
    state.model = ModelState {
        last_sha256: model.as_ref().map(|m| m.sha256.clone()).or(of_run),
        open: model.map(Arc::new),
        opening: None,
        others: project.other_edits.iter().map(|(sha256, edits)| (sha256.clone(), kept(edits))).collect(),
    };
    state.graph = Default::default();
    state.graph.heat = project.heat;
    let before = std::mem::take(&mut state.runs);
    state.runs = Runs {
        earlier: before.earlier,
        deleted: before.deleted,
        asked: before.asked,
        fresh: before.fresh,
        ..Runs::default()
    };
    for (index, (run, report)) in runs.into_iter().enumerate() {
        state.runs.all.push(Run { path: run.path, report: Arc::new(report) });
        if run.shown {
            state.runs.shown = Some(index);
        }
        if run.reference {
            state.runs.reference = Some(index);
        }
    }
    state.colour_by_what_was_measured();
    state.selection = project.selection.clone();
    state.side = match (&state.selection, state.runs.shown) {
        (Some(_), _) => Side::Layer,
        (None, Some(_)) => Side::Step(Step::Errors),
        (None, None) => Side::Step(Step::Model),
    };
    let is_whole = missing == Missing::default();
    state.project.missing = missing;
    for problem in problems {
        report_problem(state, problem);
    }
    if !is_journal {
        state.settings.opened(&path);
        state.project.saved = Some(Project::of(state));
        state.project.saved_as = file.saved_as;
        return Vec::new();
    }
    (state.project.saved_as, state.project.saved) = (file.saved_as, file.saved);
    state.toasts.info(tr!("The last session is back as of its last change"));
    if file.has_changed {
        let words = tr!("Its project file was changed or removed since: saving asks for a file");
        state.toasts.info(words);
    }
    let is_orphan = state.project.orphans.iter().any(|o| o.path == path);
    state.project.orphans.retain(|o| o.path != path);
    // As long as something is missing the journal is the only thing that surely names it.
    if is_orphan && is_whole {
        return vec![Effect::Project(ProjectEffect::Forget(path))];
    }
    Vec::new()
}
