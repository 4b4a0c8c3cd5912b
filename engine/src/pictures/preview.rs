//! What the network receives of one picture: the exact integers, and how they are spread.

use std::path::Path;

use super::{Preprocessing, Resize, Rgb, decode, load};
use crate::quantize::{exp2, quantize, signed_range};
use crate::target::Rounding;

/// Bars of [`InputPreview::histogram`].
const BARS: usize = 64;

/// The integers of the network's input: value = integer x 2^exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputFormat {
    /// Exponent.
    pub exponent: i32,
    /// Width, 2..=16.
    pub bits: u32,
    /// How the target rounds.
    pub rounding: Rounding,
}

impl InputFormat {
    /// The finest 8-bit format in which no pixel is clipped: what is likely before a strategy has chosen one.
    pub fn covering(preprocessing: &Preprocessing, rounding: Rounding) -> InputFormat {
        let (_, highest) = signed_range(8);
        let covers = |exponent: &i32| highest as f32 * exp2(*exponent) >= preprocessing.largest();
        let exponent = (-12..=12).find(covers).unwrap_or(12);
        InputFormat { exponent, bits: 8, rounding }
    }
}

/// A picture as the network receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct InputPreview {
    /// Width and height of the file's picture in pixels.
    pub original: (usize, usize),
    /// Width and height of the network's input.
    pub size: (usize, usize),
    /// Channels of the network's input.
    pub channels: usize,
    /// The format of `integers`.
    pub format: InputFormat,
    /// HWC, with the channels in the order in which the network takes them.
    pub integers: Vec<i16>,
    /// The integers as a picture in red, green and blue: the lowest possible one is black, the highest white.
    pub shown: Rgb,
    /// Lowest and highest integer that the format has.
    pub range: (i16, i16),
    /// Lowest and highest integer in the picture.
    pub reached: (i16, i16),
    /// Lowest and highest value before it is rounded to an integer.
    pub values: (f32, f32),
    /// Integers by value, from the lowest possible to the highest, in 64 bars of equal width.
    pub histogram: Vec<u64>,
    /// Fraction of the integers at the lowest and at the highest end of the range.
    pub at_ends: (f64, f64),
    /// Fraction of the values that lie beyond the range by more than half a step: what is lost by clipping.
    pub beyond: f64,
}

impl InputPreview {
    /// The integers of a pixel, one per channel; empty outside of the picture.
    pub fn pixel(&self, x: usize, y: usize) -> &[i16] {
        let (width, height) = self.size;
        if x >= width || y >= height {
            return &[];
        }
        let start = (y * width + x) * self.channels;
        self.integers.get(start..start + self.channels).unwrap_or_default()
    }
}

/// Prepares a picture file as the engine does for the network, and rounds it to the input's integers.
///
/// # Errors
/// The file cannot be used; the reason is for people and does not name the file.
pub fn preview(
    file: &Path,
    preprocessing: &Preprocessing,
    format: InputFormat,
) -> Result<InputPreview, String> {
    let picture = decode(&load::read(file)?)?;
    let fitted = preprocessing.fit(&picture)?;
    let nchw = preprocessing.to_nchw(&fitted);
    let (low, high) = signed_range(format.bits.min(16));
    let (width, height) = (fitted.width, fitted.height);
    let (plane, channels) = (width * height, preprocessing.channels);
    let mut integers = vec![0_i16; plane * channels];
    let (mut beyond, mut values) = (0_u64, (f32::INFINITY, f32::NEG_INFINITY));
    for (i, &value) in nchw.iter().enumerate() {
        let integer = quantize(value, format.exponent, format.rounding, low, high);
        integers[(i % plane) * channels + i / plane] = integer as i16;
        let steps = value * exp2(-format.exponent);
        beyond += u64::from(steps < low as f32 - 0.5 || steps > high as f32 + 0.5);
        values = (values.0.min(value), values.1.max(value));
    }
    let mut histogram = vec![0; BARS];
    for &integer in &integers {
        histogram[(i64::from(integer) - low) as usize * BARS / (high - low + 1) as usize] += 1;
    }
    let share = |count: usize| count as f64 / integers.len().max(1) as f64;
    let at = |end: i64| share(integers.iter().filter(|&&q| i64::from(q) == end).count());
    Ok(InputPreview {
        original: (picture.width, picture.height),
        size: (width, height),
        channels,
        format,
        shown: shown(&integers, preprocessing, (width, height), (low, high)),
        range: (low as i16, high as i16),
        reached: (integers.iter().copied().min().unwrap_or(0), integers.iter().copied().max().unwrap_or(0)),
        values,
        histogram,
        at_ends: (at(low), at(high)),
        beyond: share(usize::try_from(beyond).unwrap_or(usize::MAX)),
        integers,
    })
}

fn shown(
    integers: &[i16],
    preprocessing: &Preprocessing,
    (width, height): (usize, usize),
    (low, high): (i64, i64),
) -> Rgb {
    let byte = |q: i16| ((i64::from(q) - low) * 255 / (high - low)) as u8;
    let pixels = integers.chunks_exact(preprocessing.channels.max(1)).flat_map(|pixel| match *pixel {
        [b, g, r] if preprocessing.bgr => [r, g, b].map(byte),
        [r, g, b] => [r, g, b].map(byte),
        [grey, ..] => [byte(grey); 3],
        [] => [0; 3],
    });
    Rgb { width, height, pixels: pixels.collect() }
}

