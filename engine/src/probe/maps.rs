//! Feature maps: a tensor's channels as pictures, before and after.

use std::ops::Range;
use std::path::Path;

use super::{Probe, ProbeError};
use crate::analyse::noise_to_signal;

/// Channels of one answer.
pub const MAX_MAPS: usize = 64;

/// Some channels of a tensor on one picture. Bytes are without colours: value of a float or quantized one =
/// `low + byte / 255 * (high - low)`; of a difference (quantized minus float) = `(byte - 128) / 127 * largest_difference`.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMaps {
    /// The tensor.
    pub tensor: String,
    /// Rows of a map. A tensor of fewer than four axes, and one of single pixels, is one map with one row.
    pub height: usize,
    /// Columns of a map.
    pub width: usize,
    /// Channels of the tensor.
    pub channels: usize,
    /// Smallest value of the whole tensor on either side.
    pub low: f32,
    /// Largest value of the whole tensor on either side.
    pub high: f32,
    /// Largest difference of the whole tensor.
    pub largest_difference: f32,
    /// The channels asked for.
    pub maps: Vec<FeatureMap>,
}

/// One channel: `height * width` bytes each, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMap {
    /// Its index.
    pub channel: usize,
    /// The float network's.
    pub float: Vec<u8>,
    /// What the integers stand for.
    pub quantized: Vec<u8>,
    /// Quantized minus float; 128 is none.
    pub difference: Vec<u8>,
    /// Noise:signal of this channel alone.
    pub nsr: f64,
}

impl Probe {
    /// Channels of a tensor (or of what an operation leaves) on one picture; at most [`MAX_MAPS`] of those asked for,
    /// and none beyond the last.
    ///
    /// # Errors
    /// The picture cannot be used, or one side has no such tensor.
    pub fn maps(
        &self,
        name: &str,
        picture: &Path,
        channels: Range<usize>,
    ) -> Result<FeatureMaps, ProbeError> {
        let tensor = self.subject(name)?;
        let inference = self.inference(picture)?;
        let (float, quantized) = inference.both(self, tensor)?;
        let (count, height, width) = extents(&self.network.tensor(tensor).shape);
        let both = || float.iter().chain(&quantized).copied().filter(|v| v.is_finite());
        let (low, high) = (both().fold(f32::INFINITY, f32::min), both().fold(f32::NEG_INFINITY, f32::max));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let largest_difference = float.iter().zip(&quantized).map(|(f, q)| (q - f).abs()).fold(0.0, f32::max);
        let end = channels.end.min(count).min(channels.start.saturating_add(MAX_MAPS));
        let maps = (channels.start.min(end)..end).map(|channel| {
            let place = channel * height * width..(channel + 1) * height * width;
            let (float, quantized) = (&float[place.clone()], &quantized[place]);
            let grey = |v: f32| grey(v, low, high);
            FeatureMap {
                channel,
                float: float.iter().copied().map(grey).collect(),
                quantized: quantized.iter().copied().map(grey).collect(),
                difference: float
                    .iter()
                    .zip(quantized)
                    .map(|(f, q)| signed(q - f, largest_difference))
                    .collect(),
                nsr: noise_to_signal(quantized.iter().copied(), float),
            }
        });
        Ok(FeatureMaps {
            tensor: self.name(tensor).to_owned(),
            height,
            width,
            channels: count,
            low,
            high,
            largest_difference,
            maps: maps.collect(),
        })
    }
}

/// Channels, rows and columns.
fn extents(shape: &[usize]) -> (usize, usize, usize) {
    match *shape {
        [_, c, h, w] if h * w > 1 => (c, h, w),
        _ => (1, 1, shape.iter().product()),
    }
}

fn grey(value: f32, low: f32, high: f32) -> u8 {
    let t = (value - low) / (high - low);
    if t.is_finite() { (t.clamp(0.0, 1.0) * 255.0).round() as u8 } else { 0 }
}

fn signed(difference: f32, largest: f32) -> u8 {
    let t = difference / largest;
    if t.is_finite() { (128.0 + t.clamp(-1.0, 1.0) * 127.0).round() as u8 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_span_the_scale_and_128_is_no_difference() {
        assert_eq!([0.0, 3.0, 6.0].map(|v| grey(v, 0.0, 6.0)), [0, 128, 255]);
        assert_eq!([-2.0, 0.0, 2.0].map(|v| signed(v, 2.0)), [1, 128, 255]);
        assert_eq!((grey(1.0, 1.0, 1.0), signed(0.0, 0.0)), (0, 128));
    }

    #[test]
    fn tensors_without_pixels_are_one_row() {
        assert_eq!(extents(&[1, 24, 56, 56]), (24, 56, 56));
        assert_eq!(extents(&[1, 1280, 1, 1]), (1, 1, 1280));
        assert_eq!(extents(&[1, 1000]), (1, 1, 1000));
    }
}
