//! Bilinear resizing with antialiasing, the same integers as Pillow's `Image.resize(.., BILINEAR)`, which is what
//! torchvision's `Resize` does to a picture.
//!
//! A transcription of `libImaging/Resample.c` (Pillow 11, HPND licence): coefficients in f64, rounded to fixed
//! point with 22 bits, a horizontal pass into bytes, then a vertical one. `fast_image_resize` computes the same filter with
//! 16-bit coefficients and differs by one step in some pixels, which a comparison of two tools should not show.

use super::Rgb;

/// `PRECISION_BITS` of Resample.c for 8-bit channels.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// The source pixels of one target pixel, with their weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` with the triangle filter (support 1).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "as in C"
)]
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let inverse = 1.0 / support;
    (0..to)
        .map(|x| {
            let center = (x as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let last = ((center + support + 0.5) as usize).min(from);
            let mut weights: Vec<f64> =
                (first..last).map(|i| (1.0 - ((i as f64 - center + 0.5) * inverse).abs()).max(0.0)).collect();
            let total: f64 = weights.iter().sum();
            if total != 0.0 {
                weights.iter_mut().for_each(|w| *w /= total);
            }
            let one = f64::from(1_u32 << PRECISION_BITS);
            Taps { first, weights: weights.iter().map(|w| (0.5 + w * one) as i32).collect() }
        })
        .collect()
}

fn round(sum: i32) -> u8 {
    u8::try_from((sum >> PRECISION_BITS).clamp(0, 255)).unwrap_or(0)
}

/// Resizes to `width` x `height` pixels (both at least 1).
pub(super) fn bilinear(picture: &Rgb, width: usize, height: usize) -> Rgb {
    let narrowed = if picture.width == width { None } else { Some(horizontal(picture, width)) };
    let source = narrowed.as_ref().unwrap_or(picture);
    if source.height == height { source.clone() } else { vertical(source, height) }
}

fn horizontal(picture: &Rgb, width: usize) -> Rgb {
    let taps = taps(picture.width, width);
    let mut pixels = Vec::with_capacity(width * picture.height * 3);
    for row in picture.pixels.chunks_exact(picture.width * 3) {
        for t in &taps {
            let mut sums = [1_i32 << (PRECISION_BITS - 1); 3];
            for (pixel, &weight) in row[t.first * 3..].as_chunks::<3>().0.iter().zip(&t.weights) {
                for (sum, &channel) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(channel) * weight;
                }
            }
            pixels.extend(sums.map(round));
        }
    }
    Rgb { width, height: picture.height, pixels }
}

fn vertical(picture: &Rgb, height: usize) -> Rgb {
    let row_len = picture.width * 3;
    let mut pixels = Vec::with_capacity(row_len * height);
    let mut sums = vec![0_i32; row_len];
    for t in taps(picture.height, height) {
        sums.fill(1 << (PRECISION_BITS - 1));
        for (row, &weight) in picture.pixels[t.first * row_len..].chunks_exact(row_len).zip(&t.weights) {
            for (sum, &channel) in sums.iter_mut().zip(row) {
                *sum += i32::from(channel) * weight;
            }
        }
        pixels.extend(sums.iter().map(|&s| round(s)));
    }
    Rgb { width: picture.width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, values: &[u8]) -> Rgb {
        Rgb { width, height, pixels: values.iter().flat_map(|&v| [v; 3]).collect() }
    }

    #[test]
    fn halving_weighs_neighbours_like_a_triangle() {
        // Pillow: Image.fromarray([[0, 100, 200, 40]]).resize((2, 1), BILINEAR) -> [71, 117]
        let half = bilinear(&grey(4, 1, &[0, 100, 200, 40]), 2, 1);
        assert_eq!(half.pixels, [71, 71, 71, 117, 117, 117]);
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let p = grey(3, 2, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(bilinear(&p, 3, 2), p);
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        for (w, h) in [(1, 1), (7, 3), (50, 40)] {
            assert!(bilinear(&grey(5, 9, &[200; 45]), w, h).pixels.iter().all(|&v| v == 200));
        }
    }
}
