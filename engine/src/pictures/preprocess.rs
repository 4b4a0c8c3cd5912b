//! What makes the network's input of a picture: resize, crop, order of channels, mean and standard deviation.
//!
//! The numbers are torchvision's (`transforms.Resize`, `CenterCrop`, `ToTensor`, `Normalize`; 0.21), so that a
//! tensor equals the one a model was trained on.

use std::collections::BTreeMap;

use super::settings::{self, SettingError};
use super::{MAX_PIXELS, Rgb, resample};
use crate::network::Network;

/// How a picture's size is changed before the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The shorter side becomes so many pixels, the longer one keeps the proportion.
    ShorterSide(usize),
    /// Both sides, whatever the proportion.
    Exact {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
    /// It stays as it is.
    None,
}

/// How pictures become the network's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    /// First the size.
    pub resize: Resize,
    /// Then the middle, width by height in pixels; a smaller picture gets a black border. `None` where `resize` gives
    /// the input size.
    pub crop: Option<(usize, usize)>,
    /// Subtracted from red, green and blue, which run from 0 to 1.
    pub mean: [f32; 3],
    /// What the difference is divided by.
    pub std: [f32; 3],
    /// The network wants blue first. `mean` and `std` stay in the order red, green, blue.
    pub bgr: bool,
    /// Red, green and blue are replaced by the luma `0.299 R + 0.587 G + 0.114 B`.
    pub grey: bool,
    /// Channels of the network's input, 1 or 3; with one the picture is grey, and `mean` and `std` of red count.
    pub channels: usize,
    /// Width and height of the network's input in pixels.
    pub input: (usize, usize),
}

impl Preprocessing {
    /// torchvision's defaults for an input of `width` x `height`: the shorter side becomes 256/224 of the input's, the
    /// middle is cut out, and mean and standard deviation are ImageNet's.
    pub fn torchvision(channels: usize, width: usize, height: usize) -> Preprocessing {
        let side = width.max(height);
        Preprocessing {
            resize: Resize::ShorterSide((side * 256 + 112) / 224),
            crop: Some((width, height)),
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            bgr: false,
            grey: channels == 1,
            channels,
            input: (width, height),
        }
    }

    /// What a network needs: torchvision's defaults, changed by the model's metadata, changed by `overrides`
    /// (`mean`, `std` in units of 0..1; `resize` = `256` for the shorter side, `80x112` for height and width, or
    /// `none`; `crop` = `224`, `224x224` or `none`; `bgr`; `grey`).
    ///
    /// # Errors
    /// A setting that makes no sense, or sizes that do not end in the network's input size.
    pub fn of_network(
        network: &Network,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Preprocessing, SettingError> {
        let shape = &network.tensor(network.input).shape;
        let &[_, channels, height, width] = &shape[..] else {
            return Err(SettingError {
                key: "input".to_owned(),
                value: format!("{shape:?}"),
                reason: "the network's input is no picture".to_owned(),
            });
        };
        if !matches!(channels, 1 | 3) {
            return Err(SettingError {
                key: "input".to_owned(),
                value: format!("{shape:?}"),
                reason: format!("the network takes {channels} channels; a picture has 1 or 3"),
            });
        }
        let mut preprocessing = Preprocessing::torchvision(channels, width, height);
        for settings in [&settings::of_metadata(&network.metadata)?, overrides] {
            preprocessing.set(settings)?;
        }
        Ok(preprocessing)
    }

    /// Changes settings, all of them or none.
    ///
    /// # Errors
    /// As [`Preprocessing::of_network`].
    pub fn set(&mut self, settings: &BTreeMap<String, String>) -> Result<(), SettingError> {
        let mut changed = self.clone();
        settings::apply(&mut changed, settings)?;
        // The picture must end in the network's size: where nothing else was said, a crop does that, or is left out.
        if !settings.contains_key("crop") {
            let exact = changed.resize == Resize::Exact { width: self.input.0, height: self.input.1 };
            changed.crop = if exact { None } else { Some(self.input) };
        }
        changed.check()?;
        *self = changed;
        Ok(())
    }

    fn check(&self) -> Result<(), SettingError> {
        let error = |key: &str, value: String, reason: String| {
            Err(SettingError { key: key.to_owned(), value, reason })
        };
        let (mean, std) = (list(self.mean), list(self.std));
        if let Some(m) = self.mean.iter().find(|m| !(m.is_finite() && (-1.0..=2.0).contains(*m))) {
            let reason =
                format!("{m} lies outside of the range of pixels, which is 0..1 here; divide by 255");
            return error("mean", mean, reason);
        }
        if let Some(s) = self.std.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
            return error("std", std, format!("{s} is no divisor; it must be greater than 0"));
        }
        if let Some(s) = self.std.iter().find(|s| **s > 2.0) {
            let reason = format!("{s} is larger than the range of pixels, which is 0..1 here; divide by 255");
            return error("std", std, reason);
        }
        let (width, height) = self.input;
        let wanted = format!("the network's input is {height} pixels high and {width} wide");
        match (self.crop, self.resize) {
            (Some(crop), _) if crop == self.input => Ok(()),
            (Some((w, h)), _) => error("crop", format!("{h}x{w}"), wanted),
            (None, Resize::Exact { width: w, height: h }) if (w, h) == self.input => Ok(()),
            (None, Resize::Exact { width: w, height: h }) => {
                error("resize", format!("{h}x{w}"), format!("{wanted}, and nothing is cropped"))
            }
            (None, _) => {
                error("crop", "none".to_owned(), format!("{wanted}; resize to exactly that, or crop"))
            }
        }
    }

