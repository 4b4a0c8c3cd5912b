//! Operations whose output element depends on the input element(s) at the same place. Each exists for separate
//! memory and for writing over the (first) input.

use super::elem;
use super::requantize::requantize_i32;
use crate::shape::DType;
use crate::target::Rounding;
use octet_kernels::bytes;

/// saturate(a + b).
pub(crate) fn add(dtype: DType, a: &[u8], b: &[u8], y: &mut [u8]) {
    if dtype == DType::I8 {
        return bytes::add(a, b, y);
    }
    for i in 0..y.len() / dtype.bytes() {
        elem::set(dtype, y, i, elem::get(dtype, a, i) + elem::get(dtype, b, i));
    }
}

/// y = saturate(y + b); `b` is `None` when both summands are the same tensor.
pub(crate) fn add_assign(dtype: DType, y: &mut [u8], b: Option<&[u8]>) {
    if let (DType::I8, Some(b)) = (dtype, b) {
        return bytes::add_assign(y, b);
    }
    for i in 0..y.len() / dtype.bytes() {
        let own = elem::get(dtype, y, i);
        let other = b.map_or(own, |b| elem::get(dtype, b, i));
        elem::set(dtype, y, i, own + other);
    }
}

/// Bounds and change of exponent of a clamp.
#[derive(Clone, Copy)]
pub(crate) struct Clamp {
    pub(crate) low: i32,
    pub(crate) high: i32,
    pub(crate) shift: i32,
    pub(crate) rounding: Rounding,
}

impl Clamp {
    #[inline(always)]
    fn apply(&self, x: i32) -> i32 {
        requantize_i32(x.max(self.low).min(self.high), self.shift, self.rounding)
    }
}

/// saturate(round(clamp(x) * 2^-shift)).
pub(crate) fn clamp(op: &Clamp, (x_type, x): (DType, &[u8]), (y_type, y): (DType, &mut [u8])) {
    for i in 0..y.len() / y_type.bytes() {
        elem::set(y_type, y, i, op.apply(elem::get(x_type, x, i)));
    }
}

/// The same in place.
pub(crate) fn clamp_assign(op: &Clamp, dtype: DType, y: &mut [u8]) {
    if dtype == DType::I8 && op.shift == 0 {
        let (low, high) = (op.low.clamp(-128, 127) as i8, op.high.clamp(-128, 127) as i8);
        return bytes::clamp_assign([low, high], y);
    }
    for i in 0..y.len() / dtype.bytes() {
        let value = op.apply(elem::get(dtype, y, i));
        elem::set(dtype, y, i, value);
    }
}

/// y = table[x + 128] on bytes, in place; `None` when the table is too short.
pub(crate) fn table_assign(table: &[u8], y: &mut [u8]) -> Option<()> {
    let table: &[u8; 256] = table.try_into().ok()?;
    bytes::table_assign(table, y);
    Some(())
}

/// Linear interpolation between entries `step` apart, as ESP-DL's `dl_module_lut.hpp` computes it: all in
/// integers, the quotient truncated towards zero. In place.
pub(crate) fn interpolate_assign(table: &[u8], step: u32, y: &mut [u8]) -> Option<()> {
    let step = i32::try_from(step).ok().filter(|&s| s > 0)?;
    // The last segment needs its right end too.
    if table.len() / 2 < usize::try_from(65535 / step).ok()? + 2 {
        return None;
    }
    for i in 0..y.len() / 2 {
        let from_lowest = elem::get(DType::I16, y, i) + 32768;
        let (segment, rest) = ((from_lowest / step) as usize, from_lowest % step);
        let left = elem::get(DType::I16, table, segment);
        let right = elem::get(DType::I16, table, segment + 1);
        // rest * |right - left| <= 65535 * 65535 fits 32 bits without a sign.
        let rise = (rest.unsigned_abs() * left.abs_diff(right) / step.unsigned_abs()) as i32;
        elem::set(DType::I16, y, i, if right < left { left - rise } else { left + rise });
    }
    Some(())
}
