//! What `idf.py build` says about its results: `flasher_args.json` and `project_description.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::DeployError;
use super::inside::read_limited;

/// Largest JSON file of a build, and largest sdkconfig.
pub(super) const MAX_TEXT_BYTES: u64 = 4 << 20;
/// No chip has more flash.
pub(super) const MAX_FLASH_BYTES: u64 = 128 << 20;

/// `flasher_args.json`.
#[derive(Debug, Deserialize)]
pub(super) struct FlasherArgs {
    /// Files by their places.
    pub(super) flash_files: BTreeMap<String, String>,
    pub(super) flash_settings: FlashSettings,
    #[serde(default)]
    pub(super) extra_esptool_args: EsptoolArgs,
    /// The named entries: `bootloader`, `app`, `partition-table`, `model`.
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, serde_json::Value>,
}

/// How the flash is used.
#[derive(Debug, Deserialize)]
pub(super) struct FlashSettings {
    /// Such as `4MB`.
    pub(super) flash_size: String,
}

/// What else esptool is told.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EsptoolArgs {
    #[serde(default)]
    pub(super) chip: Option<String>,
}

/// `project_description.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    pub(super) target: String,
    #[serde(default)]
    pub(super) config_file: Option<String>,
}

/// A file of the build that is not as it should be.
pub(super) fn corrupt(path: &Path, reason: String) -> DeployError {
    DeployError::Corrupt { path: path.to_owned(), reason, help: "build the project anew".to_owned() }
}

/// Reads one of the files above.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DeployError> {
    let bytes = read_limited(path, MAX_TEXT_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|e| corrupt(path, format!("it is damaged: {e}")))
}

/// `4MB` in bytes.
pub(super) fn flash_size(text: &str) -> Option<u64> {
    let (number, unit) = (text.strip_suffix("MB"), text.strip_suffix("KB"));
    let (number, shift) = match (number, unit) {
        (Some(number), _) => (number, 20),
        (_, Some(number)) => (number, 10),
        _ => return None,
    };
    number.parse::<u64>().ok().filter(|n| (1..=MAX_FLASH_BYTES >> shift).contains(n)).map(|n| n << shift)
}

/// A place in flash, decimal or with `0x`.
pub(super) fn parse_offset(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
