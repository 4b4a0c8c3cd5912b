//! Shapes and element types.

use core::fmt;

/// The largest number of axes of a tensor.
pub const MAX_RANK: usize = 6;

/// The extents of a tensor, outermost first. Activations of pictures are `[N, H, W, C]`.
///
/// The product of the extents always fits into 31 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    rank: u8,
    dims: [u32; MAX_RANK],
}

impl Shape {
    /// A shape of these extents; `None` when there are more than [`MAX_RANK`] or more than 2^31 - 1 elements.
    pub fn new(dims: &[usize]) -> Option<Self> {
        let mut shape = Self { rank: u8::try_from(dims.len()).ok()?, dims: [0; MAX_RANK] };
        for (slot, &dim) in shape.dims.get_mut(..dims.len())?.iter_mut().zip(dims) {
            *slot = u32::try_from(dim).ok().filter(|&d| d <= i32::MAX as u32)?;
        }
        // Checked on the non-zero extents, so that every partial product is safe too.
        let product = dims.iter().filter(|&&d| d > 0).try_fold(1usize, |p, &d| p.checked_mul(d))?;
        (product <= i32::MAX as usize).then_some(shape)
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The extent of one axis; 1 beyond the last.
    pub fn dim(&self, axis: usize) -> usize {
        if axis < self.rank() { self.dims.get(axis).map_or(1, |&d| d as usize) } else { 1 }
    }

    /// Number of elements; 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.iter().product()
    }

    /// The extents, outermost first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + '_ {
        self.dims.iter().take(self.rank()).map(|&d| d as usize)
    }

    /// The shape whose axis `i` is this one's axis `perm[i]`.
    pub(crate) fn permuted(&self, perm: &[usize]) -> Option<Self> {
        let mut dims = [0; MAX_RANK];
        for (slot, &axis) in dims.get_mut(..perm.len())?.iter_mut().zip(perm) {
            *slot = self.dim(axis);
        }
        Self::new(dims.get(..perm.len())?)
    }

    /// Product of the extents of some axes.
    pub(crate) fn product(&self, axes: core::ops::Range<usize>) -> usize {
        axes.map(|axis| self.dim(axis)).product()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (axis, extent) in self.iter().enumerate() {
            f.write_str(if axis == 0 { "[" } else { ", " })?;
            fmt::Display::fmt(&extent, f)?;
        }
        f.write_str(if self.rank() == 0 { "[]" } else { "]" })
    }
}

/// Element types of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// Unsigned byte.
    U8,
    /// Signed byte: int8 tensors.
    #[default]
    I8,
    /// Unsigned 16 bits.
    U16,
    /// Signed 16 bits: int16 tensors.
    I16,
    /// Signed 32 bits: biases of int8 layers.
    I32,
    /// Signed 64 bits: biases of int16 layers, shapes.
    I64,
    /// Boolean byte.
    Bool,
    /// 64-bit float.
    F64,
    /// Unsigned 32 bits.
    U32,
    /// Unsigned 64 bits.
    U64,
}

impl DType {
    /// The type behind a number of the file; `None` for those that no numeric tensor has.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            1 => DType::F32,
            2 => DType::U8,
            3 => DType::I8,
            4 => DType::U16,
            5 => DType::I16,
            6 => DType::I32,
            7 => DType::I64,
            9 => DType::Bool,
            11 => DType::F64,
            12 => DType::U32,
            13 => DType::U64,
            _ => return None,
        })
    }

    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            DType::U8 | DType::I8 | DType::Bool => 1,
            DType::U16 | DType::I16 => 2,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::I64 | DType::F64 | DType::U64 => 8,
        }
    }

    /// Smallest and largest integer of an activation type; `None` for the others.
    pub const fn range(self) -> Option<(i32, i32)> {
        match self {
            DType::I8 => Some((-128, 127)),
            DType::I16 => Some((-32768, 32767)),
            _ => None,
        }
    }

    /// The name people use.
    pub const fn as_str(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::U8 => "uint8",
            DType::I8 => "int8",
            DType::U16 => "uint16",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::Bool => "bool",
            DType::F64 => "float64",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
