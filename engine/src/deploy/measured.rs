//! What a board measured, kept in the run folder beside the report.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::generate::Flavour;
use super::inside::{MAX_MODEL_BYTES, read_limited};
use crate::run;

/// Name of the measurement of Octet's runtime.
pub const MEASURED_FILE: &str = "measured.json";
const ESP_DL_FILE: &str = "measured-esp-dl.json";
const SCHEMA: u32 = 1;
const MAX_BYTES: u64 = 16 << 20;

/// One inference on a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// Version of this file.
    pub schema: u32,
    /// The chip.
    pub chip: String,
    /// CRC32 of the model that ran.
    pub model_crc32: u32,
    /// Microseconds of the network.
    pub network_us: u64,
    /// Microseconds of pre-processing, where a picture was prepared.
    pub preprocess_us: Option<u64>,
    /// Microseconds of post-processing.
    pub postprocess_us: Option<u64>,
    /// Cycles of the network.
    pub cycles: Option<u64>,
    /// Bytes of activations that the board took.
    pub arena_bytes: Option<u64>,
    /// Each layer in execution order; empty where only the whole was measured.
    pub layers: Vec<MeasuredLayer>,
}

/// One layer on a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredLayer {
    /// Name of the node in the `.espdl` file.
    pub name: String,
    /// Its operation.
    pub op: String,
    /// Microseconds.
    pub micros: u64,
    /// Cycles, where the chip counts them.
    pub cycles: Option<u64>,
    /// Multiply-accumulates.
    pub macs: u64,
}

impl Measurement {
    /// Version of the file that is written.
    pub(super) const fn schema() -> u32 {
        SCHEMA
    }

    fn file(flavour: Flavour) -> &'static str {
        match flavour {
            Flavour::Octet => MEASURED_FILE,
            Flavour::EspDl => ESP_DL_FILE,
        }
    }

    /// Puts it into the run folder.
    pub(super) fn write(&self, run: &Path, flavour: Flavour) -> Result<(), DeployError> {
        Ok(run::write_json(run, Measurement::file(flavour), self)?)
    }

    /// The measurement of a run; `None` when no board was run with it, or with another model.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(run: &Path, flavour: Flavour) -> Result<Option<Measurement>, DeployError> {
        let path = run.join(Measurement::file(flavour));
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = read_limited(&path, MAX_BYTES)?;
        let measurement: Measurement = serde_json::from_slice(&bytes).map_err(|e| DeployError::Corrupt {
            path: path.clone(),
            reason: format!("it is no measurement: {e}"),
            help: "measure anew with `octet deploy`".to_owned(),
        })?;
        let model = read_limited(&run.join("model.espdl"), MAX_MODEL_BYTES)?;
        Ok((measurement.model_crc32 == crc32fast::hash(&model)).then_some(measurement))
    }
}
