//! What threads report back, and how the state takes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use octet_engine::job::{Cancel, Event};
use octet_engine::report::Report;
use octet_engine::target::TargetSpec;

use super::actions::{
    Action, DeployMessage, EditMessage, Effect, GraphMessage, InspectAction, InspectMessage, PicturesAction,
    PicturesMessage, ProjectAction, ProjectMessage, RunsMessage, StrategyAction, StrategyMessage, after_job,
    apply, changed, finished, labels_refused, note_opened, opened, picked,
};
use super::backend::{DropKind, FoundPlugins, Pick, Picked};
use super::state::{
    Document, JobEnd, LogLine, Made, Model, PathField, PictureFolder, Place, Problem, Run, Side, State, Step,
    Target,
};

/// Jobs that took longer are told of through the system when they end.
const NOTIFY_AFTER: Duration = Duration::from_secs(30);

/// A report from a thread.
#[derive(Debug)]
pub enum Message {
    /// The user answered a dialog.
    Picked(Pick, Picked),
    /// What was dropped is known.
    Dropped(Vec<(PathBuf, DropKind)>),
    /// What hovers is known.
    Hovers(Vec<PathBuf>, Vec<DropKind>),
    /// The example lies here.
    Example(Result<PathBuf, Problem>),
    /// A model was read.
    Model(PathBuf, Result<Box<Model>, Problem>),
    /// A run's report was read.
    Run(PathBuf, Result<Box<Report>, Problem>),
    /// A folder was looked at.
    Folder {
        /// For the evaluation.
        evaluation: bool,
        /// What it holds.
        result: Result<PictureFolder, Problem>,
    },
    /// Plugins were looked for.
    Plugins(Result<FoundPlugins, Problem>),
    /// The user's trust in a plugin was remembered, or not.
    Trusted(Result<(), Problem>),
    /// The job runs, or does not.
    Started(Result<Cancel, Problem>),
    /// The job tells something.
    Job(Event),
    /// The job's channel closed.
    JobOver,
    /// About the canvas: what is seen of it, and what colours it.
    Graph(GraphMessage),
    /// About the inspector and the picture that is tried.
    Inspect(InspectMessage),
    /// About pictures, their pre-processing and labels.
    Pictures(PicturesMessage),
    /// About the chain of strategies and the plugins.
    Strategy(StrategyMessage),
    /// About the list of runs and their comparison.
    Runs(RunsMessage),
    /// About boards.
    Deploy(DeployMessage),
    /// About changes by hand, and undoing them.
    Edit(EditMessage),
    /// About projects, recent files and the journal.
    Project(ProjectMessage),
}

/// Takes a message; what follows from it is handed back.
pub fn receive(state: &mut State, message: Message) -> Vec<Effect> {
    match message {
        Message::Picked(what, Picked::Path(path)) => {
            let kind = match what {
                Pick::Model => DropKind::Model,
                Pick::Run => DropKind::Run,
                _ => DropKind::Unknown,
            };
            note_opened(state, &path, kind);
            return apply(state, picked(what, path));
        }
        Message::Picked(_, Picked::Cancelled) => {}
        Message::Picked(what, Picked::Unavailable) => {
            state.toasts.info("This system has no file dialog: type or paste the path, or drop the file");
            state.path_field = Some(PathField { what, text: String::new() });
        }
        Message::Dropped(items) => return dropped(state, items),
        Message::Hovers(paths, kinds) => {
            if state.hover.paths == paths {
                state.hover.kinds = kinds;
            }
        }
        Message::Example(Ok(path)) => return apply(state, Action::OpenModel(path)),
        Message::Example(Err(problem)) => report_problem(state, problem),
        Message::Model(path, result) => model_read(state, &path, result),
        Message::Run(path, result) => return run_read(state, path, result),
        Message::Folder { evaluation, result } => return pictures_listed(state, evaluation, result),
        Message::Plugins(Ok(found)) => plugins_found(state, found),
        Message::Plugins(Err(problem)) => {
            state.strategies.found = Some(Vec::new());
            report_problem(state, problem);
        }
        Message::Trusted(Ok(())) => return apply(state, Action::FindPlugins),
        Message::Trusted(Err(problem)) => report_problem(state, problem),
        Message::Started(Ok(cancel)) => {
            if let Some(job) = &mut state.job {
                if job.cancelling {
                    cancel.cancel();
                }
                job.cancel = Some(cancel);
            }
        }
        Message::Started(Err(problem)) => {
            state.job = None;
            report_problem(state, problem);
        }
        Message::Job(event) => return job_told(state, event),
        Message::JobOver => return job_over(state),
        Message::Graph(message) => return message.receive(state),
        Message::Inspect(message) => return message.receive(state),
        Message::Pictures(message) => return message.receive(state),
        Message::Strategy(message) => return message.receive(state),
        Message::Runs(message) => return message.receive(state),
        Message::Deploy(message) => return message.receive(state),
        Message::Edit(message) => return message.receive(state),
        Message::Project(message) => return message.receive(state),
    }
    Vec::new()
}

