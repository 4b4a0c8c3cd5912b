//! Equalization: rewrites the float network, without changing what it computes, into one that loses less when it is
//! quantized.
//!
//! Three steps, each a setting: channels are equalized across layers (`classic`, or `balance`), high biases are
//! absorbed (`absorb`), and activations are scaled as a whole (`fit`). Where ReLU6 becomes ReLU, or bounds a channel
//! beyond what calibration pictures show, the float network changes; `change` tells by how much. The paper's bias
//! correction (section 4.2) needs the exponents of the weights, so it is a setting of int8, which chooses them.

mod absorb;
mod balance;
mod change;
mod classic;
mod fit;
mod graph;
mod groups;
mod load;
mod names;
mod pairs;
mod settings;
mod steps;
#[cfg(test)]
mod test_network;
#[cfg(test)]
mod tests;

use octet_plugin_api::sdk::{Error, Host, Info, Strategy};
use settings::{Mode, Settings};

struct Equalization;

impl Strategy for Equalization {
    const INFO: Info = Info {
        id: "dev.octet.equalization",
        name: "equalization",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Rewrites the float network into an equal one that loses less when it is quantized. \
                      Goes before int8.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        host.progress(0.0, "network")?;
        require_open(host)?;
        let before = change::scores(host, 0.0, 0.2)?;
        match settings.mode {
            Mode::Classic => steps::equalize(settings, host)?,
            Mode::Balance => steps::balance(settings, host)?,
            Mode::Off => {}
        }
        if settings.absorb_biases {
            steps::absorb(host)?;
        }
        if settings.fit_scales {
            steps::fit(settings, host)?;
        }
        let after = change::scores(host, 0.8, 1.0)?;
        change::tell(host, &before, &after);
        host.progress(1.0, "done")
    }
}

/// Exponents that were chosen for other weights would be wrong afterwards, and corrections of biases too.
fn require_open(host: &Host<'_>) -> Result<(), Error> {
    for slot in host.slots()? {
        if !host.exponents(slot.tensor, slot.bits)?.is_empty() {
            let tensor = host.tensor(slot.tensor)?.name;
            return Err(Error::failed(format!(
                "`{tensor}` has an exponent already, and equalization changes what it was chosen for: put equalization \
                 before int8, e.g. --strategy equalization,int8"
            )));
        }
    }
    Ok(())
}

octet_plugin_api::export_strategy!(Equalization);
