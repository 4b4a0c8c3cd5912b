//! Pooling.

use super::elem;
use super::requantize::{exp2_f32, round_f32};
use crate::plan::Window;
use crate::shape::DType;
use crate::target::Rounding;

/// Exponents of an averaging operation.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) input_exponent: i32,
    pub(crate) output_exponent: i32,
    pub(crate) rounding: Rounding,
}

impl Scale {
    /// saturate(round(f32(sum) * (2^e_x * (1/area) * 2^-e_y))), the order of multiplications being ESP-DL's.
    #[inline]
    fn mean(&self, sum: i64, area: usize) -> i32 {
        let inverse = 1.0f32 / area as f32;
        let factor = exp2_f32(self.input_exponent) * inverse * exp2_f32(-self.output_exponent);
        round_f32(sum as f32 * factor, self.rounding)
    }
}

/// `[batch, area, channels]` to `[batch, channels]`.
pub(crate) fn global_average(
    scale: Scale,
    [batch, area, channels]: [usize; 3],
    (x_type, x): (DType, &[u8]),
    (y_type, y): (DType, &mut [u8]),
) {
    const BLOCK: usize = 16;
    for picture in 0..batch {
        for first in (0..channels).step_by(BLOCK) {
            // Neighbouring channels lie next to each other: a block of them is summed on one way through.
            let count = BLOCK.min(channels - first);
            let mut sums = [0i64; BLOCK];
            for pixel in 0..area {
                let at = (picture * area + pixel) * channels + first;
                for (channel, sum) in sums.iter_mut().enumerate().take(count) {
                    *sum += i64::from(elem::get(x_type, x, at + channel));
                }
            }
            for (channel, &sum) in sums.iter().enumerate().take(count) {
                elem::set(y_type, y, picture * channels + first + channel, scale.mean(sum, area));
            }
        }
    }
}

/// Averages over windows; the divisor counts the padding only when asked to.
pub(crate) fn average(
    scale: Scale,
    window: &Window,
    [batch, channels]: [usize; 2],
    count_padding: bool,
    (x_type, x): (DType, &[u8]),
    (y_type, y): (DType, &mut [u8]),
) {
    let whole = window.kernel[0] * window.kernel[1];
    windows(window, batch, channels, &mut |out, first, taps| {
        let (mut sum, mut inside) = (0i64, 0);
        taps(&mut |at| {
            sum += i64::from(elem::get(x_type, x, first + at));
            inside += 1;
        });
        let area = if count_padding { whole } else { inside };
        elem::set(y_type, y, out, scale.mean(sum, area.max(1)));
    });
}

/// The largest element of each window; padding never counts.
pub(crate) fn max(window: &Window, [batch, channels]: [usize; 2], dtype: DType, x: &[u8], y: &mut [u8]) {
    windows(window, batch, channels, &mut |out, first, taps| {
        let mut largest = i32::MIN;
        taps(&mut |at| largest = largest.max(elem::get(dtype, x, first + at)));
        elem::set(dtype, y, out, largest);
    });
}

/// Visits the places of a window's taps.
type Taps<'a> = dyn Fn(&mut dyn FnMut(usize)) + 'a;

/// Visits every output element: its index, the index of its picture and channel in the input, and its taps. One function for both
/// kinds of pools, since chips have little room for code.
#[inline(never)]
fn windows(window: &Window, batch: usize, channels: usize, visit: &mut dyn FnMut(usize, usize, &Taps<'_>)) {
    let picture = window.input[0] * window.input[1] * channels;
    let mut out = 0;
    for b in 0..batch {
        for row in 0..window.output[0] {
            for column in 0..window.output[1] {
                for channel in 0..channels {
                    visit(out, b * picture + channel, &|tap: &mut dyn FnMut(usize)| {
                        for ky in 0..window.kernel[0] {
                            let Some(iy) = window.source(0, row, ky) else { continue };
                            for kx in 0..window.kernel[1] {
                                let Some(ix) = window.source(1, column, kx) else { continue };
                                tap((iy * window.input[1] + ix) * channels);
                            }
                        }
                    });
                    out += 1;
                }
            }
        }
    }
}
