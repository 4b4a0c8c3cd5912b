//! Actions on the chain of strategies and the plugins.

use std::path::PathBuf;

use octet_engine::host::PluginFile;
use octet_engine::job::StrategyRequest;

use super::{Action, EditAction, Effect, apply};
use crate::window::backend::{Backend, PluginDescription};
use crate::window::messages::report_problem;
use crate::window::state::{Chosen, Offer, Place, Problem, State, Step};
use crate::{key, tr};

/// Something the user does.
#[derive(Debug, Clone, PartialEq)]
pub enum StrategyAction {
    /// Move a strategy of the chain to another place.
    Move {
        /// Its place.
        from: usize,
        /// Its new place, counted without it.
        to: usize,
    },
    /// Make these strategies the chain, by id; settings of those that were in it stay.
    Preset(Vec<String>),
    /// Make this the chain, settings included.
    SetChain(Vec<Chosen>),
    /// Take all settings of a strategy back to the defaults.
    Reset(String),
    /// Read a chain from a file or a run folder.
    LoadPipeline(PathBuf),
    /// Write the chain into a file.
    SavePipeline(PathBuf),
    /// Ask whether a plugin file may be trusted. Nothing is loaded before the answer.
    Offer {
        /// The library.
        path: PathBuf,
        /// It stays where it is, instead of being copied into the user's folder.
        in_place: bool,
    },
    /// Yes: trust it.
    AcceptOffer,
    /// No, or done with it.
    CloseOffer,
    /// Yes: the programs of the chain may run; the job that asked goes on.
    AllowPrograms,
    /// No: nothing runs.
    RefusePrograms,
}

impl StrategyAction {
    /// For the history and the log.
    pub fn name(&self) -> String {
        match self {
            StrategyAction::Move { from, to } => {
                tr!("strategy %{from} to place %{to}", from = from + 1, to = to + 1).into_owned()
            }
            StrategyAction::Preset(ids) => {
                let last = |id: &String| id.rsplit('.').next().unwrap_or(id).to_owned();
                ids.iter().map(last).collect::<Vec<_>>().join(" → ")
            }
            StrategyAction::SetChain(_) => tr!("another pipeline").into_owned(),
            StrategyAction::Reset(id) => tr!("defaults of %{id}", id = id).into_owned(),
            StrategyAction::LoadPipeline(path) => {
                tr!("load pipeline %{path}", path = path.display()).into_owned()
            }
            StrategyAction::SavePipeline(path) => {
                tr!("save pipeline %{path}", path = path.display()).into_owned()
            }
            StrategyAction::Offer { path, .. } => {
                tr!("look at plugin %{path}", path = path.display()).into_owned()
            }
            StrategyAction::AcceptOffer => tr!("trust the plugin").into_owned(),
            StrategyAction::AllowPrograms => tr!("allow the programs of the pipeline").into_owned(),
            StrategyAction::RefusePrograms => tr!("run no programs").into_owned(),
            StrategyAction::CloseOffer => tr!("close the plugin's page").into_owned(),
        }
    }

    /// Changes the state; what takes time is handed back.
    pub fn apply(self, state: &mut State) -> Vec<Effect> {
        let strategies = &mut state.strategies;
        match self {
            StrategyAction::Move { from, to } => strategies.relocate(from, to),
            StrategyAction::Preset(ids) => strategies.replace(&ids),
            StrategyAction::SetChain(chain) => {
                strategies.chain = chain;
                state.problems.remove(&Place::Strategy);
            }
            StrategyAction::Reset(id) => strategies.reset(&id),
            StrategyAction::LoadPipeline(path) => {
                state.problems.remove(&Place::Strategy);
                return vec![Effect::Strategy(StrategyEffect::LoadPipeline(path))];
            }
            StrategyAction::SavePipeline(path) => {
                let path = with_ending(path);
                let strategies = strategies.requests();
                return vec![Effect::Strategy(StrategyEffect::SavePipeline { path, strategies })];
            }
            StrategyAction::Offer { path, in_place } => {
                strategies.offer = Some(Offer::Looking(path.clone()));
                return vec![Effect::Strategy(StrategyEffect::Look { path, in_place })];
            }
            StrategyAction::AcceptOffer => {
                if let Some(Offer::Ask { file, in_place }) = strategies.offer.clone() {
                    strategies.offer = Some(Offer::Installing(file.clone()));
                    return vec![Effect::Strategy(StrategyEffect::Install { file, in_place })];
                }
            }
            StrategyAction::CloseOffer => strategies.offer = None,
            StrategyAction::AllowPrograms => {
                let Some(question) = strategies.asks.take() else { return Vec::new() };
                let programs = question.programs.into_iter();
                strategies.allowed.extend(programs.map(|p| ((p.id, p.key), p.value)));
                // What is chosen may be another chain by now, whose programs are asked about again.
                return apply(
                    state,
                    if question.is_score { Action::Edit(EditAction::Score) } else { Action::Start },
                );
            }
            StrategyAction::RefusePrograms => strategies.asks = None,
        }
        Vec::new()
    }
}

