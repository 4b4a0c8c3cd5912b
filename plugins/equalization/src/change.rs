//! What a rewriting does to the float network's answers.
//!
//! Scaling and absorption leave them as they are. Where ReLU6 becomes ReLU they change, and no figure of the job shows
//! it: the host measures graphwise and layerwise errors, scores and searches against the float network under the draft,
//! which is the changed one, as ESP-PPQ does. Only the evaluation compares with the file's own network. So it is
//! measured and told here.

use octet_plugin_api::sdk::{Error, Host, Log, Pictures, Weights};

/// Noise:signal below which only rounding of f32 differs.
const SAME: f64 = 1e-6;

/// The float network's scores under the draft, one list per calibration picture.
pub(crate) fn scores(host: &mut Host<'_>, from: f32, to: f32) -> Result<Vec<Vec<f32>>, Error> {
    let output = host.network()?.output;
    let count = host.pictures(Pictures::Calibration)?;
    let mut scores = Vec::new();
    for picture in 0..count {
        host.progress(from + (to - from) * picture as f32 / count as f32, "scores of the float network")?;
        let values = host.run_float(Pictures::Calibration, picture, Weights::Float, &[output])?;
        scores.push(values.first().map(|v| v.to_vec()).unwrap_or_default());
    }
    Ok(scores)
}

/// Tells how far the scores went away from `before`.
pub(crate) fn tell(host: &mut Host<'_>, before: &[Vec<f32>], after: &[Vec<f32>]) {
    let change = Change::between(before, after);
    let numbers = format!(
        "noise:signal {:.3} % of its output, {:.1} % of {} calibration pictures keep their class",
        change.noise * 100.0,
        change.agreement * 100.0,
        before.len()
    );
    if change.noise <= SAME {
        host.log(Log::Info, &format!("the float network stays the same: {numbers}"));
    } else {
        let consequence = "Errors inside the network are measured against the changed one; the evaluation compares \
                           with the file's. relu6=keep leaves it as it is";
        host.log(Log::Warning, &format!("the float network changed: {numbers}. {consequence}"));
    }
}

/// How far scores are from others.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    /// Mean over the pictures of sum (after - before)^2 / sum before^2, ESP-PPQ's `torch_snr_error`
    /// (`quantization/measure/norm.py`).
    noise: f64,
    /// Fraction of the pictures whose first class is the same.
    agreement: f64,
}

impl Change {
    fn between(before: &[Vec<f32>], after: &[Vec<f32>]) -> Change {
        let count = before.len().max(1) as f64;
        let pairs = || before.iter().zip(after);
        let noise = pairs().map(|(before, after)| {
            let noise: f64 =
                before.iter().zip(after).map(|(&b, &a)| (f64::from(a) - f64::from(b)).powi(2)).sum();
            let signal: f64 = before.iter().map(|&b| f64::from(b).powi(2)).sum();
            noise / (signal + 1e-7)
        });
        let agreeing = pairs().filter(|(before, after)| first(before) == first(after)).count();
        Change { noise: noise.sum::<f64>() / count, agreement: agreeing as f64 / count }
    }
}

/// Index of the largest score; the lower one of equals.
fn first(scores: &[f32]) -> Option<usize> {
    (0..scores.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_and_agreement_are_means_over_the_pictures() {
        let before = [vec![3.0, 4.0], vec![1.0, 0.0]];
        let after = [vec![4.0, 3.0], vec![1.0, 0.0]];
        let change = Change::between(&before, &after);
        assert!((change.noise - 0.5 * 2.0 / 25.0).abs() < 1e-8, "{change:?}");
        assert_eq!(change.agreement, 0.5);
    }

    #[test]
    fn equal_scores_go_to_the_lower_class() {
        assert_eq!(first(&[1.0, 2.0, 2.0]), Some(1));
        assert_eq!(first(&[]), None);
    }
}
