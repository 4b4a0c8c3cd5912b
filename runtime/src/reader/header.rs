//! The 16 bytes in front of the FlatBuffers payload.

use crate::Error;

/// Length of the header in bytes.
const HEADER_BYTES: usize = 16;

/// Checks the header and returns the FlatBuffers payload behind it.
pub(crate) fn payload(file: &[u8]) -> Result<&[u8], Error<'static>> {
    let Some((header, rest)) = file.split_first_chunk::<HEADER_BYTES>() else {
        return Err(Error::Truncated { needed: HEADER_BYTES, available: file.len() });
    };
    let [m0, m1, m2, m3, e0, e1, e2, e3, l0, l1, l2, l3, ..] = *header;
    match &[m0, m1, m2, m3] {
        b"EDL2" => {}
        b"PDL1" | b"PDL2" | b"PDL3" => return Err(Error::Pack),
        magic => return Err(Error::Magic { found: *magic }),
    }
    match u32::from_le_bytes([e0, e1, e2, e3]) {
        0 => {}
        1 => return Err(Error::Encrypted),
        mode => return Err(Error::EncryptionMode { mode }),
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    rest.get(..length)
        .ok_or(Error::Truncated { needed: HEADER_BYTES.saturating_add(length), available: file.len() })
}
