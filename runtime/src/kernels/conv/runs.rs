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

/// The largest sum of magnitudes: of all weights of a channel where inputs have both signs, of the weights of
/// each sign where no input is negative. 128 or 127 times that stays within 16 bits.
const LARGEST: [i32; 2] = [255, 258];

/// Cuts all filters into runs.
pub(super) fn prepare(conv: &Conv, weights: &[u8], runs: &mut [u32]) {
    for (quad, words) in runs.chunks_exact_mut(words_per_quad(conv)).enumerate() {
        let Some((kind, ends)) = words.split_first_mut() else { return };
        *kind = 0;
        ends.fill(0);
        let channel = QUAD * quad;
        let (start, pitch) = conv.weight_run(channel);
        let block = weights.get(start..).unwrap_or_default();
        if channel < conv.blocked {
            // Four channels lie next to each other.
            let weights = |tap: usize| block.get(tap * pitch..).and_then(|w| w.first_chunk()).copied();
            cut(conv, kind, ends, |tap| weights(tap).unwrap_or_default());
        } else {
            let (taps, missing) = (conv.taps(), (channel + QUAD).saturating_sub(conv.filters));
            let lines =
                [0, 1, 2, 3].map(|i| block.get(taps * i.min(QUAD - 1 - missing)..).unwrap_or_default());
            cut(conv, kind, ends, |tap| lines.map(|line| line.get(tap).copied().unwrap_or_default()));
        }
    }
}

/// Cuts four filters into runs; `weights` are those of a tap.
fn cut(conv: &Conv, kind: &mut u32, ends: &mut [u32], weights: impl Fn(usize) -> [u8; QUAD]) {
    let mut run = Run::default();
    for place in 0..conv.taps().div_ceil(STEP) {
        let taps = STEP * place..(STEP * (place + 1)).min(conv.taps());
        let mut own = Run::default();
        for weights in taps.map(&weights) {
            own.add(weights.map(|w| i32::from(w as i8)));
        }
        let longer = run.with(&own);
        if longer.fits(conv.input_nonnegative) {
            run = longer;
            continue;
        }
        if !own.fits(conv.input_nonnegative) {
            *kind = SINGLE;
        }
        run = own;
        let end = place.saturating_sub(1);
        if let Some(word) = ends.get_mut(end / STEPS) {
            *word |= 1 << (end % STEPS);
        }
    }
}

/// For each channel, the sum of the magnitudes of its weights, and their sum.
#[derive(Clone, Copy, Default)]
struct Run {
    magnitudes: [i32; QUAD],
    sums: [i32; QUAD],
}

impl Run {
    #[inline(always)]
    fn add(&mut self, weights: [i32; QUAD]) {
        for (i, weight) in weights.into_iter().enumerate() {
            self.magnitudes[i] += weight.abs();
            self.sums[i] += weight;
        }
    }

    #[inline(always)]
    fn with(&self, other: &Self) -> Self {
        Self {
            magnitudes: core::array::from_fn(|i| self.magnitudes[i] + other.magnitudes[i]),
            sums: core::array::from_fn(|i| self.sums[i] + other.sums[i]),
        }
    }

    #[inline(always)]
    fn fits(&self, nonnegative: bool) -> bool {
        let [all, each] = LARGEST;
        self.magnitudes.iter().zip(self.sums).all(|(&magnitudes, sum)| {
            // The weights of the one sign are half of both sums together, those of the other what is left.
            if nonnegative { magnitudes + sum.abs() <= 2 * each } else { magnitudes <= all }
        })
    }
}
