//! Any convolution: every width, layout, group and window.

use super::{LANES, Layer, Rows};
use crate::kernels::elem::{self, Elem};
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

/// One row of the output.
pub(super) fn row<X: Elem, W: Elem, A: Sum>(
    layer: &Layer<'_>,
    x: &Rows<'_>,
    row: usize,
    y: &mut [u8],
) -> Option<()> {
    let (c, window) = (&layer.conv, &layer.conv.window);
    let pixel = c.filters * layer.y_type.bytes();
    if y.len() != window.output[1] * pixel || x.pitch != window.input[1] * c.channels * X::BYTES {
        return None;
    }
    for (column, out) in y.chunks_exact_mut(pixel).enumerate() {
        if c.groups > 1 && !(c.depthwise && c.filters == c.channels) {
            layer.pixel_grouped::<X, W, A>(x, row, column, out);
        } else {
            layer.pixel::<X, W, A>(x, row, column, out);
        }
    }
    Some(())
}

impl Layer<'_> {
    /// One output pixel with one group, or with one filter per channel.
    #[inline]
    fn pixel<X: Elem, W: Elem, A: Sum>(&self, x: &Rows<'_>, row: usize, column: usize, out: &mut [u8]) {
        let c = &self.conv;
        for first in (0..c.blocked).step_by(c.lanes) {
            let mut sums = [A::default(); LANES];
            let sums = &mut sums[..c.lanes];
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = A::from_bias(self.channels.bias(first + lane));
            }
            let spots = c.window.kernel[0] * c.window.kernel[1];
            let run = c.depth() * c.lanes;
            let block = &self.weights[first * spots * c.depth() * W::BYTES..];
            self.taps(x, row, column, X::BYTES, |tap, pixel| {
                let w = &block[tap * run * W::BYTES..(tap + 1) * run * W::BYTES];
                if c.depthwise {
                    let pixel = &pixel[first * X::BYTES..(first + c.lanes) * X::BYTES];
                    for ((sum, x), w) in
                        sums.iter_mut().zip(pixel.chunks_exact(X::BYTES)).zip(w.chunks_exact(W::BYTES))
                    {
                        sum.add_product(X::get(x, 0), W::get(w, 0));
                    }
                } else {
                    accumulate::<X, W, A>(sums, pixel, w);
                }
            });
            for (lane, &sum) in sums.iter().enumerate() {
                self.store(out, first + lane, sum);
            }
        }
        for filter in c.blocked..c.filters {
            let mut sum = A::from_bias(self.channels.bias(filter));
            let (start, step) = c.weight_run(filter);
            self.taps(x, row, column, X::BYTES, |tap, pixel| {
                let at = start + tap * c.depth() * step;
                if c.depthwise {
                    sum.add_product(X::get(pixel, filter), W::get(self.weights, at));
                } else {
                    let w = &self.weights[at * W::BYTES..(at + c.depth()) * W::BYTES];
                    for (x, w) in pixel.chunks_exact(X::BYTES).zip(w.chunks_exact(W::BYTES)) {
                        sum.add_product(X::get(x, 0), W::get(w, 0));
                    }
                }
            });
            self.store(out, filter, sum);
        }
    }

    /// One output pixel with several groups of any size.
    fn pixel_grouped<X: Elem, W: Elem, A: Sum>(&self, x: &Rows<'_>, row: usize, column: usize, out: &mut [u8]) {
        let (c, depth) = (&self.conv, self.conv.depth());
        let per_group = c.filters / c.groups;
        for filter in 0..c.filters {
            let first = filter / per_group * depth;
            let mut sum = A::from_bias(self.channels.bias(filter));
            let (start, step) = c.weight_run(filter);
            self.taps(x, row, column, X::BYTES, |tap, pixel| {
                for channel in 0..depth {
                    let w = W::get(self.weights, start + (tap * depth + channel) * step);
                    sum.add_product(X::get(pixel, first + channel), w);
                }
            });
            self.store(out, filter, sum);
        }
    }

    /// Visits the taps of one output pixel that lie inside the input, with the input pixel there.
    #[inline(always)]
    fn taps(&self, x: &Rows<'_>, row: usize, column: usize, size: usize, mut visit: impl FnMut(usize, &[u8])) {
        let (window, pixel) = (&self.conv.window, self.conv.channels * size);
        for ky in 0..window.kernel[0] {
            let Some(line) = window.source(0, row, ky).and_then(|iy| x.get(iy)) else { continue };
            for kx in 0..window.kernel[1] {
                let Some(ix) = window.source(1, column, kx) else { continue };
                let Some(pixel) = line.get(ix * pixel..(ix + 1) * pixel) else { continue };
                visit(ky * window.kernel[1] + kx, pixel);
            }
        }
    }

    #[inline(always)]
    fn store<A: Sum>(&self, out: &mut [u8], channel: usize, sum: A) {
        let value = sum.rescaled(self.channels.shift(channel), self.rounding);
        elem::set(self.y_type, out, channel, if self.conv.relu { value.max(0) } else { value });
    }
}

/// Adds one pixel's products to a block of output channels; the weights are `[C][lanes]`.
#[inline(always)]
fn accumulate<X: Elem, W: Elem, A: Sum>(sums: &mut [A], pixel: &[u8], weights: &[u8]) {
    // A fixed number of lanes lets the compiler keep the sums in registers.
    if let Ok(sums) = <&mut [A; LANES]>::try_from(&mut *sums) {
        for (x, w) in pixel.chunks_exact(X::BYTES).zip(weights.chunks_exact(LANES * W::BYTES)) {
            let x = X::get(x, 0);
            for (lane, sum) in sums.iter_mut().enumerate() {
                sum.add_product(x, W::get(w, lane));
            }
        }
        return;
    }
    for (x, w) in pixel.chunks_exact(X::BYTES).zip(weights.chunks_exact(sums.len() * W::BYTES)) {
        let x = X::get(x, 0);
        for (lane, sum) in sums.iter_mut().enumerate() {
            sum.add_product(x, W::get(w, lane));
        }
    }
}
