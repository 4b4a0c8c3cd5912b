//! The colours of the scales, perceptually uniform and safe for colour-blind eyes: matplotlib's inferno without its
//! darkest and lightest end, which the backgrounds would swallow, and for differences Crameri's vik (light middle)
//! and berlin (dark middle); Crameri, Shephard and Heron 2020, "The misuse of colour in science communication".

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

/// berlin at 0, 1/16, ..., 1 (Scientific colour maps 8, `berlin.txt`).
const BERLIN: [[u8; 3]; 17] = [
    [158, 176, 255],
    [121, 171, 237],
    [81, 159, 211],
    [54, 133, 173],
    [40, 104, 134],
    [29, 75, 97],
    [20, 48, 62],
    [17, 26, 32],
    [25, 12, 9],
    [42, 14, 1],
    [63, 18, 1],
    [89, 28, 7],
    [123, 50, 28],
    [156, 79, 61],
    [188, 109, 97],
    [221, 141, 134],
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
            Palette::ChangeOnDark => mixed(&BERLIN, 0.0..=1.0, t),
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
        assert!(dark.iter().all(|l| *l >= dark[10] - 12.0), "{dark:?}");
        let light = lightness(Palette::ChangeOnLight);
        assert!(light.iter().all(|l| *l <= light[10]), "{light:?}");
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
