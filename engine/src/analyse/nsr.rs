//! Noise:signal, the field's error figure.

/// Keeps a silent signal from dividing by zero (ESP-PPQ `measure/norm.py`).
const EPSILON: f64 = 1e-7;

/// `sum((q - f)^2) / (sum(f^2) + 1e-7)` of one picture's tensor.
pub fn noise_to_signal(quantized: impl Iterator<Item = f32>, float: &[f32]) -> f64 {
    let (mut noise, mut signal) = (0f64, 0f64);
    for (q, &f) in quantized.zip(float) {
        let difference = f64::from(q) - f64::from(f);
        noise += difference * difference;
        signal += f64::from(f) * f64::from(f);
    }
    noise / (signal + EPSILON)
}

/// Mean over pictures; `None` without any.
pub fn mean(figures: &[f64]) -> Option<f64> {
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// The index of the largest score; ties go to the lower index.
pub fn top1(scores: &[f32]) -> usize {
    top(scores, 1).first().copied().unwrap_or(0)
}

/// The indices of the `n` largest scores, best first; ties go to the lower index.
pub fn top(scores: &[f32], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(n);
    order
}

/// Softmax probabilities of scores.
pub fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = scores.iter().map(|&s| f64::from(s - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| (e / sum) as f32).collect()
}

/// The 95 % Wilson score interval of `hits` out of `n` (Wilson 1927); (0, 1) for no trials.
pub fn wilson95(hits: usize, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (z, n, p) = (1.959_963_984_540_054_f64, n as f64, hits as f64 / n as f64);
    let denominator = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / denominator;
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / denominator;
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_in_a_ranking_go_to_the_lower_index() {
        assert_eq!(top(&[1.0, 3.0, 3.0, 2.0], 3), [1, 2, 3]);
    }

    #[test]
    fn the_interval_is_wilsons() {
        // 208 of 256, as R's `prop.test(correct = FALSE)` gives it.
        let [low, high] = wilson95(208, 256);
        assert!((low - 0.7602).abs() < 5e-4 && (high - 0.8557).abs() < 5e-4, "{low} {high}");
        assert_eq!(wilson95(0, 0), [0.0, 1.0]);
    }

    #[test]
    fn an_equal_tensor_has_no_noise() {
        assert_eq!(noise_to_signal([1.0f32, -2.0].into_iter(), &[1.0, -2.0]), 0.0);
    }
}
