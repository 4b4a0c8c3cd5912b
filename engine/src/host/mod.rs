//! Plugins: where they are, whether they may be loaded, what they say of themselves, and running them.
//!
//! [`discover`](discover()) looks for libraries and never loads one itself: describing a library means running its code, so the
//! caller passes a function that does so in a child process by [`describe_library`]. [`run_library`] runs a strategy
//! against a [`StrategyHost`](crate::strategy::StrategyHost). Whatever a plugin returns is untrusted: pointers to
//! functions are `Option`, enums integers, structs guarded by their size, ids and lengths checked, strings UTF-8.
#![allow(unsafe_code)]

mod answers;
mod codes;
mod context;
mod description;
mod discover;
mod error;
mod graph;
mod install;
mod library;
mod order;
mod settings;
mod table;
mod trust;

pub use description::PluginDescription;
pub use discover::{Discovery, Found, Origin, Refused, SearchFolder, SearchPath, discover};
pub use error::HostError;
pub use install::{
    InstallError, PluginFile, StagedPlugin, check_plugin, look_at_plugin, stage_plugin, trust_plugin,
};
pub use library::{describe_library, run_library};
pub use order::{Exponents, OrderError, check_order};
pub use settings::{SettingChoice, SettingField, SettingKind, setting_fields, settings};
pub use trust::{TrustError, TrustStore, data_folder, file_sha256};
