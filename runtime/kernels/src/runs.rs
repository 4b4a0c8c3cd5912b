//! How many products of two pixels at once fit into the halves of a 32-bit word.
//!
//! `tile` multiplies a weight with two pixels by one multiplication of words: the low half of the sum is that of
//! the first pixel, the high half that of the second. That is exact as long as each sum stays within 16 bits,
//! whatever the pixels are. So the filters of two channels are cut into runs, as long as their weights allow,
//! behind each of which the halves are added to sums of 32 bits. Inputs are often smaller than they could be: where those
//! of a tile are below a half of the largest, two runs may be summed at once, below a quarter four.

use crate::tile::PAIR;

/// Weights between two places where a run may end.
pub(crate) const STEP: usize = 2;

/// Steps whose ends stand in one word, the first one's in the second highest bit, so that a shift brings it to the sign.
/// At the last one's a run ends in any case, so that nobody has to count them.
const STEPS: usize = 31;

/// Words for each two channels with so many weights: a bit for each step at whose end a run ends.
pub const fn words(taps: usize) -> usize {
    taps.div_ceil(STEP).div_ceil(STEPS)
}

/// What a word begins with: a low half that a negative sum takes nothing of the high half from, and one less in
/// the high half, so that 65536 stand for -32768 - 1 ... 32767 - 1 there.
///
/// The low half then holds sums of -32767 ..= 32768, the high half those of -32767 ..= 32768.
pub(crate) const START: u32 = 0xffff_7fff;

/// The largest sum of magnitudes of a run: 128 times that fits. Two weights always do: they sum to 256 at most, and
/// only when both are -128, whose products are -32512 ..= 32768.
const LARGEST: i32 = 255;

/// The same for the weights of each sign where no input is negative: 127 times that fits.
const LARGEST_OF_SIGN: i32 = 258;

/// Cuts two filters of `taps` weights into runs; `weights` are those at a place, `nonnegative` says that no input is below
/// 0. Fills the [`words`] of both channels.
#[inline(always)]
pub(crate) fn cut(taps: usize, nonnegative: bool, words: &mut [u32], weights: impl Fn(usize) -> [u8; PAIR]) {
    words.fill(0);
    let mut run = Run::default();
    let mut place = 0;
    while STEP * place < taps {
        let first = STEP * place;
        let before = run;
        run.add(weights(first));
        if first + 1 < taps {
            run.add(weights(first + 1));
        }
        let forced = place.is_multiple_of(STEPS);
        if place > 0 && (forced || !run.fits(nonnegative)) {
            let end = place - 1;
            if let Some(word) = words.get_mut(end / STEPS) {
                *word |= 0x4000_0000 >> (end % STEPS);
            }
            run = run.without(before);
        }
        place += 1;
    }
    // The last step of a word is full, but another one need not follow.
    if taps.is_multiple_of(STEP * STEPS)
        && let Some(word) = words.last_mut()
    {
        *word |= 1;
    }
}

/// For each channel the sum of the magnitudes of its weights, and their sum.
#[derive(Clone, Copy, Default)]
struct Run {
    magnitudes: [i32; PAIR],
    sums: [i32; PAIR],
}

impl Run {
    #[inline(always)]
    fn add(&mut self, [a, b]: [u8; PAIR]) {
        let (a, b) = (i32::from(a as i8), i32::from(b as i8));
        self.magnitudes = [self.magnitudes[0] + a.abs(), self.magnitudes[1] + b.abs()];
        self.sums = [self.sums[0] + a, self.sums[1] + b];
    }

    #[inline(always)]
    fn without(self, other: Self) -> Self {
        let [a, b] = self.magnitudes;
        let [c, d] = self.sums;
        Self {
            magnitudes: [a - other.magnitudes[0], b - other.magnitudes[1]],
            sums: [c - other.sums[0], d - other.sums[1]],
        }
    }

    #[inline(always)]
    fn fits(&self, nonnegative: bool) -> bool {
        let largest = |of: [i32; PAIR]| of[0].max(of[1]);
        if nonnegative {
            // The weights of the one sign are half of both sums together, those of the other what is left.
            let [a, b] = self.magnitudes;
            largest([a + self.sums[0].abs(), b + self.sums[1].abs()]) <= 2 * LARGEST_OF_SIGN
        } else {
            largest(self.magnitudes) <= LARGEST
        }
    }
}
