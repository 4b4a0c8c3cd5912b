//! Gathers the inputs under the windows of four neighbouring output pixels, two pixels to a word.

use super::{Layer, Rows};

/// Output pixels of a tile.
pub(super) const PIXELS: usize = 4;

/// Two words of two pixels each, for one weight.
pub(super) type Word2 = [u32; 2];

fn value(byte: u8) -> u32 {
    byte as i8 as u32
}

/// Fills `packed`, one entry per weight of a filter, for the output pixels from `column` on; beyond the row's
/// end the last one is repeated.
pub(super) fn pack(layer: &Layer<'_>, x: &Rows<'_>, row: usize, column: usize, packed: &mut [Word2]) {
    let (window, depth) = (&layer.conv.window, layer.conv.channels);
    let last = window.output[1].saturating_sub(1);
    let columns = [0, 1, 2, 3].map(|p: usize| (column + p).min(last));
    let mut taps = packed.chunks_exact_mut(depth);
    for ky in 0..window.kernel[0] {
        let line = window.source(0, row, ky).and_then(|iy| x.get(iy));
        for (kx, words) in (0..window.kernel[1]).zip(&mut taps) {
            let pixels = columns.map(|column| {
                let ix = window.source(1, column, kx)?;
                line?.get(ix * depth..(ix + 1) * depth)
            });
            match pixels {
                [Some(a), Some(b), Some(c), Some(d)] => {
                    for ((((words, &a), &b), &c), &d) in words.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        let first = value(a).wrapping_add(value(b) << 16);
                        *words = [first, value(c).wrapping_add(value(d) << 16)];
                    }
                }
                _ => border(pixels, words),
            }
        }
    }
}

/// Some of the pixels lie in the padding: zeros.
fn border(pixels: [Option<&[u8]>; PIXELS], words: &mut [Word2]) {
    words.fill([0; 2]);
    for (place, pixel) in pixels.into_iter().enumerate() {
        for (words, &byte) in words.iter_mut().zip(pixel.unwrap_or_default()) {
            let [first, second] = words;
            let word = if place < 2 { first } else { second };
            *word = word.wrapping_add(value(byte) << (16 * (place & 1)));
        }
    }
}
