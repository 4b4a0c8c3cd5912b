//! Actions on boards: the sheet, and putting runs onto them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use octet_engine::deploy::{ChipFacts, DeployRequest, Event, Flavour, Measurement, Port};
use octet_engine::doctor::Finding;
use octet_engine::job::Cancel;

use super::{Action, Effect, apply};
use crate::tr;
use crate::window::backend::Backend;
use crate::window::state::{
    DeployEnd, DeployOptions, DeployStep, DeployWork, Deployment, Measured, Place, Problem, Side, State,
    Step, StepStatus, StepView, file_of,
};

/// Deployments that took longer are told of through the system when they end.
const NOTIFY_AFTER: Duration = Duration::from_secs(30);

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum DeployAction {
    /// Show the sheet.
    Open,
    /// Hide it; a deployment goes on.
    Close,
    /// Look for boards again.
    FindPorts,
    /// Look at the tools again.
    ExamineTools,
    /// Choose otherwise.
    Set(Box<DeployOptions>),
    /// Take this ESP-IDF.
    SetIdf(PathBuf),
    /// Take these names of classes.
    SetNames(PathBuf),
    /// Deploy the run on display.
    Start,
    /// Write and build its firmware, without a board.
    Build,
    /// End what is at work.
    Cancel,
    /// Do once more what failed.
    Retry,
    /// The same with the modem lines left alone.
    RetryWithoutReset,
    /// Deploy with the project of somebody else that lies in the run folder.
    BuildAnyway,
    /// Move that project aside and deploy with one of Octet's own.
    WriteAnew,
    /// Forget the port, so that another one can be chosen.
    OtherPort,
    /// Watch the board's console.
    Watch,
    /// Compare the tensors once more.
    Verify,
    /// Show or hide the log of a step.
    Toggle(DeployStep),
    /// Show only lines of the console with this text.
    FilterConsole(String),
    /// Forget the console's lines.
    ClearConsole,
    /// Select the operation that makes this tensor.
    ShowTensor(String),
    /// Open a file that the build named.
    OpenFile(PathBuf),
    /// Put a text on the clipboard.
    Copy(String),
}

