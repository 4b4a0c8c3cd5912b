//! The run folder: files appear whole or not at all.

mod curves_svg;
mod html;
mod memory_svg;
mod predictions;

pub(crate) use html::environment;
pub use html::to_html;
pub use predictions::{read_predictions, write_predictions};

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::report::Report;

/// Why a run folder cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Writing failed.
    #[error("cannot write `{path}`: {source}; choose another folder with --out", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading failed.
    #[error("cannot read `{path}`: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without a report.
    #[error(
        "`{path}` is no run folder: it holds no {REPORT}; `octet quantize` makes one", path = .path.display()
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A model where a run is wanted.
    #[error(
        "`{path}` is a model and no run: name the run folder that `octet quantize` made of it; `octet inspect` looks \
         at models", path = .path.display()
    )]
    Model {
        /// The file.
        path: PathBuf,
    },
    /// Not a report of ours.
    #[error("`{path}` is damaged, or of another version: {reason}; quantize again", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A page could not be rendered.
    #[error("cannot render the page: {0}")]
    Html(String),
}

/// The report.
const REPORT: &str = "report.json";
/// Largest one that is read.
const MAX_REPORT_BYTES: u64 = 64 << 20;

/// Creates the folder and tells whether files can be written into it.
///
/// # Errors
/// They cannot.
pub fn probe(folder: &Path) -> Result<(), RunError> {
    let failed = |source| RunError::Write { path: folder.to_path_buf(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    tempfile::Builder::new().prefix(".octet-").tempfile_in(folder).map_err(failed)?;
    Ok(())
}

/// Writes a file under a temporary name and renames it, creating the folder.
pub fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RunError> {
    let path = folder.join(name);
    let failed = |source| RunError::Write { path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    replace_file(&path, bytes).map_err(failed)
}

/// Writes a file in an existing folder so that it is either the old one or the new one, whoever else writes it meanwhile and
/// whenever the power fails.
///
/// # Errors
/// It cannot be written; what was there before stays.
pub fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".octet-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private; results are not, unless somebody said so.
        let before = std::fs::metadata(path).map(|m| m.permissions());
        let permissions = before.unwrap_or_else(|_| std::fs::Permissions::from_mode(0o644));
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_data()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Writes pretty JSON with a final newline.
pub fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), RunError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| RunError::Write { path: folder.join(name), source: e.into() })?;
    bytes.push(b'\n');
    write_file(folder, name, &bytes)
}

/// Writes `report.json`, its schema and `report.html`.
pub fn write_report(folder: &Path, report: &Report) -> Result<(), RunError> {
    write_json(folder, "report.schema.json", &schemars::schema_for!(Report))?;
    write_file(folder, "report.html", to_html(report)?.as_bytes())?;
    write_json(folder, REPORT, report)
}

/// The log of a job.
const LOG: &str = "log.txt";
/// The log of a job that failed and left the report of an earlier one as it was.
const FAILED_LOG: &str = "log.failed.txt";

/// When a folder's report was written; `None` without one.
pub(crate) fn report_written(folder: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(folder.join(REPORT)).and_then(|m| m.modified()).ok()
}

/// Writes the log of a job. One that left the report of an earlier job as it was leaves that job's log too.
pub(crate) fn write_log(folder: &Path, log: &str, has_left_the_report: bool) -> Result<(), RunError> {
    if has_left_the_report {
        return write_file(folder, FAILED_LOG, log.as_bytes());
    }
    write_file(folder, LOG, log.as_bytes())?;
    remove(folder, FAILED_LOG)
}

/// The float network under the draft, where a strategy changed it.
pub const FLOAT_MODEL: &str = "model.float.onnx";

/// True for the name of something that a job writes into a run folder.
pub fn is_file_of_run(name: &std::ffi::OsStr) -> bool {
    const OWN: [&str; 13] = [
        LOG,
        FAILED_LOG,
        "model.espdl",
        FLOAT_MODEL,
        "model.qdq.onnx",
        "plan.json",
        "pipeline.json",
        REPORT,
        "report.schema.json",
        "report.html",
        predictions::FILE_NAME,
        "predictions.schema.json",
        "strategies",
    ];
    OWN.iter().any(|own| name == *own)
}

/// Removes `report.json`, `report.html`, `predictions.json` and `model.float.onnx`, so that they are not taken for those
/// of a newer model.
pub fn remove_report(folder: &Path) -> Result<(), RunError> {
    [REPORT, "report.html", predictions::FILE_NAME, FLOAT_MODEL]
        .iter()
        .try_for_each(|name| remove(folder, name))
}

/// Removes a file that need not be there.
fn remove(folder: &Path, name: &str) -> Result<(), RunError> {
    let path = folder.join(name);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(RunError::Write { path, source }),
        _ => Ok(()),
    }
}

/// Reads the report of a run folder (or `report.json` itself).
pub fn read_report(run: &Path) -> Result<Report, RunError> {
    let is_model =
        |ending: &std::ffi::OsStr| ["onnx", "espdl"].iter().any(|e| ending.eq_ignore_ascii_case(e));
    if !run.is_dir() {
        return match run.extension().is_some_and(is_model) && run.exists() {
            true => Err(RunError::Model { path: run.to_owned() }),
            false => read_json(run, MAX_REPORT_BYTES),
        };
    }
    read_json(&run.join(REPORT), MAX_REPORT_BYTES).map_err(|error| match error {
        RunError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            RunError::NoRun { path: run.to_owned() }
        }
        other => other,
    })
}

/// Reads JSON of at most so many bytes.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> Result<T, RunError> {
    let failed = |source| RunError::Read { path: path.to_owned(), source };
    let format = |reason: String| RunError::Format { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max_bytes {
        return Err(format(format!("it has more than {} MiB", max_bytes >> 20)));
    }
    serde_json::from_slice(&bytes).map_err(|e| format(e.to_string()))
}
