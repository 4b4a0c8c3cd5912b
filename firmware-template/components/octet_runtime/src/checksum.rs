//! CRC32 as in zip and PNG: reflected, polynomial 0x04c11db7.

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = (byte as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// A CRC32 that grows with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc32(u32);

impl Default for Crc32 {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc32 {
    /// Of all of these bytes.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::default();
        crc.add(bytes);
        crc.value()
    }

    /// Adds bytes at the end.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |crc, &byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize]);
    }

    /// The sum so far.
    pub fn value(self) -> u32 {
        !self.0
    }
}
