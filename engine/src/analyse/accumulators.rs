//! Sums that leave the accumulator lanes of the chip's vector unit under ESP-DL.

use octet_runtime::{Data, Simulator};
use rayon::prelude::*;

use super::layout::to_nhwc;
use super::{AnalysisError, Ticker};
use crate::report::AccumulatorFacts;

/// Walks the sums of every int8 layer over pictures (NCHW floats) and counts those whose running value leaves
/// `limit_bits`. The facts carry the name of the operation's output tensor.
pub fn audit_accumulators(
    simulator: &Simulator,
    input_shape_nchw: &[usize],
    pictures: &[Vec<f32>],
    limit_bits: u32,
    ticker: &Ticker<'_>,
) -> Result<Vec<AccumulatorFacts>, AnalysisError> {
    let per_picture: Result<Vec<_>, AnalysisError> = pictures
        .par_iter()
        .map_init(
            || simulator.scratch(),
            |scratch, picture| {
                ticker.check()?;
                let nhwc = to_nhwc(picture, input_shape_nchw);
                simulator
                    .audit_accumulators(scratch, Data::F32(&nhwc), limit_bits)
                    .map_err(|e| AnalysisError::Runtime(e.to_string()))
            },
        )
        .collect();
    let mut facts: Vec<AccumulatorFacts> = Vec::new();
    for audits in per_picture? {
        for audit in audits.into_iter().filter(|a| a.elements_left > 0) {
            let position = facts.iter().position(|f| f.name == audit.tensor).unwrap_or_else(|| {
                let name = audit.tensor.clone();
                facts.push(AccumulatorFacts { name, limit_bits, channels: 0, pictures: 0, values: 0 });
                facts.len() - 1
            });
            let fact = &mut facts[position];
            fact.channels = fact.channels.max(audit.channels_left);
            fact.pictures += 1;
            fact.values += audit.elements_left;
        }
    }
    Ok(facts)
}
