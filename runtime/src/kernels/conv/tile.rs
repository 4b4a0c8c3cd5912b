//! int8 convolutions of one group on processors without vector units: four output channels of four pixels at a
//! time, two pixels to a multiplication (see [`super::runs`]).

use super::channels::{Finish, Output};
use super::pack::{self, PIXELS, Word2};
use super::runs::{self, HALVES, QUAD, RUN, WHOLE};
use super::{LANES, Layer, Rows};
use crate::plan::Conv;

/// Filters larger than this are read from slow memory: as many tiles as fit into [`PACKED`] share one reading.
const CACHED: usize = 16 << 10;
const PACKED: usize = 16 << 10;

/// Tiles of a row that are packed before the filters are read.
fn tiles(conv: &Conv) -> usize {
    if conv.taps() * conv.filters <= CACHED {
        return 1;
    }
    (PACKED / (8 * conv.taps()).max(1)).clamp(1, conv.window.output[1].div_ceil(PIXELS).max(1))
}

/// Working memory of a layer.
pub(super) struct Scratch<'a> {
    pub(super) table: &'a mut [Finish],
    packed: &'a mut [Word2],
    pub(super) runs: &'a mut [u8],
}

/// Words of each part.
fn parts(conv: &Conv) -> [usize; 3] {
    let runs = conv.filters.div_ceil(QUAD) * runs::per_filter(conv);
    [2 * conv.filters, 2 * tiles(conv) * conv.taps(), runs.div_ceil(4)]
}

pub(super) fn scratch_words(conv: &Conv) -> usize {
    parts(conv).iter().sum()
}

impl<'a> Scratch<'a> {
    pub(super) fn new(conv: &Conv, words: &'a mut [u32]) -> Option<Self> {
        let [table, packed, runs] = parts(conv);
        let (table, words) = words.split_at_mut_checked(table)?;
        let (packed, words) = words.split_at_mut_checked(packed)?;
        let runs = bytemuck::cast_slice_mut(words.get_mut(..runs)?);
        Some(Self { table: table.as_chunks_mut().0, packed: packed.as_chunks_mut().0, runs })
    }
}

/// One row of the output.
pub(super) fn row(layer: &Layer<'_>, x: &Rows<'_>, row: usize, y: &mut [u8], words: &mut [u32]) -> Option<()> {
    let c = &layer.conv;
    let (taps, filters, tiles) = (c.taps(), c.filters, tiles(c));
    let Scratch { table, packed, runs } = Scratch::new(c, words)?;
    let per_filter = runs::per_filter(c);
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
                runs: runs.get(quad * per_filter..(quad + 1) * per_filter)?,
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
    type Run: Copy;

    /// The runs of [`RUN`] weights, and the number of weights in them.
    fn runs(&self) -> impl Iterator<Item = Self::Run>;

    /// The four weights at a place of a run.
    fn of_run(&self, run: Self::Run, place: usize) -> [i32; QUAD];

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
    fn pick(&self, weights: &[u8; L]) -> [i32; QUAD] {
        // The remainder shows the compiler that no index leaves the block.
        let first = QUAD * (self.quad % (L / QUAD));
        [0, 1, 2, 3].map(|i| i32::from(weights[first + i] as i8))
    }
}

impl<'a, const L: usize> Filters for Block<'a, L> {
    type Run = &'a [[u8; L]; RUN];

    #[inline(always)]
    fn runs(&self) -> impl Iterator<Item = Self::Run> {
        self.block.as_chunks::<RUN>().0.iter()
    }

    #[inline(always)]
    fn of_run(&self, run: Self::Run, place: usize) -> [i32; QUAD] {
        self.pick(&run[place])
    }

    fn at(&self, place: usize) -> [i32; QUAD] {
        self.block.get(place).map_or([0; QUAD], |w| self.pick(w))
    }
}

/// Four filters, each of which lies by itself.
#[derive(Clone, Copy)]
struct Lines<'a>([&'a [u8]; QUAD]);

