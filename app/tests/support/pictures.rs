//! Small pictures on disk.

use std::path::Path;

/// A folder of small pictures, each of one colour with a little texture.
pub fn folder(pictures: &[(&str, u8)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in pictures {
        write(&folder.path().join(name), *value);
    }
    folder
}

/// A BMP of 8 x 8 pixels, grey.
fn write(path: &Path, value: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut bytes = b"BM".to_vec();
    bytes.extend(246_u32.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(54_u32.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(8_i32.to_le_bytes());
    bytes.extend(8_i32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(24_u16.to_le_bytes());
    bytes.extend([0; 24]);
    bytes.extend([value; 192]);
    std::fs::write(path, bytes).unwrap();
}
