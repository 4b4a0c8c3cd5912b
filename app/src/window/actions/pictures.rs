//! Actions on pictures, their pre-processing and labels.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use octet_engine::pictures::{InputFormat, InputPreview, Listing, Preprocessing, Rgb, Survey};

use super::{Action, Effect, changed};
use crate::window::backend::Backend;
use crate::window::messages::report_problem;
use crate::window::state::{
    Check, CheckKey, Document, PictureFolder, Place, PreviewKey, Problem, Side, State, Step, Thumbnail, Work,
};
use crate::{tr, trn};

/// Thumbnails that are decoded at once.
const BATCH: usize = 8;

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum PicturesAction {
    /// Change a setting of the pre-processing, or take it back to the model's own.
    SetPreprocessing(String, Option<String>),
    /// Change several settings; the others stay.
    ChangePreprocessing(BTreeMap<String, String>),
    /// Take all settings back to the model's own.
    ResetPreprocessing,
    /// Do without these calibration pictures.
    LeaveOut(Vec<String>),
    /// Use all pictures again.
    UseAll,
    /// Take the evaluation pictures' classes from this CSV.
    SetLabels(PathBuf),
    /// Take them from where they are found beside the pictures.
    ClearLabels,
    /// Show what the network receives of this picture.
    Preview(PathBuf),
    /// Check the calibration pictures again.
    CheckAgain,
    /// Stop checking.
    CancelCheck,
}

impl PicturesAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            PicturesAction::SetPreprocessing(key, Some(value)) => {
                tr!("%{key} to %{value}", key = key, value = value).into_owned()
            }
            PicturesAction::SetPreprocessing(key, None) => {
                tr!("%{key} as the model has it", key = key).into_owned()
            }
            PicturesAction::ChangePreprocessing(_) => tr!("change the pre-processing").into_owned(),
            PicturesAction::ResetPreprocessing => tr!("pre-processing as the model has it").into_owned(),
            PicturesAction::LeaveOut(files) => match &files[..] {
                [file] => tr!("leave out %{file}", file = file).into_owned(),
                files => trn!(files.len(), "leave out one picture", "leave out %{n} pictures").into_owned(),
            },
            PicturesAction::UseAll => tr!("use all pictures").into_owned(),
            PicturesAction::SetLabels(path) => tr!("labels from %{path}", path = path.display()).into_owned(),
            PicturesAction::ClearLabels => tr!("no table of labels").into_owned(),
            PicturesAction::Preview(path) => tr!("preview %{path}", path = path.display()).into_owned(),
            PicturesAction::CheckAgain => tr!("check the pictures").into_owned(),
            PicturesAction::CancelCheck => tr!("stop checking the pictures").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        let pictures = &mut state.pictures;
        match self {
            PicturesAction::SetPreprocessing(key, Some(value)) => {
                pictures.preprocessing.insert(key, value);
            }
            PicturesAction::SetPreprocessing(key, None) => {
                pictures.preprocessing.remove(&key);
            }
            PicturesAction::ChangePreprocessing(settings) => pictures.preprocessing.extend(settings),
            PicturesAction::ResetPreprocessing => pictures.preprocessing.clear(),
            PicturesAction::LeaveOut(files) => {
                if !pictures.leave_out(&files) {
                    state.toasts.info(tr!("None of these pictures is in the folders"));
                }
            }
            PicturesAction::UseAll => pictures.leave_out = Arc::default(),
            PicturesAction::SetLabels(path) => return relabel(state, Some(super::absolute(path))),
            PicturesAction::ClearLabels => return relabel(state, None),
            PicturesAction::Preview(path) => pictures.preview.chosen = Some(path),
            PicturesAction::CheckAgain => {
                pictures.check = Check::None;
                pictures.checked = None;
            }
            PicturesAction::CancelCheck => {
                if let Check::Running(ticket) = &pictures.check {
                    ticket.stop();
                    pictures.check = Check::Cancelled;
                }
            }
        }
        Vec::new()
    }
}

/// Looks what a folder holds.
pub(super) fn list(state: &mut State, path: PathBuf, evaluation: bool) -> Vec<Effect> {
    state.problems.remove(&Place::Pictures);
    let path = super::absolute(path);
    let labels = if evaluation { state.pictures.evaluation_to_be().1 } else { None };
    let ticket = state.pictures.ask(path.clone(), evaluation, labels.clone());
    vec![Effect::ListPictures { path, labels, ticket }]
}

