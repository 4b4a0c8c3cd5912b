//! Operations that move elements without changing them (Concat may requantize).

use super::elem;
use super::requantize::requantize_i32;
use crate::plan::PadMode;
use crate::shape::{DType, MAX_RANK, Shape};
use crate::target::Rounding;

/// Counts through the coordinates of a shape, innermost axis fastest.
struct Coordinates {
    shape: Shape,
    at: [usize; MAX_RANK],
}

impl Coordinates {
    fn new(shape: Shape) -> Self {
        Self { shape, at: [0; MAX_RANK] }
    }

    fn advance(&mut self) {
        for (axis, at) in self.at.iter_mut().enumerate().take(self.shape.rank()).rev() {
            *at += 1;
            if *at < self.shape.dim(axis) {
                return;
            }
            *at = 0;
        }
    }
}

/// Distance between neighbours along each axis, in elements.
fn strides(shape: &Shape) -> [usize; MAX_RANK] {
    let mut strides = [1; MAX_RANK];
    let mut distance = 1;
    for (axis, stride) in strides.iter_mut().enumerate().take(shape.rank()).rev() {
        *stride = distance;
        distance *= shape.dim(axis);
    }
    strides
}

/// Output axis i is input axis `perm[i]`; elements of `size` bytes.
pub(crate) fn transpose(
    shape: &Shape,
    perm: &[u8; MAX_RANK],
    size: usize,
    x: &[u8],
    y: &mut [u8],
) -> Option<()> {
    let perm: [usize; MAX_RANK] = perm.map(usize::from);
    let mut at = Coordinates::new(shape.permuted(perm.get(..shape.rank())?)?);
    let strides = strides(shape);
    let strides = perm.map(|axis| strides.get(axis).copied().unwrap_or_default());
    for out in y.chunks_exact_mut(size.max(1)) {
        let from: usize = at.at.iter().zip(strides).take(shape.rank()).map(|(at, stride)| at * stride).sum();
        out.copy_from_slice(x.get(from * size..(from + 1) * size)?);
        at.advance();
    }
    Some(())
}

/// Surrounds the input.
pub(crate) fn pad(
    [input, output]: [&Shape; 2],
    before: &[u32; MAX_RANK],
    (mode, value): (PadMode, i32),
    (dtype, x): (DType, &[u8]),
    y: &mut [u8],
) {
    let strides = strides(input);
    let mut at = Coordinates::new(*output);
    for i in 0..output.elements() {
        let mut from = Some(0);
        for (axis, ((&at, &before), stride)) in
            at.at.iter().zip(before).zip(strides).enumerate().take(output.rank())
        {
            let place = source(mode, at as i64 - i64::from(before), input.dim(axis) as i64);
            from = from.zip(place).map(|(f, p)| f + p * stride);
        }
        elem::set(dtype, y, i, from.map_or(value, |f| elem::get(dtype, x, f)));
        at.advance();
    }
}

/// Which input coordinate fills an output coordinate; `None` for the constant.
fn source(mode: PadMode, place: i64, extent: i64) -> Option<usize> {
    let place = match mode {
        PadMode::Constant => place,
        PadMode::Edge => place.max(0).min(extent - 1),
        PadMode::Reflect if place < 0 => -place,
        PadMode::Reflect if place >= extent => 2 * (extent - 1) - place,
        PadMode::Reflect => place,
    };
    usize::try_from(place).ok().filter(|_| place < extent)
}

/// Where one input of a Concat goes: `outer` runs, `pitch` elements apart from `start` on.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) outer: usize,
    pub(crate) run: usize,
    pub(crate) pitch: usize,
    pub(crate) start: usize,
    pub(crate) shift: i32,
    pub(crate) rounding: Rounding,
}

/// Copies (and requantizes) one input of a Concat.
pub(crate) fn concat_part(part: &Part, dtype: DType, x: &[u8], y: &mut [u8]) {
    for outer in 0..part.outer {
        for i in 0..part.run {
            let value = elem::get(dtype, x, outer * part.run + i);
            let value = requantize_i32(value, part.shift, part.rounding);
            elem::set(dtype, y, outer * part.pitch + part.start + i, value);
        }
    }
}
