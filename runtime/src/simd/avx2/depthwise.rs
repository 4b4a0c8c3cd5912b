//! Depthwise convolutions: 16 channels at a time, two taps per `madd`.

use super::{Epilogue, load_i32, store};
use crate::plan::Conv;
use crate::simd::{Block, LANES, ORDER};
use core::arch::x86_64::*;

/// Taps of the largest kernel, 7 x 7, rounded up to pairs.
const TAPS: usize = 50;

/// Filters packed in blocks of 16 channels. The last block may overlap the one before, so that every load
/// and store has 16 channels.
#[derive(Debug)]
pub(crate) struct Depthwise {
    /// `[block][pair][lane in ORDER][2]`.
    weights: Vec<i16>,
    blocks: Vec<Block>,
    pairs: usize,
    /// What taps in the padding read.
    zeros: Vec<u8>,
}

impl Depthwise {
    /// `last` is the block of the last 16 channels.
    pub(crate) fn new(conv: &Conv, stored: &[u8], mut blocks: Vec<Block>, last: Block) -> Option<Self> {
        let taps = conv.taps();
        if conv.channels < LANES || taps > TAPS {
            return None;
        }
        *blocks.last_mut()? = last;
        let pairs = taps.div_ceil(2);
        let mut weights = vec![0i16; blocks.len() * pairs * 2 * LANES];
        for (index, lanes) in weights.chunks_exact_mut(2 * LANES).enumerate() {
            let (block, pair) = (&blocks[index / pairs], index % pairs);
            for (lane, both) in lanes.chunks_exact_mut(2).enumerate() {
                let (start, step) = conv.weight_run(block.first + ORDER[lane]);
                for (i, weight) in both.iter_mut().enumerate().filter(|(i, _)| 2 * pair + i < taps) {
                    *weight = i16::from(stored[start + (2 * pair + i) * step] as i8);
                }
            }
        }
        Some(Self { weights, blocks, pairs, zeros: vec![0; conv.channels] })
    }

    /// `x` and `y` have the lengths that `conv` implies.
    #[target_feature(enable = "avx2")]
    pub(crate) fn run(&self, conv: &Conv, x: &[u8], y: &mut [u8]) {
        let (w, channels) = (&conv.window, conv.channels);
        let mut out = y.chunks_exact_mut(channels);
        // Taps beyond the kernel keep pointing at zeros; the others are set for every pixel.
        let mut taps: [&[u8]; TAPS] = [&self.zeros; TAPS];
        for batch in 0..conv.batch {
            let x = &x[batch * w.input[0] * w.input[1] * channels..];
            for oy in 0..w.output[0] {
                for (ox, out) in (0..w.output[1]).zip(&mut out) {
                    let mut free = taps.iter_mut();
                    for ky in 0..w.kernel[0] {
                        let line = w.source(0, oy, ky).map(|iy| iy * w.input[1]);
                        for (kx, tap) in (0..w.kernel[1]).zip(&mut free) {
                            *tap = match line.zip(w.source(1, ox, kx)) {
                                Some((line, ix)) => &x[(line + ix) * channels..][..channels],
                                None => &self.zeros,
                            };
                        }
                    }
                    // A constant number of taps, the 3 x 3 of nearly every network, unrolls.
                    match taps.first_chunk::<10>() {
                        Some(taps) if self.pairs == 5 => self.pixel(taps, conv.relu, out),
                        _ => self.pixel(&taps[..2 * self.pairs], conv.relu, out),
                    }
                }
            }
        }
    }

    /// All channels of one output pixel.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn pixel<'t>(&self, taps: &(impl AsRef<[&'t [u8]]> + ?Sized), relu: bool, out: &mut [u8]) {
        let taps = taps.as_ref();
        for (block, weights) in self.blocks.iter().zip(self.weights.chunks_exact(taps.len() * LANES)) {
            let mut sums = load_i32(&block.bias);
            for (both, weights) in taps.chunks_exact(2).zip(weights.chunks_exact(2 * LANES)) {
                let (a, b) = (load(both[0], block.first), load(both[1], block.first));
                // SAFETY: `weights` holds 32 elements.
                let (w0, w1) = unsafe {
                    let at = weights.as_ptr();
                    (_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(LANES).cast()))
                };
                sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w0));
                sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w1));
            }
            let bytes = Epilogue::new(block, relu).finish(sums);
            store(&mut out[block.first..block.first + LANES], bytes);
        }
    }
}

/// 16 channels of a pixel as int16.
#[target_feature(enable = "avx2")]
#[inline]
fn load(pixel: &[u8], first: usize) -> __m256i {
    let bytes = &pixel[first..first + LANES];
    // SAFETY: `bytes` holds 16 bytes.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}