    /// The settings as text that [`Preprocessing::set`] takes, e.g. for a project file.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let size = |(w, h): (usize, usize)| format!("{h}x{w}");
        let resize = match self.resize {
            Resize::ShorterSide(side) => side.to_string(),
            Resize::Exact { width, height } => size((width, height)),
            Resize::None => "none".to_owned(),
        };
        let crop = self.crop.map_or_else(|| "none".to_owned(), size);
        let pairs = [
            ("mean", list(self.mean)),
            ("std", list(self.std)),
            ("resize", resize),
            ("crop", crop),
            ("bgr", self.bgr.to_string()),
            ("grey", self.grey.to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// `mean` and `std` in units of 0..255, in which other tools have them.
    pub fn in_bytes(&self) -> ([f32; 3], [f32; 3]) {
        (self.mean.map(|m| m * 255.0), self.std.map(|s| s * 255.0))
    }

    /// Largest magnitude that a pixel can have as an input value of the network.
    pub fn largest(&self) -> f32 {
        let pairs = self.mean.iter().zip(&self.std);
        pairs.map(|(mean, std)| mean.abs().max((1.0 - mean).abs()) / std).fold(0.0, f32::max)
    }

    /// The settings for people, with units.
    pub fn described(&self) -> BTreeMap<String, String> {
        let mut shown = self.settings();
        shown.insert("mean".to_owned(), format!("{} (red, green, blue; pixels are 0..1)", list(self.mean)));
        shown.insert("std".to_owned(), format!("{} (red, green, blue; pixels are 0..1)", list(self.std)));
        let resize = match self.resize {
            Resize::ShorterSide(side) => format!("shorter side to {side} px, bilinear with antialiasing"),
            Resize::Exact { width, height } => {
                format!("to {width} px wide and {height} px high, bilinear with antialiasing")
            }
            Resize::None => "none".to_owned(),
        };
        shown.insert("resize".to_owned(), resize);
        if let Some((w, h)) = self.crop {
            shown.insert("crop".to_owned(), format!("middle {w} px wide and {h} px high"));
        }
        shown
    }

    /// Resizes and crops a picture to the network's input size.
    ///
    /// # Errors
    /// The pixels do not fill the picture's width and height.
    pub fn fit(&self, picture: &Rgb) -> Result<Rgb, String> {
        let (width, height) = self.resized(picture.width, picture.height);
        // Between the two passes of a resize a picture is as wide as the result and as high as the source.
        let largest = width.saturating_mul(picture.height.max(height));
        if largest as u64 > MAX_PIXELS {
            return Err(format!(
                "{}x{} pixels would need a picture of more than {} million pixels on the way to {width}x{height}",
                picture.width,
                picture.height,
                MAX_PIXELS / 1_000_000
            ));
        }
        let resized = resample::bilinear(picture, width, height)?;
        Ok(match self.crop {
            Some((w, h)) => centre_crop(&resized, w, h),
            None => resized,
        })
    }

    /// Size after the resize, before the crop. torchvision: `int(size * long / short)` for the longer side.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "as in Python"
    )]
    fn resized(&self, width: usize, height: usize) -> (usize, usize) {
        match self.resize {
            Resize::None => (width, height),
            Resize::Exact { width, height } => (width, height),
            Resize::ShorterSide(side) => {
                let (short, long) = (width.min(height), width.max(height));
                // A strip of one pixel may not become larger than a whole picture.
                let long = (((side * long) as f64 / short as f64) as usize).min(MAX_LONG_SIDE);
                if width <= height { (side, long) } else { (long, side) }
            }
        }
    }

