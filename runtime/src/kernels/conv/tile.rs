//! int8 convolutions of one group on processors without vector units: four output channels of four pixels at a
//! time, two pixels to a multiplication (see [`super::runs`]).

use super::channels::{Finish, Output};
use super::pack::{self, PIXELS, Word2};
use super::runs::{self, SINGLE, STEP, STEPS};
use super::{LANES, Layer, Rows};
use crate::plan::Conv;

/// Output channels computed together.
pub(super) const QUAD: usize = 4;

/// Filters larger than this are read from slow memory, so that more tiles should share one reading.
const CACHED: usize = 16 << 10;

/// Bytes of packed tiles with small and with large filters.
const PACKED: [usize; 2] = [4 << 10, 16 << 10];

/// Tiles of a row that are packed before the filters are read.
fn tiles(conv: &Conv) -> usize {
    let [small, large] = PACKED;
    let bytes = if conv.taps() * conv.filters <= CACHED { small } else { large };
    (bytes / (8 * conv.taps()).max(1)).clamp(1, conv.window.output[1].div_ceil(PIXELS).max(1))
}

/// Working memory of a layer.
pub(super) struct Scratch<'a> {
    pub(super) table: &'a mut [Finish],
    packed: &'a mut [Word2],
    pub(super) runs: &'a mut [u32],
}

/// Words of each part.
fn parts(conv: &Conv) -> [usize; 3] {
    let runs = conv.filters.div_ceil(QUAD) * runs::words_per_quad(conv);
    [2 * conv.filters, 2 * tiles(conv) * conv.taps(), runs]
}

pub(super) fn scratch_words(conv: &Conv) -> usize {
    parts(conv).iter().sum()
}

impl<'a> Scratch<'a> {
    pub(super) fn new(conv: &Conv, words: &'a mut [u32]) -> Option<Self> {
        let [table, packed, runs] = parts(conv);
        let (table, words) = words.split_at_mut_checked(table)?;
        let (packed, words) = words.split_at_mut_checked(packed)?;
        let runs = words.get_mut(..runs)?;
        Some(Self { table: table.as_chunks_mut().0, packed: packed.as_chunks_mut().0, runs })
    }
}

/// One row of the output.
pub(super) fn row(
    layer: &Layer<'_>,
    x: &Rows<'_>,
    row: usize,
    y: &mut [u8],
    words: &mut [u32],
) -> Option<()> {
    let c = &layer.conv;
    let (taps, filters, tiles) = (c.taps(), c.filters, tiles(c));
    let Scratch { table, packed, runs } = Scratch::new(c, words)?;
    let per_quad = runs::words_per_quad(c);
    let columns = c.window.output[1];
    if y.len() != columns * filters || taps == 0 {
        return None;
    }
    let output = Output::new(c, layer.rounding);
    for (first, out) in (0..columns).step_by(PIXELS * tiles).zip(y.chunks_mut(PIXELS * tiles * filters)) {
        let count = out.len() / filters;
        for (place, packed) in (0..count).step_by(PIXELS).zip(packed.chunks_exact_mut(taps)) {
            pack::pack(layer, x, row, first + place, packed);
        }
        for (quad, finish) in table.chunks(QUAD).enumerate() {
            let part = Part {
                packed: &*packed,
                taps,
                runs: runs.get(quad * per_quad..(quad + 1) * per_quad)?,
                finish,
                output,
                filters,
                channel: QUAD * quad,
            };
            let channel = part.channel;
            if channel >= c.blocked {
                let last = filters - 1;
                let filter = |i: usize| {
                    let (start, _) = c.weight_run((channel + i).min(last));
                    layer.weights.get(start..start + taps)
                };
                part.run(Lines([filter(0)?, filter(1)?, filter(2)?, filter(3)?]), out);
            } else {
                let start = channel / c.lanes * c.lanes * taps;
                let block = layer.weights.get(start..start + c.lanes * taps)?;
                let quad = channel % c.lanes / QUAD;
                if c.lanes == LANES {
                    part.run(Block::<LANES> { block: block.as_chunks().0, quad }, out);
                } else {
                    part.run(Block::<8> { block: block.as_chunks().0, quad }, out);
                }
            }
        }
    }
    Some(())
}

/// The filters of four output channels.
trait Filters: Copy {
    /// [`STEP`] weights of each.
    type Step: Copy;

