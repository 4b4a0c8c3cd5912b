//! int8 convolutions of one group: two output channels of eight pixels at a time, two pixels to a multiplication (see
//! [`crate::runs`]), all sums in registers.

use crate::finish::{Finish, Output};
use crate::runs::{self, START, STEP};

/// Output channels computed together.
pub const PAIR: usize = 2;

/// Output pixels of a tile; the last one of a row may have fewer.
pub const PIXELS: usize = 8;

/// Channels of a block, whose weights at one place lie next to each other.
pub const LANES: usize = 16;

/// The filters of a layer: `blocked` ones in blocks of [`LANES`], `[taps][LANES]`; then filter by filter.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a> {
    /// One byte per weight.
    pub weights: &'a [u8],
    /// Weights of a filter.
    pub taps: usize,
    /// Number of filters.
    pub count: usize,
    /// How many of them, from the first on, lie in blocks: a multiple of [`LANES`].
    pub blocked: usize,
}

impl<'a> Filters<'a> {
    fn block(&self, channel: usize) -> Option<Block<'a>> {
        let bytes = LANES * self.taps;
        let block = self.weights.get(channel / LANES * bytes..)?.get(..bytes)?;
        Some(Block { block: block.as_chunks().0, first: channel % LANES })
    }

    /// Beyond the last filter, the last one once more.
    fn lines(&self, channel: usize) -> Option<Lines<'a>> {
        let line = |channel: usize| {
            self.weights.get(channel.min(self.count.checked_sub(1)?) * self.taps..)?.get(..self.taps)
        };
        Some(Lines([line(channel)?, line(channel + 1)?]))
    }

    /// Cuts all filters into runs, [`runs::words`] for each two of them. `nonnegative` says that no input is below 0.
    pub fn cut(&self, nonnegative: bool, words: &mut [u32]) {
        for (pair, words) in words.chunks_exact_mut(runs::words(self.taps).max(1)).enumerate() {
            let channel = PAIR * pair;
            if channel < self.blocked {
                let Some(block) = self.block(channel) else { return };
                runs::cut(self.taps, nonnegative, words, |tap| block.at(tap));
            } else {
                let Some(lines) = self.lines(channel) else { return };
                runs::cut(self.taps, nonnegative, words, |tap| lines.at(tap));
            }
        }
    }

    /// Computes all channels of the pixels that `packed` holds, tile by tile: [`PIXELS`] each but the last. `runs` come
    /// from [`Self::cut`]; `finish` has an entry per channel; `out` is `[pixels][channels]`.
    ///
    /// `None` when there are too few weights or runs.
    pub fn run(
        &self,
        packed: &[u32],
        runs: &[u32],
        finish: &[Finish],
        output: Output,
        out: &mut [u8],
    ) -> Option<()> {
        if self.taps == 0 || self.count == 0 {
            return None;
        }
        let mut runs = runs.chunks_exact(runs::words(self.taps).max(1));
        for (pair, finish) in finish.chunks(PAIR).enumerate() {
            let ends = runs.next()?;
            let (&first, &second) = (finish.first()?, finish.last()?);
            let channel = PAIR * pair;
            let part = Part {
                packed,
                taps: self.taps,
                ends,
                finish: [first, second],
                output,
                filters: self.count,
                channel,
            };
            if channel < self.blocked {
                part.run(self.block(channel)?, out);
            } else {
                part.run(self.lines(channel)?, out);
            }
        }
        Some(())
    }

    /// Computes all channels of one pixel, whose inputs are given as they are, without runs.
    pub fn pixel(&self, x: &[u8], finish: &[Finish], output: Output, out: &mut [u8]) -> Option<()> {
        for (pair, (finish, out)) in finish.chunks(PAIR).zip(out.chunks_mut(PAIR)).enumerate() {
            let channel = PAIR * pair;
            let sums = if channel < self.blocked {
                single(x, self.block(channel)?)
            } else {
                single(x, self.lines(channel)?)
            };
            for ((byte, sum), &finish) in out.iter_mut().zip(sums).zip(finish) {
                *byte = output.byte(sum, finish);
            }
        }
        Some(())
    }
}