impl<'a> Filters for Lines<'a> {
    type Run = [&'a [u8; RUN]; QUAD];

    #[inline(always)]
    fn runs(&self) -> impl Iterator<Item = Self::Run> {
        let [a, b, c, d] = self.0.map(|line| line.as_chunks::<RUN>().0.iter());
        a.zip(b).zip(c).zip(d).map(|(((a, b), c), d)| [a, b, c, d])
    }

    #[inline(always)]
    fn of_run(&self, run: Self::Run, place: usize) -> [i32; QUAD] {
        run.map(|line| i32::from(line[place] as i8))
    }

    fn at(&self, place: usize) -> [i32; QUAD] {
        self.0.map(|line| line.get(place).map_or(0, |&w| i32::from(w as i8)))
    }
}

/// Sums of four pixels for each of four channels.
type Sums = [[i32; QUAD]; PIXELS];

/// Four output channels of some tiles.
struct Part<'a> {
    packed: &'a [Word2],
    taps: usize,
    runs: &'a [u8],
    finish: &'a [Finish],
    output: Output,
    filters: usize,
    channel: usize,
}

impl Part<'_> {
    #[inline(never)]
    fn run(&self, filters: impl Filters, out: &mut [u8]) {
        let tiles = self.packed.chunks_exact(self.taps);
        for (packed, out) in tiles.zip(out.chunks_mut(PIXELS * self.filters)) {
            let sums = sums(packed, filters, self.runs);
            for (sums, pixel) in sums.iter().zip(out.chunks_exact_mut(self.filters)) {
                let Some(bytes) = pixel.get_mut(self.channel..) else { continue };
                for ((byte, &sum), &finish) in bytes.iter_mut().zip(sums).zip(self.finish) {
                    *byte = self.output.byte(sum, finish);
                }
            }
        }
    }
}

/// What is added to the low half, so that a negative sum there takes nothing from the high half.
const LIFT: u32 = 0x8000;

/// Takes the sums of both halves out of the words.
#[inline(always)]
fn unpack(words: [Word2; QUAD], sums: &mut Sums) {
    for (channel, [first, second]) in words.into_iter().enumerate() {
        let parts = [first & 0xffff, (first as i32 >> 16) as u32, second & 0xffff, (second as i32 >> 16) as u32];
        for (sums, part) in sums.iter_mut().zip(parts) {
            sums[channel] = sums[channel].wrapping_add(part as i32);
        }
    }
}

#[inline(always)]
fn products(words: &mut [Word2; QUAD], weights: [i32; QUAD], x: Word2) {
    for (words, weight) in words.iter_mut().zip(weights) {
        for (word, x) in words.iter_mut().zip(x) {
            *word = word.wrapping_add(x.wrapping_mul(weight as u32));
        }
    }
}

/// Products of one weight per channel, each pixel by itself.
#[inline(always)]
fn single(sums: &mut Sums, weights: [i32; QUAD], [first, second]: Word2) {
    let low = |word: u32| i32::from(word as i16);
    let high = |word: u32| (word as i32).wrapping_sub(low(word)) >> 16;
    for (sums, x) in sums.iter_mut().zip([low(first), high(first), low(second), high(second)]) {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum = sum.wrapping_add(x.wrapping_mul(weight));
        }
    }
}

#[inline(always)]
fn sums(packed: &[Word2], filters: impl Filters, kinds: &[u8]) -> Sums {
    let mut sums = Sums::default();
    // How often LIFT went into the even pixels.
    let mut lifted = 0i32;
    let (runs, rest) = packed.as_chunks::<RUN>();
    for ((x, run), &kind) in runs.iter().zip(filters.runs()).zip(kinds) {
        let mut words = [[LIFT; 2]; QUAD];
        if kind == WHOLE {
            for place in 0..RUN {
                products(&mut words, filters.of_run(run, place), x[place]);
            }
            unpack(words, &mut sums);
            lifted += 1;
        } else if kind == HALVES {
            for place in 0..RUN / 2 {
                products(&mut words, filters.of_run(run, place), x[place]);
            }
            unpack(words, &mut sums);
            words = [[LIFT; 2]; QUAD];
            for place in RUN / 2..RUN {
                products(&mut words, filters.of_run(run, place), x[place]);
            }
            unpack(words, &mut sums);
            lifted += 2;
        } else {
            for place in 0..RUN {
                single(&mut sums, filters.of_run(run, place), x[place]);
            }
        }
    }
    let first = packed.len() - rest.len();
    for (place, &x) in rest.iter().enumerate() {
        single(&mut sums, filters.at(first + place), x);
    }
    let lift = lifted.wrapping_mul(LIFT as i32);
    for sums in sums.iter_mut().step_by(2) {
        *sums = sums.map(|sum| sum.wrapping_sub(lift));
    }
    sums
}
