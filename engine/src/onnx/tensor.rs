//! Reads constants. Sizes are compared with the bytes that are there before anything is allocated.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

use super::graph::{Constant, Values, elements};

/// Reads one tensor. `folder` is the model's folder, the only place that external data may come from.
///
/// # Errors
/// Text without the tensor's name.
pub(super) fn read(proto: &TensorProto, folder: &Path) -> Result<Constant, String> {
    let shape = proto
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| format!("extent {d} is negative")))
        .collect::<Result<Vec<_>, _>>()?;
    let count = elements(&shape).ok_or_else(|| format!("shape {shape:?} is too large"))?;
    let dtype = DataType::try_from(proto.data_type)
        .map_err(|_| format!("data type number {} is unknown", proto.data_type))?;
    if proto.segment.is_some() {
        return Err("tensors in segments are not supported; save the model again".to_owned());
    }
    let values = if proto.data_location == Some(DataLocation::External as i32) {
        from_bytes(&read_external(proto, folder, count, dtype)?, dtype, count)?
    } else if proto.raw_data.is_empty() {
        from_fields(proto, dtype, count)?
    } else {
        from_bytes(&proto.raw_data, dtype, count)?
    };
    Ok(Constant { shape, values })
}

fn element_bytes(dtype: DataType) -> Result<usize, String> {
    Ok(match dtype {
        DataType::Uint8 | DataType::Int8 | DataType::Bool => 1,
        DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => 2,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        other => return Err(format!("data type {} is not supported", other.as_str_name())),
    })
}

fn expect_count(found: usize, count: usize) -> Result<(), String> {
    if found == count {
        Ok(())
    } else {
        Err(format!("it holds {found} values where its shape needs {count}"))
    }
}

fn from_bytes(bytes: &[u8], dtype: DataType, count: usize) -> Result<Values, String> {
    let size = element_bytes(dtype)?;
    if Some(bytes.len()) != count.checked_mul(size) {
        return Err(format!(
            "it holds {} bytes where {count} values of type {} need {}",
            bytes.len(),
            dtype.as_str_name(),
            count.saturating_mul(size)
        ));
    }
    Ok(match dtype {
        DataType::Float => floats(chunks(bytes, f32::from_le_bytes)),
        #[expect(clippy::cast_possible_truncation, reason = "everything is computed in float32")]
        DataType::Double => floats(chunks(bytes, |b| f64::from_le_bytes(b) as f32)),
        DataType::Float16 => floats(chunks(bytes, |b| half_to_f32(u16::from_le_bytes(b)))),
        DataType::Bfloat16 => {
            floats(chunks(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)))
        }
        DataType::Uint8 | DataType::Bool => ints(chunks(bytes, |[b]: [u8; 1]| i64::from(b))),
        DataType::Int8 => ints(chunks(bytes, |b| i64::from(i8::from_le_bytes(b)))),
        DataType::Uint16 => ints(chunks(bytes, |b| i64::from(u16::from_le_bytes(b)))),
        DataType::Int16 => ints(chunks(bytes, |b| i64::from(i16::from_le_bytes(b)))),
        DataType::Uint32 => ints(chunks(bytes, |b| i64::from(u32::from_le_bytes(b)))),
        DataType::Int32 => ints(chunks(bytes, |b| i64::from(i32::from_le_bytes(b)))),
        DataType::Uint64 => ints(chunks(bytes, |b| i64::try_from(u64::from_le_bytes(b)).unwrap_or(i64::MAX))),
        _ => ints(chunks(bytes, i64::from_le_bytes)),
    })
}

fn chunks<const N: usize, T>(bytes: &[u8], decode: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| decode(*chunk)).collect()
}

fn floats(values: Vec<f32>) -> Values {
    Values::Float(Arc::from(values))
}

fn ints(values: Vec<i64>) -> Values {
    Values::Int(Arc::from(values))
}

fn from_fields(proto: &TensorProto, dtype: DataType, count: usize) -> Result<Values, String> {
    Ok(match dtype {
        DataType::Float => {
            expect_count(proto.float_data.len(), count)?;
            floats(proto.float_data.clone())
        }
        DataType::Double => {
            expect_count(proto.double_data.len(), count)?;
            #[expect(clippy::cast_possible_truncation, reason = "everything is computed in float32")]
            floats(proto.double_data.iter().map(|&v| v as f32).collect())
        }
        DataType::Float16 => {
            expect_count(proto.int32_data.len(), count)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "16 bits in an int32"
            )]
            floats(proto.int32_data.iter().map(|&v| half_to_f32(v as u16)).collect())
        }
        DataType::Int64 => {
            expect_count(proto.int64_data.len(), count)?;
            ints(proto.int64_data.clone())
        }
        DataType::Uint32 | DataType::Uint64 => {
            expect_count(proto.uint64_data.len(), count)?;
            ints(proto.uint64_data.iter().map(|&v| i64::try_from(v).unwrap_or(i64::MAX)).collect())
        }
        DataType::Int32
        | DataType::Int16
        | DataType::Int8
        | DataType::Uint16
        | DataType::Uint8
        | DataType::Bool => {
            expect_count(proto.int32_data.len(), count)?;
            ints(proto.int32_data.iter().map(|&v| i64::from(v)).collect())
        }
        other => return Err(format!("data type {} is not supported", other.as_str_name())),
    })
}

