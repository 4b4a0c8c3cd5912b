//! How many products of two pixels at once fit into the halves of a 32-bit word.
//!
//! `tile` multiplies a weight with two pixels by one multiplication of words: the low half of the sum is that of
//! the first pixel, the high half that of the second. That is exact as long as each sum stays within 16 bits.
//! Filters are looked at in runs of [`RUN`] weights: whether the whole run fits whatever the pixels are, or each
//! half of it, or neither.

use crate::plan::Conv;

/// Weights of a run.
pub(super) const RUN: usize = 8;

/// Output channels computed together.
pub(super) const QUAD: usize = 4;

/// The sums of a whole run fit.
pub(super) const WHOLE: u8 = 0;
/// The sums of each half of the run fit.
pub(super) const HALVES: u8 = 1;
/// Products are summed one by one.
pub(super) const SINGLE: u8 = 2;

/// Runs of one filter; what is left is summed one by one.
pub(super) fn per_filter(conv: &Conv) -> usize {
    conv.taps() / RUN
}

/// The kind of each run of each four channels, the runs of the first four first.
pub(super) fn prepare(conv: &Conv, weights: &[u8], runs: &mut [u8]) {
    let count = per_filter(conv);
    if count == 0 {
        return;
    }
    // The largest magnitudes of an input below and above 0.
    let (below, above) = if conv.input_nonnegative { (0, 127) } else { (128, 127) };
    for (quad, runs) in runs.chunks_exact_mut(count).enumerate() {
        runs.fill(WHOLE);
        for filter in (QUAD * quad..QUAD * quad + QUAD).take_while(|&f| f < conv.filters) {
            let (start, step) = conv.weight_run(filter);
            let mut weights = weights.get(start..).unwrap_or_default().iter().step_by(step);
            for kind in runs.iter_mut() {
                let mut sums = [[0i32; 2]; 2];
                for [negative, positive] in &mut sums {
                    for &weight in weights.by_ref().take(RUN / 2) {
                        let weight = i32::from(weight as i8);
                        *positive += weight.max(0);
                        *negative -= weight.min(0);
                    }
                }
                let fits = |[negative, positive]: [i32; 2]| {
                    positive * above + negative * below <= 32767 && negative * above + positive * below <= 32768
                };
                let [[n0, p0], [n1, p1]] = sums;
                let found = if fits([n0 + n1, p0 + p1]) {
                    WHOLE
                } else if sums.into_iter().all(fits) {
                    HALVES
                } else {
                    SINGLE
                };
                *kind = found.max(*kind);
            }
        }
    }
}
