//! int8 depthwise 3x3: one channel along a row, each input read once.

use crate::finish::{Finish, Output};

/// What a channel needs: 9 weights `[row][column]` as bytes, of which the last three stand for nothing, then [`Finish`].
pub type Prepared = [u32; 5];

/// One channel's [`Prepared`].
pub fn prepared(weights: [u8; 9], [add, shift]: Finish) -> Prepared {
    let mut prepared = [0, 0, 0, add, shift];
    for (place, weight) in bytemuck::bytes_of_mut(&mut prepared).iter_mut().zip(weights) {
        *place = weight;
    }
    prepared
}

/// Three rows `[columns][channels]` of the input, and where the windows of a row of outputs lie.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    /// A row that lies in the padding is `None`.
    pub lines: [Option<&'a [u8]>; 3],
    /// Channels.
    pub channels: usize,
    /// Columns of padding before the first one.
    pub pad: usize,
    /// How outputs are finished.
    pub output: Output,
}

impl Lines<'_> {
    /// Computes a row of outputs `[columns][channels]`. `stride`: 1 or 2; `table`: an entry per channel.
    pub fn run(&self, stride: usize, table: &[Prepared], y: &mut [u8]) {
        if self.channels == 0 || !y.len().is_multiple_of(self.channels) {
            return;
        }
        if stride == 1 {
            self.row::<1>(table, y);
        } else {
            self.row::<2>(table, y);
        }
    }

    #[inline(never)]
    fn row<const STRIDE: usize>(&self, table: &[Prepared], y: &mut [u8]) {
        // A row in the padding counts with weights of 0, whatever stands in its place.
        let any = self.lines.into_iter().flatten().next().unwrap_or_default();
        let lines = self.lines.map(|line| line.unwrap_or(any));
        let length = lines[0].len().min(lines[1].len()).min(lines[2].len());
        let lines = lines.map(|line| line.get(..length).unwrap_or_default());
        let present = self.lines.map(|line| if line.is_some() { -1 } else { 0 });
        // Outputs before this one begin two columns or more before the input.
        let first = self.pad.saturating_sub(1).div_ceil(STRIDE);
        let padded = self.pad > first * STRIDE;
        let start = (first * STRIDE).saturating_sub(self.pad) * self.channels;
        for (index, entry) in table.iter().enumerate() {
            let bytes: &[u8; 20] = bytemuck::cast_ref(entry);
            let weight = |ky: usize, kx: usize| i32::from(bytes[3 * ky + kx] as i8) & present[ky];
            let weights = [0, 1, 2].map(|ky| [0, 1, 2].map(|kx| weight(ky, kx)));
            let [_, _, _, add, shift] = *entry;
            let channel =
                Channel { lines, size: self.channels, weights, finish: [add, shift], output: self.output };
            let (start, out) = (start + index, first * self.channels + index);
            let end = if STRIDE == 1 {
                channel.stride_1(padded, start, y, out)
            } else {
                channel.stride_2(padded, start, y, out)
            };
            if first > 0 || end < y.len() {
                self.borders(STRIDE, &lines, entry, [index, first, end], y);
            }
        }
    }

    /// Outputs whose windows reach far into the padding: of channel `index`, those of columns before `first` and
    /// from the place `end` on.
    #[inline(never)]
    fn borders(
        &self,
        stride: usize,
        lines: &[&[u8]; 3],
        entry: &Prepared,
        [index, first, end]: [usize; 3],
        y: &mut [u8],
    ) {
        let (rows, _) = bytemuck::bytes_of(entry).as_chunks::<3>();
        let [_, _, _, add, shift] = *entry;
        for (column, out) in y.chunks_exact_mut(self.channels.max(1)).enumerate() {
            if column >= first && column * self.channels + index < end {
                continue;
            }
            let mut sum = 0i32;
            for ((line, present), weights) in lines.iter().zip(self.lines).zip(rows) {
                for (kx, &weight) in weights.iter().enumerate().filter(|_| present.is_some()) {
                    let Some(ix) = (column * stride + kx).checked_sub(self.pad) else { continue };
                    let x = line.get(ix * self.channels + index).map_or(0, |&x| i32::from(x as i8));
                    sum = sum.wrapping_add(x.wrapping_mul(i32::from(weight as i8)));
                }
            }
            if let Some(byte) = out.get_mut(index) {
                *byte = self.output.byte(sum, [add, shift]);
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
        // The output stands `ahead` places before the newest input. Slices of one length, so that one comparison tells
        // that an index lies inside of all.
        let Some(ahead) = at.checked_sub(out) else { return out };
        let lines = self.lines.map(|line| line.get(ahead..).unwrap_or_default());
        let length = lines[0].len().min(y.len());
        let [a, b, c] = lines.map(|line| line.get(..length).unwrap_or_default());
        let inside = y.get_mut(..length).unwrap_or_default();
        while let (Some(byte), Some(&a), Some(&b), Some(&c)) =
            (inside.get_mut(out), a.get(out), b.get(out), c.get(out))
        {
            let x = [a, b, c].map(|x| i32::from(x as i8));
            *byte = self.output.byte(oldest.wrapping_add(self.column(x, 2)), self.finish);
            oldest = older.wrapping_add(self.column(x, 1));
            older = self.column(x, 0);
            out += self.size;
        }
        if self.lines[0].len() > out + ahead {
            return out;
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
