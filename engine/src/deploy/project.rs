//! What a project's folder says about itself: `octet.json`, written when it is generated, read by every later step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::assets::PictureRecord;
use super::chip::ChipFacts;
use super::error::DeployError;
use super::generate::Flavour;
use super::inside::read_limited;

/// Name of the record.
pub const PROJECT_FILE: &str = "octet.json";
const SCHEMA: u32 = 1;
/// A longer record is none.
pub(super) const MAX_RECORD_BYTES: u64 = 4 << 20;

/// A generated project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Version of the record.
    pub schema: u32,
    /// Name of the project and of its image.
    pub name: String,
    /// The chip.
    pub target: String,
    /// What executes the model.
    pub flavour: Flavour,
    /// Bytes of `model.espdl`.
    pub model_bytes: u64,
    /// Its CRC32.
    pub model_crc32: u32,
    /// Whether it has a partition of its own.
    pub model_in_partition: bool,
    /// Bytes of activations.
    pub arena_bytes: u64,
    /// Whether the firmware needs external RAM.
    pub psram: bool,
    /// Size of the flash that it is laid out for.
    pub flash_mib: u64,
    /// Test pictures.
    pub pictures: Vec<PictureRecord>,
    /// CRC32 of every file as it was written.
    pub files: BTreeMap<String, u32>,
    /// CRC32 of what is being written; empty once all of it is there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfinished: BTreeMap<String, u32>,
    /// Where it lies.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The run folder.
    #[serde(skip)]
    pub run: PathBuf,
    /// This program wrote all of it just now: the steps that follow need no note of that.
    #[serde(skip)]
    pub(super) is_own: bool,
}

impl Project {
    /// Where a run's project lies unless somebody chose another folder.
    pub fn default_folder(run: &Path, flavour: Flavour) -> PathBuf {
        match flavour {
            Flavour::Octet => run.join("firmware"),
            Flavour::EspDl => run.join("firmware-esp-dl"),
        }
    }

    /// Reads the record of a folder.
    ///
    /// # Errors
    /// There is none, or not one of this version.
    pub fn read(folder: &Path, run: &Path) -> Result<Project, DeployError> {
        let path = folder.join(PROJECT_FILE);
        if !path.is_file() {
            return Err(DeployError::request(
                format!("`{}` holds no firmware project", folder.display()),
                format!("write one with `octet firmware new {}`", run.display()),
            ));
        }
        let bytes = read_limited(&path, MAX_RECORD_BYTES)?;
        let corrupt = |reason: String| DeployError::Corrupt {
            path: path.clone(),
            reason,
            help: format!("write the project anew with `octet firmware new {}`", run.display()),
        };
        let project: Project = serde_json::from_slice(&bytes)
            .map_err(|e| corrupt(format!("it is no record of a project: {e}")))?;
        if project.schema != SCHEMA {
            return Err(corrupt(format!(
                "its schema is {}, and this program knows {SCHEMA}",
                project.schema
            )));
        }
        if ChipFacts::by_name(&project.target).is_none() {
            return Err(corrupt(format!("there is no chip `{}`", project.target)));
        }
        Ok(Project { folder: folder.to_owned(), run: run.to_owned(), ..project })
    }

    /// A project that was written in part would be built from files of two requests.
    ///
    /// # Errors
    /// Its generation was cancelled or failed.
    pub(super) fn check_whole(&self) -> Result<(), DeployError> {
        if self.unfinished.is_empty() {
            return Ok(());
        }
        Err(DeployError::request(
            format!("`{}` was written only in part", self.folder.display()),
            format!("write it to its end with `octet firmware new {}`", self.run.display()),
        ))
    }

    /// The record as it is written.
    pub(super) fn record(&self) -> Result<Vec<u8>, DeployError> {
        let path = self.folder.join(PROJECT_FILE);
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| DeployError::File { path, source: error.into() })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The chip's data.
    pub fn chip(&self) -> &'static ChipFacts {
        // `read` and `generate` accept known names alone.
        ChipFacts::by_name(&self.target).unwrap_or(&super::chip::CHIPS[0])
    }

    /// Version of the record.
    pub(super) const fn schema() -> u32 {
        SCHEMA
    }
}
