//! int8 depthwise 3x3 on processors without vector units: one channel along a row, each input read once.

use super::channels::{Finish, Output};
use super::{Layer, Rows};
use crate::plan::Conv;
use core::ops::Range;

/// Whether [`row`] computes this layer.
pub(super) fn covers(conv: &Conv) -> bool {
    let w = &conv.window;
    conv.depthwise
        && conv.filters == conv.channels
        && w.kernel == [3, 3]
        && w.dilation == [1, 1]
        && (1..=2).contains(&w.stride[1])
}

/// Weights `[row][column]`, of which the last three stand for nothing, then what finishes an output.
type Prepared = [u32; 5];

pub(super) fn scratch_words(conv: &Conv) -> usize {
    conv.filters * size_of::<Prepared>() / 4
}

/// Gathers what each channel needs.
pub(super) fn prepare(layer: &Layer<'_>, words: &mut [u32]) -> Option<()> {
    let c = &layer.conv;
    let table: &mut [Prepared] = words.get_mut(..scratch_words(c))?.as_chunks_mut().0;
    for (channel, entry) in table.iter_mut().enumerate() {
        let (start, step) = c.weight_run(channel);
        *entry = [0; 5];
        for (tap, byte) in bytemuck::bytes_of_mut(entry).iter_mut().enumerate().take(9) {
            *byte = *layer.weights.get(start + tap * step)?;
        }
        let [.., add, shift] = entry;
        [*add, *shift] = super::channels::finish(&layer.channels, channel);
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
    let (c, w) = (&layer.conv, &layer.conv.window);
    let table: &[Prepared] = words.get(..scratch_words(c))?.as_chunks().0;
    if y.len() != w.output[1] * c.channels || x.pitch != w.input[1] * c.channels {
        return None;
    }
    let lines = [0, 1, 2].map(|ky| w.source(0, row, ky).and_then(|iy| x.get(iy)));
    // A row in the padding counts with weights of 0, whatever stands in its place.
    let any = lines.into_iter().flatten().next().unwrap_or_default();
    let lines = Lines {
        present: lines.map(|line| line.is_some()),
        lines: lines.map(|line| line.unwrap_or(any)),
        channels: c.channels,
        pad: w.pad[1],
        output: Output::new(c, layer.rounding),
    };
    if w.stride[1] == 1 {
        lines.run::<1>(table, y);
    } else {
        lines.run::<2>(table, y);
    }
    Some(())
}

/// Three rows of the input, and what all channels share.
struct Lines<'a> {
    lines: [&'a [u8]; 3],
    present: [bool; 3],
    channels: usize,
    pad: usize,
    output: Output,
}

impl Lines<'_> {
    #[inline(never)]
    fn run<const STRIDE: usize>(&self, table: &[Prepared], y: &mut [u8]) {
        let [a, b, c] = self.lines;
        let length = a.len().min(b.len()).min(c.len());
        let lines = [a, b, c].map(|line| line.get(..length).unwrap_or_default());
        // Outputs before this one begin two columns or more before the input.
        let first = self.pad.saturating_sub(1).div_ceil(STRIDE);
        let padded = self.pad > first * STRIDE;
        let start = (first * STRIDE).saturating_sub(self.pad) * self.channels;
        for (index, &[a, b, c, add, shift]) in table.iter().enumerate() {
            let words = [a, b, c];
            let (bytes, _) = bytemuck::bytes_of(&words).as_chunks::<3>();
            let mut weights = [[0i32; 3]; 3];
            for ((weights, bytes), present) in weights.iter_mut().zip(bytes).zip(self.present) {
                if present {
                    *weights = bytes.map(|w| i32::from(w as i8));
                }
            }
            let channel =
                Channel { lines, size: self.channels, weights, finish: [add, shift], output: self.output };
            let (start, out) = (start + index, first * self.channels + index);
            let end = if STRIDE == 1 {
                channel.stride_1(padded, start, y, out)
            } else {
                channel.stride_2(padded, start, y, out)
            };
            if first > 0 {
                self.border(STRIDE, &channel, index, 0..first, y);
            }
            if end < y.len() {
                self.border(STRIDE, &channel, index, end / self.channels..usize::MAX, y);
            }
        }
    }

    /// Outputs whose windows reach far into the padding.
    #[inline(never)]
    fn border(
        &self,
        stride: usize,
        channel: &Channel<'_>,
        index: usize,
        columns: Range<usize>,
        y: &mut [u8],
    ) {
        let pixels = y.chunks_exact_mut(self.channels).enumerate().skip(columns.start);
        for (column, out) in pixels.take_while(|(column, _)| *column < columns.end) {
            let mut sum = 0i32;
            for kx in 0..3 {
                let Some(ix) = (column * stride + kx).checked_sub(self.pad) else { continue };
                let x = channel.read(ix * self.channels + index).unwrap_or_default();
                sum = sum.wrapping_add(channel.column(x, kx));
            }
            if let Some(byte) = out.get_mut(index) {
                *byte = channel.output.byte(sum, channel.finish);
            }
        }
    }
}

