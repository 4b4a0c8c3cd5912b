//! What the window needs from the rest of the program. Every call may take long and is made on a thread; tests
//! put a scripted backend in place of the engine.

mod deploy;
mod dialog;
mod engine;
mod files;
mod inspect;
mod pictures;
mod plugin;
mod project;
mod remember;
mod runs;
mod strategy;
mod trash;

pub use deploy::DeployBackend;
pub use dialog::{Pick, Picked};
pub use engine::EngineBackend;
pub use files::{DropKind, list_pictures};
pub use inspect::InspectBackend;
pub use pictures::PicturesBackend;
pub use plugin::{
    Exponents, FoundPlugins, OrderError, PluginDescription, RefusedPlugin, SettingChoice, SettingField,
    SettingKind,
};
pub use project::ProjectBackend;
pub use runs::RunsBackend;
pub use strategy::StrategyBackend;

use std::path::{Path, PathBuf};

use octet_engine::job::{JobHandle, QuantizeRequest};
use octet_engine::network::Network;
use octet_engine::report::Report;

use super::state::{PictureFolder, Problem};

/// A model file, read.
#[derive(Debug, Clone)]
pub struct OpenedModel {
    /// What it computes.
    pub network: Network,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What the importer did to the graph, in words.
    pub notes: Vec<String>,
}

/// The example, as it was written into the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The model file.
    pub model: PathBuf,
    /// The folder of pictures to calibrate with.
    pub pictures: PathBuf,
}

/// The engine as the window sees it.
pub trait Backend:
    InspectBackend
    + PicturesBackend
    + StrategyBackend
    + RunsBackend
    + DeployBackend
    + ProjectBackend
    + Send
    + Sync
{
    /// Reads a model file.
    fn open_model(&self, path: &Path) -> Result<OpenedModel, Problem>;
    /// Writes the example model where it can be opened, and says where.
    fn example(&self) -> Result<Example, Problem>;
    /// The strategies that can be chosen.
    fn plugins(&self) -> Result<FoundPlugins, Problem>;
    /// A folder for a new run whose name starts with `label`; it does not exist yet.
    fn new_run_folder(&self, label: &str) -> Result<PathBuf, Problem>;
    /// The same for a score, of which only the last ones are kept.
    fn new_score_folder(&self, label: &str) -> Result<PathBuf, Problem> {
        self.new_run_folder(label)
    }
    /// Starts a job.
    fn start(&self, request: QuantizeRequest) -> Result<JobHandle, Problem>;
    /// Reads the report of a run folder (or the `report.json` itself).
    fn load_report(&self, run: &Path) -> Result<Report, Problem>;

    /// Looks which pictures a folder holds; their classes come from `labels`, or from beside or in the folder.
    fn list_pictures(&self, folder: &Path, labels: Option<&Path>) -> Result<PictureFolder, Problem> {
        files::list_pictures(folder, labels)
    }
    /// Says what a path is that somebody drops.
    fn classify(&self, path: &Path) -> DropKind {
        DropKind::of(path)
    }
    /// Asks the user for a path, in the system's own dialog.
    fn pick(&self, what: Pick) -> Picked {
        dialog::pick(what)
    }
}
