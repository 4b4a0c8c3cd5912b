//! `predictions.json`: what both networks answered to every evaluation picture.
//!
//! A file of its own: a million pictures would make `report.json` too long for everybody who wants its figures only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the form of `predictions.json`.
pub const PREDICTIONS_SCHEMA_VERSION: u32 = 1;

/// The answers of one run's evaluation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Predictions {
    /// [`PREDICTIONS_SCHEMA_VERSION`] of the program that wrote it.
    pub schema: u32,
    /// One for every picture that `evaluation.images` of the report counts, in the order of evaluation.
    pub predictions: Vec<Prediction>,
}

/// The answers to one picture, as class indices.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Prediction {
    /// Path relative to the evaluation folder, with `/`.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// The right class; `null` where it is not known.
    pub label: Option<usize>,
    /// The float network's first class.
    pub float: usize,
    /// The first class of the `.espdl` file.
    pub quantized: usize,
}
