//! Just enough of `.npz` for the peer's histograms: a ZIP of deflated `.npy` files of 32-bit integers.

use std::collections::BTreeMap;

/// The arrays of an archive by name, without `.npy`.
pub(crate) fn npz_i32(archive: &[u8]) -> BTreeMap<String, Vec<i32>> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([archive[at], archive[at + 1]]));
    let u32_at = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap()) as usize;
    let end = archive.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let mut arrays = BTreeMap::new();
    let mut entry = u32_at(end + 16);
    for _ in 0..u16_at(end + 10) {
        let (method, packed) = (u16_at(entry + 10), u32_at(entry + 20));
        let name_len = u16_at(entry + 28);
        let name = std::str::from_utf8(&archive[entry + 46..entry + 46 + name_len]).unwrap();
        let local = u32_at(entry + 42);
        let data = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        let data = &archive[data..data + packed];
        let npy = match method {
            0 => data.to_vec(),
            8 => miniz_oxide::inflate::decompress_to_vec(data).unwrap(),
            other => panic!("{name}: ZIP method {other}"),
        };
        arrays.insert(name.trim_end_matches(".npy").to_owned(), npy_i32(&npy));
        entry += 46 + name_len + u16_at(entry + 30) + u16_at(entry + 32);
    }
    arrays
}

fn npy_i32(npy: &[u8]) -> Vec<i32> {
    let header = usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    assert!(String::from_utf8_lossy(&npy[10..10 + header]).contains("'<i4'"));
    npy[10 + header..].as_chunks::<4>().0.iter().map(|c| i32::from_le_bytes(*c)).collect()
}
