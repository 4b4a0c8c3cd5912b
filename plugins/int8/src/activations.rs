//! Exponents of activations.

use octet_plugin_api::observer::{Histogram, kl, minmax, mse, pot};
use octet_plugin_api::sdk::{Error, Host, Role, Slot, Statistics, StatisticsRequest, Weights};

use crate::per_operation::Overrides;
use crate::settings::{Observer, Settings};

/// Bins of the histograms of `mse-pot`: fine enough for both widths, since a bin's values count as spread evenly.
const POT_BINS: usize = 4096;

/// Sets the exponent of every activation, in the order of the slots.
pub(crate) fn choose(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    let input = host.network()?.input;
    let slots: Vec<Slot> = host.slots()?.into_iter().filter(|slot| slot.role == Role::Activation).collect();
    let overrides = Overrides::parse(&settings.observer_of, host)?;
    let observer = |slot: &Slot| match overrides.of(slot) {
        Some(observer) => observer,
        None if slot.tensor == input => settings.for_input(),
        None => settings.observer,
    };

    // A tensor that is read at both widths is asked for once per width, since the numbers of bins differ.
    for bits in [8, 16] {
        let slots: Vec<&Slot> = slots.iter().filter(|slot| slot.bits == bits).collect();
        if slots.is_empty() {
            continue;
        }
        let request = StatisticsRequest {
            tensors: slots.iter().map(|slot| (slot.tensor, bins(observer(slot), bits))).collect(),
            weights: Weights::Quantized,
            percentile: slots
                .iter()
                .any(|slot| observer(slot) == Observer::Percentile)
                .then_some(settings.percentile),
        };
        let statistics = host.statistics(&request)?;
        for (slot, numbers) in slots.iter().zip(&statistics) {
            let exponent = exponent(settings, observer(slot), numbers, bits);
            host.set_exponents(slot.tensor, bits, &[exponent])?;
        }
    }
    Ok(())
}

fn bins(observer: Observer, bits: u32) -> usize {
    match observer {
        Observer::MsePot => POT_BINS,
        Observer::Kl => kl::bins(bits),
        Observer::Mse => mse::BINS,
        Observer::Minmax | Observer::Percentile => 0,
    }
}

/// The exponent of one activation; where an observer has no answer, nothing is clipped.
fn exponent(settings: &Settings, observer: Observer, numbers: &Statistics, bits: u32) -> i32 {
    let histogram = Histogram {
        counts: &numbers.histogram,
        bin_width: numbers.bin_width,
        min: numbers.min,
        max: numbers.max,
    };
    let chosen = match observer {
        Observer::MsePot => pot::exponent(histogram, bits, settings.clip_weight),
        Observer::Kl => kl::exponent(histogram, bits),
        Observer::Mse => mse::exponent(histogram, bits),
        Observer::Minmax => None,
        Observer::Percentile => numbers.percentiles.map(|(low, high)| minmax::exponent(low, high, bits)),
    };
    chosen.unwrap_or_else(|| minmax::exponent(numbers.min, numbers.max, bits))
}
