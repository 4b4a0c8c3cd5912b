//! Any convolution: every width, layout, group and window.

use super::{LANES, Layer, Rows};
use crate::kernels::elem;
use crate::kernels::requantize::{requantize, requantize_i32};
use crate::target::Rounding;

/// The sum of one output: 32 bits where the plan has shown that they suffice, else 64.
pub(super) trait Sum: Copy + Default {
    fn from_bias(bias: i64) -> Self;
    fn add_product(&mut self, x: i32, w: i32);
    fn rescaled(self, shift: i32, rounding: Rounding) -> i32;
}

impl Sum for i32 {
    #[inline(always)]
    fn from_bias(bias: i64) -> Self {
        bias as i32
    }

    #[inline(always)]
    fn add_product(&mut self, x: i32, w: i32) {
        *self += x * w;
    }

    #[inline(always)]
    fn rescaled(self, shift: i32, rounding: Rounding) -> i32 {
        requantize_i32(self, shift, rounding)
    }
}

impl Sum for i64 {
    #[inline(always)]
    fn from_bias(bias: i64) -> Self {
        bias
    }

    #[inline(always)]
    fn add_product(&mut self, x: i32, w: i32) {
        *self += i64::from(x) * i64::from(w);
    }

    #[inline(always)]
    fn rescaled(self, shift: i32, rounding: Rounding) -> i32 {
        requantize(self, shift, rounding).clamp(-65536, 65536) as i32
    }
}

/// Bytes of an element: known when compiling for the usual pairs of input and weights, else a number.
pub(super) trait Width: Copy {
    fn bytes(self) -> usize;
}

/// int8.
#[cfg(feature = "std")]
#[derive(Clone, Copy)]
pub(super) struct One;

/// int16.
#[derive(Clone, Copy)]
pub(super) struct Two;

#[cfg(feature = "std")]
impl Width for One {
    #[inline(always)]
    fn bytes(self) -> usize {
        1
    }
}

impl Width for Two {
    #[inline(always)]
    fn bytes(self) -> usize {
        2
    }
}

impl Width for usize {
    #[inline(always)]
    fn bytes(self) -> usize {
        self
    }
}

/// An element of one or two bytes.
#[inline(always)]
fn value(bytes: &[u8]) -> i32 {
    match *bytes {
        [byte] => i32::from(byte as i8),
        [low, high] => i32::from(i16::from_le_bytes([low, high])),
        _ => 0,
    }
}

/// One row of the output; `widths` are those of the input and of the weights.
pub(super) fn row<A: Sum>(
    layer: &Layer<'_>,
    widths: (impl Width, impl Width),
    x: &Rows<'_>,
    row: usize,
    y: &mut [u8],
) -> Option<()> {
    let (c, window) = (&layer.conv, &layer.conv.window);
    let pixel = c.filters * layer.y_type.bytes();
    if y.len() != window.output[1] * pixel || x.pitch != window.input[1] * c.channels * widths.0.bytes() {
        return None;
    }
    for (column, out) in y.chunks_exact_mut(pixel).enumerate() {
        layer.pixel::<A>(widths, x, [row, column], out)?;
    }
    Some(())
}

