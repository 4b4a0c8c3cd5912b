//! Gathers the inputs under the windows of neighbouring output pixels, two pixels to a word.

use crate::tile::PIXELS;

#[inline(always)]
fn value(byte: u8) -> u32 {
    byte as i8 as u32
}

/// Words for so many weights of so many pixels: tiles of four words, the last one of one or four.
pub const fn words(taps: usize, pixels: usize) -> usize {
    let rest = match pixels % PIXELS {
        0 => 0,
        1 | 2 => 1,
        _ => PIXELS / 2,
    };
    (pixels / PIXELS * (PIXELS / 2) + rest) * taps
}

/// Packs the same bytes of up to eight pixels: for each byte as many words as [`words`] says. A pixel that is `None` is
/// zeros.
pub fn bytes(pixels: &[Option<&[u8]>], words: &mut [u32]) {
    let pixel = |i: usize| pixels.get(i).copied().flatten().unwrap_or_default();
    if pixels.len() > 2 {
        whole::<{ PIXELS / 2 }, PIXELS>(core::array::from_fn(pixel), words.as_chunks_mut().0);
    } else {
        whole::<1, 2>(core::array::from_fn(pixel), words.as_chunks_mut().0);
    }
}

#[inline(always)]
fn whole<const W: usize, const P: usize>(pixels: [&[u8]; P], words: &mut [[u32; W]]) {
    if pixels.iter().any(|pixel| pixel.len() != words.len()) {
        return some(pixels, words);
    }
    // Slices of one length, so that one comparison tells that an index lies inside.
    let pixels = pixels.map(|pixel| pixel.get(..words.len()).unwrap_or_default());
    for (at, words) in words.iter_mut().enumerate() {
        let byte = |p: usize| pixels[p].get(at).map_or(0, |&byte| value(byte));
        *words = core::array::from_fn(|w| byte(2 * w).wrapping_add(byte(2 * w + 1) << 16));
    }
}

/// The same where some pixels lie in the padding.
#[inline(never)]
fn some<const W: usize, const P: usize>(pixels: [&[u8]; P], words: &mut [[u32; W]]) {
    words.fill([0; W]);
    for (place, pixel) in pixels.into_iter().enumerate() {
        for (words, &byte) in words.iter_mut().zip(pixel) {
            if let Some(word) = words.get_mut(place / 2) {
                *word = word.wrapping_add(value(byte) << (16 * (place & 1)));
            }
        }
    }
}