/// The sums of one pixel.
#[inline(never)]
fn single(x: &[u8], weights: impl Weights) -> [i32; PAIR] {
    let mut sums = [0i32; PAIR];
    let mut add = |x: u8, weights: [u8; PAIR]| {
        let x = i32::from(x as i8);
        sums = [0, 1].map(|i| sums[i].wrapping_add(x.wrapping_mul(i32::from(weights[i] as i8))));
    };
    let (steps, rest) = x.as_chunks::<STEP>();
    for (x, step) in steps.iter().zip(weights.steps()) {
        for (place, &x) in x.iter().enumerate() {
            add(x, weights.pick(step, place));
        }
    }
    if let [last] = rest {
        add(*last, weights.at(x.len() - 1));
    }
    sums
}

/// The filters of two output channels.
trait Weights: Copy {
    /// [`STEP`] weights of each.
    type Step: Copy;

    /// All steps.
    fn steps(&self) -> impl ExactSizeIterator<Item = Self::Step>;

    /// Both weights at a place of a step.
    fn pick(&self, step: Self::Step, place: usize) -> [u8; PAIR];

    /// Both weights at a place of the filter.
    fn at(&self, place: usize) -> [u8; PAIR];
}

/// Two of the channels of a block.
#[derive(Clone, Copy)]
struct Block<'a> {
    block: &'a [[u8; LANES]],
    first: usize,
}

impl Block<'_> {
    #[inline(always)]
    fn pair(&self, weights: &[u8; LANES]) -> [u8; PAIR] {
        // The remainder shows the compiler that no index leaves the block.
        let first = self.first % (LANES - 1);
        [weights[first], weights[first + 1]]
    }
}

impl<'a> Weights for Block<'a> {
    type Step = &'a [[u8; LANES]; STEP];

    #[inline(always)]
    fn steps(&self) -> impl ExactSizeIterator<Item = Self::Step> {
        self.block.as_chunks::<STEP>().0.iter()
    }

    #[inline(always)]
    fn pick(&self, step: Self::Step, place: usize) -> [u8; PAIR] {
        self.pair(&step[place])
    }

    #[inline(always)]
    fn at(&self, place: usize) -> [u8; PAIR] {
        self.block.get(place).map_or([0; PAIR], |w| self.pair(w))
    }
}

/// Two filters, each of which lies by itself.
#[derive(Clone, Copy)]
struct Lines<'a>([&'a [u8]; PAIR]);

impl<'a> Weights for Lines<'a> {
    type Step = [&'a [u8; STEP]; PAIR];

    #[inline(always)]
    fn steps(&self) -> impl ExactSizeIterator<Item = Self::Step> {
        let [a, b] = self.0.map(|line| line.as_chunks::<STEP>().0);
        a.iter().zip(b).map(|(a, b)| [a, b])
    }

    #[inline(always)]
    fn pick(&self, step: Self::Step, place: usize) -> [u8; PAIR] {
        step.map(|line| line[place])
    }

    #[inline(always)]
    fn at(&self, place: usize) -> [u8; PAIR] {
        self.0.map(|line| line.get(place).copied().unwrap_or_default())
    }
}

/// Two output channels of some tiles.
struct Part<'a> {
    packed: &'a [u32],
    taps: usize,
    ends: &'a [u32],
    finish: [Finish; PAIR],
    output: Output,
    filters: usize,
    channel: usize,
}

