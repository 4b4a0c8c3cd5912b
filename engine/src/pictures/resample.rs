//! Bilinear resizing with antialiasing, which is what torchvision's `Resize` does to a picture.
//!
//! `fast_image_resize` computes Pillow's integers: on the 32 calibration pictures no value differed from Pillow 13's
//! `Image.resize(.., BILINEAR)` (`libImaging/Resample.c`: coefficients in fixed point, a horizontal pass into bytes,
//! then a vertical one).

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Rgb;

/// Resizes to `width` x `height` pixels (both at least 1).
///
/// # Errors
/// The pixels do not fill the picture, or a side is beyond what the resizer takes.
pub(super) fn bilinear(picture: &Rgb, width: usize, height: usize) -> Result<Rgb, String> {
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture.clone());
    }
    let side = |n: usize| u32::try_from(n).map_err(|_| format!("{n} pixels are too many"));
    let source = ImageRef::new(side(picture.width)?, side(picture.height)?, &picture.pixels, PixelType::U8x3)
        .map_err(|e| e.to_string())?;
    let mut target = Image::new(side(width)?, side(height)?, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
    Ok(Rgb { width, height, pixels: target.into_vec() })
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