    /// `(v / 255 - mean) / std` in float32, `[1, channels, height, width]` in C order.
    pub fn to_nchw(&self, picture: &Rgb) -> Vec<f32> {
        let count = picture.width * picture.height;
        let mut values = Vec::with_capacity(count * self.channels);
        for channel in 0..self.channels {
            let source = if self.bgr { 2 - channel.min(2) } else { channel };
            let source = if self.channels == 1 { 0 } else { source };
            let (mean, std) = (self.mean[source], self.std[source]);
            let table: Vec<f32> = (0..=255_u8).map(|v| (f32::from(v) / 255.0 - mean) / std).collect();
            let pixels = picture.pixels.as_chunks::<3>().0.iter();
            if self.grey || self.channels == 1 {
                values.extend(pixels.map(|p| table[usize::from(luma(*p))]));
            } else {
                values.extend(pixels.map(|p| table[usize::from(p[source])]));
            }
        }
        values
    }
}

/// Longest side after a resize.
const MAX_LONG_SIDE: usize = 1 << 15;

/// Pillow's `convert("L")`: ITU-R 601-2 with 16 bits, rounded.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    let sum = 19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x8000;
    u8::try_from(sum >> 16).unwrap_or(255)
}

fn list(values: [f32; 3]) -> String {
    values.map(|v| v.to_string()).join(",")
}

