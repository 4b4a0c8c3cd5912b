//! Convolution and Gemm over the layouts of the file, without any copy of the weights.

use super::elem::{self, Elem};
use super::requantize::{requantize, requantize_i32};
use crate::plan::{Conv, Span};
use crate::shape::DType;
use crate::target::Rounding;

/// The widest block of output channels in any layout.
const LANES: usize = 16;

/// The sum of one output: 32 bits where the plan has shown that they suffice, else 64.
trait Sum: Copy + Default {
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

/// Biases and shifts of the output channels, read from the file.
#[derive(Clone, Copy)]
pub(crate) struct Channels<'a> {
    bias: &'a [u8],
    bias_wide: bool,
    exponents: &'a [u8],
    shift: i32,
}

impl<'a> Channels<'a> {
    pub(crate) fn new(conv: &Conv, payload: &'a [u8]) -> Option<Self> {
        let exponents = Span { at: conv.exponents.at, len: conv.exponents.len.checked_mul(8)? };
        Some(Self {
            bias: bytes(payload, conv.bias)?,
            bias_wide: conv.bias_wide,
            exponents: bytes(payload, exponents)?,
            shift: conv.shift,
        })
    }

    /// The bias of a channel; 0 without one.
    #[inline]
    pub(crate) fn bias(&self, channel: usize) -> i64 {
        if self.bias_wide {
            word(self.bias, channel).map_or(0, i64::from_le_bytes)
        } else {
            word(self.bias, channel).map_or(0, |b| i64::from(i32::from_le_bytes(b)))
        }
    }

    /// e_y - e_x - e_w of a channel.
    #[inline]
    pub(crate) fn shift(&self, channel: usize) -> i32 {
        let index = if self.exponents.len() == 8 { 0 } else { channel };
        self.shift - word(self.exponents, index).map_or(0, i64::from_le_bytes) as i32
    }
}

fn word<const N: usize>(bytes: &[u8], index: usize) -> Option<[u8; N]> {
    bytes.get(N * index..)?.first_chunk().copied()
}

/// The bytes of a range of the payload.
pub(crate) fn bytes(payload: &[u8], span: Span) -> Option<&[u8]> {
    payload.get(span.at as usize..(span.at as usize).checked_add(span.len as usize)?)
}

/// Runs one convolution; `None` when the slices do not fit the plan.
pub(crate) fn conv(
    conv: &Conv,
    rounding: Rounding,
    payload: &[u8],
    (x_type, x): (DType, &[u8]),
    (y_type, y): (DType, &mut [u8]),
) -> Option<()> {
    let weights = bytes(payload, conv.weights)?;
    let channels = Channels::new(conv, payload)?;
    let run = Run { conv, rounding, channels, weights, x, y_type };
    run.check(x_type, y)?;
    match (x_type, conv.weight_type, conv.wide) {
        (DType::I8, DType::I8, false) => run.all::<i8, i8, i32>(y),
        (DType::I8, DType::I8, true) => run.all::<i8, i8, i64>(y),
        (DType::I8, _, _) => run.all::<i8, i16, i64>(y),
        (_, DType::I8, _) => run.all::<i16, i8, i64>(y),
        _ => run.all::<i16, i16, i64>(y),
    }
    Some(())
}

struct Run<'a> {
    conv: &'a Conv,
    rounding: Rounding,
    channels: Channels<'a>,
    weights: &'a [u8],
    x: &'a [u8],
    y_type: DType,
}

impl Run<'_> {
    /// All slices have the lengths that the loops index.
    fn check(&self, x_type: DType, y: &[u8]) -> Option<()> {
        let (c, w) = (self.conv, &self.conv.window);
        let inputs = c.batch * w.input[0] * w.input[1] * c.channels * x_type.bytes();
        let outputs = c.batch * w.output[0] * w.output[1] * c.filters * self.y_type.bytes();
        let weights = c.filters * c.taps() * c.weight_type.bytes();
        let fits = self.x.len() == inputs && y.len() == outputs && self.weights.len() == weights;
        (fits && c.lanes <= LANES && c.lanes > 0).then_some(())
    }

    fn all<X: Elem, W: Elem, A: Sum>(&self, y: &mut [u8]) {
        let (c, window) = (self.conv, &self.conv.window);
        let picture = window.input[0] * window.input[1] * c.channels * X::BYTES;
        let pixel = c.filters * self.y_type.bytes();
        let mut outputs = y.chunks_exact_mut(pixel);
        for batch in 0..c.batch {
            let x = &self.x[batch * picture..(batch + 1) * picture];
            for row in 0..window.output[0] {
                for (column, out) in (0..window.output[1]).zip(&mut outputs) {
                    if c.groups > 1 && !(c.depthwise && c.filters == c.channels) {
                        self.pixel_grouped::<X, W, A>(x, row, column, out);
                    } else {
                        self.pixel::<X, W, A>(x, row, column, out);
                    }
                }
            }
        }
    }

    /// One output pixel with one group, or with one filter per channel.
    #[inline]
    fn pixel<X: Elem, W: Elem, A: Sum>(&self, x: &[u8], row: usize, column: usize, out: &mut [u8]) {
        let c = self.conv;
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
    fn pixel_grouped<X: Elem, W: Elem, A: Sum>(&self, x: &[u8], row: usize, column: usize, out: &mut [u8]) {
        let (c, depth) = (self.conv, self.conv.depth());
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
    fn taps(&self, x: &[u8], row: usize, column: usize, size: usize, mut visit: impl FnMut(usize, &[u8])) {
        let (window, pixel) = (&self.conv.window, self.conv.channels * size);
        for ky in 0..window.kernel[0] {
            let Some(iy) = window.source(0, row, ky) else { continue };
            for kx in 0..window.kernel[1] {
                let Some(ix) = window.source(1, column, kx) else { continue };
                let at = (iy * window.input[1] + ix) * pixel;
                visit(ky * window.kernel[1] + kx, &x[at..at + pixel]);
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
