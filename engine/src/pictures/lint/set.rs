//! A set of pictures as the rules see it.

use std::collections::BTreeMap;

use super::traits::Traits;
use crate::pictures::Preprocessing;

/// The pictures of a run with what they are for.
pub struct PictureSet<'a> {
    /// The usable pictures in the order of use.
    pub pictures: &'a [Traits],
    /// How they become the network's input.
    pub preprocessing: &'a Preprocessing,
    /// Classes of the network.
    pub classes: usize,
}

impl PictureSet<'_> {
    /// Pictures per class; `None` unless the class of every picture is known.
    pub fn by_class(&self) -> Option<BTreeMap<usize, usize>> {
        let mut counts = BTreeMap::new();
        for picture in self.pictures {
            *counts.entry(picture.class?).or_default() += 1;
        }
        Some(counts)
    }

    /// Fraction of the bytes that are 0 or 255.
    pub(super) fn extremes(&self) -> f64 {
        let all: u64 = self.pictures.iter().map(|p| p.pixels * 3).sum();
        self.pictures.iter().map(|p| p.extremes).sum::<u64>() as f64 / all.max(1) as f64
    }

    /// Largest magnitude that a pixel can have as an input value of the network.
    pub(super) fn largest(&self) -> f64 {
        f64::from(self.preprocessing.largest())
    }
}
