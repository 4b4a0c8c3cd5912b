//! The backend that runs Octet's engine.

use std::path::{Path, PathBuf};

use octet_engine::job::{JobHandle, QuantizeRequest};

use super::{Backend, OpenedModel, PluginDescription};
use crate::window::state::{Place, Problem};

/// Octet's own engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineBackend;

impl Backend for EngineBackend {
    fn open_model(&self, path: &Path) -> Result<OpenedModel, Problem> {
        let detail = format!("The importer is not connected yet: {}", path.display());
        Err(Problem::new(Place::Model, "This build cannot read ONNX files", detail))
    }

    fn example_model(&self) -> Result<PathBuf, Problem> {
        let detail = "The example is not part of this build".to_owned();
        Err(Problem::new(Place::Model, "No example model", detail))
    }

    fn plugins(&self) -> Result<Vec<PluginDescription>, Problem> {
        Ok(Vec::new())
    }

    fn new_run_folder(&self, label: &str) -> Result<PathBuf, Problem> {
        let Some(dirs) = directories::ProjectDirs::from("", "", "octet") else {
            let detail = "There is no home directory to keep runs in".to_owned();
            return Err(Problem::new(Place::Run, "No place for the run", detail));
        };
        let runs = dirs.data_dir().join("runs");
        let free = (1..).map(|n: u32| runs.join(format!("{label}-{n}"))).find(|p| !p.exists());
        free.ok_or_else(|| {
            Problem::new(Place::Run, "No place for the run", format!("{} is full", runs.display()))
        })
    }

    fn start(&self, _request: QuantizeRequest) -> Result<JobHandle, Problem> {
        let detail = "Jobs are not connected yet".to_owned();
        Err(Problem::new(Place::Run, "This build cannot quantize", detail))
    }
}
