//! `.npy` files.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use npyz::{DType, NpyFile, TypeChar, WriterBuilder};
use octet_runtime::Data;

/// Largest tensor file that is read.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Why a tensor file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    /// Reading or writing failed.
    #[error("`{path}`: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a tensor that we take.
    #[error("`{path}`: {reason}; write it with numpy.save as int8, int16 or float32 in C order", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Elements of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// int8.
    I8(Vec<i8>),
    /// int16.
    I16(Vec<i16>),
    /// float32.
    F32(Vec<f32>),
}

impl Values {
    /// Copies the runtime's.
    pub fn of(data: &Data<'_>) -> Self {
        match data {
            Data::I8(v) => Values::I8(v.to_vec()),
            Data::I16(v) => Values::I16(v.to_vec()),
            Data::F32(v) => Values::F32(v.to_vec()),
        }
    }

    /// As the runtime takes them.
    pub fn as_data(&self) -> Data<'_> {
        match self {
            Values::I8(v) => Data::I8(v),
            Values::I16(v) => Data::I16(v),
            Values::F32(v) => Data::F32(v),
        }
    }

    /// Little endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Values::I8(v) => v.iter().map(|&q| q as u8).collect(),
            Values::I16(v) => v.iter().flat_map(|q| q.to_le_bytes()).collect(),
            Values::F32(v) => v.iter().flat_map(|q| q.to_le_bytes()).collect(),
        }
    }

    /// As JSON numbers.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Values::I8(v) => serde_json::json!(v),
            Values::I16(v) => serde_json::json!(v),
            Values::F32(v) => serde_json::json!(v),
        }
    }
}

/// Reads a tensor and its shape.
pub fn read_npy(path: &Path) -> Result<(Values, Vec<usize>), TensorFileError> {
    let io = |source| TensorFileError::Io { path: path.to_owned(), source };
    let format = |reason: String| TensorFileError::Format { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format("the file has more than 1 GiB".to_owned()));
    }
    if !header_is_plausible(&bytes) {
        return Err(format("its header promises more than any file holds".to_owned()));
    }
    let npy = NpyFile::new(Cursor::new(&bytes)).map_err(|e| format(e.to_string()))?;
    let shape: Vec<usize> = npy.shape().iter().map(|&d| usize::try_from(d).unwrap_or(usize::MAX)).collect();
    let count = shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
    if npy.order() != npyz::Order::C {
        return Err(format("it is in Fortran order".to_owned()));
    }
    let DType::Plain(kind) = npy.dtype() else { return Err(format("it has named fields".to_owned())) };
    let size = kind.num_bytes().unwrap_or(1);
    if count.and_then(|c| c.checked_mul(size)).is_none_or(|needed| needed > bytes.len()) {
        return Err(format(format!("its header promises {shape:?}, more than the file holds")));
    }
    let failed = |e: std::io::Error| format(e.to_string());
    let values = match (kind.type_char(), size) {
        (TypeChar::Int, 1) => Values::I8(npy.into_vec().map_err(failed)?),
        (TypeChar::Int, 2) => Values::I16(npy.into_vec().map_err(failed)?),
        (TypeChar::Float, 4) => Values::F32(npy.into_vec().map_err(failed)?),
        _ => return Err(format(format!("its elements are {kind}"))),
    };
    Ok((values, shape))
}

/// numpy writes 118 bytes.
const MAX_HEADER_BYTES: u64 = 4096;

/// False when the header is longer than the file, or its extents (`'shape': (1, 224, 224, 3)`) multiply beyond what the
/// reader below can count: it checks neither.
fn header_is_plausible(bytes: &[u8]) -> bool {
    // After six bytes of magic and two of version: the header's length, in two bytes or, from version 2 on, four.
    let length = match *bytes {
        [_, _, _, _, _, _, 1, _, a, b, ..] => u64::from(u16::from_le_bytes([a, b])),
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => 0,
    };
    if length > bytes.len() as u64 {
        return false;
    }
    let header =
        String::from_utf8_lossy(bytes.get(..bytes.len().min(12 + length as usize)).unwrap_or_default());
    // A dictionary and a tuple; the reader's time doubles with each level of nesting.
    if length > MAX_HEADER_BYTES || header.matches(['{', '(', '[']).count() > 4 {
        return false;
    }
    let Some((_, shape)) = header.split_once("'shape'") else { return true };
    let extents =
        shape.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(list, _)| list);
    let extents = extents.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    extents
        .map(|extent| extent.trim_end_matches('L').parse::<u64>().ok())
        .try_fold(1u64, |product, extent| product.checked_mul(extent?.max(1)))
        .is_some_and(|product| product <= MAX_FILE_BYTES)
}

/// Writes a tensor.
pub fn write_npy(path: &Path, values: &Values, shape: &[usize]) -> Result<(), TensorFileError> {
    let io = |source| TensorFileError::Io { path: path.to_owned(), source };
    let shape: Vec<u64> = shape.iter().map(|&d| d as u64).collect();
    let mut bytes = Vec::new();
    match values {
        Values::I8(v) => encode(&mut bytes, v, &shape),
        Values::I16(v) => encode(&mut bytes, v, &shape),
        Values::F32(v) => encode(&mut bytes, v, &shape),
    }
    .map_err(io)?;
    std::fs::write(path, bytes).map_err(io)
}

fn encode<T: npyz::AutoSerialize + Copy>(
    bytes: &mut Vec<u8>,
    values: &[T],
    shape: &[u64],
) -> std::io::Result<()> {
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(bytes).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}
