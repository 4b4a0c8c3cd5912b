//! Partition tables: the one that a project gets, and reading the one that a build left.
//!
//! Format: ESP-IDF's `components/partition_table/gen_esp32part.py`.

use serde::Serialize;

/// Applications begin at multiples of this, and flash is mapped in pages of this size.
const PAGE: u64 = 0x1_0000;
const FIRST_APP: u64 = 0x1_0000;
const ENTRY: usize = 32;
const ENTRY_MAGIC: [u8; 2] = [0xAA, 0x50];
const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// 0 application, 1 data.
    pub kind: u8,
    /// Depends on the kind.
    pub subtype: u8,
    /// First byte in flash.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

impl Partition {
    /// The first byte behind it.
    pub fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.size)
    }
}

/// A piece of flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// The partitions of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Settings of ESP-IDF's drivers.
    pub nvs: Place,
    /// Calibration of the radio.
    pub phy: Place,
    /// The application.
    pub app: Place,
    /// The model, unless it is part of the application.
    pub model: Option<Place>,
    /// The smallest flash that holds all.
    pub flash_mib: u64,
}

impl Layout {
    /// Lays out an application of at most `app_bytes` and a model in a partition of its own (or none).
    pub fn new(app_bytes: u64, model_bytes: Option<u64>, smallest_flash: u64) -> Layout {
        let app = Place { offset: FIRST_APP, size: app_bytes.next_multiple_of(PAGE) };
        let after = app.offset + app.size;
        // An eighth more, so that a wider version of the model is flashed alone.
        let model = model_bytes
            .map(|bytes| Place { offset: after, size: (bytes + bytes / 8).max(1).next_multiple_of(PAGE) });
        let exact =
            model_bytes.map(|bytes| Place { offset: after, size: bytes.max(1).next_multiple_of(PAGE) });
        let end = |model: Option<Place>| model.map_or(after, |m| m.offset + m.size);
        let flash = |end: u64| end.max(smallest_flash).next_power_of_two();
        // The room for growth must not be what makes a larger flash necessary.
        let model = if flash(end(model)) > flash(end(exact)) { exact } else { model };
        Layout {
            nvs: Place { offset: 0x9000, size: 0x6000 },
            phy: Place { offset: 0xf000, size: 0x1000 },
            app,
            model,
            flash_mib: flash(end(model)) >> 20,
        }
    }
}

/// Reads a table in its binary form. Whatever the bytes are, it ends with a list or a reason.
///
/// # Errors
/// What is wrong, in words.
pub fn read_table(bytes: &[u8]) -> Result<Vec<Partition>, String> {
    let mut partitions: Vec<Partition> = Vec::new();
    let mut ended = false;
    for entry in bytes.chunks(ENTRY) {
        let entry: &[u8; ENTRY] =
            entry.try_into().map_err(|_| "the table is cut off in an entry".to_owned())?;
        match [entry[0], entry[1]] {
            ENTRY_MAGIC => partitions.push(read_entry(entry)?),
            MD5_MAGIC => {}
            [0xFF, 0xFF] => {
                ended = true;
                break;
            }
            other => return Err(format!("an entry begins with {other:02x?} instead of [aa, 50]")),
        }
    }
    if partitions.is_empty() || !ended {
        return Err("it holds no complete partition table".to_owned());
    }
    check(&partitions)?;
    Ok(partitions)
}

fn read_entry(entry: &[u8; ENTRY]) -> Result<Partition, String> {
    let number = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    let name = &entry[12..28];
    let length = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    let name = &name[..length];
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err(format!("a partition's name is {:?}", String::from_utf8_lossy(name)));
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(Partition { name, kind: entry[2], subtype: entry[3], offset: number(4), size: number(8) })
}

fn check(partitions: &[Partition]) -> Result<(), String> {
    for (index, one) in partitions.iter().enumerate() {
        if one.size == 0 || one.end() > u64::from(u32::MAX) {
            return Err(format!("partition `{}` has {} bytes at {:#x}", one.name, one.size, one.offset));
        }
        for other in &partitions[index + 1..] {
            if one.name == other.name {
                return Err(format!("two partitions are called `{}`", one.name));
            }
            if u64::from(one.offset) < other.end() && u64::from(other.offset) < one.end() {
                return Err(format!(
                    "partitions `{}` ({:#x}..{:#x}) and `{}` ({:#x}..{:#x}) overlap",
                    one.name,
                    one.offset,
                    one.end(),
                    other.name,
                    other.offset,
                    other.end()
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(name: &str, kind: u8, offset: u32, size: u32) -> Vec<u8> {
        let mut bytes = vec![0; ENTRY];
        bytes[..2].copy_from_slice(&ENTRY_MAGIC);
        bytes[2] = kind;
        bytes[4..8].copy_from_slice(&offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&size.to_le_bytes());
        bytes[12..12 + name.len()].copy_from_slice(name.as_bytes());
        bytes
    }

    fn table(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = entries.concat();
        bytes.resize(0xC00, 0xFF);
        bytes
    }

    #[test]
    fn a_table_is_read() {
        let bytes = table(&[entry("nvs", 1, 0x9000, 0x6000), entry("factory", 0, 0x10000, 0x100000)]);
        let read = read_table(&bytes).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].name.as_str(), read[1].offset, read[1].end()), ("factory", 0x10000, 0x110000));
    }

    #[test]
    fn tables_that_would_do_harm_are_refused() {
        let overlap = table(&[entry("factory", 0, 0x10000, 0x100000), entry("model", 1, 0x100000, 0x1000)]);
        assert!(read_table(&overlap).unwrap_err().contains("overlap"));
        let twice = table(&[entry("a", 1, 0x9000, 0x1000), entry("a", 1, 0xa000, 0x1000)]);
        assert!(read_table(&twice).unwrap_err().contains("`a`"));
        let beyond = table(&[entry("a", 1, 0xffff_f000, 0x2000)]);
        assert!(read_table(&beyond).is_err());
        assert!(read_table(&[0xff; 64]).is_err());
        assert!(read_table(&entry("a", 1, 0x9000, 0x1000)).is_err());
        assert!(read_table(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_table(&bytes);
        }

        #[test]
        fn a_layout_never_overlaps_and_fits_its_flash(
            app in 1u64..4 << 20,
            model in proptest::option::of(1u64..12 << 20),
        ) {
            let layout = Layout::new(app, model, 4 << 20);
            prop_assert!(layout.app.size >= app && layout.app.offset.is_multiple_of(PAGE));
            let end = match layout.model {
                None => layout.app.offset + layout.app.size,
                Some(place) => {
                    prop_assert!(place.offset >= layout.app.offset + layout.app.size);
                    prop_assert!(place.offset % PAGE == 0 && place.size >= model.unwrap_or(0));
                    place.offset + place.size
                }
            };
            prop_assert!(end <= layout.flash_mib << 20);
        }
    }
}
