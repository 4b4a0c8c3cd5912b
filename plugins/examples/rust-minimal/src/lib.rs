//! The smallest useful strategy: every exponent is the first that clips nothing.

use std::collections::{BTreeMap, BTreeSet};

use octet_plugin_api::observer::minmax;
use octet_plugin_api::sdk::{Error, Host, Info, Role, StatisticsRequest, Strategy, Weights};

#[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[schemars(extend("exponents" = "chooses"))]
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
        let slots: Vec<_> = host.slots()?.into_iter().filter(|slot| slot.role == Role::Activation).collect();
        // All at once, since every request runs the network over all pictures; a tensor that has two widths once.
        let tensors: BTreeSet<_> = slots.iter().map(|slot| slot.tensor).collect();
        let request = StatisticsRequest {
            tensors: tensors.iter().map(|&tensor| (tensor, 0)).collect(),
            weights: Weights::Quantized,
            percentile: None,
        };
        let numbers: BTreeMap<_, _> = tensors.into_iter().zip(host.statistics(&request)?).collect();
        for slot in slots {
            let Some(numbers) = numbers.get(&slot.tensor) else { continue };
            let exponent = minmax::exponent(numbers.min, numbers.max, slot.bits) + settings.shift;
            host.set_exponents(slot.tensor, slot.bits, &[exponent])?;
        }
        host.complete(true).map(|_| ())
    }
}

octet_plugin_api::export_strategy!(Minimal);
