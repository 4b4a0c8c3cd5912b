//! Strategies in safe Rust.
//!
//! ```
//! use octet_plugin_api::sdk::{Error, Host, Info, Role, Strategy};
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(default)]
//! struct Settings {
//!     /// The exponent of everything.
//!     exponent: i32,
//! }
//!
//! struct Constant;
//!
//! impl Strategy for Constant {
//!     const INFO: Info = Info {
//!         id: "org.example.constant",
//!         name: "One exponent",
//!         version: "1.0.0",
//!         vendor: "Example",
//!         description: "Gives everything the same exponent.",
//!         targets: &[],
//!     };
//!     type Settings = Settings;
//!
//!     fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
//!         for slot in host.slots()? {
//!             let exponents = vec![settings.exponent; slot.channels()];
//!             host.set_exponents(slot.tensor, slot.bits, &exponents)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! octet_plugin_api::export_strategy!(Constant);
//! ```

mod export;
mod host;
mod types;

pub use export::entry;
pub use host::Host;
pub use types::{
    Cost, ExportKind, Log, Network, Node, NodeId, Pictures, Role, Rounding, Score, ScoreKind, Slot,
    SnapshotId, Statistics, StatisticsRequest, Target, Tensor, TensorId, Weights,
};

/// Who a strategy is.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    /// Reverse-DNS, e.g. `org.example.my-strategy`.
    pub id: &'static str,
    /// What menus show.
    pub name: &'static str,
    /// The plugin's version; usually `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// Who made it.
    pub vendor: &'static str,
    /// One or two sentences.
    pub description: &'static str,
    /// Chips that it is meant for (`esp32p4`, ...); empty for all.
    pub targets: &'static [&'static str],
}

/// A quantization strategy: it improves the draft that the host holds.
pub trait Strategy: 'static {
    /// Who it is.
    const INFO: Info;
    /// What the user may choose. Each field's documentation and default become the form and the `--set` keys, so
    /// fields should be booleans, numbers, strings and enums without data.
    type Settings: Default + serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema;
    /// Runs once. An error, or a panic, ends the job with its text.
    fn run(settings: &Self::Settings, host: &mut Host<'_>) -> Result<(), Error>;
}

/// Why a strategy or a call of the host ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The user cancelled; pass it on with `?`.
    Cancelled,
    /// The host found a call's arguments senseless.
    Invalid(String),
    /// It cannot be done; the text is for the user.
    Failed(String),
}

impl Error {
    /// A failure with a text for the user.
    pub fn failed(message: impl Into<String>) -> Error {
        Error::Failed(message.into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Cancelled => f.write_str("cancelled"),
            Error::Invalid(text) | Error::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