    /// All steps, [`STEPS`] of them at a time.
    fn steps(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = Self::Step>>;

    /// The four weights at a place of a step.
    fn pick(&self, step: Self::Step, place: usize) -> [i32; QUAD];

    /// The four weights at a place of the filter.
    fn at(&self, place: usize) -> [i32; QUAD];
}

/// Four of `L` channels that lie next to each other, weight by weight.
#[derive(Clone, Copy)]
struct Block<'a, const L: usize> {
    block: &'a [[u8; L]],
    quad: usize,
}

impl<const L: usize> Block<'_, L> {
    #[inline(always)]
    fn quad(&self, weights: &[u8; L]) -> [i32; QUAD] {
        // The remainder shows the compiler that no index leaves the block.
        let first = QUAD * (self.quad % (L / QUAD));
        [0, 1, 2, 3].map(|i| i32::from(weights[first + i] as i8))
    }
}

impl<'a, const L: usize> Filters for Block<'a, L> {
    type Step = &'a [[u8; L]; STEP];

    #[inline(always)]
    fn steps(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = Self::Step>> {
        self.block.as_chunks::<STEP>().0.chunks(STEPS).map(<[_]>::iter)
    }

    #[inline(always)]
    fn pick(&self, step: Self::Step, place: usize) -> [i32; QUAD] {
        self.quad(&step[place])
    }

    fn at(&self, place: usize) -> [i32; QUAD] {
        self.block.get(place).map_or([0; QUAD], |w| self.quad(w))
    }
}

/// Four filters, each of which lies by itself.
#[derive(Clone, Copy)]
struct Lines<'a>([&'a [u8]; QUAD]);

impl<'a> Filters for Lines<'a> {
    type Step = [&'a [u8; STEP]; QUAD];

    #[inline(always)]
    fn steps(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = Self::Step>> {
        let [a, b, c, d] = self.0.map(|line| line.as_chunks::<STEP>().0.chunks(STEPS));
        a.zip(b)
            .zip(c)
            .zip(d)
            .map(|(((a, b), c), d)| a.iter().zip(b).zip(c).zip(d).map(|(((a, b), c), d)| [a, b, c, d]))
    }

    #[inline(always)]
    fn pick(&self, step: Self::Step, place: usize) -> [i32; QUAD] {
        step.map(|line| i32::from(line[place] as i8))
    }

    fn at(&self, place: usize) -> [i32; QUAD] {
        self.0.map(|line| line.get(place).map_or(0, |&w| i32::from(w as i8)))
    }
}

/// Four output channels of some tiles.
struct Part<'a> {
    packed: &'a [Word2],
    taps: usize,
    runs: &'a [u32],
    finish: &'a [Finish],
    output: Output,
    filters: usize,
    channel: usize,
}

impl Part<'_> {
    #[inline(never)]
    fn run(&self, filters: impl Filters, out: &mut [u8]) {
        let Some((&kind, ends)) = self.runs.split_first() else { return };
        // Channels beyond the last one are computed and thrown away.
        let mut table = [Finish::default(); QUAD];
        for (entry, &finish) in table.iter_mut().zip(self.finish) {
            *entry = finish;
        }
        let tiles = self.packed.chunks_exact(self.taps);
        for (packed, out) in tiles.zip(out.chunks_mut(PIXELS * self.filters)) {
            let sums = if kind == SINGLE { singly(packed, filters) } else { in_runs(packed, filters, ends) };
            if self.store(&sums, &table, out).is_none() {
                self.store_some(sums, out);
            }
        }
    }

    /// Rounds and stores four channels of four pixels; `None` when there are not as many.
    #[inline(always)]
    fn store(&self, sums: &Sums, table: &[Finish; QUAD], out: &mut [u8]) -> Option<()> {
        let channels = self.channel..self.channel + QUAD;
        let (a, rest) = out.split_at_mut_checked(self.filters)?;
        let (b, rest) = rest.split_at_mut_checked(self.filters)?;
        let (c, d) = rest.split_at_mut_checked(self.filters)?;
        let a = a.get_mut(channels.clone())?.first_chunk_mut::<QUAD>()?;
        let b = b.get_mut(channels.clone())?.first_chunk_mut::<QUAD>()?;
        let c = c.get_mut(channels.clone())?.first_chunk_mut::<QUAD>()?;
        let d = d.get_mut(channels)?.first_chunk_mut::<QUAD>()?;
        for (channel, &finish) in table.iter().enumerate() {
            let [first, second, third, fourth] = sums.of(channel);
            a[channel] = self.output.byte(first, finish);
            b[channel] = self.output.byte(second, finish);
            c[channel] = self.output.byte(third, finish);
            d[channel] = self.output.byte(fourth, finish);
        }
        Some(())
    }

