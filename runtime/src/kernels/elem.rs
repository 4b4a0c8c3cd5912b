//! Integers in byte slices, little endian, at any alignment.

use crate::shape::DType;

/// Reads an element of a type known at run time; 0 beyond the end, where no plan reads.
#[inline(always)]
pub(crate) fn get(dtype: DType, bytes: &[u8], index: usize) -> i32 {
    if dtype == DType::I16 {
        short(bytes, index)
    } else {
        bytes.get(index).map_or(0, |&b| i32::from(b as i8))
    }
}

/// An int16 element.
#[inline(always)]
fn short(bytes: &[u8], index: usize) -> i32 {
    let word = bytes.get(2 * index..).and_then(|b| b.first_chunk()).copied();
    word.map_or(0, |b| i32::from(i16::from_le_bytes(b)))
}

/// Stores an element of a type known at run time, saturated.
#[inline(always)]
pub(crate) fn set(dtype: DType, bytes: &mut [u8], index: usize, value: i32) {
    if dtype == DType::I16 {
        if let Some(word) = bytes.get_mut(2 * index..).and_then(|b| b.first_chunk_mut()) {
            *word = (value.clamp(-32768, 32767) as i16).to_le_bytes();
        }
    } else if let Some(byte) = bytes.get_mut(index) {
        *byte = value.clamp(-128, 127) as u8;
    }
}
