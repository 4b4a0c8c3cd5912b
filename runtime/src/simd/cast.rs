//! Views of bytes as numbers.

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Zeroed bytes that start at a multiple of 64.
#[derive(Clone)]
pub(crate) struct AlignedBytes {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBytes {
    pub(crate) fn new(len: usize) -> Self {
        Self { lines: vec![Line([0; 64]); len.div_ceil(64)], len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `Line` is 64 plain bytes without padding; `len` is at most the bytes of all lines.
        unsafe { core::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the borrow is exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Bytes as int8.
pub(crate) fn as_i8(bytes: &[u8]) -> &[i8] {
    // SAFETY: u8 and i8 have the same size and alignment, and every bit pattern is valid for both.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// Aligned native-endian bytes as int16; empty when they are not aligned to 2.
pub(crate) fn as_i16(bytes: &[u8]) -> &[i16] {
    // SAFETY: every bit pattern is a valid i16, and `align_to` yields aligned elements only.
    match unsafe { bytes.align_to::<i16>() } {
        ([], values, _) => values,
        _ => &[],
    }
}

/// Aligned native-endian bytes as f32; empty when they are not aligned to 4.
pub(crate) fn as_f32(bytes: &[u8]) -> &[f32] {
    // SAFETY: every bit pattern is a valid f32, and `align_to` yields aligned elements only.
    match unsafe { bytes.align_to::<f32>() } {
        ([], values, _) => values,
        _ => &[],
    }
}