/// Takes the classes from another table. Where there are evaluation pictures it is chosen once it has been read with
/// them, so that a wrong one does not take the place of a good one.
fn relabel(state: &mut State, labels: Option<PathBuf>) -> Vec<Effect> {
    state.problems.remove(&Place::Pictures);
    let (Some(path), _) = state.pictures.evaluation_to_be() else {
        state.pictures.labels = labels;
        return Vec::new();
    };
    let ticket = state.pictures.ask(path.clone(), true, labels.clone());
    vec![Effect::ListPictures { path, labels, ticket }]
}

/// A folder was looked at. It is put in place with those that waited for it, each as a change of its own.
pub(in crate::window) fn listed(
    state: &mut State,
    ticket: u64,
    result: Result<PictureFolder, Problem>,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (asked, answer) in state.pictures.answered(ticket, result) {
        let folder = match answer {
            Ok(folder) => folder,
            Err(problem) => {
                report_problem(state, problem);
                continue;
            }
        };
        let before = Document::of(state);
        let made = match (asked.evaluation, asked.labels != state.pictures.labels, &asked.labels) {
            (true, true, Some(labels)) => Action::Pictures(PicturesAction::SetLabels(labels.clone())),
            (true, true, None) => Action::Pictures(PicturesAction::ClearLabels),
            (true, false, _) => Action::SetEvaluation(asked.path),
            (false, ..) => Action::AddPictures(asked.path),
        };
        if asked.evaluation {
            state.pictures.labels = asked.labels;
            state.pictures.evaluation = Some(folder);
            state.project.missing.evaluation = None;
        } else {
            let folders = &mut state.pictures.folders;
            match folders.iter_mut().find(|f| f.path == folder.path) {
                Some(known) => *known = folder,
                None => folders.push(folder),
            }
            state.side = Side::Step(Step::Pictures);
        }
        effects.extend(changed(state, made, &before, None));
    }
    effects
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum PicturesEffect {
    /// Decode small pictures.
    Thumbnails(Vec<PathBuf>),
    /// Make the preview of the network's input.
    Preview(Box<PreviewKey>),
    /// Look at every calibration picture.
    Check {
        /// The folders' pictures.
        listings: Vec<Arc<Listing>>,
        /// What for.
        key: Box<CheckKey>,
        /// How the window follows it.
        ticket: Work,
    },
}

impl PicturesEffect {
    /// Does the work.
    pub fn run(self, backend: &dyn Backend) -> PicturesMessage {
        match self {
            PicturesEffect::Thumbnails(files) => {
                let small = |file: PathBuf| {
                    let picture = backend.thumbnail(&file).map(Arc::new);
                    (file, picture)
                };
                PicturesMessage::Thumbnails(files.into_iter().map(small).collect())
            }
            PicturesEffect::Preview(key) => {
                let preview = backend.preview(&key).map(Arc::new);
                PicturesMessage::Preview(key, preview)
            }
            PicturesEffect::Check { listings, key, ticket } => {
                let entries: Vec<_> = listings.iter().flat_map(|l| l.entries.clone()).collect();
                let found = backend.check_pictures(&entries, &key, &ticket).map(Box::new);
                PicturesMessage::Checked(ticket, found)
            }
        }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum PicturesMessage {
    /// Small pictures.
    Thumbnails(Vec<(PathBuf, Result<Arc<Rgb>, String>)>),
    /// A preview.
    Preview(Box<PreviewKey>, Result<Arc<InputPreview>, String>),
    /// The calibration pictures were looked at, or it was stopped.
    Checked(Work, Option<Box<Survey>>),
}

impl PicturesMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        let pictures = &mut state.pictures;
        match self {
            PicturesMessage::Thumbnails(all) => {
                for (file, picture) in all {
                    let thumbnail = match picture {
                        Ok(picture) => Thumbnail::Ready(picture),
                        Err(reason) => Thumbnail::Failed(reason),
                    };
                    pictures.thumbnails.insert(file, thumbnail);
                }
            }
            PicturesMessage::Preview(key, preview) => {
                pictures.preview.asked = None;
                pictures.preview.shown = Some((*key, preview));
            }
            PicturesMessage::Checked(ticket, found) => {
                // The result of a check that another one has overtaken is of no use.
                if pictures.check == Check::Running(ticket) {
                    pictures.check = found.map_or(Check::Cancelled, |survey| Check::Done(Arc::new(*survey)));
                }
            }
        }
        Vec::new()
    }
}

/// Starts what the pictures on display need: small pictures, the preview, the check. Call it after every change; it
/// does nothing when nothing is missing.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let mut effects: Vec<Effect> = Vec::new();
    effects.extend(thumbnails(state).map(Effect::Pictures));
    effects.extend(preview(state).map(Effect::Pictures));
    effects.extend(check(state).map(Effect::Pictures));
    effects
}

