//! A strategy that panics, for the tests of the host: nothing may unwind into the host or abort the process.

use octet_plugin_api::sdk::{Error, Host, Info, Strategy};

#[derive(Default, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Text,
    Formatted,
    Payload,
    Drop,
}

#[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default)]
struct Settings {
    /// How to panic.
    mode: Mode,
}

impl Drop for Settings {
    fn drop(&mut self) {
        assert!(self.mode != Mode::Drop, "while dropping");
    }
}

struct Panics;

impl Strategy for Panics {
    const INFO: Info = Info {
        id: "dev.octet.test.panics",
        name: "Panics",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Panics.",
        targets: &[],
    };
    type Settings = Settings;

    #[allow(clippy::panic, reason = "it is what this plugin is for")]
    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        match settings.mode {
            Mode::Text => panic!("a plain panic"),
            Mode::Formatted => panic!("a panic with {} slots", host.slots()?.len()),
            Mode::Payload => std::panic::panic_any(42),
            Mode::Drop => Ok(()),
        }
    }
}

octet_plugin_api::export_strategy!(Panics);
