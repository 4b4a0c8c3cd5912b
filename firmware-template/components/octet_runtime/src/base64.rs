//! Base64 of RFC 4648, section 4: the plain alphabet, padded.

/// Decodes `text` into the start of `out`; returns the number of bytes. `None` when it is not base64, or when `out` is too
/// short.
pub fn decode(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let (groups, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut used = 0;
    for (index, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|&&c| c == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 != groups.len()) {
            return None;
        }
        let mut bits = 0u32;
        for &letter in group.get(..4 - padding)? {
            bits = bits << 6 | value(letter)?;
        }
        bits <<= 6 * padding;
        let [_, bytes @ ..] = bits.to_be_bytes();
        let (kept, cut) = bytes.split_at_checked(3 - padding)?;
        // Bits that no byte takes must be zero, so that every text has one meaning.
        if cut.iter().any(|&byte| byte != 0) {
            return None;
        }
        for &byte in kept {
            *out.get_mut(used)? = byte;
            used += 1;
        }
    }
    Some(used)
}

fn value(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}