fn thumbnails(state: &mut State) -> Option<PicturesEffect> {
    let pictures = &mut state.pictures;
    if pictures.thumbnails.values().any(|t| *t == Thumbnail::Loading) {
        return None;
    }
    let wanted = || pictures.sample().into_iter().chain(pictures.evaluation_sample());
    let missing = wanted().filter(|p| !pictures.thumbnails.contains_key(*p));
    let batch: Vec<PathBuf> = missing.take(BATCH).map(std::path::Path::to_owned).collect();
    if batch.is_empty() {
        if pictures.thumbnails.len() > wanted().count() {
            let keep: std::collections::BTreeSet<PathBuf> = wanted().map(std::path::Path::to_owned).collect();
            pictures.thumbnails.retain(|path, _| keep.contains(path));
        }
        return None;
    }
    pictures.thumbnails.extend(batch.iter().map(|p| (p.clone(), Thumbnail::Loading)));
    Some(PicturesEffect::Thumbnails(batch))
}

fn preview(state: &mut State) -> Option<PicturesEffect> {
    if state.pictures.preview.asked.is_some() {
        return None;
    }
    let file = state.pictures.previewed()?.to_owned();
    let preprocessing = state.preprocessing()?.ok()?;
    let (format, _) = input_format(state, &preprocessing);
    let key = PreviewKey { file, preprocessing, format };
    let preview = &mut state.pictures.preview;
    if preview.shown.as_ref().is_some_and(|(shown, _)| *shown == key) {
        return None;
    }
    preview.asked = Some(key.clone());
    Some(PicturesEffect::Preview(Box::new(key)))
}

/// The format of the network's input, and whether the run on display says so. Without a run it is assumed.
pub(in crate::window) fn input_format(state: &State, preprocessing: &Preprocessing) -> (InputFormat, bool) {
    let rounding = state.target.0.rounding;
    let sha256 = state.model.open.as_ref().map(|m| &m.sha256);
    match state.report().filter(|r| Some(&r.model.sha256) == sha256) {
        Some(report) => {
            let format =
                InputFormat { exponent: report.input.output_exponent, bits: report.input.bits, rounding };
            (format, true)
        }
        None => (InputFormat::covering(preprocessing, rounding), false),
    }
}

fn check(state: &mut State) -> Option<PicturesEffect> {
    // A job looks at the pictures itself, and wants the cores.
    if state.is_running() || !state.pictures.asked.is_empty() {
        return None;
    }
    let preprocessing = state.preprocessing().and_then(Result::ok);
    let model = state.model.open.clone();
    let folders: Vec<_> = state.pictures.folders.iter().map(|f| (f.path.clone(), f.pictures)).collect();
    let key = match (preprocessing, model) {
        (Some(preprocessing), Some(model)) if !folders.is_empty() => {
            let classes = model.network.tensor(model.network.output).len();
            Some(CheckKey { folders, leave_out: state.pictures.leave_out.clone(), preprocessing, classes })
        }
        _ => None,
    };
    let pictures = &mut state.pictures;
    if pictures.checked == key {
        return None;
    }
    if let Check::Running(ticket) = &pictures.check {
        ticket.stop();
    }
    pictures.check = Check::None;
    pictures.checked.clone_from(&key);
    let key = Box::new(key?);
    let listings = pictures.used();
    let ticket = Work::new(listings.iter().map(|l| l.entries.len()).sum());
    pictures.check = Check::Running(ticket.clone());
    Some(PicturesEffect::Check { listings, key, ticket })
}
