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

/// Steps whose ends stand in one word.
pub(super) const STEPS: usize = 32;

/// The first word of four channels some of whose weights do not even fit two by two.
pub(super) const SINGLE: u32 = 1;

/// Words for each four channels: the kind, and a bit for each step at whose end a run ends.
pub(super) fn words_per_quad(conv: &Conv) -> usize {
    1 + conv.taps().div_ceil(STEP).div_ceil(STEPS)
}

/// Sums of the magnitudes of a channel's negative and positive weights.
type Magnitudes = [i32; 2];

/// Cuts all filters into runs.
pub(super) fn prepare(conv: &Conv, weights: &[u8], runs: &mut [u32]) {
    let per_quad = words_per_quad(conv);
    for (quad, words) in runs.chunks_exact_mut(per_quad).enumerate() {
        let filters = [0, 1, 2, 3].map(|i| {
            let (start, step) = conv.weight_run((QUAD * quad + i).min(conv.filters.saturating_sub(1)));
            weights.get(start..).unwrap_or_default().iter().step_by(step.max(1)).take(conv.taps())
        });
        if conv.input_nonnegative {
            // Inputs up to 127: the weights of one sign alone decide.
            cut(filters, words, |[negative, positive]| negative.max(positive) * 127 <= 32767);
        } else {
            cut(filters, words, |[negative, positive]| (negative + positive) * 128 <= 32767);
        }
    }
}

/// Cuts four filters into runs whose magnitudes fit.
#[inline(always)]
fn cut<'a>(
    mut filters: [impl Iterator<Item = &'a u8>; QUAD],
    words: &mut [u32],
    fits: impl Fn(Magnitudes) -> bool,
) {
    let Some((kind, ends)) = words.split_first_mut() else { return };
    *kind = 0;
    let mut run = [Magnitudes::default(); QUAD];
    // Where the step before this one has its bit.
    let mut before = None;
    for word in ends {
        *word = 0;
        for bit in 0..STEPS {
            let mut own = [Magnitudes::default(); QUAD];
            let (mut alone, mut together) = (true, true);
            for ((filter, own), run) in filters.iter_mut().zip(&mut own).zip(&run) {
                for &weight in filter.take(STEP) {
                    let weight = i32::from(weight as i8);
                    if weight < 0 {
                        own[0] -= weight;
                    } else {
                        own[1] += weight;
                    }
                }
                alone &= fits(*own);
                together &= fits([own[0] + run[0], own[1] + run[1]]);
            }
            if together {
                for (run, own) in run.iter_mut().zip(own) {
                    *run = [run[0] + own[0], run[1] + own[1]];
                }
            } else {
                run = own;
                match bit {
                    0 => carry(&mut before),
                    _ => *word |= 1 << (bit - 1),
                }
                if !alone {
                    *kind = SINGLE;
                }
            }
        }
        before = Some(word);
    }
}

/// Ends a run at the last step of a word.
fn carry(word: &mut Option<&mut u32>) {
    if let Some(word) = word {
        **word |= 1 << (STEPS - 1);
    }
}
