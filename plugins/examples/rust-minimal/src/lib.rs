//! The smallest useful strategy: every exponent is the first that clips nothing.

use octet_plugin_api::observer::minmax;
use octet_plugin_api::sdk::{Error, Host, Info, Role, StatisticsRequest, Strategy, Weights};

#[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default)]
struct Settings {
    /// Added to every activation's exponent: -1 halves the step and clips the upper half of the range.
    #[schemars(range(min = -4, max = 4))]
    shift: i32,
}

struct Minimal;

impl Strategy for Minimal {
    const INFO: Info = Info {
        id: "dev.octet.example.minimal",
        name: "Minimal example",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Example for plugin authors: nothing is clipped.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        for slot in host.slots()? {
            if let Role::Weights { channels, axis } = slot.role {
                let shape = host.tensor(slot.tensor)?.shape;
                let values = host.weights(slot.tensor)?;
                let exponents = if channels == 1 {
                    let (min, max) = minmax::range(values);
                    vec![minmax::exponent(min, max, slot.bits)]
                } else {
                    minmax::per_channel(values, &shape, axis, slot.bits)
                };
                host.set_exponents(slot.tensor, slot.bits, &exponents)?;
            }
        }
        for slot in host.slots()?.into_iter().filter(|slot| slot.role == Role::Activation) {
            let tensors = vec![(slot.tensor, 0)];
            let request = StatisticsRequest { tensors, weights: Weights::Quantized, percentile: None };
            for numbers in host.statistics(&request)? {
                let exponent = minmax::exponent(numbers.min, numbers.max, slot.bits) + settings.shift;
                host.set_exponents(slot.tensor, slot.bits, &[exponent])?;
            }
        }
        host.complete(true).map(|_| ())
    }
}

octet_plugin_api::export_strategy!(Minimal);
