//! Everything in 8 bits: exponents of weights and activations from calibration pictures.
//!
//! The order is ESP-PPQ's: weights first, then the statistics of the activations under quantized weights, then
//! their exponents. How an exponent is chosen is a setting; the defaults are the best that was measured, and
//! `observer=kl` gives ESP-PPQ's exponents.

mod activations;
mod bias;
mod per_operation;
mod settings;
mod weights;

use octet_plugin_api::sdk::{Error, Host, Info, Log, Strategy};
use settings::Settings;

struct Int8;

impl Strategy for Int8 {
    const INFO: Info = Info {
        id: "dev.octet.int8",
        name: "int8",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Everything in 8 bits: power-of-two exponents from calibration pictures. \
                      The starting point of every other strategy.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        host.progress(0.0, "weights")?;
        weights::choose(settings, host)?;
        if settings.corrects_biases() {
            bias::correct(host)?;
        }
        host.progress(0.4, "statistics of the activations")?;
        activations::choose(settings, host)?;
        host.progress(0.95, "rules that all strategies share")?;
        // ESP-PPQ's exponents stay as they are, so that its figures can be compared.
        for finding in host.complete(settings.repairs())? {
            let level = if finding.ends_with("(done)") { Log::Info } else { Log::Warning };
            host.log(level, &finding);
        }
        host.progress(1.0, "done")
    }
}

octet_plugin_api::export_strategy!(Int8);
