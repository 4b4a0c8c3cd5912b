//! A chain of strategies with their settings as a file, so that it can be run again on another model.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StrategyRequest;
use crate::run::{self, RunError};

/// Version of the form.
const SCHEMA: u32 = 1;
/// Name in the run folder.
const FILE_NAME: &str = "pipeline.json";
const MAX_BYTES: u64 = 1 << 20;
/// Longest chain that is read.
const MAX_STRATEGIES: usize = 64;

/// `pipeline.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    schema: u32,
    /// In the order in which they run.
    pub strategies: Vec<StrategyRequest>,
}

/// Why a file is no pipeline.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("`{path}` is not a pipeline: {reason}; `pipeline.json` of a run folder is one", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Pipeline {
    /// A pipeline of these strategies.
    pub fn new(strategies: Vec<StrategyRequest>) -> Self {
        Pipeline { schema: SCHEMA, strategies }
    }

    /// Reads a file, or the `pipeline.json` of a run folder.
    ///
    /// # Errors
    /// It is not there, too long, of another version, or empty.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let failed = |source| PipelineError::Read { path: path.clone(), source };
        let format = |reason: String| PipelineError::Format { path: path.clone(), reason };
        let length = std::fs::metadata(&path).map_err(failed)?.len();
        if length > MAX_BYTES {
            return Err(format(format!("it has {length} bytes")));
        }
        let text = std::fs::read(&path).map_err(failed)?;
        let pipeline: Pipeline = serde_json::from_slice(&text).map_err(|e| format(e.to_string()))?;
        match pipeline.strategies.len() {
            _ if pipeline.schema != SCHEMA => {
                Err(format(format!("its schema is {}, this program reads {SCHEMA}", pipeline.schema)))
            }
            0 => Err(format("it names no strategy".to_owned())),
            n if n > MAX_STRATEGIES => Err(format(format!("it names {n} strategies"))),
            _ => Ok(pipeline),
        }
    }

    /// Writes the pipeline into a file of its own.
    ///
    /// # Errors
    /// The file cannot be written, or its path does not end in a name.
    pub fn save(&self, path: &Path) -> Result<(), RunError> {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            let source = std::io::Error::from(std::io::ErrorKind::InvalidFilename);
            return Err(RunError::Write { path: path.to_owned(), source });
        };
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        run::write_json(folder, name, self)
    }

    /// Writes `pipeline.json` into a run folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        run::write_json(folder, FILE_NAME, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("clip_weight".to_owned(), 0.25.into())].into_iter().collect();
        let pipeline = Pipeline::new(vec![StrategyRequest { id: "dev.octet.int8".to_owned(), settings }]);
        pipeline.write(folder.path()).unwrap();
        assert_eq!(Pipeline::read(folder.path()).unwrap(), pipeline);
        assert_eq!(Pipeline::read(&folder.path().join(FILE_NAME)).unwrap(), pipeline);
        let own = folder.path().join("größe.json");
        pipeline.save(&own).unwrap();
        assert_eq!(Pipeline::read(&own).unwrap(), pipeline);
        assert!(pipeline.save(Path::new("/")).is_err());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        for (text, words) in [
            ("", "EOF"),
            ("[]", "invalid"),
            ("{\"schema\":2,\"strategies\":[{\"id\":\"a\",\"settings\":{}}]}", "its schema is 2"),
            ("{\"schema\":1,\"strategies\":[]}", "no strategy"),
            ("{\"schema\":1,\"strategies\":[{\"id\":1,\"settings\":{}}]}", "invalid type"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Pipeline::read(&path).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("p.json"), "{text}: {error}");
        }
        assert!(Pipeline::read(&folder.path().join("none")).unwrap_err().to_string().contains("cannot read"));
    }
}