impl DeployAction {
    /// For the log.
    pub fn name(&self) -> String {
        match self {
            DeployAction::Open => tr!("open the deploy sheet").into_owned(),
            DeployAction::Close => tr!("close the deploy sheet").into_owned(),
            DeployAction::FindPorts => tr!("look for boards").into_owned(),
            DeployAction::ExamineTools => tr!("look at the tools").into_owned(),
            DeployAction::Set(_) => tr!("options of the deployment").into_owned(),
            DeployAction::SetIdf(path) => tr!("ESP-IDF %{path}", path = path.display()).into_owned(),
            DeployAction::SetNames(path) => tr!("class names %{path}", path = path.display()).into_owned(),
            DeployAction::Start => tr!("deploy").into_owned(),
            DeployAction::Build => tr!("build the firmware").into_owned(),
            DeployAction::Cancel => tr!("cancel the deployment").into_owned(),
            DeployAction::Retry => tr!("deploy again").into_owned(),
            DeployAction::RetryWithoutReset => tr!("deploy again without a reset").into_owned(),
            DeployAction::BuildAnyway => tr!("build somebody else's firmware").into_owned(),
            DeployAction::WriteAnew => tr!("write the firmware anew").into_owned(),
            DeployAction::OtherPort => tr!("choose another port").into_owned(),
            DeployAction::Watch => tr!("watch the console").into_owned(),
            DeployAction::Verify => tr!("verify the board").into_owned(),
            DeployAction::Toggle(step) => {
                let title = tr!(StepView::title(*step));
                tr!("show or hide the log of %{step}", step = title).into_owned()
            }
            DeployAction::FilterConsole(_) => tr!("search the console").into_owned(),
            DeployAction::ClearConsole => tr!("clear the console").into_owned(),
            DeployAction::ShowTensor(name) => tr!("show tensor %{name}", name = name).into_owned(),
            DeployAction::OpenFile(path) => tr!("open %{path}", path = path.display()).into_owned(),
            DeployAction::Copy(_) => tr!("copy").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        let deploy = &mut state.deploy;
        match self {
            DeployAction::Open => return open(state),
            DeployAction::Close => deploy.is_open = false,
            DeployAction::FindPorts => return find_ports(state),
            DeployAction::ExamineTools => {
                deploy.looks_at_tools = true;
                return vec![Effect::Deploy(DeployEffect::ExamineTools)];
            }
            DeployAction::Set(options) => {
                deploy.choose(*options);
                state.settings.deploy = state.deploy.options.kept();
            }
            DeployAction::SetIdf(path) => {
                deploy.options.idf = path.to_string_lossy().into_owned();
                state.settings.deploy = state.deploy.options.kept();
            }
            DeployAction::SetNames(path) => deploy.options.names = path.to_string_lossy().into_owned(),
            DeployAction::Start => return begin(state, DeployWork::Everything, |_| {}),
            DeployAction::Build => return begin(state, DeployWork::Build, |_| {}),
            DeployAction::Watch => return begin(state, DeployWork::Monitor, |_| {}),
            DeployAction::Verify => return begin(state, DeployWork::Verify, |_| {}),
            // Both are said once, of what is there now: neither is an option that stays.
            DeployAction::BuildAnyway => {
                return retry(state, |request| request.build.trust = true);
            }
            DeployAction::WriteAnew => {
                return retry(state, |request| request.generate.afresh = true);
            }
            DeployAction::Retry => {
                let change: fn(&mut DeployRequest) = match state.deployment() {
                    Some(deployment) if deployment.without_reset => leave_the_reset,
                    _ => |_| {},
                };
                return retry(state, change);
            }
            // An answer to what happened, and no choice that stays.
            DeployAction::RetryWithoutReset => return retry(state, leave_the_reset),
            DeployAction::OtherPort => {
                (deploy.options.board, deploy.options.port) = (None, String::new());
                state.settings.deploy = state.deploy.options.kept();
                return find_ports(state);
            }
            DeployAction::Cancel => {
                if let Some(deployment) = deploy.deployment.as_mut().filter(|d| d.end.is_none()) {
                    deployment.cancelling = true;
                    if let Some(cancel) = &deployment.cancel {
                        cancel.cancel();
                    }
                }
            }
            DeployAction::Toggle(step) => {
                // Before the first deployment there is a list of steps as well.
                if let Some(deployment) = &mut deploy.deployment {
                    let view = deployment.step_mut(step);
                    view.is_open = !view.is_open;
                }
            }
            DeployAction::FilterConsole(text) => deploy.console.filter = text,
            DeployAction::ClearConsole => deploy.console.clear(),
            DeployAction::ShowTensor(tensor) => {
                let Some(operation) = state.operation_of(&tensor) else {
                    state
                        .toasts
                        .info(tr!("No operation of the open model makes the tensor %{name}", name = tensor));
                    return Vec::new();
                };
                state.deploy.is_open = false;
                return apply(state, Action::Select(Some(operation)));
            }
            DeployAction::OpenFile(named) => {
                let Some(deployment) = &deploy.deployment else { return Vec::new() };
                return vec![Effect::Deploy(DeployEffect::OpenFile(file_of(&deployment.project, &named)))];
            }
            DeployAction::Copy(text) => {
                state.toasts.info(tr!("Copied"));
                return vec![Effect::Copy(text)];
            }
        }
        Vec::new()
    }
}

fn open(state: &mut State) -> Vec<Effect> {
    state.deploy.is_open = true;
    if state.report().is_some() {
        state.side = Side::Step(Step::Deploy);
    }
    let mut effects = find_ports(state);
    if state.deploy.tools.is_none() && !state.deploy.looks_at_tools {
        state.deploy.looks_at_tools = true;
        effects.push(Effect::Deploy(DeployEffect::ExamineTools));
    }
    effects
}

fn find_ports(state: &mut State) -> Vec<Effect> {
    state.deploy.looks_for_ports = true;
    vec![Effect::Deploy(DeployEffect::FindPorts)]
}

/// Boards that are plugged in appear by themselves, while one could be chosen: the sheet is open, and nothing is at work.
pub fn watch_ports(state: &mut State) -> Vec<Effect> {
    let is_shown = state.deploy.is_open && state.runs.shown().is_some();
    let deploy = &mut state.deploy;
    let known = deploy.ports.as_ref().filter(|_| is_shown && !deploy.is_running() && !deploy.looks_for_ports);
    if known.is_some() == deploy.watches_ports {
        return Vec::new();
    }
    let effect = known.map_or(DeployEffect::LeavePorts, |ports| DeployEffect::WatchPorts(ports.clone()));
    deploy.watches_ports = !deploy.watches_ports;
    vec![Effect::Deploy(effect)]
}

/// Does again what was asked for last, with a request that was changed.
fn retry(state: &mut State, change: fn(&mut DeployRequest)) -> Vec<Effect> {
    let work = state.deployment().map_or(DeployWork::Everything, |d| d.work);
    begin(state, work, change)
}

fn leave_the_reset(request: &mut DeployRequest) {
    request.no_reset = true;
}

/// Starts a work with the run on display, with a request that was changed. What stands in the way is told.
fn begin(state: &mut State, work: DeployWork, change: fn(&mut DeployRequest)) -> Vec<Effect> {
    let obstacle = if work == DeployWork::Build { state.build_obstacle() } else { state.deploy_obstacle() };
    if let Some(obstacle) = obstacle {
        state.toasts.info(tr!(obstacle));
        return Vec::new();
    }
    let Some(run) = state.runs.shown().map(|r| r.folder().to_owned()) else { return Vec::new() };
    let options = state.deploy.options.for_chip(state.report().and_then(|r| ChipFacts::by_name(&r.target)));
    let (now, deploy) = (Instant::now(), &mut state.deploy);
    if deploy.deployment.as_ref().is_none_or(|d| d.run != run) {
        deploy.console.clear();
        deploy.deployment = Some(Deployment::new(&run, now));
    }
    let mut request = options.request(&run);
    // The port that the sheet shows is the one that is used, also when another board is plugged in meanwhile.
    request.port = deploy.port().map(str::to_owned);
    change(&mut request);
    if let Some(deployment) = &mut deploy.deployment {
        deployment.begin(work, &options, now);
        deployment.without_reset = request.no_reset && !options.no_reset;
    }
    vec![Effect::Deploy(DeployEffect::Start { work, request: Box::new(request) })]
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum DeployEffect {
    /// List the serial ports.
    FindPorts,
    /// Tell when other ports are there than these.
    WatchPorts(Vec<Port>),
    /// No longer.
    LeavePorts,
    /// Look what of the tool chain is there.
    ExamineTools,
    /// Read what a board measured of a run.
    ReadMeasured(PathBuf),
    /// Open a file with the system's program for it.
    OpenFile(PathBuf),
    /// Work with the board, and tell of it until it ends.
    Start {
        /// What.
        work: DeployWork,
        /// With what.
        request: Box<DeployRequest>,
    },
}

impl DeployEffect {
    /// Does the work; [`Start`](DeployEffect::Start) and [`WatchPorts`](DeployEffect::WatchPorts) are followed instead.
    pub fn run(self, backend: &dyn Backend) -> DeployMessage {
        match self {
            DeployEffect::FindPorts => DeployMessage::Ports(backend.ports()),
            DeployEffect::ExamineTools => DeployMessage::Tools(backend.tools()),
            DeployEffect::ReadMeasured(run) => {
                let measured = backend.measured(&run, Flavour::Octet);
                DeployMessage::Measured(run, measured)
            }
            DeployEffect::OpenFile(path) => DeployMessage::Opened(backend.open_file(&path)),
            DeployEffect::Start { .. } | DeployEffect::WatchPorts(_) | DeployEffect::LeavePorts => {
                DeployMessage::Over
            }
        }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum DeployMessage {
    /// The serial ports.
    Ports(Vec<Port>),
    /// What of the tool chain is there.
    Tools(Vec<Finding>),
    /// What a board measured of a run.
    Measured(PathBuf, Result<Option<Measurement>, Problem>),
    /// A file was opened, or not.
    Opened(Result<(), Problem>),
    /// The work has begun.
    Started(Cancel),
    /// It tells something.
    Told(Box<Event>),
    /// Its channel closed.
    Over,
}

impl DeployMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        let deploy = &mut state.deploy;
        match self {
            DeployMessage::Ports(ports) => {
                deploy.looks_for_ports = false;
                deploy.take_ports(ports);
            }
            DeployMessage::Tools(tools) => (deploy.tools, deploy.looks_at_tools) = (Some(tools), false),
            DeployMessage::Measured(run, Ok(measured)) => {
                let measured = measured.map(|m| Arc::new(Measured::new(m)));
                match measured {
                    Some(measured) => drop(deploy.measured.insert(run, measured)),
                    None => drop(deploy.measured.remove(&run)),
                }
            }
            DeployMessage::Opened(Ok(())) => {}
            DeployMessage::Measured(_, Err(problem)) | DeployMessage::Opened(Err(problem)) => {
                state.toasts.problem(&problem);
            }
            DeployMessage::Started(cancel) => {
                if let Some(deployment) = &mut deploy.deployment {
                    if deployment.cancelling {
                        cancel.cancel();
                    }
                    deployment.cancel = Some(cancel);
                }
            }
            DeployMessage::Told(event) => return told(state, *event),
            DeployMessage::Over => {
                let Some(deployment) = deploy.deployment.as_mut().filter(|d| d.end.is_none()) else {
                    return Vec::new();
                };
                deployment.over();
                return ended(state);
            }
        }
        Vec::new()
    }
}

fn told(state: &mut State, event: Event) -> Vec<Effect> {
    let deploy = &mut state.deploy;
    let Some(deployment) = &mut deploy.deployment else { return Vec::new() };
    if let Event::Console(line) = &event {
        deploy.console.note(line);
        return Vec::new();
    }
    let was_verified = matches!(event, Event::Verified(_));
    deployment.note(event, Instant::now());
    let mut effects = Vec::new();
    if was_verified {
        effects.push(Effect::Deploy(DeployEffect::ReadMeasured(deployment.run.clone())));
    }
    if deployment.end.is_some() {
        effects.extend(ended(state));
    }
    effects
}

/// Tells how it ended: in the window, and through the system when it took long.
fn ended(state: &mut State) -> Vec<Effect> {
    let Some(deployment) = &mut state.deploy.deployment else { return Vec::new() };
    let took_long = deployment.elapsed(Instant::now()) > NOTIFY_AFTER;
    let work = deployment.work;
    let title = match (&deployment.end, work) {
        // Whoever ends the console knows that it ended.
        (None, _) | (Some(DeployEnd::Done | DeployEnd::Cancelled), DeployWork::Monitor) => return Vec::new(),
        (Some(DeployEnd::Done), _) => done_words(deployment),
        (Some(DeployEnd::Cancelled), _) => {
            state.toasts.info(tr!("The deployment was cancelled"));
            return Vec::new();
        }
        // The sheet has a question, which is no failure.
        (Some(DeployEnd::Failed(failure)), _) if failure.cause.is_question() => {
            state.toasts.info(tr!("The Deploy sheet asks before it builds this firmware"));
            return Vec::new();
        }
        (Some(DeployEnd::Failed(failure)), _) => {
            let failure = failure.clone();
            // What is to be read is shown at once.
            deployment.step_mut(failure.step).is_open = true;
            let help = failure.help.as_deref().unwrap_or_default();
            let detail =
                if help.is_empty() { failure.message } else { format!("{}\n{help}", failure.message) };
            let title = tr!("The deployment failed").into_owned();
            state.toasts.problem(&Problem::new(Place::Deploy, title.as_str(), detail));
            title
        }
    };
    if matches!(state.deploy.deployment.as_ref().map(|d| &d.end), Some(Some(DeployEnd::Done))) {
        state.toasts.info(title.clone());
    }
    took_long.then_some(Effect::Notify(title)).into_iter().collect()
}

fn done_words(deployment: &Deployment) -> String {
    if deployment.work == DeployWork::Build {
        return tr!("The firmware is built in %{path}", path = deployment.project.display()).into_owned();
    }
    let compared = deployment.verification.as_ref().map_or(0, |v| v.tensors);
    if deployment.step(DeployStep::Verify).status == StepStatus::Done && compared > 0 {
        return tr!("Deployed: all %{n} tensors of the board equal the desktop's", n = compared).into_owned();
    }
    tr!("Deployed").into_owned()
}

/// A run was opened: what a board measured of it is read too.
pub(super) fn look_for_measured(run: &Path) -> Effect {
    Effect::Deploy(DeployEffect::ReadMeasured(run.to_owned()))
}
