//! The path through the window, for those who follow it: what is done, what is to do, what needs a look.

use octet_engine::report::Severity;

use super::{DeployStep, Place, State, StepStatus, StepView};
use crate::tr;

/// A step of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Open a model.
    Model,
    /// Add pictures.
    Pictures,
    /// Choose and set strategies.
    Strategy,
    /// Run, and look at the errors.
    Errors,
    /// Put the run onto a board.
    Deploy,
}

/// All steps, from top to bottom.
pub const STEPS: [Step; 5] = [Step::Model, Step::Pictures, Step::Strategy, Step::Errors, Step::Deploy];

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Finished.
    Done,
    /// Not yet.
    ToDo,
    /// Under way.
    Working,
    /// Something is wrong there.
    Attention,
}

impl Progress {
    /// In words, for screen readers and tests.
    pub fn words(self) -> &'static str {
        match self {
            Progress::Done => "done",
            Progress::ToDo => "to do",
            Progress::Working => "working",
            Progress::Attention => "needs attention",
        }
    }
}

impl Step {
    /// Name on the rail.
    pub fn title(self) -> &'static str {
        match self {
            Step::Model => "Model",
            Step::Pictures => "Pictures",
            Step::Strategy => "Strategy",
            Step::Errors => "Errors",
            Step::Deploy => "Deploy",
        }
    }

    /// How far it is.
    pub fn progress(self, state: &State) -> Progress {
        let place = match self {
            Step::Model => Place::Model,
            Step::Pictures => Place::Pictures,
            Step::Strategy => Place::Strategy,
            Step::Errors => Place::Run,
            Step::Deploy => Place::Deploy,
        };
        let (working, done) = match self {
            Step::Model => (state.model.opening.is_some(), state.model.open.is_some()),
            Step::Pictures => (!state.pictures.asked.is_empty(), !state.pictures.folders.is_empty()),
            Step::Strategy => (false, !state.strategies.chain.is_empty()),
            Step::Errors => (state.is_running(), state.report().is_some()),
            Step::Deploy => (state.deploy.is_running(), is_deployed(state)),
        };
        let warns = self == Step::Errors
            && state.report().is_some_and(|r| {
                !r.warnings.is_empty() || r.advice.iter().any(|f| f.severity > Severity::Hint)
            });
        let cannot_run = self == Step::Strategy && state.strategies.order().is_err();
        let failed = self == Step::Deploy && state.deployment().is_some_and(|d| d.failure().is_some());
        if working {
            Progress::Working
        } else if state.problems.contains_key(&place) || warns || cannot_run || failed {
            Progress::Attention
        } else if done {
            Progress::Done
        } else {
            Progress::ToDo
        }
    }

    /// What it says under its name.
    pub fn summary(self, state: &State) -> String {
        match self {
            Step::Model => match (&state.model.opening, &state.model.open) {
                (Some(_), _) => tr!("opening…").into_owned(),
                (None, Some(model)) => model.file_name(),
                (None, None) => tr!("open or drop one").into_owned(),
            },
            Step::Pictures => match state.pictures.total() {
                0 if state.pictures.listed() > 0 => tr!("none can be used").into_owned(),
                0 => tr!("add a folder").into_owned(),
                n => tr!("%{n} to calibrate with", n = n).into_owned(),
            },
            Step::Strategy => match state.strategies.words() {
                words if words.is_empty() => tr!("choose one").into_owned(),
                words => words,
            },
            Step::Errors => match (state.is_running(), state.runs.shown().and_then(|r| r.verdict())) {
                (true, _) => tr!("running…").into_owned(),
                (false, Some((figure, name))) => tr!(
                    "%{accuracy} %{kind}",
                    accuracy = crate::window::format::accuracy(figure),
                    kind = tr!(name)
                )
                .into_owned(),
                (false, None) if state.report().is_some() => tr!("measured").into_owned(),
                (false, None) => tr!("quantize to see them").into_owned(),
            },
            Step::Deploy => deploy_summary(state),
        }
    }
}

/// A board runs the run on display: it was measured, or everything was written.
fn is_deployed(state: &State) -> bool {
    let done = |d: &super::Deployment| d.step(DeployStep::Flash).status == StepStatus::Done;
    state.measured().is_some() || state.deployment().is_some_and(done)
}

fn deploy_summary(state: &State) -> String {
    let deployment = state.deployment();
    if let Some(deployment) = deployment.filter(|d| d.end.is_none()) {
        let step = deployment.running().map_or(DeployStep::Toolchain, |view| view.step);
        return format!("{}…", tr!(StepView::title(step)));
    }
    if let Some(failure) = deployment.and_then(|d| d.failure()) {
        return tr!("%{step} failed", step = tr!(StepView::title(failure.step))).into_owned();
    }
    match state.measured() {
        Some(measured) => {
            let time = crate::window::format::milliseconds(measured.measurement.network_us as f64);
            tr!("%{time} on the board", time = time).into_owned()
        }
        None if is_deployed(state) => tr!("on the board").into_owned(),
        None if state.report().is_none() => tr!("quantize first").into_owned(),
        None => tr!("put it on a board").into_owned(),
    }
}
