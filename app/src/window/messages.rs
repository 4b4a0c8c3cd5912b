//! What threads report back, and how the state takes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use octet_engine::job::{Cancel, Event};
use octet_engine::report::Report;

use super::actions::{
    Action, DeployMessage, EditMessage, Effect, GraphMessage, InspectAction, InspectMessage, PicturesAction,
    PicturesMessage, ProjectAction, ProjectMessage, RunsMessage, StrategyAction, StrategyMessage, after_job,
    apply, finished, give_up_long_score, listed, looked, note_opened, picked, read,
};
use super::backend::{DropKind, Example, FoundPlugins, Pick, Picked};
use super::state::{JobEnd, Made, Model, PathField, PictureFolder, Place, Problem, Side, State, Step};
use crate::{key, tr};

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
    /// Whether a file is there that something would write.
    FileThere {
        /// The file.
        path: PathBuf,
        /// What would write it.
        then: Box<Action>,
        /// It is there.
        is_there: bool,
    },
    /// The example lies here.
    Example(Result<Example, Problem>),
    /// A model was read.
    Model(PathBuf, Result<Box<Model>, Problem>),
    /// A run's report was read.
    Run(PathBuf, Result<Box<Report>, Problem>),
    /// A folder was looked at.
    Folder {
        /// The question's number.
        ticket: u64,
        /// What it holds.
        result: Result<PictureFolder, Problem>,
    },
    /// Plugins were looked for.
    Plugins(Result<FoundPlugins, Problem>),
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
            return apply(state, picked(what, path, true));
        }
        Message::Picked(_, Picked::Cancelled) => state.project.after_save = None,
        Message::Picked(what, Picked::Unavailable) => {
            state
                .toasts
                .info(tr!("This system has no file dialog: type or paste the path, or drop the file"));
            state.path_field = Some(PathField { what, text: String::new() });
        }
        Message::Dropped(items) => return dropped(state, items),
        Message::Hovers(paths, kinds) => {
            if state.hover.paths == paths {
                state.hover.kinds = kinds;
            }
        }
        Message::FileThere { path, then, is_there } => return looked(state, path, then, is_there),
        Message::Example(Ok(written)) => return example(state, written),
        Message::Example(Err(problem)) => report_problem(state, problem),
        Message::Model(path, result) => model_read(state, &path, result),
        Message::Run(path, result) => return read(state, path, result),
        Message::Folder { ticket, result } => return listed(state, ticket, result),
        Message::Plugins(Ok(found)) => plugins_found(state, found),
        Message::Plugins(Err(problem)) => {
            state.strategies.found = Some(Vec::new());
            report_problem(state, problem);
        }
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
            return after_job(state);
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
                let detail = tr!("%{what}: %{path}", what = tr!(kind.promise()), path = path.display());
                // It belongs nowhere: no step is worse off because of it.
                state.toasts.problem(&Problem::new(Place::Model, key!("Octet cannot open this"), detail));
            }
        }
    }
    effects
}

fn model_read(state: &mut State, path: &Path, result: Result<Box<Model>, Problem>) {
    // Another one has been asked for since.
    if state.model.opening.as_deref() != Some(path) {
        return;
    }
    state.model.opening = None;
    match result {
        Ok(model) => {
            state.project.missing.model = None;
            let report = state.report();
            let is_of_run = report.is_some_and(|r| Path::new(&r.model.path) == path);
            let fits = report.is_some_and(|r| r.model.sha256 == model.sha256);
            if is_of_run && !fits {
                state
                    .toasts
                    .info(tr!("The model file is no longer the one of this run; figures are shown by name"));
            }
            if !fits && !is_of_run {
                state.runs.shown = None;
                state.selection = None;
                state.side = Side::Step(Step::Model);
            }
            state.turn_to(&model.sha256);
            state.graph.forget_model();
            state.model.open = Some(Arc::new(*model));
        }
        Err(problem) => report_problem(state, problem),
    }
}

/// Opens the example, with its pictures for whoever has chosen none.
fn example(state: &mut State, written: Example) -> Vec<Effect> {
    let mut effects = apply(state, Action::OpenModel(written.model));
    if state.pictures.folders.is_empty() && state.pictures.asked.is_empty() {
        effects.extend(apply(state, Action::AddPictures(written.pictures)));
    }
    effects
}

fn plugins_found(state: &mut State, found: FoundPlugins) {
    let FoundPlugins { usable: found, refused } = found;
    state.problems.remove(&Place::Strategy);
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
    give_up_long_score(state);
    let Some(job) = &state.job else { return Vec::new() };
    match job.end.clone() {
        Some(JobEnd::Done(run)) => {
            // The worker knows from now on what its strategies decide.
            if state.scoring.long.as_ref() == Some(&document.chain) {
                state.scoring.long = None;
            }
            state.toasts.info(if is_score { tr!("Scored") } else { tr!("Quantized") });
            state.scoring.made.insert(run.clone(), Made { document, is_score });
            finished(state, &run);
            let mut effects = apply(state, Action::OpenRun(run));
            effects.extend(after_job(state));
            effects.extend(
                long_enough.then(|| Effect::Notify(tr!("%{title} is done", title = title).into_owned())),
            );
            effects
        }
        Some(JobEnd::Failed(message)) => {
            report_problem(state, Problem::new(Place::Run, key!("Quantizing failed"), message));
            let mut effects = after_job(state);
            let notice = || Effect::Notify(tr!("%{title} failed", title = title).into_owned());
            effects.extend(long_enough.then(notice));
            effects
        }
        Some(JobEnd::Cancelled) => {
            if !state.scoring.wanted && !state.scores_on_demand() {
                state.toasts.info(tr!("Cancelled"));
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
        if !state.scoring.wanted && !state.scores_on_demand() {
            state.toasts.info(tr!("Cancelled"));
        }
    } else {
        let message = tr!("The job ended without a result; its log may tell why").into_owned();
        job.tell(None, &message);
        job.end = Some(JobEnd::Failed(message.clone()));
        report_problem(state, Problem::new(Place::Run, key!("Quantizing failed"), message));
    }
    after_job(state)
}