/// Shows a problem where it belongs, and as a toast.
pub fn report_problem(state: &mut State, problem: Problem) {
    state.toasts.problem(&problem);
    state.problems.insert(problem.place, problem);
}

fn dropped(state: &mut State, items: Vec<(PathBuf, DropKind)>) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (path, kind) in items {
        note_opened(state, &path, kind);
        match kind {
            DropKind::Model => effects.extend(apply(state, Action::OpenModel(path))),
            DropKind::Pictures => effects.extend(apply(state, Action::AddPictures(path))),
            DropKind::Run => effects.extend(apply(state, Action::OpenRun(path))),
            DropKind::Project => {
                effects.extend(apply(state, Action::Project(ProjectAction::Open(path))));
            }
            DropKind::Picture => {
                effects.extend(apply(state, Action::Inspect(InspectAction::Try(path))));
            }
            DropKind::Labels => {
                effects.extend(apply(state, Action::Pictures(PicturesAction::SetLabels(path))));
            }
            DropKind::Plugin => {
                let offer = StrategyAction::Offer { path, in_place: false };
                effects.extend(apply(state, Action::Strategy(offer)));
            }
            DropKind::Pipeline => {
                effects.extend(apply(state, Action::Strategy(StrategyAction::LoadPipeline(path))));
            }
            DropKind::Unknown => {
                let detail = format!("{}: {}", kind.promise(), path.display());
                // It belongs nowhere: no step is worse off because of it.
                state.toasts.problem(&Problem::new(Place::Model, "Octet cannot open this", detail));
            }
        }
    }
    effects
}

fn model_read(state: &mut State, path: &Path, result: Result<Box<Model>, Problem>) {
    if state.model.opening.as_deref() == Some(path) {
        state.model.opening = None;
    }
    match result {
        Ok(model) => {
            let report = state.report();
            let is_of_run = report.is_some_and(|r| Path::new(&r.model.path) == path);
            let fits = report.is_some_and(|r| r.model.sha256 == model.sha256);
            if is_of_run && !fits {
                state
                    .toasts
                    .info("The model file is no longer the one of this run; figures are shown by name");
            }
            if !fits && !is_of_run {
                state.runs.shown = None;
                state.selection = None;
                state.side = Side::Step(Step::Model);
            }
            let is_other = state.model.last_sha256.as_ref().is_some_and(|last| *last != model.sha256);
            if is_other {
                state.edits = Default::default();
                state.history.clear();
                state.scoring = Default::default();
                state.marked.clear();
            }
            state.model.last_sha256 = Some(model.sha256.clone());
            state.graph.forget_model();
            state.model.open = Some(Arc::new(*model));
        }
        Err(problem) => report_problem(state, problem),
    }
}