impl Layer<'_> {
    /// One output pixel.
    #[inline]
    fn pixel<A: Sum>(
        &self,
        widths: (impl Width, impl Width),
        x: &Rows<'_>,
        place: [usize; 2],
        out: &mut [u8],
    ) -> Option<()> {
        let c = &self.conv;
        let (size, w_size) = (widths.0.bytes(), widths.1.bytes());
        // One group, or one filter per channel, can be computed block by block.
        let by_blocks = c.groups == 1 || (c.depthwise && c.filters == c.channels);
        let blocked = if by_blocks { c.blocked } else { 0 };
        let spots = c.window.kernel[0] * c.window.kernel[1];
        let run = c.depth() * c.lanes * w_size;
        for first in (0..blocked).step_by(c.lanes) {
            let mut sums = [A::default(); LANES];
            let sums = sums.get_mut(..c.lanes)?;
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = A::from_bias(self.channels.bias(first + lane));
            }
            let block = self.weights.get(first * spots * c.depth() * w_size..)?;
            self.taps(x, place, size, |tap, pixel| {
                let w = block.get(tap * run..)?.get(..run)?;
                if c.depthwise {
                    let pixel = pixel.get(first * size..)?.chunks_exact(size);
                    for ((sum, x), w) in sums.iter_mut().zip(pixel).zip(w.chunks_exact(w_size)) {
                        sum.add_product(value(x), value(w));
                    }
                } else {
                    accumulate(sums, pixel.chunks_exact(size), w, w_size);
                }
                Some(())
            })?;
            for (lane, &sum) in sums.iter().enumerate() {
                self.store(out, first + lane, sum);
            }
        }
        for filter in blocked..c.filters {
            self.filter::<A>(widths, x, place, filter, out)?;
        }
        Some(())
    }

    /// One output of one filter.
    #[inline]
    fn filter<A: Sum>(
        &self,
        widths: (impl Width, impl Width),
        x: &Rows<'_>,
        place: [usize; 2],
        filter: usize,
        out: &mut [u8],
    ) -> Option<()> {
        let (c, depth) = (&self.conv, self.conv.depth());
        let (size, w_size) = (widths.0.bytes(), widths.1.bytes());
        let per_group = c.filters.checked_div(c.groups)?;
        let first = filter.checked_div(per_group)? * depth;
        let mut sum = A::from_bias(self.channels.bias(filter));
        let (start, step) = c.weight_run(filter);
        self.taps(x, place, size, |tap, pixel| {
            let pixel = pixel.get(first * size..(first + depth) * size)?.chunks_exact(size);
            let w = self.weights.get((start + tap * depth * step) * w_size..)?;
            if step == 1 {
                for (x, w) in pixel.zip(w.chunks_exact(w_size)) {
                    sum.add_product(value(x), value(w));
                }
            } else {
                for (x, w) in pixel.zip(w.chunks(step * w_size)) {
                    sum.add_product(value(x), value(w.get(..w_size)?));
                }
            }
            Some(())
        })?;
        self.store(out, filter, sum);
        Some(())
    }

    /// Visits the taps of one output pixel that lie inside the input, with the input pixel there.
    #[inline(always)]
    fn taps(
        &self,
        x: &Rows<'_>,
        [row, column]: [usize; 2],
        size: usize,
        mut visit: impl FnMut(usize, &[u8]) -> Option<()>,
    ) -> Option<()> {
        let (window, pixel) = (&self.conv.window, self.conv.channels * size);
        for ky in 0..window.kernel[0] {
            let Some(iy) = window.source(0, row, ky) else { continue };
            let line = x.get(iy)?;
            for kx in 0..window.kernel[1] {
                let Some(ix) = window.source(1, column, kx) else { continue };
                visit(ky * window.kernel[1] + kx, line.get(ix * pixel..(ix + 1) * pixel)?)?;
            }
        }
        Some(())
    }

    #[inline(always)]
    fn store<A: Sum>(&self, out: &mut [u8], channel: usize, sum: A) {
        let value = sum.rescaled(self.channels.shift(channel), self.rounding);
        elem::set(self.y_type, out, channel, if self.conv.relu { value.max(0) } else { value });
    }
}

/// Adds one pixel's products to a block of output channels; the weights are `[C][lanes]`.
#[inline(always)]
fn accumulate<'a, A: Sum>(
    sums: &mut [A],
    pixel: impl Iterator<Item = &'a [u8]>,
    weights: &[u8],
    w_size: usize,
) {
    // A fixed number of lanes lets the compiler keep the sums in registers.
    if let Ok(sums) = <&mut [A; LANES]>::try_from(&mut *sums) {
        for (x, w) in pixel.zip(weights.chunks_exact(LANES * w_size)) {
            let x = value(x);
            for (sum, w) in sums.iter_mut().zip(w.chunks_exact(w_size)) {
                sum.add_product(x, value(w));
            }
        }
        return;
    }
    for (x, w) in pixel.zip(weights.chunks_exact(sums.len() * w_size)) {
        let x = value(x);
        for (sum, w) in sums.iter_mut().zip(w.chunks_exact(w_size)) {
            sum.add_product(x, value(w));
        }
    }
}
