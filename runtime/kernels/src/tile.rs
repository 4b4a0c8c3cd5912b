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
        for (pair, words) in words.chunks_exact_mut(runs::words(self.taps)).enumerate() {
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
        let mut runs = runs.chunks_exact(runs::words(self.taps));
        for (pair, finish) in finish.chunks(PAIR).enumerate() {
            let (&count, ends) = runs.next()?.split_first()?;
            let (&first, &second) = (finish.first()?, finish.last()?);
            let channel = PAIR * pair;
            let part = Part {
                packed,
                taps: self.taps,
                count,
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
    /// Runs of the filters.
    count: u32,
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
        // What the words began with is taken off together with the addition of the bias: `[channel][half of a word]`.
        let finish = self.finish.map(|[add, shift]| {
            let low = add.wrapping_sub(self.count.wrapping_mul(START & 0xffff));
            [[low, shift], [add.wrapping_add(self.count), shift]]
        });
        let tiles = self.packed.chunks((WORDS * self.taps).max(1));
        for (packed, out) in tiles.zip(out.chunks_mut((PIXELS * self.filters).max(1))) {
            if packed.len() == WORDS * self.taps {
                let sums = sum::<WORDS>(packed.as_chunks().0, weights, self.ends);
                self.store(&sums, &finish, out);
            } else {
                self.rest(weights, packed, &finish, out);
            }
        }
    }

    /// The last one or two pixels of a row.
    #[inline(never)]
    fn rest(&self, weights: impl Weights, packed: &[u32], finish: &Finishes, out: &mut [u8]) {
        let sums = sum::<1>(packed.as_chunks().0, weights, self.ends);
        self.store(&sums, finish, out);
    }

    /// Rounds and stores.
    #[inline(always)]
    fn store<const W: usize>(&self, sums: &Sums<W>, finish: &Finishes, out: &mut [u8]) {
        let mut rest = out;
        for place in 0..2 * W {
            let Some((pixel, others)) = rest.split_at_mut_checked(self.filters) else { return };
            rest = others;
            let byte = |channel: usize| self.output.byte(sums.of(channel, place), finish[channel][place % 2]);
            match pixel.get_mut(self.channel..) {
                Some([a, b, ..]) => (*a, *b) = (byte(0), byte(1)),
                Some([a]) => *a = byte(0),
                _ => return,
            }
        }
    }
}

/// What finishes the sums of two channels, in the low and in the high half of a word.
type Finishes = [[Finish; 2]; PAIR];

/// Sums of two channels of two pixels in each word.
#[derive(Clone, Copy)]
struct Sums<const W: usize> {
    /// Low half and high half as they came, modulo 2^32.
    both: [[u32; W]; PAIR],
    /// The high half, which is the second pixel's sum.
    high: [[u32; W]; PAIR],
}

impl<const W: usize> Sums<W> {
    /// The sum of one channel and pixel, and what all its runs began with.
    #[inline(always)]
    fn of(&self, channel: usize, pixel: usize) -> i32 {
        let (word, half) = (pixel / 2 % W, pixel % 2);
        let high = self.high[channel][word];
        // What is left of both without the high half is the low one.
        let sum = if half == 0 { self.both[channel][word].wrapping_sub(high << 16) } else { high };
        sum as i32
    }

    /// Adds what a run has summed, and begins the next.
    #[inline(always)]
    fn add(&mut self, words: &mut [[u32; W]; PAIR]) {
        for channel in 0..PAIR {
            for w in 0..W {
                let word = words[channel][w];
                self.both[channel][w] = self.both[channel][w].wrapping_add(word);
                self.high[channel][w] = self.high[channel][w].wrapping_add((word as i32 >> 16) as u32);
                words[channel][w] = START;
            }
        }
    }
}

/// Sums runs of products of two pixels at once.
#[inline(always)]
fn sum<const W: usize>(x: &[[u32; W]], weights: impl Weights, ends: &[u32]) -> Sums<W> {
    let mut sums = Sums { both: [[0; W]; PAIR], high: [[0; W]; PAIR] };
    let mut words = [[START; W]; PAIR];
    let add = |weights: [u8; PAIR], x: &[u32; W], words: &mut [[u32; W]; PAIR]| {
        let weights = weights.map(|w| w as i8 as u32);
        for w in 0..W {
            for channel in 0..PAIR {
                words[channel][w] = words[channel][w].wrapping_add(x[w].wrapping_mul(weights[channel]));
            }
        }
    };
    let (steps, rest) = x.as_chunks::<STEP>();
    let mut ends = ends.iter();
    let mut bits = ends.next().copied().unwrap_or_default();
    for (step, weights_of_step) in steps.iter().zip(weights.steps()) {
        for (place, x) in step.iter().enumerate() {
            add(weights.pick(weights_of_step, place), x, &mut words);
        }
        let ended = (bits as i32) < 0;
        bits <<= 1;
        if ended {
            sums.add(&mut words);
            // A run ends with each word of bits.
            if bits == 0 {
                bits = ends.next().copied().unwrap_or_default();
            }
        }
    }
    if let [last] = rest {
        add(weights.at(x.len() - 1), last, &mut words);
    }
    sums.add(&mut words);
    sums
}
