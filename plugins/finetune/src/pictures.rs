//! What a part of the network sees and should answer, picture by picture.

use candle_core::{Device, Tensor};
use octet_plugin_api::sdk::{Error, Host, Pictures, Weights};

use crate::graph::Graph;
use crate::segments::Segment;

/// Most values that inputs and targets of one part are kept for (4 bytes each).
const BUDGET_VALUES: usize = 48 << 20;

/// One part's inputs as the chip computes them, and the float network's outputs; each picture is C, H, W.
pub(crate) struct Examples {
    pub(crate) inputs: Vec<Vec<f32>>,
    pub(crate) targets: Vec<Vec<f32>>,
    input_planes: [usize; 3],
    target_planes: [usize; 3],
}

impl Examples {
    /// Gathers up to `most` pictures of a set, fewer where activations are large, spread over the whole set: folders are
    /// often sorted by class.
    pub(crate) fn gather(
        host: &mut Host<'_>,
        graph: &Graph,
        segment: &Segment,
        pictures: Pictures,
        most: u64,
        mut step: impl FnMut(&mut Host<'_>, f32) -> Result<(), Error>,
    ) -> Result<Examples, Error> {
        let (input, target) = (graph.tensor(segment.input), graph.tensor(segment.output));
        let affordable = (BUDGET_VALUES / (input.len() + target.len()).max(1)).max(1) as u64;
        let all = host.pictures(pictures)?;
        let count = all.min(most).min(affordable);
        let place = |i: u64| i * all / count.max(1);
        let mut examples = Examples {
            inputs: Vec::new(),
            targets: Vec::new(),
            input_planes: input.planes(),
            target_planes: target.planes(),
        };
        for picture in 0..count {
            step(host, 0.5 * picture as f32 / count as f32)?;
            let values = host.run_quantized(pictures, place(picture), &[segment.input])?;
            examples.inputs.extend(values.first().map(|v| v.to_vec()));
        }
        // After the others, so that the host keeps each plan for the whole set.
        for picture in 0..count {
            step(host, 0.5 + 0.5 * picture as f32 / count as f32)?;
            let values = host.run_float(pictures, place(picture), Weights::Float, &[segment.output])?;
            examples.targets.extend(values.first().map(|v| v.to_vec()));
        }
        Ok(examples)
    }

    pub(crate) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Inputs and targets of a batch, CNHW.
    pub(crate) fn batch(&self, pictures: &[usize]) -> candle_core::Result<(Tensor, Tensor)> {
        let side = |all: &[Vec<f32>], planes| cnhw(pictures.iter().filter_map(|&i| all.get(i)), planes);
        Ok((side(&self.inputs, self.input_planes)?, side(&self.targets, self.target_planes)?))
    }
}

fn cnhw<'a>(
    pictures: impl Iterator<Item = &'a Vec<f32>> + Clone,
    [channels, height, width]: [usize; 3],
) -> candle_core::Result<Tensor> {
    let plane = (height * width).max(1);
    let mut values: Vec<f32> = Vec::new();
    for channel in 0..channels {
        for picture in pictures.clone() {
            values.extend(picture.chunks(plane).nth(channel).unwrap_or_default());
        }
    }
    Tensor::from_vec(values, (channels, pictures.count(), height, width), &Device::Cpu)
}

/// Batches over and over in a shuffled order that is the same in every run.
pub(crate) struct Batches {
    order: Vec<usize>,
    next: usize,
    state: u64,
}

impl Batches {
    pub(crate) fn new(pictures: usize, seed: u64) -> Batches {
        Batches { order: (0..pictures).collect(), next: pictures, state: seed | 1 }
    }

    pub(crate) fn next(&mut self, size: usize) -> Vec<usize> {
        let mut batch = Vec::with_capacity(size);
        while batch.len() < size.min(self.order.len()) {
            if self.next >= self.order.len() {
                self.shuffle();
                self.next = 0;
            }
            batch.push(self.order[self.next]);
            self.next += 1;
        }
        batch
    }

    /// Fisher and Yates, by a generator of Marsaglia's (xorshift64).
    fn shuffle(&mut self) {
        for i in (1..self.order.len()).rev() {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            self.order.swap(i, (self.state % (i as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_comes_once_before_any_comes_again() {
        let mut batches = Batches::new(10, 7);
        let mut seen: Vec<usize> = (0..5).flat_map(|_| batches.next(2)).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(Batches::new(10, 7).next(4), Batches::new(10, 7).next(4));
        assert_eq!(Batches::new(3, 1).next(8).len(), 3);
    }

    #[test]
    fn a_batch_has_a_channel_of_every_picture_side_by_side() {
        let pictures = [vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]];
        let batch = cnhw(pictures.iter(), [2, 1, 2]).unwrap();
        assert_eq!(batch.dims(), [2, 2, 1, 2]);
        let values = batch.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
    }
}
