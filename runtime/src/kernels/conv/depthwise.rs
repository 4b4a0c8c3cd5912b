//! int8 depthwise 3x3 on processors without vector units: one channel along a row, each input read once.

use super::channels::{Finish, Output};
use super::{Layer, Rows};
use crate::plan::Conv;

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
pub(super) fn row(layer: &Layer<'_>, x: &Rows<'_>, row: usize, y: &mut [u8], words: &mut [u32]) -> Option<()> {
    let (c, w) = (&layer.conv, &layer.conv.window);
    let table: &[Prepared] = words.get(..scratch_words(c))?.as_chunks().0;
    if y.len() != w.output[1] * c.channels || x.pitch != w.input[1] * c.channels {
        return None;
    }
    let lines = [0, 1, 2].map(|ky| w.source(0, row, ky).and_then(|iy| x.get(iy)));
    // A row in the padding counts with weights of 0, whatever stands in its place.
    let any = lines.into_iter().flatten().next().unwrap_or_default();
    let present = lines.map(|line| line.is_some());
    let lines = lines.map(|line| line.unwrap_or(any));
    let output = Output::new(c, layer.rounding);
    for (channel, &[a, b, d, add, shift]) in table.iter().enumerate() {
        let words = [a, b, d];
        let (bytes, _) = bytemuck::bytes_of(&words).as_chunks::<3>();
        let mut weights = [[0i32; 3]; 3];
        for ((weights, bytes), present) in weights.iter_mut().zip(bytes).zip(present) {
            if present {
                *weights = bytes.map(|w| i32::from(w as i8));
            }
        }
        let line = Channel { lines, channel, channels: c.channels, weights, finish: [add, shift], output };
        if w.stride[1] == 1 {
            line.run::<1>(w.pad[1], y);
        } else {
            line.run::<2>(w.pad[1], y);
        }
    }
    Some(())
}

/// One channel of one row.
struct Channel<'a> {
    lines: [&'a [u8]; 3],
    channel: usize,
    channels: usize,
    /// `[row][column]`.
    weights: [[i32; 3]; 3],
    finish: Finish,
    output: Output,
}

impl Channel<'_> {
    #[inline(never)]
    fn run<const STRIDE: usize>(&self, pad: usize, y: &mut [u8]) {
        // Outputs before this one begin two columns or more before the input.
        let first = pad.saturating_sub(1).div_ceil(STRIDE).min(y.len() / self.channels);
        let padded = pad > first * STRIDE;
        let start = (first * STRIDE).saturating_sub(pad) * self.channels;
        let (left, middle) = y.split_at_mut(first * self.channels);
        let lines = self.lines.map(|line| line.get(start..).unwrap_or_default());
        let done = if STRIDE == 1 { self.stride_1(lines, padded, middle) } else { self.stride_2(lines, padded, middle) };
        self.border(0, STRIDE, pad, left);
        let right = middle.get_mut(done * self.channels..).unwrap_or_default();
        self.border(first + done, STRIDE, pad, right);
    }

    /// Outputs whose windows reach far into the padding.
    #[inline(never)]
    fn border(&self, first: usize, stride: usize, pad: usize, y: &mut [u8]) {
        for (column, out) in y.chunks_exact_mut(self.channels).enumerate() {
            let mut sum = 0i32;
            for kx in 0..3 {
                let Some(ix) = ((first + column) * stride + kx).checked_sub(pad) else { continue };
                for (line, weights) in self.lines.iter().zip(self.weights) {
                    let x = line.get(ix * self.channels + self.channel).map_or(0, |&x| i32::from(x as i8));
                    sum = sum.wrapping_add(x.wrapping_mul(weights[kx]));
                }
            }
            if let Some(byte) = out.get_mut(self.channel) {
                *byte = self.output.byte(sum, self.finish);
            }
        }
    }

    /// Products of one input column with one column of weights.
    #[inline(always)]
    fn column(&self, x: [i32; 3], kx: usize) -> i32 {
        let [a, b, c] = [0, 1, 2].map(|ky| x[ky].wrapping_mul(self.weights[ky][kx]));
        a.wrapping_add(b).wrapping_add(c)
    }

    /// Each column of inputs goes into three sums at once. `padded` says that the first window begins one column
    /// before the input. Returns the number of outputs.
    #[inline(always)]
    fn stride_1(&self, [a, b, c]: [&[u8]; 3], padded: bool, y: &mut [u8]) -> usize {
        let (size, channel) = (self.channels, self.channel);
        if channel >= size {
            return 0;
        }
        let mut columns = a.chunks_exact(size).zip(b.chunks_exact(size)).zip(c.chunks_exact(size));
        let read = |((a, b), c): ((&[u8], &[u8]), &[u8])| {
            [a[channel], b[channel], c[channel]].map(|x| i32::from(x as i8))
        };
        let x0 = if padded { [0; 3] } else { columns.next().map_or([0; 3], read) };
        let Some(x1) = columns.next().map(read) else { return 0 };
        let mut oldest = self.column(x0, 0).wrapping_add(self.column(x1, 1));
        let mut older = self.column(x1, 0);
        let mut done = columns.len().min(y.len() / size);
        for (x, out) in columns.zip(y.chunks_exact_mut(size)) {
            let x = read(x);
            out[channel] = self.output.byte(oldest.wrapping_add(self.column(x, 2)), self.finish);
            oldest = older.wrapping_add(self.column(x, 1));
            older = self.column(x, 0);
        }
        // One more window reaches over the end by one column.
        if let Some(byte) = y.get_mut(done * size + channel) {
            *byte = self.output.byte(oldest, self.finish);
            done += 1;
        }
        done
    }

    /// Every second column goes into two sums.
    #[inline(always)]
    fn stride_2(&self, lines: [&[u8]; 3], padded: bool, y: &mut [u8]) -> usize {
        let (size, channel) = (self.channels, self.channel);
        if channel >= size {
            return 0;
        }
        let first = lines.map(|line| line.get(channel).map_or(0, |&x| i32::from(x as i8)));
        let mut older = if padded { 0 } else { self.column(first, 0) };
        let skip = if padded { 0 } else { size };
        let [a, b, c] = lines.map(|line| line.get(skip..).unwrap_or_default().chunks_exact(2 * size));
        let done = a.len().min(b.len()).min(c.len()).min(y.len() / size);
        for (((a, b), c), out) in a.zip(b).zip(c).zip(y.chunks_exact_mut(size)) {
            let x1 = [a[channel], b[channel], c[channel]].map(|x| i32::from(x as i8));
            let x2 = [a[size + channel], b[size + channel], c[size + channel]].map(|x| i32::from(x as i8));
            let sum = older.wrapping_add(self.column(x1, 1)).wrapping_add(self.column(x2, 2));
            out[channel] = self.output.byte(sum, self.finish);
            older = self.column(x2, 0);
        }
        done
    }
}
