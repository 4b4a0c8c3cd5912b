//! How tensors are shown and handed in.

use crate::shape::DType;
use crate::simd::{as_f32, as_i8, as_i16};

/// Elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data<'a> {
    /// int8.
    I8(&'a [i8]),
    /// int16.
    I16(&'a [i16]),
    /// float32: the scores of a Softmax; as an input, values to be quantized.
    F32(&'a [f32]),
}

impl<'a> Data<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Data::I8(v) => v.len(),
            Data::I16(v) => v.len(),
            Data::F32(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One element as a number: the integer itself, or the float. Panics beyond the end.
    pub fn get(&self, index: usize) -> f64 {
        match self {
            Data::I8(v) => f64::from(v[index]),
            Data::I16(v) => f64::from(v[index]),
            Data::F32(v) => f64::from(v[index]),
        }
    }

    pub(super) fn of(dtype: DType, bytes: &'a [u8]) -> Self {
        match dtype {
            DType::I16 => Data::I16(as_i16(bytes)),
            DType::F32 => Data::F32(as_f32(bytes)),
            _ => Data::I8(as_i8(bytes)),
        }
    }
}

/// A tensor that was just computed.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// Name of the tensor.
    pub name: &'a str,
    /// Index of the node that computed it; `None` for the network's input.
    pub node: Option<usize>,
    /// Extents including the batch axis, pictures as `[N, H, W, C]`.
    pub shape: &'a [usize],
    /// value = integer x 2^exponent; `None` for floats.
    pub exponent: Option<i32>,
    /// The elements in C order.
    pub data: Data<'a>,
}

/// A quantized network input that owns its integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuantizedInput {
    /// int8.
    I8(Vec<i8>),
    /// int16.
    I16(Vec<i16>),
}

impl Default for QuantizedInput {
    fn default() -> Self {
        QuantizedInput::I8(Vec::new())
    }
}

impl QuantizedInput {
    /// The integers, as `Simulator::run` takes them.
    pub fn data(&self) -> Data<'_> {
        match self {
            QuantizedInput::I8(v) => Data::I8(v),
            QuantizedInput::I16(v) => Data::I16(v),
        }
    }
}
