//! Any convolution: every width, layout, group and window.

use super::{LANES, Layer, Rows};
use crate::kernels::elem;
use crate::kernels::requantize::requantize;
use crate::target::Rounding;
use octet_kernels::products::{self, Widths};

/// How sums of products are computed: by the loops of `octet-kernels`, 64 bits wide and for any widths, or inlined for
/// widths known when compiling, which a desktop's compiler turns into vector instructions.
pub(super) trait Products: Copy {
    /// The sum of one output.
    type Sum: Copy + Default;

    /// Bytes of an input and of a weight.
    fn sizes(self) -> [usize; 2];

    fn from_bias(bias: i64) -> Self::Sum;

    fn rescaled(sum: Self::Sum, shift: i32, rounding: Rounding) -> i32;

    /// Adds each input, times its row of weights, to all sums; weights are `[inputs][sums]`.
    fn outer(self, sums: &mut [Self::Sum], x: &[u8], w: &[u8]);

    /// Adds each input times the weight at its place to the sum at its place.
    fn each(self, sums: &mut [Self::Sum], x: &[u8], w: &[u8]);

    /// Adds inputs times weights, of which every `step`-th counts, to a sum.
    fn dot(self, sum: &mut Self::Sum, x: &[u8], w: &[u8], step: usize);
}

/// Any widths.
#[derive(Clone, Copy)]
pub(super) struct Any(pub(super) Widths);

impl Products for Any {
    type Sum = i64;

    fn sizes(self) -> [usize; 2] {
        self.0
    }

    fn from_bias(bias: i64) -> i64 {
        bias
    }

    fn rescaled(sum: i64, shift: i32, rounding: Rounding) -> i32 {
        requantize(sum, shift, rounding).clamp(-65536, 65536) as i32
    }

    fn outer(self, sums: &mut [i64], x: &[u8], w: &[u8]) {
        products::outer(self.0, sums, x, w);
    }

    fn each(self, sums: &mut [i64], x: &[u8], w: &[u8]) {
        products::each(self.0, sums, x, w);
    }

    fn dot(self, sum: &mut i64, x: &[u8], w: &[u8], step: usize) {
        *sum += products::dot(self.0, x, w, step);
    }
}

/// int8 where the plan has shown that sums of 32 bits suffice.
#[cfg(feature = "std")]
#[derive(Clone, Copy)]
pub(super) struct Bytes;

#[cfg(feature = "std")]
impl Products for Bytes {
    type Sum = i32;

    #[inline(always)]
    fn sizes(self) -> [usize; 2] {
        [1, 1]
    }

    #[inline(always)]
    fn from_bias(bias: i64) -> i32 {
        bias as i32
    }

    #[inline(always)]
    fn rescaled(sum: i32, shift: i32, rounding: Rounding) -> i32 {
        crate::kernels::requantize::requantize_i32(sum, shift, rounding)
    }

    #[inline(always)]
    fn outer(self, sums: &mut [i32], x: &[u8], w: &[u8]) {
        // A fixed number of lanes lets the compiler keep the sums in registers.
        if let Ok(sums) = <&mut [i32; LANES]>::try_from(&mut *sums) {
            for (&x, w) in x.iter().zip(w.chunks_exact(LANES)) {
                for (sum, &w) in sums.iter_mut().zip(w) {
                    *sum += i32::from(x as i8) * i32::from(w as i8);
                }
            }
            return;
        }
        for (&x, w) in x.iter().zip(w.chunks_exact(sums.len().max(1))) {
            for (sum, &w) in sums.iter_mut().zip(w) {
                *sum += i32::from(x as i8) * i32::from(w as i8);
            }
        }
    }

    #[inline(always)]
    fn each(self, sums: &mut [i32], x: &[u8], w: &[u8]) {
        for ((sum, &x), &w) in sums.iter_mut().zip(x).zip(w) {
            *sum += i32::from(x as i8) * i32::from(w as i8);
        }
    }

    #[inline(always)]
    fn dot(self, sum: &mut i32, x: &[u8], w: &[u8], step: usize) {
        let mut add = |(&x, &w): (&u8, &u8)| *sum += i32::from(x as i8) * i32::from(w as i8);
        if step == 1 {
            x.iter().zip(w).for_each(&mut add);
        } else {
            x.iter().zip(w.iter().step_by(step.max(1))).for_each(add);
        }
    }
}

/// One row of the output.
pub(super) fn row<P: Products>(
    layer: &Layer<'_>,
    products: P,
    x: &Rows<'_>,
    row: usize,
    y: &mut [u8],
) -> Option<()> {
    let (c, window) = (&layer.conv, &layer.conv.window);
    let pixel = c.filters * layer.y_type.bytes();
    if y.len() != window.output[1] * pixel || x.pitch != window.input[1] * c.channels * products.sizes()[0] {
        return None;
    }
    for (column, out) in y.chunks_exact_mut(pixel.max(1)).enumerate() {
        layer.pixel(products, x, [row, column], out)?;
    }
    Some(())
}

impl Layer<'_> {
    /// One output pixel.
    #[inline]
    fn pixel<P: Products>(&self, products: P, x: &Rows<'_>, place: [usize; 2], out: &mut [u8]) -> Option<()> {
        let c = &self.conv;
        let [size, w_size] = products.sizes();
        // One group, or one filter per channel, can be computed block by block.
        let by_blocks = c.groups == 1 || (c.depthwise && c.filters == c.channels);
        let blocked = if by_blocks { c.blocked } else { 0 };
        let spots = c.window.kernel[0] * c.window.kernel[1];
        let run = c.depth() * c.lanes * w_size;
        for first in (0..blocked).step_by(c.lanes.max(1)) {
            let mut sums = [P::Sum::default(); LANES];
            let sums = sums.get_mut(..c.lanes)?;
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = P::from_bias(self.channels.bias(first + lane));
            }
            let block = self.weights.get(first * spots * c.depth() * w_size..)?;
            self.taps(x, place, size, |tap, pixel| {
                let w = block.get(tap * run..)?.get(..run)?;
                if c.depthwise {
                    products.each(sums, pixel.get(first * size..)?, w);
                } else {
                    products.outer(sums, pixel, w);
                }
                Some(())
            })?;
            for (lane, &sum) in sums.iter().enumerate() {
                self.store::<P>(out, first + lane, sum);
            }
        }
        for filter in blocked..c.filters {
            self.filter(products, x, place, filter, out)?;
        }
        Some(())
    }

    /// One output of one filter.
    #[inline]
    fn filter<P: Products>(
        &self,
        products: P,
        x: &Rows<'_>,
        place: [usize; 2],
        filter: usize,
        out: &mut [u8],
    ) -> Option<()> {
        let (c, depth) = (&self.conv, self.conv.depth());
        let [size, w_size] = products.sizes();
        let per_group = c.filters.checked_div(c.groups)?;
        let first = filter.checked_div(per_group)? * depth;
        let mut sum = P::from_bias(self.channels.bias(filter));
        let (start, step) = c.weight_run(filter);
        self.taps(x, place, size, |tap, pixel| {
            let pixel = pixel.get(first * size..(first + depth) * size)?;
            let w = self.weights.get((start + tap * depth * step) * w_size..)?;
            products.dot(&mut sum, pixel, w, step);
            Some(())
        })?;
        self.store::<P>(out, filter, sum);
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
    fn store<P: Products>(&self, out: &mut [u8], channel: usize, sum: P::Sum) {
        let value = P::rescaled(sum, self.channels.shift(channel), self.rounding);
        elem::set(self.y_type, out, channel, if self.conv.relu { value.max(0) } else { value });
    }
}