impl Part<'_> {
    #[inline(never)]
    fn run(&self, weights: impl Weights, out: &mut [u8]) {
        const WORDS: usize = PIXELS / 2;
        let tiles = self.packed.chunks(WORDS * self.taps + 1);
        for (packed, out) in tiles.zip(out.chunks_mut((PIXELS * self.filters).max(1))) {
            if packed.len() == WORDS * self.taps + 1 {
                let (sums, runs) = sum::<WORDS>(packed, weights, self.ends);
                self.store(&sums, runs, out);
            } else {
                self.rest(weights, packed, out);
            }
        }
    }

    /// The last one or two pixels of a row.
    #[inline(never)]
    fn rest(&self, weights: impl Weights, packed: &[u32], out: &mut [u8]) {
        let (sums, runs) = sum::<1>(packed, weights, self.ends);
        self.store(&sums, runs, out);
    }

    /// Rounds and stores.
    #[inline(never)]
    fn store(&self, sums: &[Sums], runs: u32, out: &mut [u8]) {
        // What the words began with is taken off together with the addition of the bias.
        let lift = runs.wrapping_mul(START & 0xffff);
        let [[add, shift], [second_add, second_shift]] = self.finish;
        let low = [add.wrapping_sub(lift), second_add.wrapping_sub(lift)];
        let high = [add.wrapping_add(runs), second_add.wrapping_add(runs)];
        let both = self.channel + 1 < self.filters;
        let mut pixels = out.get_mut(self.channel..).unwrap_or_default().chunks_mut(self.filters.max(1));
        for sums in sums {
            for (channels, add) in [(sums.low(), low), (sums.high, high)] {
                let values = [channels[0].wrapping_add(add[0]), channels[1].wrapping_add(add[1])];
                let Some([first, others @ ..]) = pixels.next() else { return };
                *first = self.output.rounded(values[0] as i32, shift);
                if let (true, Some(second)) = (both, others.first_mut()) {
                    *second = self.output.rounded(values[1] as i32, second_shift);
                }
            }
        }
    }
}

/// Sums of two channels of two pixels.
#[derive(Clone, Copy)]
struct Sums {
    /// Low half and high half as they came, modulo 2^32.
    both: [u32; PAIR],
    /// The high half, which is the second pixel's sum.
    high: [u32; PAIR],
}

impl Sums {
    const ZERO: Self = Self { both: [0; PAIR], high: [0; PAIR] };

    /// The first pixel's sum: what is left of both without the high half.
    #[inline(always)]
    fn low(&self) -> [u32; PAIR] {
        [0, 1].map(|channel: usize| self.both[channel].wrapping_sub(self.high[channel] << 16))
    }

    /// Adds what a run has summed, and begins the next.
    #[inline(always)]
    fn add(&mut self, words: &mut [u32; PAIR]) {
        for ((word, both), high) in words.iter_mut().zip(&mut self.both).zip(&mut self.high) {
            *both = both.wrapping_add(*word);
            *high = high.wrapping_add((*word as i32 >> 16) as u32);
            *word = START;
        }
    }
}

/// Sums runs of products of two pixels at once, and tells how many runs there were. `packed` ends with the number of runs
/// that may be merged.
#[inline(always)]
fn sum<const W: usize>(packed: &[u32], weights: impl Weights, ends: &[u32]) -> ([Sums; W], u32) {
    let mut sums = [Sums::ZERO; W];
    let mut runs = 1;
    let Some((&merged, packed)) = packed.split_last() else { return (sums, 0) };
    let mut words = [[START; PAIR]; W];
    let add = |weights: [u8; PAIR], x: &[u32; W], words: &mut [[u32; PAIR]; W]| {
        let weights = weights.map(|w| w as i8 as u32);
        for w in 0..W {
            for channel in 0..PAIR {
                words[w][channel] = words[w][channel].wrapping_add(x[w].wrapping_mul(weights[channel]));
            }
        }
    };
    let (x, _) = packed.as_chunks::<W>();
    let (steps, rest) = x.as_chunks::<STEP>();
    let mut ends = ends.iter();
    let mut bits = ends.next().copied().unwrap_or_default();
    let mut left = merged;
    for (step, weights_of_step) in steps.iter().zip(weights.steps()) {
        bits <<= 1;
        for (place, x) in step.iter().enumerate() {
            add(weights.pick(weights_of_step, place), x, &mut words);
        }
        if (bits as i32) < 0 {
            left = left.wrapping_sub(1);
            if left == 0 {
                runs += 1;
                left = merged;
                for w in 0..W {
                    sums[w].add(&mut words[w]);
                }
            }
            // A run ends with each word of bits.
            if bits == 0x8000_0000 {
                bits = ends.next().copied().unwrap_or_default();
            }
        }
    }
    if let [last] = rest {
        add(weights.at(x.len() - 1), last, &mut words);
    }
    for w in 0..W {
        sums[w].add(&mut words[w]);
    }
    (sums, runs)
}
