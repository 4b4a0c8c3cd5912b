//! Figures as colours: scales with ticks for the legend, and the colours of a whole graph.

mod map;
mod palette;

pub use map::{GroupHeat, HeatMap, HeatRequest, NodeHeat};
pub use palette::Palette;

use egui::Color32;

/// The colour at `t` in 0..=1 of the scale from little to much.
pub fn colour(t: f32) -> Color32 {
    Palette::Heat.colour(t)
}

/// Black or white, whichever reads better on `background`.
pub fn text_on(background: Color32) -> Color32 {
    let [r, g, b, _] = background.to_array().map(f32::from);
    if 0.299 * r + 0.587 * g + 0.114 * b > 140.0 { Color32::from_gray(16) } else { Color32::from_gray(250) }
}

/// How figures are spread over a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// Equal ratios are equal distances; both ends above zero.
    #[default]
    Logarithmic,
    /// Equal differences are equal distances.
    Linear,
    /// Around zero, linear.
    Difference,
    /// Around zero, logarithmic on both sides beyond a thousandth of the largest.
    LogarithmicDifference,
}

/// A range that figures are placed in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scale {
    /// Lower end.
    pub low: f64,
    /// Upper end, above `low`.
    pub high: f64,
    /// In between.
    pub spread: Spread,
    /// The colours.
    pub palette: Palette,
}

impl Scale {
    /// The widest logarithmic span: figures this far below the largest are all "low".
    const MAX_DECADES: i32 = 4;
    /// Ticks of a legend.
    const MAX_TICKS: usize = 16;
    /// Figures that are scaled: smaller ones are nothing, and larger ones, as smaller ones, only come from a damaged report.
    const SENSIBLE: std::ops::RangeInclusive<f64> = 1e-30..=1e30;
    /// Where a logarithmic difference turns linear, as a fraction of the largest.
    const KNEE: f64 = 1e-3;

