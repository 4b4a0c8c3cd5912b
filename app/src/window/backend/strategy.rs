//! What the window asks for about the chain of strategies and the plugins.

use std::path::Path;

use octet_engine::host::{
    InstallError, PluginFile, TrustStore, check_plugin, data_folder, look_at_plugin, stage_plugin,
    trust_plugin,
};
use octet_engine::job::{Pipeline, StrategyRequest, WorkerError};
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
        let no_plugin = |e: WorkerError| {
            let detail = tr!("%{reason}; it was not kept", reason = e).into_owned();
            failed(key!("This file is no plugin that Octet can use"), detail)
        };
        let mut trust = TrustStore::of_user().map_err(|e| refused(e.into()))?;
        // It is asked what it is before anything of an earlier version is replaced, or trusted.
        if in_place {
            check_plugin(file).map_err(refused)?;
            let description = self.workers()?.describe(&file.path).map_err(no_plugin)?;
            trust_plugin(&file.path, &file.sha256, &mut trust).map_err(refused)?;
            return Ok(description.into());
        }
        let staged = stage_plugin(file).map_err(refused)?;
        let description = self.workers()?.describe(staged.path()).map_err(no_plugin)?;
        staged.install(&mut trust).map_err(refused)?;
        Ok(description.into())
    }
}