/// IEEE 754 binary16 to binary32, exact.
fn half_to_f32(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    match exponent {
        0 => sign * fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        e => sign * (1024.0 + fraction) * 2_f32.powi(e - 25),
    }
}

fn read_external(
    proto: &TensorProto,
    folder: &Path,
    count: usize,
    dtype: DataType,
) -> Result<Vec<u8>, String> {
    let field = |key: &str| proto.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let number = |key: &str| -> Result<Option<u64>, String> {
        field(key)
            .map(|v| v.parse().map_err(|_| format!("`{key}` of its external data is no number: {v}")))
            .transpose()
    };
    let location = field("location").ok_or("its external data has no location")?;
    let path = inside(folder, location)?;
    let describe = |e: std::io::Error| format!("its external data cannot be read: {e}: {}", path.display());
    let needed = count.checked_mul(element_bytes(dtype)?).ok_or("its shape is too large")?;
    let offset = number("offset")?.unwrap_or(0);
    if let Some(length) = number("length")?.filter(|&l| usize::try_from(l) != Ok(needed)) {
        return Err(format!("its external data has {length} bytes where its shape needs {needed}"));
    }
    let mut file = std::fs::File::open(&path).map_err(describe)?;
    let available = file.metadata().map_err(describe)?.len().saturating_sub(offset);
    if (needed as u64) > available {
        return Err(format!(
            "its external data needs {needed} bytes from offset {offset}, but {available} are there: {}",
            path.display()
        ));
    }
    file.seek(SeekFrom::Start(offset)).map_err(describe)?;
    let mut bytes = vec![0; needed];
    file.read_exact(&mut bytes).map_err(describe)?;
    Ok(bytes)
}

/// A path of the model file, inside its folder even after symbolic links are followed.
pub(super) fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    let outside =
        || format!("its external data lies outside the model's folder, which is refused: {location}");
    if !plain || location.is_empty() {
        return Err(outside());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let missing = |e: std::io::Error| format!("its external data is missing: {e}: {location}");
    let folder = folder.canonicalize().map_err(missing)?;
    let path = folder.join(relative).canonicalize().map_err(missing)?;
    if path.starts_with(&folder) { Ok(path) } else { Err(outside()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::StringStringEntryProto;

    fn raw(dims: &[i64], dtype: DataType, bytes: &[u8]) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type: dtype as i32,
            raw_data: bytes.to_vec(),
            ..TensorProto::default()
        }
    }

    #[test]
    fn half_floats_are_exact() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 2_f32.powi(-24))] {
            assert_eq!(half_to_f32(bits), value);
        }
        assert!(half_to_f32(0x7c00).is_infinite() && half_to_f32(0x7c01).is_nan());
    }

    #[test]
    fn a_shape_larger_than_the_data_is_refused_before_allocation() {
        let huge = raw(&[1 << 40, 1 << 30], DataType::Float, &[0; 4]);
        assert!(read(&huge, Path::new(".")).unwrap_err().contains("too large"));
        let large = raw(&[1 << 40], DataType::Float, &[0; 4]);
        assert!(read(&large, Path::new(".")).unwrap_err().contains("4 bytes"));
        assert!(read(&raw(&[-1], DataType::Float, &[]), Path::new(".")).unwrap_err().contains("negative"));
    }

    #[test]
    fn external_data_stays_inside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("model");
        std::fs::create_dir(&model).unwrap();
        std::fs::write(model.join("w.bin"), 1.5_f32.to_le_bytes()).unwrap();
        std::fs::write(dir.path().join("outside.bin"), [0; 4]).unwrap();
        let external = |location: &str, offset: &str| TensorProto {
            dims: vec![1],
            data_type: DataType::Float as i32,
            data_location: Some(DataLocation::External as i32),
            external_data: [("location", location), ("offset", offset)]
                .map(|(key, value)| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() })
                .to_vec(),
            ..TensorProto::default()
        };
        assert_eq!(read(&external("w.bin", "0"), &model), Ok(Constant::float(&[1], [1.5])));
        assert!(read(&external("w.bin", "4"), &model).unwrap_err().contains("0 are there"));
        assert!(read(&external("../outside.bin", "0"), &model).unwrap_err().contains("outside"));
        assert!(read(&external("/etc/passwd", "0"), &model).unwrap_err().contains("outside"));
        assert!(read(&external("none.bin", "0"), &model).unwrap_err().contains("missing"));
    }
}
