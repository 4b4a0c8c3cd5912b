//! Integers of the interface as the engine's enums, and the engine's numbers as structs of the interface.

use octet_plugin_api::abi::*;

use super::context::invalid;
use crate::strategy::{PictureSet, StrategyError, TensorStatistics, WeightsUse};

pub(super) fn statistics_view(numbers: &TensorStatistics) -> OctetStatistics {
    let (low, high) = numbers.percentiles.unwrap_or_default();
    OctetStatistics {
        histogram: OctetCounts::new(&numbers.histogram),
        bin_width: numbers.bin_width,
        count: numbers.count,
        min: numbers.min,
        max: numbers.max,
        low,
        high,
        has_percentiles: numbers.percentiles.is_some().into(),
        ..OctetStatistics::empty()
    }
}

pub(super) fn picture_set(pictures: i32) -> Result<PictureSet, StrategyError> {
    match pictures {
        OCTET_PICTURES_CALIBRATION => Ok(PictureSet::Calibration),
        OCTET_PICTURES_HELD_OUT => Ok(PictureSet::HeldOut),
        other => invalid(format!("there is no set {other} of pictures")),
    }
}

pub(super) fn weights_use(weights: i32) -> Result<WeightsUse, StrategyError> {
    match weights {
        OCTET_WEIGHTS_FLOAT => Ok(WeightsUse::Float),
        OCTET_WEIGHTS_QUANTIZED => Ok(WeightsUse::Quantized),
        other => invalid(format!("there is no use {other} of weights")),
    }
}

pub(super) fn flag(value: u32, name: &str) -> Result<bool, StrategyError> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => invalid(format!("`{name}` is {other} instead of 0 or 1")),
    }
}
