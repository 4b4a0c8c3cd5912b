//! int8 convolutions of one group on processors without vector units: the inputs of some tiles are packed, then
//! [`octet_kernels::tile`] computes all channels of them.

use super::{LANES, Layer, Rows};
use crate::plan::Conv;
use octet_kernels::tile::{Filters, PAIR, PIXELS};
use octet_kernels::{Finish, pack, runs};

/// Filters larger than this are read from slow memory, so that more tiles should share one reading.
const CACHED: usize = 16 << 10;

/// Bytes of packed tiles with small and with large filters.
const PACKED: [usize; 2] = [4 << 10, 16 << 10];

/// Whether [`row`] computes this layer, which has one group and bytes.
pub(super) fn covers(conv: &Conv) -> bool {
    conv.groups == 1 && (conv.blocked == 0 || conv.lanes == LANES)
}

/// Pixels of a row that are packed before the filters are read.
fn pixels(conv: &Conv) -> usize {
    let [small, large] = PACKED;
    let bytes = if conv.taps() * conv.filters <= CACHED { small } else { large };
    let tiles = (bytes / (4 * pack::words(conv.taps(), PIXELS)).max(1)).max(1);
    (tiles * PIXELS).min(conv.window.output[1]).max(1)
}

/// Working memory of a layer.
pub(super) struct Scratch<'a> {
    table: &'a mut [Finish],
    packed: &'a mut [u32],
    runs: &'a mut [u32],
}

/// Whether each output is computed from a single pixel, with nothing to share: a Gemm of one row.
fn single(conv: &Conv) -> bool {
    let w = &conv.window;
    [w.kernel, w.input, w.output] == [[1, 1]; 3]
}

/// Words of each part.
fn parts(conv: &Conv) -> [usize; 3] {
    if single(conv) {
        return [2 * conv.filters, 0, 0];
    }
    let runs = conv.filters.div_ceil(PAIR) * runs::words(conv.taps());
    [2 * conv.filters, pack::words(conv.taps(), pixels(conv)), runs]
}

pub(super) fn scratch_words(conv: &Conv) -> usize {
    parts(conv).iter().sum()
}

impl<'a> Scratch<'a> {
    fn new(conv: &Conv, words: &'a mut [u32]) -> Option<Self> {
        let [table, packed, runs] = parts(conv);
        let (table, words) = words.split_at_mut_checked(table)?;
        let (packed, words) = words.split_at_mut_checked(packed)?;
        let runs = words.get_mut(..runs)?;
        Some(Self { table: table.as_chunks_mut().0, packed, runs })
    }
}

fn filters<'a>(layer: &Layer<'a>) -> Filters<'a> {
    let c = &layer.conv;
    Filters { weights: layer.weights, taps: c.taps(), count: c.filters, blocked: c.blocked }
}

/// What all rows share.
pub(super) fn prepare(layer: &Layer<'_>, words: &mut [u32]) -> Option<()> {
    let scratch = Scratch::new(&layer.conv, words)?;
    for (channel, entry) in scratch.table.iter_mut().enumerate() {
        *entry = super::channels::finish(&layer.channels, channel);
    }
    if !single(&layer.conv) {
        filters(layer).cut(layer.conv.input_nonnegative, scratch.runs);
    }
    Some(())
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
    let Scratch { table, packed, runs } = Scratch::new(c, words)?;
    let columns = c.window.output[1];
    if y.len() != columns * c.filters || c.taps() == 0 {
        return None;
    }
    let (pixels, filters) = (pixels(c), filters(layer));
    if single(c) {
        return filters.pixel(x.get(0)?, table, layer.output(), y);
    }
    for (first, out) in (0..columns).step_by(pixels).zip(y.chunks_mut((pixels * c.filters).max(1))) {
        let count = pixels.min(columns - first);
        let packed = packed.get_mut(..pack::words(c.taps(), count))?;
        let tiles = packed.chunks_mut(pack::words(c.taps(), PIXELS).max(1));
        for (place, packed) in (0..count).step_by(PIXELS).zip(tiles) {
            tile(layer, x, row, first + place..first + count.min(place + PIXELS), packed)?;
        }
        filters.run(packed, runs, table, layer.output(), out)?;
    }
    Some(())
}

/// Packs the inputs under the windows of some pixels of a row.
fn tile(
    layer: &Layer<'_>,
    x: &Rows<'_>,
    row: usize,
    columns: core::ops::Range<usize>,
    packed: &mut [u32],
) -> Option<()> {
    let (window, depth) = (&layer.conv.window, layer.conv.channels);
    // Where no window reaches into the padding, all columns of a kernel row lie next to each other.
    let inside = |column: usize, kx: usize| window.source(1, column, kx).is_some();
    let whole = window.dilation[1] == 1
        && inside(columns.start, 0)
        && inside(columns.end.checked_sub(1)?, window.kernel[1] - 1);
    let run = if whole { window.kernel[1].max(1) } else { 1 };
    let (merged, packed) = packed.split_last_mut()?;
    let parts = (window.kernel[0] * window.kernel[1] / run).max(1);
    let mut packed = packed.chunks_exact_mut((packed.len() / parts).max(1));
    let mut reach = pack::Reach::default();
    for ky in 0..window.kernel[0] {
        let line = window.source(0, row, ky).and_then(|iy| x.get(iy));
        for kx in (0..window.kernel[1]).step_by(run) {
            let mut pixels = [None; PIXELS];
            for (pixel, column) in pixels.iter_mut().zip(columns.clone()) {
                let ix = window.source(1, column, kx);
                *pixel = line.zip(ix).and_then(|(line, ix)| line.get(ix * depth..(ix + run) * depth));
            }
            reach = reach.with(pack::bytes(
                pixels.get(..columns.len())?,
                layer.conv.input_nonnegative,
                packed.next()?,
            ));
        }
    }
    *merged = pack::merged(reach);
    Some(())
}