/// The middle of a picture as a square of `side` pixels.
///
/// # Errors
/// The file cannot be used; the reason is for people and does not name the file.
pub fn thumbnail(file: &Path, side: usize) -> Result<Rgb, String> {
    let mut square = Preprocessing::torchvision(3, side, side);
    square.resize = Resize::ShorterSide(side);
    square.fit(&decode(&load::read(file)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn file(pixels: &[[u8; 3]]) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
        let bytes: Vec<u8> = pixels.iter().flatten().copied().collect();
        let width = u32::try_from(pixels.len()).unwrap();
        image::RgbImage::from_raw(width, 1, bytes).unwrap().save(file.path()).unwrap();
        file
    }

    fn preprocessing(pixels: usize, settings: &[(&str, &str)]) -> Preprocessing {
        let mut p = Preprocessing::torchvision(3, pixels, 1);
        let all = [("resize", "none"), ("mean", "0.5"), ("std", "0.5")];
        let settings: BTreeMap<String, String> =
            all.iter().chain(settings).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        p.set(&settings).unwrap();
        p
    }

    const P4: InputFormat = InputFormat { exponent: -7, bits: 8, rounding: Rounding::HalfEven };

    #[test]
    fn integers_are_those_of_the_contract_in_the_order_of_the_network() {
        let file = file(&[[0, 128, 255], [64, 127, 191]]);
        let p = preprocessing(2, &[]);
        let seen = preview(file.path(), &p, P4).unwrap();
        // (v / 127.5 - 1) * 128: 255 gives 128, which saturates.
        assert_eq!(seen.integers, [-128, 1, 127, -64, -1, 64]);
        assert_eq!(seen.pixel(1, 0), [-64, -1, 64]);
        assert!(seen.pixel(2, 0).is_empty() && seen.pixel(0, 1).is_empty());
        assert_eq!((seen.reached, seen.range), ((-128, 127), (-128, 127)));
        assert_eq!(seen.at_ends, (1.0 / 6.0, 1.0 / 6.0));
        assert_eq!(seen.beyond, 1.0 / 6.0, "128 lies beyond 127 by a whole step");
        assert_eq!(seen.values, (-1.0, 1.0));
        assert_eq!(seen.histogram.iter().sum::<u64>(), 6);
        assert_eq!((seen.histogram[0], seen.histogram[63]), (1, 1));

        let swapped = preview(file.path(), &preprocessing(2, &[("bgr", "true")]), P4).unwrap();
        assert_eq!(swapped.pixel(0, 0), [127, 1, -128]);
        assert_eq!(swapped.shown, seen.shown, "the picture is shown in its own colours");
    }

    #[test]
    fn ties_are_rounded_as_the_target_does() {
        let file = file(&[[128, 128, 128]]);
        // 128 / 255 * 2^0 = 0.50196 is no tie; with std 256/255 the value is 0.5.
        let mut p = preprocessing(1, &[("mean", "0")]);
        p.std = [256.0 / 255.0; 3];
        let at = |rounding| preview(file.path(), &p, InputFormat { exponent: 0, bits: 8, rounding }).unwrap();
        assert_eq!(at(Rounding::HalfEven).integers, [0; 3]);
        assert_eq!(at(Rounding::HalfUp).integers, [1; 3]);
    }

    #[test]
    fn sixteen_bits_and_one_channel_have_a_preview_too() {
        let file = file(&[[255; 3], [0; 3]]);
        let mut p = preprocessing(2, &[]);
        (p.channels, p.grey) = (1, true);
        let seen = preview(file.path(), &p, InputFormat { exponent: -14, bits: 16, ..P4 }).unwrap();
        assert_eq!(seen.integers, [1 << 14, -(1 << 14)]);
        assert_eq!(seen.at_ends, (0.0, 0.0));
        assert_eq!(seen.shown.pixels.len(), 6);
    }

    #[test]
    fn the_assumed_format_is_the_finest_that_clips_nothing() {
        let exponent = |p: &Preprocessing| InputFormat::covering(p, Rounding::HalfEven).exponent;
        // The darkest blue and the brightest red lie at -2.12 and 2.64.
        assert_eq!(exponent(&Preprocessing::torchvision(3, 8, 8)), -5);
        assert_eq!(exponent(&preprocessing(8, &[])), -6);
        assert_eq!(exponent(&preprocessing(8, &[("mean", "0"), ("std", "1")])), -6);
    }

    #[test]
    fn files_that_are_no_pictures_say_why() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"hello").unwrap();
        assert!(preview(file.path(), &preprocessing(8, &[]), P4).unwrap_err().contains("no JPEG"));
        assert!(thumbnail(Path::new("/none.jpg"), 8).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn thumbnails_are_squares_whatever_the_picture() {
        let file = file(&[[9, 9, 9]; 40]);
        let small = thumbnail(file.path(), 16).unwrap();
        assert_eq!((small.width, small.height), (16, 16));
    }
}
