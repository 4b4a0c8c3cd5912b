//! Calibration pictures: decoded once while they fit a budget, again from the file beyond it, so that memory does
//! not grow with the number of pictures.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::job::Cancel;
use crate::pictures::lint::{PictureSet, Traits, lint};
use crate::pictures::{Entry, FolderError, Listing, Picture, Preprocessing, load_one, own_names, spread};
use crate::report::{ClassFacts, Finding, SkippedPicture};

/// Decoded pictures that are kept (150 KB each at 224 x 224).
const BUDGET_BYTES: usize = 128 << 20;

/// The usable pictures of a job.
pub struct PictureStore {
    preprocessing: Preprocessing,
    entries: Vec<(Entry, Option<Arc<Picture>>)>,
    hashes: Vec<[u8; 32]>,
    traits: Vec<Traits>,
    skipped: Vec<SkippedPicture>,
    is_sorted_by_class: bool,
}

/// A picture that was usable and no longer is.
#[derive(Debug, thiserror::Error)]
#[error("`{file}` cannot be read a second time ({reason}); leave the folder alone while a job runs")]
pub struct PictureGone {
    file: String,
    reason: String,
}

/// The listings of several folders as one. A folder that is named twice counts once.
pub fn list_folders(folders: &[PathBuf]) -> Result<Listing, FolderError> {
    let mut all = Listing::default();
    let mut seen = HashSet::new();
    for folder in folders {
        if folder.canonicalize().is_ok_and(|real| !seen.insert(real)) {
            continue;
        }
        let listing = Listing::of_folder(folder, None)?;
        all.entries.extend(listing.entries);
        all.skipped.extend(listing.skipped);
        all.unlisted.extend(listing.unlisted);
        all.is_sorted_by_class |= listing.is_sorted_by_class;
    }
    Ok(all)
}

/// What a listing consists of, changes on disk and of classes included.
pub fn fingerprint(listing: &Listing) -> String {
    let stamp = |entry: &Entry| {
        let metadata = std::fs::metadata(&entry.path);
        metadata.and_then(|m| Ok((m.len(), m.modified()?))).ok()
    };
    let entries: String = listing
        .entries
        .iter()
        .map(|e| format!("{} {:?} {:?};", e.path.display(), e.class, stamp(e)))
        .collect();
    format!("{entries} {:?} {}", listing.skipped, listing.is_sorted_by_class)
}

impl PictureStore {
    /// Reads every picture of a listing on all cores. Broken ones are listed in [`PictureStore::skipped`].
    pub fn load(
        listing: &Listing,
        preprocessing: Preprocessing,
        cancel: &Cancel,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Self {
        let (width, height) = preprocessing.input;
        let kept = BUDGET_BYTES / (width * height * 3).max(1);
        let done = AtomicUsize::new(0);
        let names = own_names(&listing.entries);
        let results: Vec<_> = listing
            .entries
            .par_iter()
            .zip(&names)
            .enumerate()
            .filter(|_| !cancel.is_cancelled())
            .map(|(i, (entry, name))| {
                let loaded = load_one(entry, &preprocessing);
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress(count as f32 / listing.entries.len() as f32);
                loaded.map(|picture| {
                    let (traits, hash) = (Traits::of(&picture).called(name), picture.sha256);
                    (entry.clone(), hash, traits, (i < kept).then(|| Arc::new(picture)))
                })
            })
            .collect();
        let mut skipped = listing.skipped.clone();
        let (mut entries, mut hashes, mut all_traits) = (Vec::new(), Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok((entry, hash, traits, picture)) => {
                    entries.push((entry, picture));
                    hashes.push(hash);
                    all_traits.push(traits);
                }
                Err(reason) => skipped.push(reason),
            }
        }
        let is_sorted_by_class = listing.is_sorted_by_class;
        PictureStore { preprocessing, entries, hashes, traits: all_traits, skipped, is_sorted_by_class }
    }

    /// Number of usable pictures.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Places of so many pictures to analyse: the first ones, as ESP-PPQ takes them, or, where sub-folders are classes, some
    /// at equal distances.
    pub fn sample(&self, count: usize) -> Vec<usize> {
        self.sample_of(self.len(), count)
    }

    /// The same of a set of so many of the pictures.
    pub(super) fn sample_of(&self, all: usize, count: usize) -> Vec<usize> {
        match self.is_sorted_by_class {
            true => spread(all, count).collect(),
            false => (0..all.min(count)).collect(),
        }
    }

    /// True without any usable picture.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The network's input for one picture, NCHW.
    pub fn input(&self, index: usize) -> Result<Vec<f32>, PictureGone> {
        let Some((entry, kept)) = self.entries.get(index) else {
            return Err(PictureGone { file: format!("picture {index}"), reason: "there is none".to_owned() });
        };
        match kept {
            Some(picture) => Ok(picture.to_nchw(&self.preprocessing)),
            None => load_one(entry, &self.preprocessing)
                .map(|picture| picture.to_nchw(&self.preprocessing))
                .map_err(|s| PictureGone { file: s.file, reason: s.reason }),
        }
    }

    /// The path of one picture.
    pub fn path(&self, index: usize) -> Option<&std::path::Path> {
        self.entries.get(index).map(|(entry, _)| entry.path.as_path())
    }

    /// Files in the order of use.
    pub fn files(&self) -> Vec<String> {
        self.entries.iter().map(|(entry, _)| entry.file.clone()).collect()
    }

    /// SHA-256 of every used file.
    pub fn hashes(&self) -> &[[u8; 32]] {
        &self.hashes
    }

    /// Files left out.
    pub fn skipped(&self) -> &[SkippedPicture] {
        &self.skipped
    }

    /// What looks wrong with the pictures, for a network of so many classes.
    pub fn findings(&self, classes: usize) -> Vec<Finding> {
        lint(&PictureSet { pictures: &self.traits, preprocessing: &self.preprocessing, classes })
    }

    /// Pictures by class, as far as classes are known.
    pub fn classes(&self) -> Vec<ClassFacts> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for class in self.entries.iter().filter_map(|(entry, _)| entry.class) {
            *counts.entry(class).or_default() += 1;
        }
        counts.into_iter().map(|(class, pictures)| ClassFacts { class, pictures }).collect()
    }

    /// How pictures become tensors, as settings.
    pub fn preprocessing_settings(&self) -> BTreeMap<String, String> {
        self.preprocessing.settings()
    }

    /// How pictures become tensors, for people.
    pub fn preprocessing(&self) -> BTreeMap<String, String> {
        self.preprocessing.described()
    }
}
