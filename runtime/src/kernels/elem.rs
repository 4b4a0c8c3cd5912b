//! Integers in byte slices, little endian, at any alignment.

use crate::shape::DType;

/// An element type of activations and weights.
pub(crate) trait Elem: Copy {
    const BYTES: usize;

    /// The element at an index.
    fn get(bytes: &[u8], index: usize) -> i32;

    /// Stores the value, saturated to the type.
    fn set(bytes: &mut [u8], index: usize, value: i32);
}

impl Elem for i8 {
    const BYTES: usize = 1;

    #[inline(always)]
    fn get(bytes: &[u8], index: usize) -> i32 {
        i32::from(bytes[index] as i8)
    }

    #[inline(always)]
    fn set(bytes: &mut [u8], index: usize, value: i32) {
        bytes[index] = value.clamp(-128, 127) as u8;
    }
}

impl Elem for i16 {
    const BYTES: usize = 2;

    #[inline(always)]
    fn get(bytes: &[u8], index: usize) -> i32 {
        i32::from(i16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]]))
    }

    #[inline(always)]
    fn set(bytes: &mut [u8], index: usize, value: i32) {
        let stored = value.clamp(-32768, 32767) as i16;
        bytes[2 * index..2 * index + 2].copy_from_slice(&stored.to_le_bytes());
    }
}

/// Reads an element of a type known at run time.
#[inline(always)]
pub(crate) fn get(dtype: DType, bytes: &[u8], index: usize) -> i32 {
    if dtype == DType::I16 { i16::get(bytes, index) } else { i8::get(bytes, index) }
}

/// Stores an element of a type known at run time, saturated.
#[inline(always)]
pub(crate) fn set(dtype: DType, bytes: &mut [u8], index: usize, value: i32) {
    if dtype == DType::I16 { i16::set(bytes, index, value) } else { i8::set(bytes, index, value) }
}
