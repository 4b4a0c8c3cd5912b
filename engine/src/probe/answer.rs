//! What both networks say to one picture, and where they part.

use std::path::Path;

use super::{Labels, Probe, ProbeError};
use crate::analyse::{noise_to_signal, softmax, top};
use crate::network::Op;
use crate::pictures::Rgb;

/// From this noise:signal on a layer needs work (Espressif's quantization playbook).
pub const THRESHOLD: f64 = 0.05;
/// Scores of an answer.
pub const SCORES: usize = 5;

/// A picture that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct TriedPicture {
    /// As the networks see it: at their input's size, before mean and standard deviation.
    pub picture: Rgb,
    /// The float network's best classes, best first.
    pub float: Vec<Score>,
    /// The quantized network's best classes, best first.
    pub quantized: Vec<Score>,
    /// Where names of classes were found; `None` without any, or where they were given.
    pub labels_from: Option<String>,
    /// Both put the same class first.
    pub agrees: bool,
    /// Noise:signal on this picture along the network: the input, then each operation that leaves a tensor of its own.
    pub depth: Vec<DepthPoint>,
    /// Noise:signal of the scores before a Softmax of the network's own, if it has one.
    pub output_nsr: f64,
    /// The limit of [`PartingRule::Threshold`].
    pub threshold: f64,
    /// Where they part; `None` where the first operation is as far from the float one as all others, that is in a
    /// network without operations.
    pub parting: Option<Parting>,
    /// Where noise:signal rises most from one operation to the next.
    pub largest_rise: Option<Parting>,
}

/// A class and its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Class index.
    pub class: usize,
    /// Its name, if known.
    pub label: Option<String>,
    /// Softmax probability.
    pub probability: f32,
}

/// One operation on this picture.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthPoint {
    /// The operation; the network's input has its tensor's name.
    pub name: String,
    /// True for the network's input.
    pub is_input: bool,
    /// Noise:signal of what it leaves, everything before it quantized too.
    pub nsr: f64,
}

/// An operation where the networks part.
#[derive(Debug, Clone, PartialEq)]
pub struct Parting {
    /// Index into `depth`.
    pub place: usize,
    /// The operation.
    pub name: String,
    /// Its noise:signal.
    pub nsr: f64,
    /// How much more than that of the operation before it.
    pub rise: f64,
    /// Why it is this one.
    pub rule: PartingRule,
}

/// Why networks are said to part at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartingRule {
    /// The first in graph order whose noise:signal exceeds the threshold.
    Threshold,
    /// None does; here it rises most.
    LargestRise,
}

impl Probe {
    /// Asks both networks. `labels` replaces the names that were found beside the model.
    ///
    /// # Errors
    /// The picture cannot be used, or a network fails.
    pub fn try_picture(&self, picture: &Path, labels: Option<&[String]>) -> Result<TriedPicture, ProbeError> {
        let inference = self.inference(picture)?;
        let (float, quantized) = inference.both(self, self.network.output)?;
        let ends_in_softmax = self
            .network
            .producer(self.network.output)
            .is_some_and(|id| matches!(self.network.node(id).op, Op::Softmax { .. }));
        let names = labels.unwrap_or(&self.labels.names);
        let float_best = best(float, ends_in_softmax, names);
        let quantized_best = best(&quantized, ends_in_softmax, names);
        let mut depth = Vec::with_capacity(self.observed.len() + 1);
        let mut point = |name: &str, is_input, tensor| {
            if let Some((float, quantized)) = inference.pair(self, tensor) {
                let nsr = noise_to_signal(quantized.into_iter(), float);
                depth.push(DepthPoint { name: name.to_owned(), is_input, nsr });
            }
        };
        point(self.name(self.network.input), true, self.network.input);
        for &(node, tensor) in &self.observed {
            point(&self.network.node(node).name, false, tensor);
        }
        let first = |scores: &[Score]| scores.first().map(|s| s.class);
        let (parting, largest_rise) = partings(&depth, THRESHOLD);
        Ok(TriedPicture {
            picture: inference.rgb.clone(),
            labels_from: match labels {
                Some(_) => None,
                None => self.labels.from.clone(),
            },
            agrees: first(&float_best) == first(&quantized_best),
            output_nsr: noise_to_signal(quantized.iter().copied(), float),
            float: float_best,
            quantized: quantized_best,
            parting,
            largest_rise,
            depth,
            threshold: THRESHOLD,
        })
    }
}

fn best(scores: &[f32], are_probabilities: bool, names: &[String]) -> Vec<Score> {
    let probabilities = if are_probabilities { scores.to_vec() } else { softmax(scores) };
    let score =
        |class: usize| Score { class, label: Labels::name(names, class), probability: probabilities[class] };
    top(scores, SCORES).into_iter().map(score).collect()
}

/// Where networks part, and where the error rises most.
fn partings(depth: &[DepthPoint], threshold: f64) -> (Option<Parting>, Option<Parting>) {
    let parting = |place: usize, rule| {
        let before = place.checked_sub(1).map_or(0.0, |p| depth[p].nsr);
        let DepthPoint { name, nsr, .. } = &depth[place];
        Parting { place, name: name.clone(), nsr: *nsr, rise: nsr - before, rule }
    };
    let operations = || (0..depth.len()).filter(|&i| !depth[i].is_input);
    let over = operations().find(|&i| depth[i].nsr > threshold);
    let all = operations().map(|i| parting(i, PartingRule::LargestRise));
    // Of equal rises the first.
    let steepest = all.reduce(|a, b| if b.rise > a.rise { b } else { a });
    let chosen = over.map(|i| parting(i, PartingRule::Threshold)).or_else(|| steepest.clone());
    (chosen, steepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(figures: &[f64]) -> Vec<DepthPoint> {
        let point = |(i, &nsr): (usize, &f64)| DepthPoint { name: format!("n{i}"), is_input: i == 0, nsr };
        figures.iter().enumerate().map(point).collect()
    }

    #[test]
    fn networks_part_at_the_first_operation_over_the_threshold() {
        let (parting, rise) = partings(&depth(&[0.2, 0.01, 0.06, 0.01, 0.3]), 0.05);
        let parting = parting.unwrap();
        assert_eq!((parting.place, parting.rule), (2, PartingRule::Threshold));
        assert!((parting.rise - 0.05).abs() < 1e-12);
        assert_eq!(rise.unwrap().place, 4, "the input is no operation");
    }

    #[test]
    fn without_one_they_part_where_the_error_rises_most() {
        let (parting, rise) = partings(&depth(&[0.0, 0.01, 0.04, 0.05, 0.04]), 0.05);
        assert_eq!(parting, rise);
        assert_eq!(parting.map(|p| (p.place, p.rule)), Some((2, PartingRule::LargestRise)));
        assert_eq!(partings(&[], 0.05), (None, None));
    }

    #[test]
    fn ties_go_to_the_lower_class_and_unnamed_classes_stay_so() {
        let scores = best(&[1.0, 2.0, 2.0], false, &["a".to_owned(), "b".to_owned()]);
        let classes: Vec<usize> = scores.iter().map(|s| s.class).collect();
        assert_eq!(classes, [1, 2, 0]);
        assert_eq!((scores[0].label.as_deref(), scores[1].label.as_deref()), (Some("b"), None));
        assert!((scores.iter().map(|s| s.probability).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
