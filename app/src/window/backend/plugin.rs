//! What a strategy plugin says about itself, ready for a form.

use std::path::PathBuf;

pub use octet_engine::host::{Exponents, OrderError, SettingChoice, SettingField, SettingKind};

/// A strategy that can be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginDescription {
    /// Reverse-DNS id.
    pub id: String,
    /// For people.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// Who made it.
    pub vendor: String,
    /// One or two sentences.
    pub description: String,
    /// Names of the chips it is made for; empty for all.
    pub targets: Vec<String>,
    /// What it does to exponents, which decides where in a chain it can stand.
    pub exponents: Exponents,
    /// Its settings, in the order of its JSON schema.
    pub fields: Vec<SettingField>,
}

impl From<octet_engine::host::PluginDescription> for PluginDescription {
    fn from(said: octet_engine::host::PluginDescription) -> Self {
        let (fields, exponents) = (said.fields(), said.exponents());
        Self {
            id: said.id,
            name: said.name,
            version: said.version,
            vendor: said.vendor,
            description: said.description,
            targets: said.targets,
            exponents,
            fields,
        }
    }
}

/// A file that looks like a plugin and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPlugin {
    /// The library.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
    /// The only reason is that nobody said it may be trusted.
    pub can_be_trusted: bool,
}

/// What the search for plugins found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundPlugins {
    /// Strategies that can be chosen.
    pub usable: Vec<PluginDescription>,
    /// Files that are not used.
    pub refused: Vec<RefusedPlugin>,
}
