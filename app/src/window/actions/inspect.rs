//! Actions on the inspector and the picture that is tried.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_engine::probe::{ActivationFigures, FeatureMaps, Scatter, TriedPicture, WeightFigures};
use octet_engine::report::{Finding, PictureRole, Remedy};

use super::Effect;
use crate::tr;
use crate::window::backend::Backend;
use crate::window::state::{
    Chosen, MAPS_PER_PAGE, MapKind, NOTHING_TO_TRY, Problem, Side, State, Step, Subject, Ticket, Tried,
};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum InspectAction {
    /// Count the weights of one output channel, or of all.
    ShowChannel(Option<usize>),
    /// Logarithmic or linear heights of histograms.
    SetLogarithmic(bool),
    /// Look at another picture.
    ShowPicture(PathBuf),
    /// Look at the page of feature maps that begins with this channel.
    ShowMaps(usize),
    /// Show a channel large.
    ShowMap(usize),
    /// Show another side of the small maps.
    SetMapKind(MapKind),
    /// Ask both networks about a picture.
    Try(PathBuf),
    /// Do what a finding says.
    Apply(Box<Finding>),
}

impl InspectAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            InspectAction::ShowChannel(Some(channel)) => {
                tr!("weights of channel %{n}", n = channel).into_owned()
            }
            InspectAction::ShowChannel(None) => tr!("weights of all channels").into_owned(),
            InspectAction::SetLogarithmic(true) => tr!("logarithmic heights").into_owned(),
            InspectAction::SetLogarithmic(false) => tr!("linear heights").into_owned(),
            InspectAction::ShowPicture(path) => tr!("look at %{path}", path = path.display()).into_owned(),
            InspectAction::ShowMaps(first) => {
                tr!("feature maps from channel %{n} on", n = first).into_owned()
            }
            InspectAction::ShowMap(channel) => tr!("feature map of channel %{n}", n = channel).into_owned(),
            InspectAction::SetMapKind(kind) => {
                tr!("%{kind} feature maps", kind = tr!(kind.word())).into_owned()
            }
            InspectAction::Try(path) => tr!("try %{path}", path = path.display()).into_owned(),
            InspectAction::Apply(finding) => tr!(&finding.button).into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        let inspect = &mut state.inspect;
        match self {
            InspectAction::ShowChannel(channel) => {
                inspect.channel = channel;
                return ask_weights(state).into_iter().collect();
            }
            InspectAction::SetLogarithmic(on) => inspect.logarithmic = on,
            InspectAction::ShowPicture(path) => {
                inspect.picture = Some(path);
                return ask_picture(state);
            }
            InspectAction::ShowMaps(first) => {
                inspect.first_map = first;
                inspect.map = None;
                return ask_maps(state).into_iter().collect();
            }
            InspectAction::ShowMap(channel) => inspect.map = Some(channel),
            InspectAction::SetMapKind(kind) => inspect.map_kind = kind,
            InspectAction::Try(path) => return try_picture(state, path),
            InspectAction::Apply(finding) => apply_remedy(state, *finding),
        }
        Vec::new()
    }
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectEffect {
    /// The question's number.
    pub ticket: Ticket,
    /// The run that it is about.
    pub run: PathBuf,
    /// The question.
    pub ask: Ask,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Weights of an operation.
    Weights {
        /// Its name.
        name: String,
        /// The output channel that is counted.
        channel: Option<usize>,
    },
    /// Activations that an operation leaves.
    Activations(String),
    /// The run's pictures.
    Pictures,
    /// Float against quantized.
    Scatter {
        /// The operation.
        name: String,
        /// `None` for the run's first.
        picture: Option<PathBuf>,
    },
    /// A page of feature maps.
    Maps {
        /// The operation.
        name: String,
        /// `None` for the run's first.
        picture: Option<PathBuf>,
        /// The first channel.
        first: usize,
    },
    /// What both networks say to a picture.
    Try(PathBuf),
}