/// One channel of one row. `start` and `out` are where its first column stands in the lines and in the output; the
/// place behind the last output is returned. `padded` says that the first window begins one column before the
/// input.
struct Channel<'a> {
    /// All of one length, so that one comparison tells that an index lies inside.
    lines: [&'a [u8]; 3],
    /// Distance between columns.
    size: usize,
    /// `[row][column]`.
    weights: [[i32; 3]; 3],
    finish: Finish,
    output: Output,
}

impl Channel<'_> {
    /// The inputs of one column.
    #[inline(always)]
    fn read(&self, at: usize) -> Option<[i32; 3]> {
        let [a, b, c] = self.lines;
        let (a, b, c) = (*a.get(at)?, *b.get(at)?, *c.get(at)?);
        Some([a, b, c].map(|x| i32::from(x as i8)))
    }

    /// Products of one input column with one column of weights.
    #[inline(always)]
    fn column(&self, x: [i32; 3], kx: usize) -> i32 {
        let [a, b, c] = [0, 1, 2].map(|ky| x[ky].wrapping_mul(self.weights[ky][kx]));
        a.wrapping_add(b).wrapping_add(c)
    }

    /// Each column of inputs goes into three sums at once.
    #[inline(always)]
    fn stride_1(&self, padded: bool, start: usize, y: &mut [u8], mut out: usize) -> usize {
        let mut at = start;
        let mut oldest = 0;
        if !padded {
            oldest = self.read(at).map_or(0, |x| self.column(x, 0));
            at += self.size;
        }
        let Some(x) = self.read(at) else { return out };
        oldest = oldest.wrapping_add(self.column(x, 1));
        let mut older = self.column(x, 0);
        at += self.size;
        while let Some(x) = self.read(at) {
            let Some(byte) = y.get_mut(out) else { return out };
            *byte = self.output.byte(oldest.wrapping_add(self.column(x, 2)), self.finish);
            oldest = older.wrapping_add(self.column(x, 1));
            older = self.column(x, 0);
            (at, out) = (at + self.size, out + self.size);
        }
        // One more window reaches over the end by one column.
        if let Some(byte) = y.get_mut(out) {
            *byte = self.output.byte(oldest, self.finish);
            out += self.size;
        }
        out
    }

    /// Every second column goes into two sums.
    #[inline(always)]
    fn stride_2(&self, padded: bool, start: usize, y: &mut [u8], mut out: usize) -> usize {
        let mut at = start;
        let mut older = 0;
        if !padded {
            older = self.read(at).map_or(0, |x| self.column(x, 0));
            at += self.size;
        }
        while let (Some(x1), Some(x2)) = (self.read(at), self.read(at + self.size)) {
            let Some(byte) = y.get_mut(out) else { return out };
            let sum = older.wrapping_add(self.column(x1, 1)).wrapping_add(self.column(x2, 2));
            *byte = self.output.byte(sum, self.finish);
            older = self.column(x2, 0);
            (at, out) = (at + 2 * self.size, out + self.size);
        }
        out
    }
}
