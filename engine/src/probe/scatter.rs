//! Float against quantized values of one tensor.

use std::path::Path;

use super::{Grid, Probe, ProbeError};
use crate::analyse::noise_to_signal;

/// Points of a scatter besides the three extremes.
pub const MAX_POINTS: usize = 3000;

/// Values of a tensor on one picture, as points.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// The tensor.
    pub tensor: String,
    /// (float, dequantized). At most [`MAX_POINTS`], evenly chosen, and the smallest and the largest float value and
    /// the largest difference.
    pub points: Vec<[f32; 2]>,
    /// Elements of the tensor.
    pub elements: usize,
    /// Noise:signal over all elements.
    pub nsr: f64,
    /// Largest difference of all elements.
    pub largest_error: f32,
    /// The integers; `None` for floats.
    pub grid: Option<Grid>,
}

impl Probe {
    /// Float against quantized values of a tensor (or of what an operation leaves) on one picture.
    ///
    /// # Errors
    /// The picture cannot be used, or one side has no such tensor.
    pub fn scatter(&self, name: &str, picture: &Path) -> Result<Scatter, ProbeError> {
        let tensor = self.subject(name)?;
        let inference = self.inference(picture)?;
        let (float, quantized) = inference.both(self, tensor)?;
        let difference = |i: usize| (quantized[i] - float[i]).abs();
        let mut chosen: Vec<usize> = places(float.len(), MAX_POINTS).collect();
        let all = || 0..float.len();
        let extremes = [
            all().min_by(|&a, &b| float[a].total_cmp(&float[b])),
            all().max_by(|&a, &b| float[a].total_cmp(&float[b])),
            all().max_by(|&a, &b| difference(a).total_cmp(&difference(b))),
        ];
        let largest_error = extremes[2].map_or(0.0, difference);
        chosen.extend(extremes.into_iter().flatten());
        chosen.sort_unstable();
        chosen.dedup();
        Ok(Scatter {
            tensor: self.name(tensor).to_owned(),
            points: chosen.into_iter().map(|i| [float[i], quantized[i]]).collect(),
            elements: float.len(),
            nsr: noise_to_signal(quantized.iter().copied(), float),
            largest_error,
            grid: self.format(tensor).map(Grid::from),
        })
    }
}

/// At most `most` different places below `all`, spread by steps of the golden ratio so that they follow neither rows
/// nor channels.
fn places(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let mut step = ((all as f64 * 0.618_033_988_749_895) as usize).max(1);
    while all > 0 && gcd(step, all) != 1 {
        step += 1;
    }
    (0..all.min(most)).map(move |i| (i as u128 * step as u128 % all as u128) as usize)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::places;

    #[test]
    fn places_differ_and_lie_inside() {
        for (all, most) in [(0, 5), (1, 5), (6, 5), (1000, 300), (12_544, 3000), (7, 7)] {
            let chosen: BTreeSet<usize> = places(all, most).collect();
            assert_eq!(chosen.len(), all.min(most), "{all} {most}");
            assert!(chosen.iter().all(|&p| p < all));
        }
    }
}