fn run_read(state: &mut State, path: PathBuf, result: Result<Box<Report>, Problem>) -> Vec<Effect> {
    let report = match result {
        Ok(report) => *report,
        Err(problem) => {
            report_problem(state, problem);
            return Vec::new();
        }
    };
    // A run is shown on its own model; another one that is open would show figures where they do not belong.
    let open = state.model.open.as_ref();
    let fits = open.is_some_and(|m| m.sha256 == report.model.sha256);
    let model = PathBuf::from(&report.model.path);
    if let Some(spec) = TargetSpec::by_name(&report.target) {
        state.target = Target(spec);
    }
    let run = Run { path, report: Arc::new(report) };
    let mut effects = opened(state, &run);
    state.runs.add(run);
    // Whoever changes an operation goes on looking at it.
    if state.shown_made().is_none_or(|made| !made.is_score) {
        state.side = Side::Step(Step::Errors);
        state.selection = None;
    }
    state.follow_run();
    if !fits {
        state.model.open = None;
        effects.extend(apply(state, Action::OpenModel(model)));
    }
    effects
}

fn pictures_listed(
    state: &mut State,
    evaluation: bool,
    result: Result<PictureFolder, Problem>,
) -> Vec<Effect> {
    state.pictures.pending = state.pictures.pending.saturating_sub(1);
    let before = Document::of(state);
    let name = match &result {
        Ok(folder) if evaluation => format!("evaluate on {}", folder.path.display()),
        Ok(folder) => format!("calibrate with {}", folder.path.display()),
        Err(_) => String::new(),
    };
    match result {
        Ok(folder) if evaluation => state.pictures.evaluation = Some(folder),
        Ok(folder) => {
            let folders = &mut state.pictures.folders;
            match folders.iter_mut().find(|f| f.path == folder.path) {
                Some(known) => *known = folder,
                None => folders.push(folder),
            }
            state.side = Side::Step(Step::Pictures);
        }
        Err(problem) => {
            if evaluation {
                labels_refused(state, &problem);
            }
            report_problem(state, problem);
        }
    }
    changed(state, name, &before, None)
}

fn plugins_found(state: &mut State, found: FoundPlugins) {
    let FoundPlugins { usable: found, refused } = found;
    state.problems.remove(&Place::Strategy);
    state.strategies.chain.retain(|c| found.iter().any(|p| p.id == c.id));
    if state.strategies.chain.is_empty()
        && let [only] = found.as_slice()
    {
        state.strategies.toggle(&only.id);
    }
    state.strategies.found = Some(found);
    state.strategies.refused = refused;
}

fn job_told(state: &mut State, event: Event) -> Vec<Effect> {
    let Some(job) = &mut state.job else { return Vec::new() };
    job.note(event);
    let (document, is_score) = (job.document.clone(), job.is_score);
    let (title, long_enough) = (job.title.clone(), job.started.elapsed() > NOTIFY_AFTER);
    match job.end.clone() {
        Some(JobEnd::Done(run)) => {
            state.toasts.info(if is_score { "Scored" } else { "Quantized" });
            state.scoring.made.insert(run.clone(), Made { document, is_score });
            finished(state, &run);
            let mut effects = apply(state, Action::OpenRun(run));
            effects.extend(after_job(state));
            effects.extend(long_enough.then(|| Effect::Notify(format!("{title} is done"))));
            effects
        }
        Some(JobEnd::Failed(message)) => {
            report_problem(state, Problem::new(Place::Run, "Quantizing failed", message));
            long_enough.then(|| Effect::Notify(format!("{title} failed"))).into_iter().collect()
        }
        Some(JobEnd::Cancelled) => {
            if !state.scoring.wanted {
                state.toasts.info("Cancelled");
            }
            after_job(state)
        }
        None => Vec::new(),
    }
}

/// A job whose channel closes without an end was cancelled, or its process died.
fn job_over(state: &mut State) -> Vec<Effect> {
    let Some(job) = state.job.as_mut().filter(|j| j.end.is_none()) else { return Vec::new() };
    if job.cancelling {
        job.end = Some(JobEnd::Cancelled);
        if !state.scoring.wanted {
            state.toasts.info("Cancelled");
        }
    } else {
        let message = "The job ended without a result; its log may tell why".to_owned();
        job.log.push(LogLine { level: None, text: message.clone() });
        job.end = Some(JobEnd::Failed(message.clone()));
        report_problem(state, Problem::new(Place::Run, "Quantizing failed", message));
    }
    after_job(state)
}
