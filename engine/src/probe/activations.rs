//! What a tensor holds over many pictures, beside the integers that it is stored in.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::PoisonError;

use rayon::prelude::*;

use super::histogram::Counter;
use super::{Grid, Histogram, Probe, ProbeError};
use crate::job::Cancel;
use crate::network::TensorId;

/// Pictures that are looked at, spread evenly over those of the run: a second or two of float inferences.
const PICTURES: usize = 16;
/// Bins of a histogram.
const BINS: usize = 128;

/// The float values of a tensor over pictures of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationFigures {
    /// The tensor.
    pub tensor: String,
    /// The float values.
    pub histogram: Histogram,
    /// The integers; `None` where the quantized network has floats too.
    pub grid: Option<Grid>,
    /// Fraction of all values, zeros included, that lie beyond the grid by more than half a step.
    pub clipped: f64,
    /// Pictures looked at.
    pub pictures: usize,
    /// Pictures that the run was calibrated on.
    pub of: usize,
}

/// Counts of every tensor over the same pictures.
pub(super) struct Counted {
    tensors: HashMap<TensorId, (Counter, u64)>,
    pictures: usize,
}

impl Probe {
    /// The float values of a tensor (or of what an operation leaves) over some of the calibration pictures. The first
    /// question counts all tensors; later ones are answered at once.
    ///
    /// # Errors
    /// There is no such tensor in the quantized network, or no picture; or somebody cancelled.
    pub fn activations(&self, name: &str, cancel: &Cancel) -> Result<ActivationFigures, ProbeError> {
        let tensor = self.subject(name)?;
        let mut counted = self.activations.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = match &mut *counted {
            Some(counted) => counted,
            empty => empty.insert(self.count(cancel)?),
        };
        let (counter, clipped) = counted
            .tensors
            .get(&tensor)
            .cloned()
            .ok_or_else(|| ProbeError::OneSided(self.name(tensor).to_owned()))?;
        let histogram = counter.finish(BINS);
        Ok(ActivationFigures {
            tensor: self.name(tensor).to_owned(),
            grid: self.format(tensor).map(Grid::from),
            clipped: clipped as f64 / histogram.total().max(1) as f64,
            histogram,
            pictures: counted.pictures,
            of: self.report.calibration.used.len(),
        })
    }

    fn count(&self, cancel: &Cancel) -> Result<Counted, ProbeError> {
        let all = self.some_pictures()?;
        let some: Vec<&PathBuf> = spread(all.len(), PICTURES).map(|i| &all[i]).collect();
        let watched = self.watched(some[0])?;
        let grids: Vec<Option<Grid>> =
            watched.tensors.iter().map(|&t| self.format(t).map(Grid::from)).collect();
        let one = |path: &&PathBuf| -> Result<Vec<(Counter, u64)>, ProbeError> {
            if cancel.is_cancelled() {
                return Err(ProbeError::Cancelled);
            }
            let (_, input) = self.picture(path)?;
            let values = watched.plan.run(&[&input])?;
            let count = |(values, grid): (&Vec<f32>, &Option<Grid>)| {
                let clipped = grid.map_or(0, |g| values.iter().filter(|&&v| g.clips(v)).count());
                (Counter::of(values.iter().copied()), clipped as u64)
            };
            Ok(values.iter().zip(&grids).map(count).collect())
        };
        let merge = |a: Vec<(Counter, u64)>, b: Vec<(Counter, u64)>| {
            a.into_iter().zip(b).map(|((a, x), (b, y))| (a.merge(b), x + y)).collect()
        };
        let counts = some.par_iter().map(one).try_reduce_with(|a, b| Ok(merge(a, b)));
        let counts = counts.unwrap_or_else(|| Ok(Vec::new()))?;
        Ok(Counted { tensors: watched.tensors.iter().copied().zip(counts).collect(), pictures: some.len() })
    }
}

/// At most `most` indices below `all`, evenly spread, the first included.
fn spread(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = all.min(most);
    (0..count).map(move |i| i * all / count)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn pictures_are_spread_over_the_set() {
        assert_eq!(spread(8, 4).collect::<Vec<_>>(), [0, 2, 4, 6]);
        assert_eq!(spread(3, 4).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(0, 4).count(), 0);
    }
}