impl InspectEffect {
    /// Does the work, unless nobody wants it any more.
    pub fn run(self, backend: &dyn Backend) -> InspectMessage {
        let InspectEffect { ticket, run, ask } = self;
        if ticket.is_obsolete() {
            return InspectMessage { ticket, told: Told::Nothing };
        }
        // Whatever is wrong with the run, the question itself tells.
        if matches!(backend.open_run(&run, &|| ticket.is_obsolete()), Ok(false)) {
            return InspectMessage { ticket, told: Told::Nothing };
        }
        let boxed = Box::new;
        let told = match ask {
            Ask::Weights { name, channel } => Told::Weights(backend.weights(&run, &name, channel).map(boxed)),
            Ask::Activations(name) => Told::Activations(backend.activations(&run, &name).map(Box::new)),
            Ask::Pictures => Told::Pictures(backend.run_pictures(&run)),
            Ask::Scatter { name, picture } => {
                Told::Scatter(backend.scatter(&run, &name, picture.as_deref()).map(Box::new))
            }
            Ask::Maps { name, picture, first } => {
                let channels = first..first.saturating_add(MAPS_PER_PAGE);
                Told::Maps(backend.maps(&run, &name, picture.as_deref(), channels).map(Box::new))
            }
            Ask::Try(picture) => Told::Tried(backend.try_picture(&run, &picture).map(Box::new)),
        };
        InspectMessage { ticket, told }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub struct InspectMessage {
    /// The question's number.
    pub ticket: Ticket,
    /// The answer.
    pub told: Told,
}

/// An answer.
#[derive(Debug)]
pub enum Told {
    /// Nobody wanted it any more.
    Nothing,
    /// Weights of an operation.
    Weights(Result<Box<WeightFigures>, Problem>),
    /// Activations that an operation leaves.
    Activations(Result<Box<ActivationFigures>, Problem>),
    /// The run's pictures.
    Pictures(Result<Vec<PathBuf>, Problem>),
    /// Float against quantized.
    Scatter(Result<Box<Scatter>, Problem>),
    /// A page of feature maps.
    Maps(Result<Box<FeatureMaps>, Problem>),
    /// What both networks say to a picture.
    Tried(Result<Box<TriedPicture>, Problem>),
}

impl InspectMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        let (ticket, inspect) = (&self.ticket, &mut state.inspect);
        match self.told {
            Told::Nothing => {}
            Told::Weights(result) => inspect.weights.take(ticket, result.map(|b| *b)),
            Told::Activations(result) => inspect.activations.take(ticket, result.map(|b| *b)),
            Told::Pictures(result) => inspect.pictures.take(ticket, result),
            Told::Scatter(result) => inspect.scatter.take(ticket, result.map(|b| *b)),
            Told::Maps(result) => inspect.maps.take(ticket, result.map(|b| *b)),
            Told::Tried(result) => inspect.answer.take(ticket, result.map(|b| *b)),
        }
        Vec::new()
    }
}

/// Keeps the close look with the selection and the run on display, whatever changed them. Call it once a frame.
pub fn follow(state: &mut State) -> Vec<Effect> {
    let shown = state.runs.shown();
    let (run, report) = (shown.map(|r| r.path.clone()), shown.map(|r| Arc::clone(&r.report)));
    let mut effects = Vec::new();
    // A run that was made anew in the same folder has another report.
    let same = match (&state.inspect.report, &report) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    if !same {
        state.inspect.report = report;
        state.inspect.subject = None;
        // A picture of another run may be gone, or of another size; one that was tried by hand stays.
        let tried = state.inspect.tried.as_ref().map(|t| &t.path);
        if state.inspect.picture.as_ref() != tried {
            state.inspect.picture = None;
        }
        state.inspect.pictures.clear();
        if let Some(run) = &run {
            let ticket = state.inspect.pictures.ask();
            effects.push(Effect::Inspect(InspectEffect { ticket, run: run.clone(), ask: Ask::Pictures }));
        }
    }
    if let (Side::Try, Some(run)) = (state.side, &run)
        && let Some(tried) = state.inspect.tried.take_if(|t| t.run != *run)
    {
        effects.extend(try_picture(state, tried.path));
    }
    let subject = subject(state, run);
    if state.inspect.subject == subject {
        return effects;
    }
    let inspect = &mut state.inspect;
    inspect.weights.clear();
    inspect.activations.clear();
    inspect.scatter.clear();
    inspect.maps.clear();
    inspect.channel = None;
    (inspect.first_map, inspect.map) = (0, None);
    inspect.subject = subject;
    if inspect.subject.is_some() {
        effects.extend(ask_weights(state));
        effects.extend(ask_picture(state));
        effects.extend(ask_activations(state));
    }
    effects
}

