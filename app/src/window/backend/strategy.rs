//! What the window asks for about the chain of strategies and the plugins.

use std::path::Path;

use octet_engine::host::{
    InstallError, PluginFile, TrustStore, data_folder, install_plugin, look_at_plugin, trust_plugin,
};
use octet_engine::job::{Pipeline, StrategyRequest};
use octet_engine::run::RunError;

use super::{EngineBackend, PluginDescription};
use crate::window::state::{Place, Problem};
use crate::{key, tr};

/// The part of the [`Backend`](super::Backend) about the chain of strategies and the plugins.
pub trait StrategyBackend {
    /// What can be told of a plugin file without loading it.
    fn look_at_plugin(&self, path: &Path) -> Result<PluginFile, Problem>;
    /// Trusts a file, after copying it into the user's folder unless it stays in place, and asks it what it is.
    fn install_plugin(&self, file: &PluginFile, in_place: bool) -> Result<PluginDescription, Problem>;

    /// Reads a chain of strategies.
    fn load_pipeline(&self, path: &Path) -> Result<Vec<StrategyRequest>, Problem> {
        let read = Pipeline::read(path).map(|pipeline| pipeline.strategies);
        read.map_err(|e| Problem::new(Place::Strategy, key!("The pipeline cannot be read"), e.to_string()))
    }
    /// Writes a chain of strategies.
    fn save_pipeline(&self, path: &Path, strategies: Vec<StrategyRequest>) -> Result<(), Problem> {
        Pipeline::new(strategies).save(path).map_err(|error| {
            let detail = match error {
                RunError::Write { path, source } => {
                    tr!("%{reason}: %{path}; choose another place", reason = source, path = path.display())
                        .into_owned()
                }
                other => other.to_string(),
            };
            Problem::new(Place::Strategy, key!("The pipeline cannot be saved"), detail)
        })
    }
}

impl StrategyBackend for EngineBackend {
    fn look_at_plugin(&self, path: &Path) -> Result<PluginFile, Problem> {
        let title = key!("This plugin cannot be installed");
        let failed = |e: InstallError| Problem::new(Place::Strategy, title, e.to_string());
        let Some(data) = data_folder() else {
            return Err(Problem::new(
                Place::Strategy,
                title,
                tr!("there is no home directory to keep it in"),
            ));
        };
        let trust = TrustStore::open(&data).map_err(|e| failed(e.into()))?;
        look_at_plugin(path, &data, &trust).map_err(failed)
    }

    fn install_plugin(&self, file: &PluginFile, in_place: bool) -> Result<PluginDescription, Problem> {
        let failed = |title: &str, detail: String| Problem::new(Place::Strategy, title, detail);
        let refused = |e: InstallError| failed(key!("The plugin could not be installed"), e.to_string());
        let mut trust = TrustStore::of_user().map_err(|e| refused(e.into()))?;
        let library = if in_place { &file.path } else { &file.destination };
        if in_place {
            trust_plugin(library, &file.sha256, &mut trust).map_err(refused)?;
        } else {
            install_plugin(file, &mut trust).map_err(refused)?;
        }
        self.workers()?.describe(library).map(PluginDescription::from).map_err(|error| {
            // What is no plugin does not stay, and is not trusted.
            let undone = trust.distrust(&file.sha256);
            if !in_place && let Err(error) = std::fs::remove_file(library) {
                tracing::warn!("{} is left behind: {error}", library.display());
            }
            if let Err(error) = undone {
                tracing::warn!("{error}");
            }
            failed(
                key!("This file is no plugin that Octet can use"),
                tr!("%{reason}; it was not kept", reason = error).into_owned(),
            )
        })
    }
}