    /// The logarithmic range of these figures, widened to 1-2-5 steps; `None` when none is positive.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let positive: Vec<f64> = figures.into_iter().filter(|v| Self::SENSIBLE.contains(v)).collect();
        let max = positive.iter().copied().fold(f64::NAN, f64::max);
        let min = positive.iter().copied().fold(f64::NAN, f64::min);
        if positive.is_empty() {
            return None;
        }
        let high = step_up(max);
        let low = step_down(min.max(high / 10f64.powi(Self::MAX_DECADES)));
        let low = if low < high { low } else { high / 10.0 };
        Some(Self { low, high, ..Self::default() })
    }

    /// The linear range from zero to the largest figure, widened to a 1-2-5 step; `None` without figures.
    pub fn linear(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let high = Self::linear_end(figures.into_iter())?;
        Some(Self { low: 0.0, high, spread: Spread::Linear, palette: Palette::Heat })
    }

    /// The round end of a range that begins at zero; `None` without figures.
    fn linear_end(figures: impl Iterator<Item = f64>) -> Option<f64> {
        let max = figures.filter(|v| v.is_finite()).reduce(f64::max)?;
        let is_sensible = max >= *Self::SENSIBLE.start();
        Some(if is_sensible { step_up(max.min(*Self::SENSIBLE.end())) } else { 1.0 })
    }

    /// The range of these differences, as wide above zero as below; `None` without figures.
    pub fn difference(
        figures: impl IntoIterator<Item = f64>,
        logarithmic: bool,
        palette: Palette,
    ) -> Option<Self> {
        let high = Self::linear_end(figures.into_iter().map(f64::abs))?;
        let spread = if logarithmic { Spread::LogarithmicDifference } else { Spread::Difference };
        Some(Self { low: -high, high, spread, palette })
    }

    /// Where a figure lies, 0..=1.
    pub fn position(&self, figure: f64) -> f32 {
        if figure.is_nan() || figure <= self.low {
            return 0.0;
        }
        let position = match self.spread {
            Spread::Logarithmic => (figure / self.low).ln() / (self.high / self.low).ln(),
            Spread::Linear | Spread::Difference => (figure - self.low) / (self.high - self.low),
            Spread::LogarithmicDifference => {
                let knee = self.high * Self::KNEE;
                let part = (figure.abs() / knee).ln_1p() / (self.high / knee).ln_1p();
                0.5 + 0.5 * part.copysign(figure)
            }
        };
        (position as f32).clamp(0.0, 1.0)
    }

    /// The colour of a figure.
    pub fn colour(&self, figure: f64) -> Color32 {
        self.colour_at(self.position(figure))
    }

    /// The colour at a place of the scale, 0..=1.
    pub fn colour_at(&self, position: f32) -> Color32 {
        self.palette.colour(position)
    }

    /// Round figures inside the range, for the legend.
    pub fn ticks(&self) -> Vec<f64> {
        match self.spread {
            Spread::Logarithmic => {
                let first = (self.low.log10() - 1e-9).ceil() as i32;
                let last = (self.high.log10() + 1e-9).floor() as i32;
                (first..=last).take(Self::MAX_TICKS).map(|e| 10f64.powi(e)).collect()
            }
            Spread::Linear => {
                (0..=4).map(|i| self.low + (self.high - self.low) * f64::from(i) / 4.0).collect()
            }
            Spread::Difference => vec![-self.high / 2.0, 0.0, self.high / 2.0],
            Spread::LogarithmicDifference => {
                let (large, small) = (self.high / 10.0, self.high / 100.0);
                vec![-large, -small, 0.0, small, large]
            }
        }
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
        let scale = Scale { low: 0.001, high: 0.1, ..Scale::default() };
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
    fn figures_of_a_damaged_report_make_a_scale_that_can_be_drawn() {
        for figures in [[5e-324, 1e-310], [f64::MIN_POSITIVE, f64::MAX], [0.01, 5e-324], [-5e-324, 0.0]] {
            let scales = [
                Scale::of(figures),
                Scale::linear(figures),
                Scale::difference(figures, true, Palette::ChangeOnDark),
                Scale::difference(figures, false, Palette::ChangeOnDark),
            ];
            for scale in scales.into_iter().flatten() {
                assert!(scale.low < scale.high && (scale.high - scale.low).is_finite(), "{scale:?}");
                let ticks = scale.ticks();
                assert!(ticks.len() <= Scale::MAX_TICKS && ticks.iter().all(|t| t.is_finite()), "{ticks:?}");
                assert!(figures.iter().all(|&f| (0.0..=1.0).contains(&scale.position(f))));
            }
        }
        let wide = Scale { low: 0.0, high: f64::MAX, ..Scale::default() };
        assert!(wide.ticks().len() <= Scale::MAX_TICKS);
    }

    #[test]
    fn a_linear_range_starts_at_zero() {
        let scale = Scale::linear([3.0, 8.0]).unwrap();
        assert_eq!((scale.low, scale.high), (0.0, 10.0));
        assert_eq!(scale.position(5.0), 0.5);
        assert_eq!(Scale::linear([f64::NAN]), None);
        assert!(Scale::linear([0.0]).unwrap().high > 0.0);
    }

    #[test]
    fn differences_lie_around_the_middle_and_mirror_each_other() {
        for logarithmic in [false, true] {
            let scale = Scale::difference([-0.03, 0.012], logarithmic, Palette::ChangeOnDark).unwrap();
            assert!((scale.high - 0.05).abs() < 1e-12 && scale.low == -scale.high);
            assert_eq!(scale.position(0.0), 0.5);
            for d in [0.0001, 0.01, 0.05] {
                let (less, more) = (scale.position(-d), scale.position(d));
                assert!(less < 0.5 && more > 0.5 && (less + more - 1.0).abs() < 1e-5, "{d}: {less} {more}");
            }
            assert_eq!((scale.position(-1.0), scale.position(1.0)), (0.0, 1.0));
        }
    }

    #[test]
    fn runs_that_are_equal_have_a_range_without_a_change() {
        let scale = Scale::difference([0.0, 0.0], true, Palette::ChangeOnLight).unwrap();
        assert_eq!(scale.position(0.0), 0.5);
    }
}
