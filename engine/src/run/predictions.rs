//! `predictions.json` in the run folder.

use std::path::Path;

use super::{RunError, read_json, write_file, write_json};
use crate::report::{PREDICTIONS_SCHEMA_VERSION, Prediction, Predictions, Report};

pub(super) const FILE_NAME: &str = "predictions.json";

/// Largest file that is read: a million pictures with names of a hundred characters.
const MAX_BYTES: u64 = 256 << 20;

/// Writes the answers of an evaluation, and their schema.
///
/// # Errors
/// The folder cannot be written.
pub fn write_predictions(folder: &Path, predictions: Vec<Prediction>) -> Result<(), RunError> {
    write_json(folder, "predictions.schema.json", &schemars::schema_for!(Predictions))?;
    let predictions = Predictions { schema: PREDICTIONS_SCHEMA_VERSION, predictions };
    let mut bytes = serde_json::to_vec(&predictions)
        .map_err(|e| RunError::Write { path: folder.join(FILE_NAME), source: e.into() })?;
    bytes.push(b'\n');
    write_file(folder, FILE_NAME, &bytes)
}

/// Reads the answers that belong to a report; `None` where the run was not evaluated, or by a program that kept none.
/// `run` is the run folder or the `report.json` in it.
///
/// # Errors
/// The file cannot be read, is of another form, or is not of this report's evaluation.
pub fn read_predictions(run: &Path, report: &Report) -> Result<Option<Vec<Prediction>>, RunError> {
    let Some(evaluation) = &report.evaluation else { return Ok(None) };
    let path = if run.is_dir() { run.join(FILE_NAME) } else { run.with_file_name(FILE_NAME) };
    let read: Predictions = match read_json(&path, MAX_BYTES) {
        Err(RunError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        read => read?,
    };
    let (found, expected) = (read.predictions.len(), evaluation.images);
    let wrong = |reason| Err(RunError::Format { path: path.clone(), reason });
    if read.schema != PREDICTIONS_SCHEMA_VERSION {
        return wrong(format!(
            "its schema is {}, this program reads {PREDICTIONS_SCHEMA_VERSION}",
            read.schema
        ));
    }
    if found != expected {
        return wrong(format!(
            "it has answers to {found} pictures, and the report counts {expected}; remove it to compare without it"
        ));
    }
    Ok(Some(read.predictions))
}