    /// The same where pixels or channels are missing.
    #[inline(never)]
    fn store_some(&self, sums: Sums, out: &mut [u8]) {
        for (place, pixel) in out.chunks_exact_mut(self.filters).enumerate().take(PIXELS) {
            let bytes = pixel.get_mut(self.channel..).unwrap_or_default().iter_mut();
            for (channel, (byte, &finish)) in bytes.zip(self.finish).enumerate() {
                *byte = self.output.byte(sums.of(channel % QUAD)[place % PIXELS], finish);
            }
        }
    }
}

/// What is added to the low half, so that a negative sum there takes nothing from the high half.
const LIFT: u32 = 0x8000;

/// Sums of four channels of four pixels, two pixels each.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Low half and high half as they came, modulo 2^32.
    both: [Word2; QUAD],
    /// The high half, which is the second pixel's sum.
    high: [Word2; QUAD],
    /// What was added to the low half besides.
    lift: u32,
}

impl Sums {
    /// The sums of one channel, pixel by pixel.
    #[inline(always)]
    fn of(&self, channel: usize) -> [i32; PIXELS] {
        let ([a, b], [c, d]) = (self.both[channel], self.high[channel]);
        // What is left of both without the high half is the low one.
        let low = |both: u32, high: u32| both.wrapping_sub(high << 16).wrapping_sub(self.lift);
        [low(a, c), c, low(b, d), d].map(|sum| sum as i32)
    }

    /// Adds what a run has summed, and begins the next.
    #[expect(clippy::needless_range_loop, reason = "indices let the compiler keep all of it in registers")]
    #[inline(always)]
    fn add(&mut self, words: &mut [Word2; QUAD]) {
        self.lift = self.lift.wrapping_add(LIFT);
        for channel in 0..QUAD {
            for pair in 0..2 {
                let word = words[channel][pair];
                self.both[channel][pair] = self.both[channel][pair].wrapping_add(word);
                self.high[channel][pair] = self.high[channel][pair].wrapping_add((word as i32 >> 16) as u32);
                words[channel][pair] = LIFT;
            }
        }
    }
}

/// Sums runs of products of two pixels at once.
#[inline(always)]
fn in_runs(packed: &[Word2], filters: impl Filters, ends: &[u32]) -> Sums {
    let mut sums = Sums::default();
    let mut words = [[LIFT; 2]; QUAD];
    let add = |weights: [i32; QUAD], x: Word2, words: &mut [Word2; QUAD]| {
        for (words, weight) in words.iter_mut().zip(weights) {
            for (word, x) in words.iter_mut().zip(x) {
                *word = word.wrapping_add(x.wrapping_mul(weight as u32));
            }
        }
    };
    let (pairs, rest) = packed.as_chunks::<STEP>();
    for ((pairs, steps), &ends) in pairs.chunks(STEPS).zip(filters.steps()).zip(ends) {
        let mut ends = ends;
        for (x, step) in pairs.iter().zip(steps) {
            for (place, &x) in x.iter().enumerate() {
                add(filters.pick(step, place), x, &mut words);
            }
            if ends & 1 == 1 {
                sums.add(&mut words);
            }
            ends >>= 1;
        }
    }
    if let [x] = rest {
        add(filters.at(packed.len() - 1), *x, &mut words);
    }
    sums.add(&mut words);
    sums
}

/// Sums products one by one.
#[inline(never)]
fn singly(packed: &[Word2], filters: impl Filters) -> Sums {
    let mut sums = Sums::default();
    for (place, x) in packed.iter().enumerate() {
        for (channel, weight) in filters.at(place).into_iter().enumerate() {
            for (pair, &x) in x.iter().enumerate() {
                let low = i32::from(x as i16);
                let high = (x as i32).wrapping_sub(low) >> 16;
                let high = high.wrapping_mul(weight) as u32;
                let low = low.wrapping_mul(weight) as u32;
                let (both, highs) = (&mut sums.both[channel][pair], &mut sums.high[channel][pair]);
                *both = both.wrapping_add(low).wrapping_add(high << 16);
                *highs = highs.wrapping_add(high);
            }
        }
    }
    sums
}
