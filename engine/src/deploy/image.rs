//! The header of an ESP-IDF image: which chip and which revisions it is for.
//!
//! Layout: `esp_image_header_t` in ESP-IDF's `components/bootloader_support/include/esp_app_format.h`.

/// First byte of every image.
const IMAGE_MAGIC: u8 = 0xE9;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    /// Number of the chip, see [`super::ChipFacts::image_id`].
    pub chip_id: u16,
    /// Lowest revision that it runs on, major * 100 + minor.
    pub minimum_revision: u16,
    /// Highest one; 65535: any.
    pub maximum_revision: u16,
    /// Flash size that it was built for in bytes.
    pub flash_bytes: Option<u64>,
}

impl ImageHeader {
    /// Reads the first 24 bytes; `None` when that is no image.
    pub fn read(bytes: &[u8]) -> Option<ImageHeader> {
        let header: &[u8; 24] = bytes.first_chunk()?;
        if header[0] != IMAGE_MAGIC {
            return None;
        }
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        Some(ImageHeader {
            chip_id: word(12),
            minimum_revision: word(15),
            maximum_revision: word(17),
            flash_bytes: (1u64 << 20).checked_shl(u32::from(header[3] >> 4)).filter(|_| header[3] >> 4 <= 8),
        })
    }

    /// Whether it runs on a revision; `Err` says which ones it runs on.
    pub fn suits(&self, (major, minor): (u32, u32)) -> Result<(), String> {
        let revision = major * 100 + minor;
        let (low, high) = (u32::from(self.minimum_revision), u32::from(self.maximum_revision));
        // 0 was written by releases that knew no highest revision.
        let high = if high == 0 { u32::from(u16::MAX) } else { high };
        let version = |r: u32| format!("{}.{}", r / 100, r % 100);
        if (low..=high).contains(&revision) {
            Ok(())
        } else if revision < low {
            Err(format!("{} and later", version(low)))
        } else {
            Err(format!("{} and earlier", version(high)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(chip: u16, low: u16, high: u16) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        bytes[0] = IMAGE_MAGIC;
        bytes[3] = 0x2f;
        bytes[12..14].copy_from_slice(&chip.to_le_bytes());
        bytes[15..17].copy_from_slice(&low.to_le_bytes());
        bytes[17..19].copy_from_slice(&high.to_le_bytes());
        bytes
    }

    #[test]
    fn a_header_names_chip_revisions_and_flash() {
        let read = ImageHeader::read(&header(18, 300, 399)).unwrap();
        assert_eq!((read.chip_id, read.flash_bytes), (18, Some(4 << 20)));
        assert_eq!(read.suits((3, 1)), Ok(()));
        assert_eq!(read.suits((1, 3)), Err("3.0 and later".to_owned()));
        assert_eq!(read.suits((4, 0)), Err("3.99 and earlier".to_owned()));
        assert_eq!(ImageHeader::read(&header(5, 3, 0)).unwrap().suits((9, 9)), Ok(()));
    }

    #[test]
    fn what_is_no_image_is_none() {
        assert_eq!(ImageHeader::read(&[IMAGE_MAGIC; 23]), None);
        assert_eq!(ImageHeader::read(&[0; 24]), None);
    }
}
