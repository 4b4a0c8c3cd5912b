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

/// One row of the output.
pub(super) fn row(layer: &Layer<'_>, x: &Rows<'_>, row: usize, y: &mut [u8], words: &mut [u32]) -> Option<()> {
    let (c, w) = (&layer.conv, &layer.conv.window);
    let table: &[Finish] = words.get(..2 * c.filters)?.as_chunks().0;
    if y.len() != w.output[1] * c.channels || x.pitch != w.input[1] * c.channels {
        return None;
    }
    let lines = [0, 1, 2].map(|ky| w.source(0, row, ky).and_then(|iy| x.get(iy)));
    // A row in the padding counts with weights of 0, whatever stands in its place.
    let any = lines.into_iter().flatten().next().unwrap_or_default();
    let output = Output::new(c, layer.rounding);
    for (channel, &finish) in table.iter().enumerate() {
        let (start, step) = c.weight_run(channel);
        let mut weights = [[0i32; 3]; 3];
        for (ky, (weights, line)) in weights.iter_mut().zip(lines).enumerate() {
            for (kx, weight) in weights.iter_mut().enumerate().filter(|_| line.is_some()) {
                *weight = layer.weights.get(start + (3 * ky + kx) * step).map_or(0, |&w| i32::from(w as i8));
            }
        }
        let lines = lines.map(|line| line.unwrap_or(any));
        let line = Channel { lines, channel, channels: c.channels, weights, finish, output };
        line.run(w.stride[1], w.pad[1], w.input[1], y);
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
    fn run(&self, stride: usize, pad: usize, width: usize, y: &mut [u8]) {
        if self.lines[0].is_empty() {
            // All rows lie in the padding.
            return self.border(0, stride, pad, y);
        }
        let columns = y.len() / self.channels;
        // Output columns whose window lies inside: from `first`, `inner` of them.
        let first = pad.div_ceil(stride).min(columns);
        let end = (width + pad).checked_sub(3).map_or(0, |last| last / stride + 1).min(columns);
        let inner = end.saturating_sub(first);
        let (left, rest) = y.split_at_mut(first * self.channels);
        let (middle, right) = rest.split_at_mut(inner * self.channels);
        self.border(0, stride, pad, left);
        if inner > 0 {
            let start = (first * stride - pad) * self.channels;
            let lines = self.lines.map(|line| line.get(start..).unwrap_or_default());
            if stride == 1 {
                self.stride_1(lines, middle);
            } else {
                self.stride_2(lines, middle);
            }
        }
        self.border(first + inner, stride, pad, right);
    }

    /// Outputs whose windows reach into the padding.
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

    /// Each column of inputs goes into three sums at once.
    fn stride_1(&self, [a, b, c]: [&[u8]; 3], y: &mut [u8]) {
        let (size, channel) = (self.channels, self.channel);
        if channel >= size {
            return;
        }
        let mut columns = a
            .chunks_exact(size)
            .zip(b.chunks_exact(size))
            .zip(c.chunks_exact(size))
            .map(|((a, b), c)| [a[channel], b[channel], c[channel]].map(|x| i32::from(x as i8)));
        let (Some(x0), Some(x1)) = (columns.next(), columns.next()) else { return };
        let mut oldest = self.column(x0, 0).wrapping_add(self.column(x1, 1));
        let mut older = self.column(x1, 0);
        for (x, out) in columns.zip(y.chunks_exact_mut(size)) {
            out[channel] = self.output.byte(oldest.wrapping_add(self.column(x, 2)), self.finish);
            oldest = older.wrapping_add(self.column(x, 1));
            older = self.column(x, 0);
        }
    }

    /// Every second column goes into two sums.
    fn stride_2(&self, lines: [&[u8]; 3], y: &mut [u8]) {
        let (size, channel) = (self.channels, self.channel);
        if channel >= size {
            return;
        }
        let first = lines.map(|line| line.get(channel).map_or(0, |&x| i32::from(x as i8)));
        let mut older = self.column(first, 0);
        let [a, b, c] = lines.map(|line| line.get(size..).unwrap_or_default().chunks_exact(2 * size));
        for (((a, b), c), out) in a.zip(b).zip(c).zip(y.chunks_exact_mut(size)) {
            let x1 = [a[channel], b[channel], c[channel]].map(|x| i32::from(x as i8));
            let x2 = [a[size + channel], b[size + channel], c[size + channel]].map(|x| i32::from(x as i8));
            let sum = older.wrapping_add(self.column(x1, 1)).wrapping_add(self.column(x2, 2));
            out[channel] = self.output.byte(sum, self.finish);
            older = self.column(x2, 0);
        }
    }
}

