//! Bilinear resizing with antialiasing, integer for integer what Pillow's `Image.resize(.., BILINEAR)` computes and
//! torchvision's `Resize` does to a picture (`libImaging/Resample.c`: `precompute_coeffs`, `normalize_coeffs_8bpc`;
//! a horizontal pass into bytes, then a vertical one).
//!
//! Not `fast_image_resize`: it passes vertically first and holds coefficients in 16 bits, so that one value in seven of
//! a shrunken photograph is off by one, enough to move calibrated exponents and the classes of close calls.

use super::Rgb;

/// Bits behind the point of a coefficient.
const PRECISION: u32 = 32 - 8 - 2;

/// Resizes to `width` x `height` pixels (both at least 1).
///
/// # Errors
/// The pixels do not fill the picture, or a side is zero.
pub(super) fn bilinear(picture: &Rgb, width: usize, height: usize) -> Result<Rgb, String> {
    let filled = picture.width.checked_mul(picture.height).and_then(|n| n.checked_mul(3));
    if filled != Some(picture.pixels.len()) || picture.pixels.is_empty() {
        return Err(format!(
            "{} bytes are no {}x{} pixels",
            picture.pixels.len(),
            picture.width,
            picture.height
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("a picture cannot have {width}x{height} pixels"));
    }
    let across = if picture.width == width { picture.clone() } else { horizontal(picture, width) };
    Ok(if across.height == height { across } else { vertical(&across, height) })
}

fn horizontal(picture: &Rgb, width: usize) -> Rgb {
    let taps = taps(picture.width, width);
    let mut pixels = Vec::with_capacity(width * picture.height * 3);
    for row in picture.pixels.chunks_exact(picture.width * 3) {
        let row = row.as_chunks::<3>().0;
        for tap in &taps {
            let mut sums = [1 << (PRECISION - 1); 3];
            for (pixel, weight) in row[tap.start..].iter().zip(&tap.weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            pixels.extend(sums.map(to_byte));
        }
    }
    Rgb { width, height: picture.height, pixels }
}

fn vertical(picture: &Rgb, height: usize) -> Rgb {
    let stride = picture.width * 3;
    let mut pixels = Vec::with_capacity(stride * height);
    let mut sums = vec![0; stride];
    for tap in taps(picture.height, height) {
        sums.fill(1 << (PRECISION - 1));
        for (row, weight) in picture.pixels.chunks_exact(stride).skip(tap.start).zip(&tap.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        pixels.extend(sums.iter().copied().map(to_byte));
    }
    Rgb { width: picture.width, height, pixels }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// What one output value is made of: `weights` for the inputs from `start` on.
struct Tap {
    start: usize,
    weights: Vec<i32>,
}

/// A triangle as wide as the step between outputs, at least two inputs, sampled at the inputs' centres.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "truncated as in C; sides are far below 2^52"
)]
fn taps(inputs: usize, outputs: usize) -> Vec<Tap> {
    let scale = inputs as f64 / outputs as f64;
    let support = scale.max(1.0);
    let one = |output: usize| {
        let centre = (output as f64 + 0.5) * scale;
        let start = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(inputs);
        let triangle = |i: usize| (1.0 - ((i as f64 - centre + 0.5) * (1.0 / support)).abs()).max(0.0);
        let raw: Vec<f64> = (start..end).map(triangle).collect();
        let total: f64 = raw.iter().sum();
        let fixed = |w: f64| (0.5 + w / total * f64::from(1 << PRECISION)) as i32;
        Tap { start, weights: raw.into_iter().map(fixed).collect() }
    };
    (0..outputs).map(one).collect()
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
        let half = bilinear(&grey(4, 1, &[0, 100, 200, 40]), 2, 1).unwrap();
        assert_eq!(half.pixels, [71, 71, 71, 117, 117, 117]);
    }

    #[test]
    fn both_directions_give_pillows_integers() {
        // Pillow: Image.fromarray((np.arange(35).reshape(5, 7) * 37 % 251).astype(np.uint8)).resize((3, 2), BILINEAR)
        let values: Vec<u8> = (0..35u32).map(|i| (i * 37 % 251) as u8).collect();
        let small = bilinear(&grey(7, 5, &values), 3, 2).unwrap();
        let expected = [40, 119, 198, 56, 135, 186];
        assert_eq!(small.pixels.iter().step_by(3).copied().collect::<Vec<u8>>(), expected);
        let large = bilinear(&grey(7, 5, &values), 9, 6).unwrap();
        assert_eq!(large.pixels.iter().step_by(3).map(|&v| u32::from(v)).sum::<u32>(), 6440);
    }

    #[test]
    fn pixels_that_do_not_fill_the_picture_are_refused() {
        assert!(bilinear(&Rgb { width: 2, height: 2, pixels: vec![0; 11] }, 1, 1).is_err());
        assert!(bilinear(&Rgb { width: 0, height: 2, pixels: vec![] }, 1, 1).is_err());
        assert!(bilinear(&grey(1, 1, &[0]), 0, 1).is_err());
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let p = grey(3, 2, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(bilinear(&p, 3, 2), Ok(p));
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        for (w, h) in [(1, 1), (7, 3), (50, 40)] {
            assert!(bilinear(&grey(5, 9, &[200; 45]), w, h).unwrap().pixels.iter().all(|&v| v == 200));
        }
    }
}
