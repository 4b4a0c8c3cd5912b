//! The folders of pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A folder that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFolder {
    /// Where.
    pub path: PathBuf,
    /// Pictures in it and in the folders in it.
    pub pictures: usize,
    /// Files that are no pictures.
    pub others: usize,
    /// Sub-folders with pictures, which name classes.
    pub classes: usize,
}

/// Calibration and evaluation pictures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pictures {
    /// For calibration, in the order in which they were added.
    pub folders: Vec<PictureFolder>,
    /// For the evaluation.
    pub evaluation: Option<PictureFolder>,
    /// Folders being looked at.
    pub pending: usize,
    /// Pre-processing that differs from the model's own: `mean`, `std`, `resize`, `crop`, `bgr`, `grey`.
    pub preprocessing: BTreeMap<String, String>,
}

impl Pictures {
    /// Calibration pictures in all folders.
    pub fn total(&self) -> usize {
        self.folders.iter().map(|f| f.pictures).sum()
    }
}
