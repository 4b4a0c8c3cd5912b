//! Sets widths, and the exponents that become necessary with them.

use std::collections::BTreeMap;

use octet_plugin_api::observer::minmax;
use octet_plugin_api::sdk::{Error, Host, Role, Slot, StatisticsRequest, TensorId, Weights};

use crate::units::{UnitId, Units};

/// Smallest and largest value of activations, as far as they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeMap<TensorId, (f32, f32)>);

impl Ranges {
    /// The ranges of every activation that has a slot now, from one pass over the pictures.
    pub(crate) fn of_all(host: &mut Host<'_>) -> Result<Ranges, Error> {
        let slots = host.slots()?;
        let mut ranges = Ranges::default();
        ranges.add(host, slots.iter().filter(|slot| slot.role == Role::Activation))?;
        Ok(ranges)
    }

    fn add<'a>(&mut self, host: &mut Host<'_>, slots: impl Iterator<Item = &'a Slot>) -> Result<(), Error> {
        let mut tensors: Vec<TensorId> = slots.map(|slot| slot.tensor).collect();
        tensors.sort_unstable();
        tensors.dedup();
        tensors.retain(|tensor| !self.0.contains_key(tensor));
        if tensors.is_empty() {
            return Ok(());
        }
        let request = StatisticsRequest {
            tensors: tensors.iter().map(|&tensor| (tensor, 0)).collect(),
            weights: Weights::Float,
            percentile: None,
        };
        let statistics = host.statistics(&request)?;
        self.0.extend(tensors.into_iter().zip(statistics.iter().map(|s| (s.min, s.max))));
        Ok(())
    }
}

/// Puts units into 16 bits. Weights and activations of 16 bits have steps so fine that nothing needs to be clipped;
/// exponents of 8 bits stay as they were chosen, and 8-bit copies of what is now stored in 16 bits take over the
/// exponent of the tensor.
pub(crate) fn widen(
    host: &mut Host<'_>,
    units: &Units,
    chosen: impl Iterator<Item = UnitId>,
    ranges: &mut Ranges,
) -> Result<(), Error> {
    for unit in chosen.filter_map(|unit| units.get(unit)) {
        for node in &unit.nodes {
            host.set_bits(node.id, 16)?;
        }
    }
    let slots = host.slots()?;
    let mut open = Vec::new();
    for slot in &slots {
        match slot.role {
            // An exponent of weights does not say for which width it was chosen.
            Role::Weights { channels, axis } if slot.bits == 16 => {
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
            Role::Weights { .. } => {}
            Role::Activation if host.exponents(slot.tensor, slot.bits)?.is_empty() => open.push(slot),
            Role::Activation => {}
        }
    }
    ranges.add(host, open.iter().copied())?;
    for slot in open {
        let &(min, max) = ranges.0.get(&slot.tensor).ok_or_else(|| {
            Error::failed(format!("the host gave no statistics of the tensor {}", slot.tensor))
        })?;
        host.set_exponents(slot.tensor, slot.bits, &[minmax::exponent(min, max, slot.bits)])?;
    }
    Ok(())
}
