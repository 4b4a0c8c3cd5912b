//! Paths that the user picked or typed, and what they are for.

use std::path::PathBuf;

use super::{
    Action, DeployAction, Effect, GraphAction, InspectAction, PicturesAction, ProjectAction, RunsAction,
    StrategyAction, apply, overwrite, project, runs, strategy,
};
use crate::window::backend::Pick;
use crate::window::state::State;

/// A path from the root: the folder that the program was started in may be another one next time.
pub(super) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Takes the path in the field.
pub(super) fn submit_path(state: &mut State) -> Vec<Effect> {
    let Some(field) = state.path_field.take() else { return Vec::new() };
    let text = field.text.trim();
    if text.is_empty() {
        state.path_field = Some(field);
        return Vec::new();
    }
    let path = absolute(PathBuf::from(text));
    apply(state, picked(field.what, path, false))
}

/// What a picked path is for. `was_asked` when the user was asked whether to replace what lies there.
pub(in crate::window) fn picked(what: Pick, path: PathBuf, was_asked: bool) -> Action {
    let guarded = |written: PathBuf, action: Action| overwrite::guarded(&path, written, was_asked, action);
    match what {
        Pick::Model => Action::OpenModel(path),
        Pick::Pictures => Action::AddPictures(path),
        Pick::Evaluation => Action::SetEvaluation(path),
        Pick::Run => Action::OpenRun(path),
        Pick::Project => Action::Project(ProjectAction::Open(path)),
        Pick::SaveProject => {
            let written = project::with_ending(path.clone());
            guarded(written.clone(), Action::Project(ProjectAction::SaveAs(written)))
        }
        Pick::GraphPicture => guarded(path.clone(), Action::Graph(GraphAction::SavePicture(path.clone()))),
        Pick::Picture => Action::Inspect(InspectAction::Try(path)),
        Pick::Labels => Action::Pictures(PicturesAction::SetLabels(path)),
        Pick::Plugin => Action::Strategy(StrategyAction::Offer { path, in_place: false }),
        Pick::OpenPipeline => Action::Strategy(StrategyAction::LoadPipeline(path)),
        Pick::SavePipeline => {
            let written = strategy::with_ending(path.clone());
            guarded(written.clone(), Action::Strategy(StrategyAction::SavePipeline(written)))
        }
        Pick::ExportModel(asked) => {
            let written = runs::with_ending(path.clone());
            guarded(written.clone(), Action::Runs(RunsAction::Export { asked, to: written }))
        }
        Pick::EspIdf => Action::Deploy(DeployAction::SetIdf(path)),
        Pick::ClassNames => Action::Deploy(DeployAction::SetNames(path)),
    }
}
