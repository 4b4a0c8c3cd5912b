//! Exponents of weights.

use octet_plugin_api::observer::{minmax, percentile, pot};
use octet_plugin_api::sdk::{Error, Host, Role};

use crate::settings::{Settings, WeightsObserver};

/// Sets the exponents of every weight.
pub(crate) fn choose(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    for slot in host.slots()? {
        let Role::Weights { channels, axis } = slot.role else { continue };
        host.cancelled()?;
        let tensor = host.tensor(slot.tensor)?;
        let values = host.weights(slot.tensor)?;
        let exponents = if channels == 1 {
            vec![whole(settings, values, slot.bits)]
        } else {
            match settings.for_weights(true) {
                WeightsObserver::Auto | WeightsObserver::Target | WeightsObserver::Minmax => {
                    minmax::per_channel(values, &tensor.shape, axis, slot.bits)
                }
                WeightsObserver::MsePot => pot::per_channel(values, &tensor.shape, axis, slot.bits),
            }
        };
        host.set_exponents(slot.tensor, slot.bits, &exponents)?;
    }
    Ok(())
}

/// One exponent for a tensor.
fn whole(settings: &Settings, values: &[f32], bits: u32) -> i32 {
    match settings.for_weights(false) {
        // ESP-PPQ takes the percentile for int8 only.
        WeightsObserver::Target if bits == 8 => percentile::exponent(values, settings.percentile, bits),
        WeightsObserver::Auto | WeightsObserver::Target | WeightsObserver::Minmax => {
            let (min, max) = minmax::range(values);
            minmax::exponent(min, max, bits)
        }
        WeightsObserver::MsePot => pot::exponent_of_values(values, bits).unwrap_or_default(),
    }
}