/// What is to be looked at: the selection, on the run on display.
fn subject(state: &State, run: Option<PathBuf>) -> Option<Subject> {
    let (name, run) = (state.selection.clone()?, run?);
    let has_weights = state.layer(&name).is_some_and(|l| !l.weight_exponents.is_empty());
    Some(Subject { run, name, has_weights })
}

fn question(run: &Path, ticket: Ticket, ask: Ask) -> Effect {
    Effect::Inspect(InspectEffect { ticket, run: run.to_owned(), ask })
}

fn ask_weights(state: &mut State) -> Option<Effect> {
    let subject = state.inspect.subject.clone().filter(|s| s.has_weights)?;
    let ask = Ask::Weights { name: subject.name, channel: state.inspect.channel };
    Some(question(&subject.run, state.inspect.weights.ask(), ask))
}

fn ask_activations(state: &mut State) -> Option<Effect> {
    let subject = state.inspect.subject.clone()?;
    Some(question(&subject.run, state.inspect.activations.ask(), Ask::Activations(subject.name)))
}

/// Everything about the chosen picture.
fn ask_picture(state: &mut State) -> Vec<Effect> {
    let Some(Subject { run, name, .. }) = state.inspect.subject.clone() else { return Vec::new() };
    let ask = Ask::Scatter { name, picture: state.inspect.picture.clone() };
    let scatter = question(&run, state.inspect.scatter.ask(), ask);
    std::iter::once(scatter).chain(ask_maps(state)).collect()
}

fn ask_maps(state: &mut State) -> Option<Effect> {
    let Subject { run, name, .. } = state.inspect.subject.clone()?;
    let ask = Ask::Maps { name, picture: state.inspect.picture.clone(), first: state.inspect.first_map };
    Some(question(&run, state.inspect.maps.ask(), ask))
}

fn try_picture(state: &mut State, path: PathBuf) -> Vec<Effect> {
    let Some(run) = state.runs.shown().map(|r| r.path.clone()) else {
        state.toasts.info(NOTHING_TO_TRY);
        return Vec::new();
    };
    state.side = Side::Try;
    let inspect = &mut state.inspect;
    inspect.answer.clear();
    inspect.picture = Some(path.clone());
    inspect.tried = Some(Tried { path: path.clone(), run: run.clone() });
    let tried = question(&run, inspect.answer.ask(), Ask::Try(path));
    std::iter::once(tried).chain(ask_picture(state)).collect()
}

fn apply_remedy(state: &mut State, finding: Finding) {
    match finding.remedy {
        Remedy::Pipeline { strategies } => {
            let missing = strategies.iter().find(|s| state.strategies.plugin(&s.id).is_none());
            if let Some(strategy) = missing.filter(|_| state.strategies.found.is_some()) {
                let id = strategy.id.clone();
                state.toasts.info(tr!("The strategy %{id} is not installed", id = id));
                return;
            }
            let chosen = strategies.into_iter().map(|s| Chosen { id: s.id, settings: s.settings });
            state.strategies.chain = chosen.collect();
            let words = state.strategies.words();
            state
                .toasts
                .info(tr!("The strategy is now %{words}: quantize to see what it changes", words = words));
        }
        Remedy::Preprocessing { settings } => {
            let words: Vec<String> = settings.iter().map(|(k, v)| format!("{k} {v}")).collect();
            state.pictures.preprocessing.extend(settings);
            let words = words.join(", ");
            state
                .toasts
                .info(tr!("Pre-processing is now %{words}: quantize to see what it changes", words = words));
        }
        Remedy::Pictures { role: PictureRole::Calibration, leave_out, .. } if !leave_out.is_empty() => {
            let words = match state.pictures.leave_out(&leave_out) {
                true => tr!("These pictures are left out: quantize to see what it changes"),
                false => tr!("None of these pictures is in the folders"),
            };
            state.toasts.info(words);
            state.side = Side::Step(Step::Pictures);
        }
        Remedy::Pictures { .. } => state.side = Side::Step(Step::Pictures),
    }
}
