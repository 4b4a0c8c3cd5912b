//! Why a run cannot be looked into.

use std::path::PathBuf;

use crate::float::FloatError;
use crate::onnx::OpenError;
use crate::pictures::SettingError;
use crate::predict::PredictError;
use crate::run::RunError;

/// Why a run, or something of it, cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A file of the run folder cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The float network cannot be read.
    #[error("{0}; put the model back where the run found it, or quantize it again")]
    Model(#[from] OpenError),
    /// The model file is another one.
    #[error("`{path}` is no longer the model of this run; quantize it again", path = .path.display())]
    ModelChanged {
        /// The file.
        path: PathBuf,
    },
    /// The strategies changed the float network, and the run folder does not hold it.
    #[error("`{path}` is missing: strategies changed the float network of this run; quantize again", path = .path.display())]
    NoFloatModel {
        /// The file.
        path: PathBuf,
    },
    /// The quantized network cannot be read or run.
    #[error(transparent)]
    Quantized(#[from] PredictError),
    /// The float network cannot be run.
    #[error(transparent)]
    Float(#[from] FloatError),
    /// The report's pre-processing makes no sense.
    #[error("the report's pre-processing: {0}")]
    Preprocessing(#[from] SettingError),
    /// The files of the run folder do not belong together.
    #[error("the files of this run do not fit together ({0}); quantize again")]
    Mismatch(String),
    /// The picture cannot be used.
    #[error("`{path}`: {reason}", path = .path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// For people.
        reason: String,
    },
    /// None of the run's pictures is where it was.
    #[error("the pictures of this run are no longer in {folders}; choose a picture, or quantize again")]
    NoPictures {
        /// The folders.
        folders: String,
    },
    /// There is nothing of that name.
    #[error("this run has no operation or tensor `{0}`")]
    Unknown(String),
    /// The operation has no weights.
    #[error("`{0}` has no weights")]
    NoWeights(String),
    /// The tensor exists on one side only.
    #[error(
        "`{0}` is computed together with the operation behind it: the quantized network has no such tensor"
    )]
    OneSided(String),
}
