//! Gathers the inputs under the windows of neighbouring output pixels, two pixels to a word. A tile of packed pixels ends
//! with a word that tells how many runs of weights may be summed at once (see [`crate::runs`]).

use crate::tile::PIXELS;

#[inline(always)]
fn value(byte: u8) -> u32 {
    byte as i8 as u32
}

/// Words for so many weights of so many pixels: tiles of four words, the last one of one or four.
pub const fn words(taps: usize, pixels: usize) -> usize {
    let rest = match pixels % PIXELS {
        0 => 0,
        1 | 2 => taps + 1,
        _ => TILE * taps + 1,
    };
    pixels / PIXELS * (TILE * taps + 1) + rest
}

/// Words of a whole tile for each weight.
const TILE: usize = PIXELS / 2;

/// How many runs may be summed at once over inputs of such a reach.
pub fn merged(reach: Reach) -> u32 {
    128 >> (32 - reach.0.leading_zeros()).min(7)
}

/// No input is 2^n or larger, or less than -2^n, where all bits are below bit n.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach(u32);

impl Reach {
    /// That of two sets of inputs.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Packs the same bytes of up to eight pixels: for each byte as many words as [`words`] says. A pixel that is `None` is
/// zeros. Returns how far the bytes reach; `nonnegative` says that none is below 0.
pub fn bytes(pixels: &[Option<&[u8]>], nonnegative: bool, words: &mut [u32]) -> Reach {
    let pixel = |i: usize| pixels.get(i).copied().flatten().unwrap_or_default();
    match (pixels.len() > 2, nonnegative) {
        (true, false) => whole::<TILE, PIXELS, false>(core::array::from_fn(pixel), words.as_chunks_mut().0),
        (true, true) => whole::<TILE, PIXELS, true>(core::array::from_fn(pixel), words.as_chunks_mut().0),
        (false, _) => whole::<1, 2, false>(core::array::from_fn(pixel), words.as_chunks_mut().0),
    }
}

#[inline(always)]
fn whole<const W: usize, const P: usize, const NONNEGATIVE: bool>(
    pixels: [&[u8]; P],
    words: &mut [[u32; W]],
) -> Reach {
    if pixels.iter().any(|pixel| pixel.len() != words.len()) {
        return some(pixels, words);
    }
    // Slices of one length, so that one comparison tells that an index lies inside.
    let pixels = pixels.map(|pixel| pixel.get(..words.len()).unwrap_or_default());
    let mut reach = 0;
    for (at, words) in words.iter_mut().enumerate() {
        let mut byte = |p: usize| {
            let value = pixels[p].get(at).map_or(0, |&byte| value(byte));
            if !NONNEGATIVE {
                reach |= value ^ (value as i32 >> 31) as u32;
            }
            value
        };
        *words = core::array::from_fn(|w| byte(2 * w).wrapping_add(byte(2 * w + 1) << 16));
        if NONNEGATIVE {
            reach |= words.iter().fold(0, |all, word| all | word);
        }
    }
    // Where no byte is negative, both halves of the words are bytes.
    Reach(if NONNEGATIVE { (reach | reach >> 16) & 0xff } else { reach })
}

/// The same where some pixels lie in the padding.
#[inline(never)]
fn some<const W: usize, const P: usize>(pixels: [&[u8]; P], words: &mut [[u32; W]]) -> Reach {
    words.fill([0; W]);
    let mut reach = 0;
    for (place, pixel) in pixels.into_iter().enumerate() {
        for (words, &byte) in words.iter_mut().zip(pixel) {
            if let Some(word) = words.get_mut(place / 2) {
                let value = value(byte);
                reach |= value ^ (value as i32 >> 31) as u32;
                *word = word.wrapping_add(value << (16 * (place & 1)));
            }
        }
    }
    Reach(reach)
}
