//! Exponents to begin with, where no strategy before has chosen any.

use octet_plugin_api::observer::{Histogram, minmax, pot};
use octet_plugin_api::sdk::{Error, Host, Role, Slot, StatisticsRequest, Weights};

/// Bins of the histograms.
const BINS: usize = 4096;

/// Decides every open slot: weights first, then activations under quantized weights.
pub(crate) fn decide_open(host: &mut Host<'_>) -> Result<(), Error> {
    let mut activations = Vec::new();
    for slot in host.slots()? {
        if !host.exponents(slot.tensor, slot.bits)?.is_empty() {
            continue;
        }
        match slot.role {
            Role::Weights { axis, .. } => {
                let exponents = weights(host, &slot, axis)?;
                host.set_exponents(slot.tensor, slot.bits, &exponents)?;
            }
            Role::Activation => activations.push(slot),
        }
    }
    let input = host.network()?.input;
    for bits in [8, 16] {
        let slots: Vec<&Slot> = activations.iter().filter(|slot| slot.bits == bits).collect();
        if slots.is_empty() {
            continue;
        }
        let request = StatisticsRequest {
            tensors: slots.iter().map(|slot| (slot.tensor, BINS)).collect(),
            weights: Weights::Quantized,
            percentile: None,
        };
        for (slot, numbers) in slots.iter().zip(host.statistics(&request)?) {
            let histogram = Histogram {
                counts: &numbers.histogram,
                bin_width: numbers.bin_width,
                min: numbers.min,
                max: numbers.max,
            };
            // A clipped picture is lost for the whole network.
            let chosen = (slot.tensor != input).then(|| pot::exponent(histogram, bits, pot::CLIP_WEIGHT));
            let widest = minmax::exponent(numbers.min, numbers.max, bits);
            host.set_exponents(slot.tensor, bits, &[chosen.flatten().unwrap_or(widest)])?;
        }
    }
    Ok(())
}

fn weights(host: &Host<'_>, slot: &Slot, axis: usize) -> Result<Vec<i32>, Error> {
    let values = host.weights(slot.tensor)?;
    if slot.channels() > 1 {
        let shape = host.tensor(slot.tensor)?.shape;
        return Ok(minmax::per_channel(values, &shape, axis, slot.bits));
    }
    Ok(vec![pot::exponent_of_values(values, slot.bits).unwrap_or_default()])
}
