//! Constants and descriptions of tensors.

use super::validate::Budget;
use crate::error::Error;
use crate::reader::{Read, Table, Vector};
use crate::shape::{DType, MAX_RANK, Shape};

/// Exponents outside of this range are taken for damage: 2^64 is far beyond any activation or weight.
pub(super) const EXPONENTS: core::ops::RangeInclusive<i64> = -64..=64;

/// The exponents of a tensor: none, one, or one per output channel.
#[derive(Clone, Copy, Debug)]
pub struct Exponents<'a>(Option<Vector<'a>>);

impl<'a> Exponents<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.map_or(0, |v| v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The exponent of an output channel: the only one, or the channel's own.
    pub fn get(&self, channel: usize) -> Option<i32> {
        let list = self.0?;
        let index = if list.len() == 1 { 0 } else { channel };
        list.i64(index).ok().and_then(|e| i32::try_from(e).ok())
    }

    /// The exponents in order.
    pub fn iter(&self) -> impl Iterator<Item = i32> + use<'a> {
        let list = *self;
        (0..self.len()).filter_map(move |i| list.get(i))
    }

    /// Position and number in the payload, 8 bytes each.
    pub(crate) fn extent(&self) -> (usize, usize) {
        self.0.map_or((0, 0), |v| (v.start(), v.len()))
    }

    fn read(table: &Table<'a>, id: usize) -> Read<Self> {
        Ok(Self(Some(table.vector(id, 8)?)))
    }

    /// Looks at every exponent, once: what reads the model later does not repeat it.
    fn check(&self, tensor: &'a str, budget: &mut Budget<'_>) -> Result<(), Error<'a>> {
        budget.exponents(self.len())?;
        if self.0.is_none_or(|v| (0..v.len()).all(|i| v.i64(i).is_ok_and(|e| EXPONENTS.contains(&e)))) {
            return Ok(());
        }
        Err(Error::Tensor { tensor, problem: "has an exponent outside of -64..=64; the file is damaged" })
    }
}

/// A constant.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    name: &'a str,
    shape: Shape,
    dtype: DType,
    exponents: Exponents<'a>,
    layout: &'a str,
    data: &'a [u8],
    /// Position of the data in the payload.
    start: usize,
}

impl<'a> Tensor<'a> {
    /// The field that holds the name.
    pub(super) const NAME: usize = 6;

    /// Checks what [`Self::read`] takes for granted, then reads.
    pub(super) fn check(table: &Table<'a>, budget: &mut Budget<'_>) -> Result<(), Error<'a>> {
        let name = budget.name(&table.vector(Self::NAME, 1)?)?;
        budget.name(&table.vector(7, 1)?)?;
        Exponents::read(table, 13)?.check(name, budget)?;
        Self::read(table)?;
        Ok(())
    }

    pub(super) fn read(table: &Table<'a>) -> Result<Self, Error<'a>> {
        let name = table.string(Self::NAME)?;
        let bad = |problem| Error::Tensor { tensor: name, problem };
        let dims = table.vector(0, 8)?;
        if dims.len() > MAX_RANK {
            return Err(bad("has too many axes (6 at most)"));
        }
        let mut extents = [0usize; MAX_RANK];
        for (i, slot) in extents.iter_mut().enumerate().take(dims.len()) {
            *slot = usize::try_from(dims.i64(i)?).map_err(|_| bad("has a negative or huge extent"))?;
        }
        let shape = extents.get(..dims.len()).and_then(Shape::new).ok_or(bad("has too many elements"))?;
        let dtype = DType::from_code(table.i32(1)?)
            .ok_or(bad("has an element type that is not supported; export it as int8, int16 or float32"))?;
        let exponents = Exponents::read(table, 13)?;
        let needed = shape.elements().checked_mul(dtype.bytes()).ok_or(bad("has too many bytes"))?;
        let (data, start) = Self::find_data(table, dtype, needed)?
            .ok_or(bad("holds fewer bytes than its shape needs; export the model again"))?;
        Ok(Self { name, shape, dtype, exponents, layout: table.string(7)?, data, start })
    }

    /// Data stand in `raw_data`; other writers of the format use the typed vectors.
    fn find_data(table: &Table<'a>, dtype: DType, needed: usize) -> Read<Option<(&'a [u8], usize)>> {
        let typed = match dtype {
            DType::F32 => Some((2, 4)),
            DType::I32 => Some((3, 4)),
            DType::I64 => Some((5, 8)),
            _ => None,
        };
        for (id, stride) in [(8, 16)].into_iter().chain(typed) {
            let vector = table.vector(id, stride)?;
            if let Some(data) = vector.bytes().get(..needed) {
                return Ok(Some((data, vector.start())));
            }
        }
        Ok(None)
    }

    /// Name of the tensor.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The recorded extents: `[H, W, C, N]` for filters, `[H, W, N, 1]` for depthwise ones.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// One exponent, or one per output channel.
    pub fn exponents(&self) -> Exponents<'a> {
        self.exponents
    }

    /// The `doc_string`, which names the layout of filters, e.g. `layout ==> (N/16)HWC16`.
    pub fn layout(&self) -> &'a str {
        self.layout
    }

    /// The elements, little endian, without padding.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Position of the data in the payload.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// One element of an integer tensor.
    pub fn integer(&self, index: usize) -> Option<i64> {
        let size = self.dtype.bytes();
        let bytes = self.data.get(index.checked_mul(size)?..)?;
        Some(match self.dtype {
            DType::I8 => i64::from(i8::from_le_bytes(*bytes.first_chunk()?)),
            DType::I16 => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
            DType::I32 => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
            DType::I64 => i64::from_le_bytes(*bytes.first_chunk()?),
            _ => return None,
        })
    }
}

