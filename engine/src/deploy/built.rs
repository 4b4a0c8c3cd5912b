//! What a build was made of: an application that is older than its project would run with other labels, pictures or
//! pre-processing than the project says, or with another model.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::flasher_args::read_json;
use super::inside::{MAX_MODEL_BYTES, read_limited};
use super::project::Project;
use crate::run;

/// Name of the record in the build's folder.
const BUILT_FILE: &str = "octet_built.json";

/// The record of a build that Octet started.
#[derive(Debug, Serialize, Deserialize)]
struct Built {
    /// CRC32 of the application. Where it is another one, somebody else built it.
    app_crc32: u32,
    /// CRC32 of each file that it was made of.
    inputs: BTreeMap<String, u32>,
}

/// CRC32 of every file of the project, as it lies there now, that goes into the application.
pub(super) fn inputs(project: &Project) -> BTreeMap<String, u32> {
    let is_built = |path: &str| match path {
        "model.espdl" => !project.model_in_partition,
        path => !path.ends_with(".md") && !path.contains("LICENSE"),
    };
    let crc = |path: &str| {
        let whole = project.folder.join(path);
        let stays = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
        let bytes = (stays && whole.is_file()).then(|| read_limited(&whole, MAX_MODEL_BYTES).ok())??;
        Some(crc32fast::hash(&bytes))
    };
    // The user's own settings are not Octet's file, and go into the application all the same.
    let files =
        project.files.keys().map(String::as_str).filter(|path| is_built(path)).chain(["sdkconfig.user"]);
    files.filter_map(|path| Some((path.to_owned(), crc(path)?))).collect()
}

/// Keeps what an application was made of.
pub(super) fn keep(project: &Project, app: &[u8], inputs: BTreeMap<String, u32>) -> Result<(), DeployError> {
    let built = Built { app_crc32: crc32fast::hash(app), inputs };
    Ok(run::write_json(&project.folder.join("build"), BUILT_FILE, &built)?)
}

/// The first file that the application was not made of as it lies there now; `None` also where Octet did not build it.
pub(super) fn changed_since(project: &Project, app: &[u8]) -> Result<Option<String>, DeployError> {
    let path = project.folder.join("build").join(BUILT_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let built: Built = read_json(&path)?;
    if built.app_crc32 != crc32fast::hash(app) {
        return Ok(None);
    }
    let now = inputs(project);
    let changed = now.iter().find(|(path, crc)| built.inputs.get(*path) != Some(*crc));
    let removed = built.inputs.keys().find(|path| !now.contains_key(*path));
    Ok(changed.map(|(path, _)| path).or(removed).cloned())
}
