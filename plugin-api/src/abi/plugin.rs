//! What a plugin shows to the host.

use std::ffi::c_void;

use super::host::OctetHost;
use super::value::{OctetString, OctetStrings};

/// A strategy. Lives as long as the library is loaded, which is until the process ends.
///
/// The first three fields never change place, so that any host can read any plugin's version.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetPluginDescriptor {
    /// OCTET_ABI_MAJOR that the plugin was compiled with.
    pub abi_major: u32,
    /// OCTET_ABI_MINOR that the plugin was compiled with.
    pub abi_minor: u32,
    /// sizeof(OctetPluginDescriptor).
    pub struct_size: u64,
    /// Reverse-DNS, e.g. "org.example.my-strategy": letters, digits, '.', '-', '_'.
    pub id: OctetString,
    /// What menus show.
    pub name: OctetString,
    /// The plugin's own version.
    pub version: OctetString,
    /// Who made it.
    pub vendor: OctetString,
    /// One or two sentences.
    pub description: OctetString,
    /// Chips that it is meant for; empty for all.
    pub targets: OctetStrings,
    /// Writes a JSON Schema (an object whose properties are booleans, integers, numbers, strings and choices, each
    /// with a default) to `schema`. The text stays the plugin's and valid as long as the library is loaded.
    pub describe: Option<unsafe extern "C" fn(schema: *mut OctetString) -> i32>,
    /// Makes an instance for one run. `settings` is a JSON object with every property of the schema; it is valid
    /// during this call only. On failure call the host's `fail`, and return other than OCTET_OK.
    pub create: Option<
        unsafe extern "C" fn(
            host: *const OctetHost,
            settings: OctetString,
            instance: *mut *mut c_void,
        ) -> i32,
    >,
    /// Improves the draft. Return OCTET_OK, OCTET_CANCELLED, or, after the host's `fail`, OCTET_FAILED.
    pub run: Option<unsafe extern "C" fn(instance: *mut c_void, host: *const OctetHost) -> i32>,
    /// Frees an instance; called once for each that `create` made.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// The type of the one exported symbol, `octet_plugin_entry`.
pub type OctetPluginEntry = unsafe extern "C" fn() -> *const OctetPluginDescriptor;
