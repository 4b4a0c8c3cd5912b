//! What the window is told when the work on a thread ends in a panic, so that nothing waits for it for ever.

use super::actions::{
    Ask, EditEffect, EditMessage, Effect, InspectEffect, InspectMessage, PicturesEffect, PicturesMessage,
    ProjectEffect, ProjectMessage, RunsEffect, RunsMessage, StrategyEffect, StrategyMessage, Told,
};
use super::messages::Message;
use super::state::{Place, Problem};
use crate::{key, tr};

/// Makes the message from what the panic said; `None` where nothing waits.
pub(super) type Lost = Option<Box<dyn FnOnce(&str) -> Message + Send>>;

/// A message that tells of a problem.
fn told(place: Place, message: impl FnOnce(Problem) -> Message + Send + 'static) -> Lost {
    Some(Box::new(move |said| {
        let detail = tr!(
            "This is a fault of Octet. What you did is kept: try it again, or save and start anew. It said: %{reason}",
            reason = said
        );
        message(Problem::new(place, key!("Octet stumbled"), detail))
    }))
}

/// What to tell when the work on `effect` is lost.
pub(super) fn lost(effect: &Effect) -> Lost {
    match effect.clone() {
        Effect::OpenModel(path) => told(Place::Model, |p| Message::Model(path, Err(p))),
        Effect::OpenExample => told(Place::Model, |p| Message::Example(Err(p))),
        Effect::OpenRun(path) => told(Place::Run, |p| Message::Run(path, Err(p))),
        Effect::ListPictures { ticket, .. } => {
            told(Place::Pictures, move |p| Message::Folder { ticket, result: Err(p) })
        }
        Effect::FindPlugins => told(Place::Strategy, |p| Message::Plugins(Err(p))),
        Effect::Start { .. } => told(Place::Run, |p| Message::Started(Err(p))),
        Effect::Graph(effect) => told(Place::Model, |p| Message::Graph(effect.failed(p))),
        Effect::Inspect(effect) => told(Place::Run, |p| Message::Inspect(inspect(effect, p))),
        Effect::Pictures(effect) => Some(Box::new(|said| Message::Pictures(pictures(effect, said)))),
        Effect::Strategy(effect) => told(Place::Strategy, |p| Message::Strategy(strategy(effect, p))),
        // Nothing waits for them.
        Effect::Runs(RunsEffect::Begin | RunsEffect::ReadLabel(_)) => None,
        Effect::Runs(effect) => told(Place::Run, |p| Message::Runs(runs(effect, p))),
        Effect::Edit(EditEffect::Wait { generation }) => {
            Some(Box::new(move |_| Message::Edit(EditMessage::Rested { generation })))
        }
        Effect::Project(ProjectEffect::Save { .. }) => {
            told(Place::Model, |p| Message::Project(ProjectMessage::NotSaved(p)))
        }
        Effect::Project(ProjectEffect::Open(_) | ProjectEffect::Restore(_)) => {
            told(Place::Model, |p| Message::Project(ProjectMessage::Failed(p)))
        }
        _ => None,
    }
}

fn inspect(effect: InspectEffect, problem: Problem) -> InspectMessage {
    let told = match effect.ask {
        Ask::Weights { .. } => Told::Weights(Err(problem)),
        Ask::Activations(_) => Told::Activations(Err(problem)),
        Ask::Pictures => Told::Pictures(Err(problem)),
        Ask::Scatter { .. } => Told::Scatter(Err(problem)),
        Ask::Maps { .. } => Told::Maps(Err(problem)),
        Ask::Try(_) => Told::Tried(Err(problem)),
    };
    InspectMessage { ticket: effect.ticket, told }
}

fn pictures(effect: PicturesEffect, said: &str) -> PicturesMessage {
    let reason = tr!("Octet stumbled over it: %{reason}", reason = said).into_owned();
    match effect {
        PicturesEffect::Thumbnails(files) => {
            let failed = files.into_iter().map(|file| (file, Err(reason.clone())));
            PicturesMessage::Thumbnails(failed.collect())
        }
        PicturesEffect::Preview(key) => PicturesMessage::Preview(key, Err(reason)),
        PicturesEffect::Check { ticket, .. } => PicturesMessage::Checked(ticket, None),
    }
}

fn strategy(effect: StrategyEffect, problem: Problem) -> StrategyMessage {
    match effect {
        StrategyEffect::LoadPipeline(path) => StrategyMessage::Loaded(path, Err(problem)),
        StrategyEffect::SavePipeline { path, .. } => StrategyMessage::Saved(path, Err(problem)),
        StrategyEffect::Look { in_place, .. } => StrategyMessage::Looked(Err(problem), in_place),
        StrategyEffect::Install { .. } => StrategyMessage::Installed(Err(problem)),
    }
}

fn runs(effect: RunsEffect, problem: Problem) -> RunsMessage {
    match effect {
        RunsEffect::Compare { runs, order } => RunsMessage::Compared { runs, order, result: Err(problem) },
        RunsEffect::Delete(run) => RunsMessage::Deleted(run, Err(problem)),
        RunsEffect::Restore(deleted) => {
            RunsMessage::Restored { deleted, result: Err(problem), is_gone: false }
        }
        RunsEffect::Export { .. } => RunsMessage::Exported(Err(problem)),
        _ => RunsMessage::Saved(Err(problem)),
    }
}