/// Name, type, shape and exponent of a tensor between nodes.
#[derive(Clone, Copy, Debug)]
pub struct ValueInfo<'a> {
    name: &'a str,
    dtype: Option<DType>,
    shape: Option<Shape>,
    exponents: Exponents<'a>,
}

impl Default for ValueInfo<'_> {
    fn default() -> Self {
        Self { name: "", dtype: None, shape: None, exponents: Exponents(None) }
    }
}

impl<'a> ValueInfo<'a> {
    /// The field that holds the name.
    pub(super) const NAME: usize = 0;

    /// Checks what [`Self::read`] takes for granted, then reads.
    pub(super) fn check(table: &Table<'a>, budget: &mut Budget<'_>) -> Result<(), Error<'a>> {
        let name = budget.name(&table.vector(Self::NAME, 1)?)?;
        Exponents::read(table, 3)?.check(name, budget)?;
        Self::read(table)?;
        Ok(())
    }

    pub(super) fn read(table: &Table<'a>) -> Result<Self, Error<'a>> {
        let name = table.string(Self::NAME)?;
        let bad = |problem| Error::Tensor { tensor: name, problem };
        let exponents = Exponents::read(table, 3)?;
        let mut info = Self { name, exponents, ..Self::default() };
        let Some(kind) = table.table(1)? else { return Ok(info) };
        if kind.u8(0)? != 1 {
            return Ok(info);
        }
        let Some(tensor) = kind.table(1)? else { return Ok(info) };
        info.dtype = DType::from_code(tensor.i32(0)?);
        let Some(shape) = tensor.table(1)? else { return Ok(info) };
        let dims = shape.vector(0, 4)?;
        if dims.len() > MAX_RANK {
            return Err(bad("has too many axes (6 at most)"));
        }
        let mut extents = [0usize; MAX_RANK];
        for (i, slot) in extents.iter_mut().enumerate().take(dims.len()) {
            let value = dims.table(i)?.table(0)?;
            let fixed = match value {
                Some(v) if v.u8(0)? == 1 => v.i64(1)?.unwrap_or(0),
                _ => return Err(bad("has an extent without a number; export with a fixed batch size of 1")),
            };
            *slot = usize::try_from(fixed).map_err(|_| bad("has a negative or huge extent"))?;
        }
        let shape = extents.get(..dims.len()).and_then(Shape::new).ok_or(bad("has too many elements"))?;
        info.shape = Some(shape);
        Ok(info)
    }

    /// Name of the tensor.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Element type, when the file states one.
    pub fn dtype(&self) -> Option<DType> {
        self.dtype
    }

    /// Extents (pictures as `[N, H, W, C]`), when the file states them.
    pub fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// All exponents.
    pub fn exponents(&self) -> Exponents<'a> {
        self.exponents
    }

    /// The exponent of an activation: value = integer x 2^exponent.
    pub fn exponent(&self) -> Option<i32> {
        self.exponents.get(0)
    }
}