/// torchvision's `CenterCrop`: the corner is rounded to even, and a smaller picture is put on black.
fn centre_crop(picture: &Rgb, width: usize, height: usize) -> Rgb {
    // (source start, target start, count) along one axis.
    let along = |size: usize, wanted: usize| {
        if size >= wanted {
            let spare = size - wanted;
            // Python's round(spare / 2): halves go to the even neighbour.
            let start = spare / 2 + usize::from(spare % 4 == 3);
            (start, 0, wanted)
        } else {
            (0, (wanted - size) / 2, size)
        }
    };
    let (from_x, to_x, columns) = along(picture.width, width);
    let (from_y, to_y, rows) = along(picture.height, height);
    let mut pixels = vec![0; width * height * 3];
    let sources = picture.pixels.chunks_exact(picture.width * 3).skip(from_y).take(rows);
    for (row, source) in pixels.chunks_exact_mut(width * 3).skip(to_y).zip(sources) {
        row[to_x * 3..(to_x + columns) * 3].copy_from_slice(&source[from_x * 3..(from_x + columns) * 3]);
    }
    Rgb { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn defaults_scale_with_the_input() {
        assert_eq!(Preprocessing::torchvision(3, 224, 224).resize, Resize::ShorterSide(256));
        assert_eq!(Preprocessing::torchvision(3, 160, 160).resize, Resize::ShorterSide(183));
        assert_eq!(Preprocessing::torchvision(3, 96, 96).resize, Resize::ShorterSide(110));
    }

    #[test]
    fn longer_sides_are_truncated_like_in_torchvision() {
        let p = Preprocessing::torchvision(3, 224, 224);
        assert_eq!(p.resized(500, 375), (341, 256));
        assert_eq!(p.resized(375, 500), (256, 341));
        assert_eq!(p.resized(300, 300), (256, 256));
    }

    #[test]
    fn crop_corners_are_rounded_to_even() {
        let strip = |n: usize| Rgb {
            width: n,
            height: 1,
            pixels: (0..n).flat_map(|i| [u8::try_from(i).unwrap(); 3]).collect(),
        };
        // round(0.5) = 0, round(1.5) = 2, round(2.5) = 2
        for (n, first) in [(5, 0), (6, 1), (7, 2), (8, 2), (9, 2), (11, 4)] {
            assert_eq!(centre_crop(&strip(n), 4, 1).pixels[0], first, "{n}");
        }
    }

    #[test]
    fn a_strip_that_would_grow_beyond_bounds_is_refused() {
        let p = Preprocessing::torchvision(3, 224, 224);
        let strip = Rgb { width: 1, height: 1_000_000, pixels: vec![0; 3_000_000] };
        assert!(p.fit(&strip).unwrap_err().contains("1x1000000"));
    }

    #[test]
    fn small_pictures_get_a_black_border() {
        let one = Rgb { width: 1, height: 1, pixels: vec![9; 3] };
        let cropped = centre_crop(&one, 4, 1);
        assert_eq!(cropped.pixels, [0, 0, 0, 9, 9, 9, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn bgr_reads_the_channels_backwards_with_their_own_mean() {
        let mut p = Preprocessing::torchvision(3, 1, 1);
        p.set(&settings(&[("mean", "0,0.2,0.4"), ("std", "1"), ("bgr", "true"), ("resize", "1x1")])).unwrap();
        let values = p.to_nchw(&Rgb { width: 1, height: 1, pixels: vec![255, 0, 51] });
        let expected = [51.0 / 255.0 - 0.4, 0.0 - 0.2, 1.0];
        assert_eq!(values, expected);
    }

    #[test]
    fn one_channel_is_luma() {
        let mut p = Preprocessing::torchvision(1, 1, 1);
        p.set(&settings(&[("mean", "0"), ("std", "1")])).unwrap();
        assert_eq!(p.to_nchw(&Rgb { width: 1, height: 1, pixels: vec![255, 0, 0] }), [76.0 / 255.0]);
    }

    #[test]
    fn settings_survive_a_round_trip() {
        let mut p = Preprocessing::torchvision(3, 160, 160);
        p.set(&settings(&[("resize", "160x160"), ("mean", "0.5"), ("std", "[0.5, 0.5, 0.25]")])).unwrap();
        assert_eq!(p.crop, None);
        let mut q = Preprocessing::torchvision(3, 160, 160);
        q.set(&p.settings()).unwrap();
        assert_eq!(p, q);
    }

    #[test]
    fn sizes_are_written_height_first() {
        let mut p = Preprocessing::torchvision(1, 112, 80);
        p.set(&settings(&[("resize", "80x112")])).unwrap();
        assert_eq!(p.resize, Resize::Exact { width: 112, height: 80 });
        assert_eq!(p.settings()["resize"], "80x112");
    }

    #[test]
    fn settings_without_sense_are_refused_and_change_nothing() {
        let mut p = Preprocessing::torchvision(3, 224, 224);
        let before = p.clone();
        for (key, value, part) in [
            ("mean", "123.675,116.28,103.53", "divide by 255"),
            ("mean", "a", "no number"),
            ("mean", "1,2", "2 numbers"),
            ("mean", "NaN", "outside"),
            ("std", "0", "greater than 0"),
            ("std", "58.4", "divide by 255"),
            ("resize", "0", "between 1"),
            ("resize", "99999999", "between 1"),
            ("crop", "160", "224 pixels high"),
            ("crop", "none", "or crop"),
            ("bgr", "perhaps", "true or false"),
            ("colour", "1", "no such setting"),
        ] {
            let error = p.set(&settings(&[(key, value)])).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(p, before);
    }
}
