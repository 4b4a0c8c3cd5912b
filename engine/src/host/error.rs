//! Why a plugin was refused or failed.

use std::path::PathBuf;

use octet_plugin_api::abi::{OCTET_ABI_MAJOR, OCTET_ABI_MINOR};

/// Why a plugin was refused or failed; the text names it and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The file cannot be read.
    #[error("plugin cannot be read: {source}: {path}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not the file that was listed, and perhaps not the one that is trusted.
    #[error(
        "plugin file changed since it was listed, and was not loaded; look at it again with `octet plugin list`: \
         {path}", path = .path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The system does not take it for a library.
    #[error("plugin is not a dynamic library of this system ({reason}): {path}", path = .path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// No entry symbol.
    #[error(
        "plugin has no symbol `octet_plugin_entry`, so it is no Octet strategy; export one as octet_plugin.h \
         says, or remove the file: {path}", path = .path.display()
    )]
    MissingSymbol {
        /// The file.
        path: PathBuf,
    },
    /// Another major version of the interface, or a newer minor one.
    #[error(
        "plugin was built for version {major}.{minor} of the plugin interface and this Octet has \
         {OCTET_ABI_MAJOR}.{OCTET_ABI_MINOR}; {remedy}: {path}", path = .path.display()
    )]
    Abi {
        /// The file.
        path: PathBuf,
        /// The plugin's major version.
        major: u32,
        /// The plugin's minor version.
        minor: u32,
        /// Who has to be updated.
        remedy: &'static str,
    },
    /// The descriptor is missing, too small or says something impossible.
    #[error("plugin describes itself wrongly: {reason}; ask its author: {path}", path = .path.display())]
    Descriptor {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is not meant for the chip.
    #[error("plugin `{plugin}` is not made for {target}, only for {targets}; choose another strategy")]
    Target {
        /// Plugin id.
        plugin: String,
        /// The chip asked for.
        target: String,
        /// The chips that it is made for.
        targets: String,
    },
    /// A setting that the plugin does not have, or a value that it does not take.
    #[error("plugin `{plugin}`: {reason}")]
    Setting {
        /// Plugin id.
        plugin: String,
        /// What is wrong, with the possible keys or values.
        reason: String,
    },
    /// The strategy gave up.
    #[error("plugin `{plugin}` failed: {message}")]
    Failed {
        /// Plugin id.
        plugin: String,
        /// Its own words, or the last error of the engine.
        message: String,
    },
    /// The strategy stopped because the user cancelled.
    #[error("plugin `{plugin}` was cancelled")]
    Cancelled {
        /// Plugin id.
        plugin: String,
    },
}