/// The file that a pipeline is written to.
pub(super) fn with_ending(mut path: PathBuf) -> PathBuf {
    if path.extension().is_none() {
        path.set_extension("json");
    }
    path
}

/// Work on a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum StrategyEffect {
    /// Read a chain.
    LoadPipeline(PathBuf),
    /// Write a chain.
    SavePipeline {
        /// Where.
        path: PathBuf,
        /// The chain.
        strategies: Vec<StrategyRequest>,
    },
    /// Look at a plugin file without loading it.
    Look {
        /// The library.
        path: PathBuf,
        /// It stays where it is.
        in_place: bool,
    },
    /// Trust a plugin, and ask it what it is.
    Install {
        /// What the user was shown.
        file: PluginFile,
        /// It stays where it is.
        in_place: bool,
    },
}

impl StrategyEffect {
    /// Does the work.
    pub fn run(self, backend: &dyn Backend) -> StrategyMessage {
        match self {
            StrategyEffect::LoadPipeline(path) => {
                let read = backend.load_pipeline(&path);
                StrategyMessage::Loaded(path, read)
            }
            StrategyEffect::SavePipeline { path, strategies } => {
                let saved = backend.save_pipeline(&path, strategies);
                StrategyMessage::Saved(path, saved)
            }
            StrategyEffect::Look { path, in_place } => {
                StrategyMessage::Looked(backend.look_at_plugin(&path), in_place)
            }
            StrategyEffect::Install { file, in_place } => {
                let installed = backend.install_plugin(&file, in_place);
                StrategyMessage::Installed(installed)
            }
        }
    }
}

/// What a thread reports back.
#[derive(Debug)]
pub enum StrategyMessage {
    /// A pipeline was read.
    Loaded(PathBuf, Result<Vec<StrategyRequest>, Problem>),
    /// A pipeline was written.
    Saved(PathBuf, Result<(), Problem>),
    /// A plugin file was looked at, to stay in place or to be copied.
    Looked(Result<PluginFile, Problem>, bool),
    /// A plugin was installed.
    Installed(Result<PluginDescription, Problem>),
}

impl StrategyMessage {
    /// Takes the report; what follows from it is handed back.
    pub fn receive(self, state: &mut State) -> Vec<Effect> {
        match self {
            StrategyMessage::Loaded(path, Ok(requests)) => match state.strategies.resolve(&requests) {
                Ok(chain) => {
                    state.toasts.info(tr!("Pipeline of %{path}", path = path.display()));
                    let mut effects = apply(state, Action::Strategy(StrategyAction::SetChain(chain)));
                    effects.extend(apply(state, Action::ShowStep(Step::Strategy)));
                    return effects;
                }
                Err(reason) => {
                    let detail = tr!(
                        "%{reason}; nothing was changed: %{path}",
                        reason = reason,
                        path = path.display()
                    );
                    let title = key!("This pipeline does not fit the plugins that are here");
                    report_problem(state, Problem::new(Place::Strategy, title, detail));
                }
            },
            StrategyMessage::Saved(path, Ok(())) => {
                state.toasts.info(tr!("Pipeline saved as %{path}", path = path.display()));
            }
            StrategyMessage::Looked(Ok(file), in_place) => {
                // Whoever closed the page meanwhile is not asked.
                if matches!(state.strategies.offer, Some(Offer::Looking(_))) {
                    state.strategies.offer = Some(Offer::Ask { file, in_place });
                }
            }
            StrategyMessage::Installed(Ok(description)) => {
                state.strategies.offer = Some(Offer::Installed(Box::new(description)));
                return apply(state, Action::FindPlugins);
            }
            StrategyMessage::Looked(Err(problem), _) | StrategyMessage::Installed(Err(problem)) => {
                state.strategies.offer = None;
                report_problem(state, problem);
            }
            StrategyMessage::Loaded(_, Err(problem)) | StrategyMessage::Saved(_, Err(problem)) => {
                report_problem(state, problem);
            }
        }
        Vec::new()
    }
}
