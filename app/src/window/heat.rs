//! The heat scale: noise:signal as colour, logarithmic, with ticks for the legend. The colours are matplotlib's
//! inferno (perceptually uniform) without its darkest and lightest end, which the backgrounds would swallow.

use egui::Color32;

/// Inferno at 0, 0.1, ..., 1 (matplotlib `_cm_listed.py`).
const INFERNO: [[u8; 3]; 11] = [
    [0, 0, 4],
    [22, 11, 57],
    [66, 10, 104],
    [106, 23, 110],
    [147, 38, 103],
    [188, 55, 84],
    [221, 81, 58],
    [243, 120, 25],
    [252, 165, 10],
    [246, 215, 70],
    [252, 255, 164],
];

/// The part of inferno that is used.
const USED: std::ops::RangeInclusive<f32> = 0.2..=0.93;

/// The colour at `t` in 0..=1.
pub fn colour(t: f32) -> Color32 {
    let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.0 };
    let x = (USED.start() + t * (USED.end() - USED.start())) * (INFERNO.len() - 1) as f32;
    let i = (x as usize).min(INFERNO.len() - 2);
    let f = x - i as f32;
    let mix = |c: usize| {
        let (a, b) = (f32::from(INFERNO[i][c]), f32::from(INFERNO[i + 1][c]));
        (a + (b - a) * f).round() as u8
    };
    Color32::from_rgb(mix(0), mix(1), mix(2))
}

/// Black or white, whichever reads better on `background`.
pub fn text_on(background: Color32) -> Color32 {
    let [r, g, b, _] = background.to_array().map(f32::from);
    if 0.299 * r + 0.587 * g + 0.114 * b > 140.0 { Color32::from_gray(16) } else { Color32::from_gray(250) }
}

/// A logarithmic range that figures are placed in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Lower end, above zero.
    pub low: f64,
    /// Upper end, above `low`.
    pub high: f64,
}

impl Scale {
    /// The widest span: figures this far below the largest are all "low".
    const MAX_DECADES: i32 = 4;

    /// The range of these figures, widened to 1-2-5 steps; `None` when none is positive.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let positive: Vec<f64> = figures.into_iter().filter(|v| v.is_finite() && *v > 0.0).collect();
        let max = positive.iter().copied().fold(f64::NAN, f64::max);
        let min = positive.iter().copied().fold(f64::NAN, f64::min);
        if positive.is_empty() {
            return None;
        }
        let high = step_up(max);
        let low = step_down(min.max(high / 10f64.powi(Self::MAX_DECADES)));
        Some(Self { low: if low < high { low } else { high / 10.0 }, high })
    }

    /// Where a figure lies, 0..=1.
    pub fn position(&self, figure: f64) -> f32 {
        if figure.is_nan() || figure <= self.low {
            return 0.0;
        }
        (((figure / self.low).ln() / (self.high / self.low).ln()) as f32).min(1.0)
    }

    /// The colour of a figure.
    pub fn colour(&self, figure: f64) -> Color32 {
        colour(self.position(figure))
    }

    /// Powers of ten inside the range, for the legend.
    pub fn ticks(&self) -> Vec<f64> {
        let first = (self.low.log10() - 1e-9).ceil() as i32;
        let last = (self.high.log10() + 1e-9).floor() as i32;
        (first..=last).map(|e| 10f64.powi(e)).collect()
    }
}

fn step_up(v: f64) -> f64 {
    let decade = 10f64.powf(v.log10().floor());
    [1.0, 2.0, 5.0, 10.0].iter().map(|s| s * decade).find(|s| *s >= v * (1.0 - 1e-9)).unwrap_or(decade * 10.0)
}

fn step_down(v: f64) -> f64 {
    let decade = 10f64.powf(v.log10().floor());
    [5.0, 2.0, 1.0].iter().map(|s| s * decade).find(|s| *s <= v * (1.0 + 1e-9)).unwrap_or(decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_covers_the_figures_in_round_steps() {
        let scale = Scale::of([0.1566, 0.0031, 0.02]).unwrap();
        assert!((scale.low - 0.002).abs() < 1e-9 && (scale.high - 0.2).abs() < 1e-9, "{scale:?}");
        let ticks = scale.ticks();
        assert_eq!(ticks.len(), 2);
        assert!((ticks[0] - 0.01).abs() < 1e-12 && (ticks[1] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn positions_grow_with_the_figure_and_stay_inside() {
        let scale = Scale { low: 0.001, high: 0.1 };
        assert_eq!(scale.position(0.0), 0.0);
        assert!((scale.position(0.01) - 0.5).abs() < 1e-6);
        assert_eq!(scale.position(7.0), 1.0);
        assert_eq!(scale.position(f64::NAN), 0.0);
    }

    #[test]
    fn no_figures_or_only_zeros_have_no_range() {
        assert_eq!(Scale::of([]), None);
        assert_eq!(Scale::of([0.0, f64::NAN]), None);
        let one = Scale::of([0.01]).unwrap();
        assert!(one.low < one.high);
    }

    #[test]
    fn lightness_grows_along_the_scale() {
        let light = |t: f32| {
            let [r, g, b, _] = colour(t).to_array().map(f32::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let all: Vec<f32> = (0..=20).map(|i| light(i as f32 / 20.0)).collect();
        assert!(all.windows(2).all(|w| w[0] < w[1]), "{all:?}");
    }
}
