//! How many products of two pixels at once fit into the halves of a 32-bit word.
//!
//! `tile` multiplies a weight with two pixels by one multiplication of words: the low half of the sum is that of
//! the first pixel, the high half that of the second. That is exact as long as each sum stays within 16 bits,
//! whatever the pixels are. So the filters of four channels are cut into runs, as long as their weights allow,
//! behind each of which the halves are added to sums of 32 bits.

use super::tile::QUAD;
use crate::plan::Conv;

/// Weights between two places where a run may end.
pub(super) const STEP: usize = 2;

/// Steps whose ends stand in one byte.
pub(super) const STEPS: usize = 8;

/// The first byte of four channels some of whose weights do not even fit two by two.
pub(super) const SINGLE: u8 = 1;

/// Bytes for each four channels: the kind, and a bit for each step at whose end a run ends.
pub(super) fn bytes_per_quad(conv: &Conv) -> usize {
    1 + (conv.taps() / STEP).div_ceil(STEPS)
}

/// Sums of the magnitudes of a channel's negative and positive weights.
type Magnitudes = [i32; 2];

/// Cuts all filters into runs.
pub(super) fn prepare(conv: &Conv, weights: &[u8], runs: &mut [u8]) {
    // The largest magnitudes of an input below and above 0.
    let (below, above) = if conv.input_nonnegative { (0, 127) } else { (128, 127) };
    let fits = |[negative, positive]: Magnitudes| {
        positive * above + negative * below <= 32767 && negative * above + positive * below <= 32768
    };
    for (quad, bytes) in runs.chunks_exact_mut(bytes_per_quad(conv)).enumerate() {
        let Some((kind, ends)) = bytes.split_first_mut() else { return };
        *kind = 0;
        ends.fill(0);
        let filters = [0, 1, 2, 3].map(|i| {
            let (start, step) = conv.weight_run((QUAD * quad + i).min(conv.filters.saturating_sub(1)));
            (weights.get(start..).unwrap_or_default(), step)
        });
        let mut run = [Magnitudes::default(); QUAD];
        for step in 0..conv.taps() / STEP {
            let mut own = [Magnitudes::default(); QUAD];
            for ([negative, positive], (weights, pitch)) in own.iter_mut().zip(filters) {
                for place in STEP * step..STEP * (step + 1) {
                    let weight = weights.get(place * pitch).map_or(0, |&w| i32::from(w as i8));
                    *positive += weight.max(0);
                    *negative -= weight.min(0);
                }
            }
            let longer: [Magnitudes; QUAD] =
                core::array::from_fn(|i| core::array::from_fn(|sign| run[i][sign] + own[i][sign]));
            if longer.into_iter().all(fits) {
                run = longer;
                continue;
            }
            if !own.into_iter().all(fits) {
                *kind = SINGLE;
            }
            run = own;
            if let Some(end) = step.checked_sub(1) {
                if let Some(byte) = ends.get_mut(end / STEPS) {
                    *byte |= 1 << (end % STEPS);
                }
            }
        }
    }
}
