//! What a plugin says of itself, and reading it without trusting it.

use octet_plugin_api::abi::{OctetPluginDescriptor, OctetString, OctetStrings};
use serde::{Deserialize, Serialize};

use super::order::Exponents;
use super::settings::{SettingField, setting_fields};

const MAX_NAME_BYTES: u64 = 256;
const MAX_TEXT_BYTES: u64 = 64 << 10;
const MAX_SCHEMA_BYTES: u64 = 4 << 20;
const MAX_TARGETS: u64 = 64;

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginDescription {
    /// Reverse-DNS id.
    pub id: String,
    /// What menus show.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// Who made it.
    pub vendor: String,
    /// One or two sentences.
    pub description: String,
    /// Chips that it is meant for; empty for all.
    pub targets: Vec<String>,
    /// Version of the plugin interface that it was built for: major, minor.
    pub abi: (u32, u32),
    /// JSON Schema of its settings.
    pub schema: serde_json::Value,
}

impl PluginDescription {
    /// The settings as form fields. Empty when the schema has none; the schema was checked when it was read.
    pub fn fields(&self) -> Vec<SettingField> {
        setting_fields(&self.schema).unwrap_or_default()
    }
    /// Whether the plugin is meant for a chip.
    pub fn supports(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|t| t == target)
    }
}

/// Reads a descriptor and its schema.
///
/// # Safety
/// The strings in `raw` and `schema` lead to readable memory of the stated lengths.
pub(super) unsafe fn read(
    raw: &OctetPluginDescriptor,
    schema: OctetString,
) -> Result<PluginDescription, String> {
    let field = |name: &str, raw: OctetString, max: u64| {
        // SAFETY: the caller's promise.
        unsafe { read_text(raw, max) }.map_err(|reason| format!("`{name}` {reason}"))
    };
    let id = field("id", raw.id, MAX_NAME_BYTES)?;
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err(format!("`id` is {id:?}, and may only have letters, digits, '.', '-' and '_'"));
    }
    let name = field("name", raw.name, MAX_NAME_BYTES)?;
    if name.is_empty() {
        return Err("`name` is empty".to_owned());
    }
    let schema = field("settings schema", schema, MAX_SCHEMA_BYTES)?;
    let schema: serde_json::Value =
        serde_json::from_str(&schema).map_err(|e| format!("its settings schema is not JSON: {e}"))?;
    setting_fields(&schema)?;
    Exponents::of_schema(&schema)?;
    Ok(PluginDescription {
        id,
        name,
        version: field("version", raw.version, MAX_NAME_BYTES)?,
        vendor: field("vendor", raw.vendor, MAX_NAME_BYTES)?,
        description: field("description", raw.description, MAX_TEXT_BYTES)?,
        // SAFETY: the caller's promise.
        targets: unsafe { read_targets(raw.targets) }?,
        abi: (raw.abi_major, raw.abi_minor),
        schema,
    })
}

/// # Safety
/// `raw` leads to readable memory of the stated length, and so do its strings.
unsafe fn read_targets(raw: OctetStrings) -> Result<Vec<String>, String> {
    if raw.len > MAX_TARGETS || (raw.data.is_null() && raw.len > 0) || !raw.data.is_aligned() {
        return Err(format!("`targets` has the length {} or no address", raw.len));
    }
    (0..raw.len as usize)
        .map(|i| {
            // SAFETY: the caller's promise; the address is aligned, not null, and `i` below the length.
            unsafe { read_text(*raw.data.add(i), MAX_NAME_BYTES) }
        })
        .collect::<Result<_, _>>()
        .map_err(|reason| format!("an entry of `targets` {reason}"))
}

/// Copies a string of a plugin.
///
/// # Safety
/// `raw` leads to readable memory of the stated length.
pub(super) unsafe fn read_text(raw: OctetString, max: u64) -> Result<String, String> {
    if raw.len == 0 {
        return Ok(String::new());
    }
    if raw.data.is_null() {
        return Err("has no address".to_owned());
    }
    if raw.len > max {
        return Err(format!("has {} bytes, more than {max}", raw.len));
    }
    // SAFETY: the caller's promise; not null, and the length is bounded.
    let bytes = unsafe { std::slice::from_raw_parts(raw.data, raw.len as usize) };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "is not UTF-8".to_owned())
}
