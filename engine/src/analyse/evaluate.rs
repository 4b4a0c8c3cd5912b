//! Accuracy and agreement over pictures.

use super::nsr::{mean, noise_to_signal, top, wilson95};
use crate::report::Accuracy;

/// What one network said to every picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// Scores per picture.
    pub scores: Vec<Vec<f32>>,
}

/// What the answers amount to.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Accuracy, with labels only.
    pub accuracy: Option<Accuracy>,
    /// Against a reference: fraction with the same class first.
    pub agreement: Option<f64>,
    /// Its 95 % interval.
    pub agreement_interval95: Option<[f64; 2]>,
    /// Against a reference: mean noise:signal of the scores.
    pub output_nsr: Option<f64>,
}

/// Holds labels against the number of classes.
///
/// # Errors
/// A label is no class of the network; which picture's, and what may be the reason.
pub fn check_labels<'a>(
    labels: impl IntoIterator<Item = (&'a str, Option<usize>)>,
    classes: usize,
) -> Result<(), String> {
    let beyond = labels.into_iter().find_map(|(file, label)| Some((file, label.filter(|&l| l >= classes)?)));
    match beyond {
        None => Ok(()),
        Some((file, label)) => Err(format!(
            "`{file}` has class {label}, but the network has classes 0 to {}; count from 0, or take the labels of this \
             network",
            classes.saturating_sub(1)
        )),
    }
}

/// Scores answers against labels (class indices, where known) and against another network's answers.
pub fn evaluate_answers(
    answers: &Answers,
    labels: &[Option<usize>],
    reference: Option<&Answers>,
) -> Evaluation {
    let mut evaluation =
        Evaluation { accuracy: None, agreement: None, agreement_interval95: None, output_nsr: None };
    let labelled: Vec<(&Vec<f32>, usize)> =
        answers.scores.iter().zip(labels).filter_map(|(s, l)| l.map(|l| (s, l))).collect();
    if !labelled.is_empty() {
        let hits = |n: usize| labelled.iter().filter(|(s, label)| top(s, n).contains(label)).count();
        let (first, five, n) = (hits(1), hits(5), labelled.len());
        evaluation.accuracy = Some(Accuracy {
            top1: first as f64 / n as f64,
            top5: five as f64 / n as f64,
            top1_interval95: wilson95(first, n),
            top5_interval95: wilson95(five, n),
        });
    }
    if let Some(reference) = reference.filter(|r| !r.scores.is_empty()) {
        let pairs = || answers.scores.iter().zip(&reference.scores);
        let same = pairs().filter(|(a, b)| top(a, 1) == top(b, 1)).count();
        let n = pairs().count();
        evaluation.agreement = Some(same as f64 / n.max(1) as f64);
        evaluation.agreement_interval95 = Some(wilson95(same, n));
        let figures: Vec<f64> = pairs().map(|(a, b)| noise_to_signal(a.iter().copied(), b)).collect();
        evaluation.output_nsr = mean(&figures);
    }
    evaluation
}
