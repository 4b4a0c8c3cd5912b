//! The colours of the scales, perceptually uniform and safe for colour-blind eyes: matplotlib's inferno without its
//! darkest and lightest end, which the backgrounds would swallow, and for differences Crameri's vik (light middle)
//! and berlin (dark middle, lifted); Crameri, Shephard and Heron 2020, "The misuse of colour in science communication".

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

/// vik at 0, 1/16, ..., 1 (Scientific colour maps 8, `vik.txt`).
const VIK: [[u8; 3]; 17] = [
    [0, 18, 97],
    [2, 43, 113],
    [3, 68, 129],
    [12, 94, 146],
    [48, 125, 166],
    [97, 158, 189],
    [148, 190, 210],
    [198, 219, 230],
    [236, 229, 224],
    [233, 204, 186],
    [220, 172, 144],
    [207, 142, 104],
    [195, 114, 67],
    [179, 83, 31],
    [148, 47, 6],
    [116, 21, 6],
    [89, 0, 8],
];

/// berlin (Scientific colour maps 8, `berlin.txt`) at 0, 1/16, ..., 1, with its black middle lifted so that no change
/// stands out from the canvas: hues and ends are berlin's, lightness (CIE L*) grows from the middle in equal steps.
const LIFTED_BERLIN: [[u8; 3]; 17] = [
    [158, 176, 255],
    [109, 167, 229],
    [76, 154, 203],
    [59, 138, 180],
    [48, 121, 157],
    [41, 105, 136],
    [42, 89, 112],
    [43, 73, 87],
    [44, 57, 60],
    [102, 60, 46],
    [134, 68, 50],
    [159, 82, 64],
    [178, 99, 85],
    [197, 117, 106],
    [216, 136, 128],
    [235, 154, 150],
    [255, 173, 173],
];

/// A row of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// From little to much.
    #[default]
    Heat,
    /// From less to more around no change, on a dark background.
    ChangeOnDark,
    /// From less to more around no change, on a light background.
    ChangeOnLight,
}

impl Palette {
    /// The colour at `t` in 0..=1; what is not finite is taken as 0.
    pub fn colour(self, t: f32) -> Color32 {
        match self {
            Palette::Heat => mixed(&INFERNO, 0.2..=0.93, t),
            Palette::ChangeOnDark => mixed(&LIFTED_BERLIN, 0.0..=1.0, t),
            Palette::ChangeOnLight => mixed(&VIK, 0.1..=0.9, t),
        }
    }
}

/// The colour at `t` of the part `used` of evenly spaced colours.
fn mixed(colours: &[[u8; 3]], used: std::ops::RangeInclusive<f32>, t: f32) -> Color32 {
    let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.0 };
    let x = (used.start() + t * (used.end() - used.start())) * (colours.len() - 1) as f32;
    let i = (x as usize).min(colours.len() - 2);
    let f = x - i as f32;
    let mix = |c: usize| {
        let (a, b) = (f32::from(colours[i][c]), f32::from(colours[i + 1][c]));
        (a + (b - a) * f).round() as u8
    };
    Color32::from_rgb(mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lightness(palette: Palette) -> Vec<f32> {
        let light = |t: f32| {
            let [r, g, b, _] = palette.colour(t).to_array().map(f32::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        (0..=20).map(|i| light(i as f32 / 20.0)).collect()
    }

    #[test]
    fn lightness_grows_along_the_heat_scale() {
        let all = lightness(Palette::Heat);
        assert!(all.windows(2).all(|w| w[0] < w[1]), "{all:?}");
    }

    #[test]
    fn no_change_is_the_calmest_colour_of_both_backgrounds() {
        let dark = lightness(Palette::ChangeOnDark);
        assert!(dark[..=10].windows(2).all(|w| w[0] > w[1]), "{dark:?}");
        assert!(dark[10..].windows(2).all(|w| w[0] < w[1]), "{dark:?}");
        let light = lightness(Palette::ChangeOnLight);
        assert!(light.iter().all(|l| *l <= light[10]), "{light:?}");
    }

    /// Relative luminance, as WCAG 2 defines it.
    fn luminance(colour: Color32) -> f32 {
        let [r, g, b, _] = colour.to_array().map(|v| {
            let x = f32::from(v) / 255.0;
            if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn every_difference_stands_out_from_the_dark_canvas() {
        let canvas = luminance(crate::window::theme::DARK.canvas) + 0.05;
        for i in 0..=200 {
            let colour = Palette::ChangeOnDark.colour(i as f32 / 200.0);
            let contrast = (luminance(colour) + 0.05) / canvas;
            assert!(contrast >= 1.5, "{colour:?} at {i}: {contrast}");
        }
    }

    #[test]
    fn lightness_grows_evenly_from_no_change_on_a_dark_canvas() {
        // CIE L* of what is lighter than black.
        let lightness =
            |i: usize| 116.0 * luminance(Palette::ChangeOnDark.colour(i as f32 / 16.0)).cbrt() - 16.0;
        for side in [[8, 0], [8, 16]] {
            let step = (lightness(side[1]) - lightness(side[0])) / 8.0;
            for k in 0..8 {
                let at = |k: usize| lightness(if side[1] == 0 { 8 - k } else { 8 + k });
                let own = at(k + 1) - at(k);
                assert!((own - step).abs() < 0.2 * step, "{side:?}, step {k}: {own} instead of {step}");
            }
        }
    }

    #[test]
    fn grey_is_no_colour_of_a_scale() {
        use crate::window::theme::{DARK, LIGHT};
        let palettes = [
            (Palette::Heat, &DARK),
            (Palette::Heat, &LIGHT),
            (Palette::ChangeOnDark, &DARK),
            (Palette::ChangeOnLight, &LIGHT),
        ];
        for (palette, tokens) in palettes {
            let nearest = (0..=200).map(|i| {
                let colour = palette.colour(i as f32 / 200.0).to_array();
                let grey = tokens.unmeasured.to_array();
                (0..3).map(|c| (i32::from(colour[c]) - i32::from(grey[c])).abs()).max().unwrap_or(0)
            });
            let nearest = nearest.min().unwrap_or(0);
            assert!(nearest >= 24, "{palette:?} comes within {nearest} of grey");
        }
    }
}
