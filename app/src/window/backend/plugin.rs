//! What a strategy plugin says about itself, in the shape of the engine's plugin host.

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
    /// Its settings, in the order of its JSON schema.
    pub fields: Vec<SettingField>,
}

/// One setting of a strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingField {
    /// Key in the settings object.
    pub key: String,
    /// For people.
    pub title: String,
    /// What it does.
    pub description: String,
    /// What values it takes.
    pub kind: FieldKind,
    /// The value it has when nothing is set.
    pub default: serde_json::Value,
}

/// The values of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// Yes or no.
    Bool,
    /// Whole numbers.
    Integer {
        /// Smallest.
        min: Option<i64>,
        /// Largest.
        max: Option<i64>,
    },
    /// Real numbers.
    Number {
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// One of these.
    Choice(Vec<String>),
    /// Any text.
    Text,
}
