//! Reads and decodes many pictures on all cores.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Entry, Picture, Preprocessing, decode};
use crate::report::SkippedPicture;

/// Larger files are no pictures.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// What became of a list of picture files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// Usable pictures in the order of the list.
    pub pictures: Vec<Picture>,
    /// The others, with the reason.
    pub skipped: Vec<SkippedPicture>,
}

/// Loads one picture. Call it in a `rayon` iterator together with the inference to let both overlap.
///
/// # Errors
/// The file cannot be used; the reason is for people.
pub fn load_one(entry: &Entry, preprocessing: &Preprocessing) -> Result<Picture, SkippedPicture> {
    let skipped = |reason: String| SkippedPicture { file: entry.file.clone(), reason };
    let bytes = read(&entry.path).map_err(skipped)?;
    let sha256 = Sha256::digest(&bytes).into();
    let decoded = decode(&bytes).map_err(skipped)?;
    drop(bytes);
    let rgb = preprocessing.fit(&decoded).map_err(skipped)?;
    Ok(Picture { file: entry.file.clone(), rgb, sha256, class: entry.class })
}

/// The bytes of a picture file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let describe = |e: std::io::Error| format!("it cannot be read: {e}");
    let file = File::open(path).map_err(describe)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(describe)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("the file has more than {} MiB", MAX_FILE_BYTES >> 20));
    }
    Ok(bytes)
}

/// Loads pictures on the current `rayon` pool. `progress` is told how many are done, from any thread. Once
/// `cancel` is set the rest is left out, without an entry in `skipped`.
pub fn load(
    entries: &[Entry],
    preprocessing: &Preprocessing,
    cancel: &AtomicBool,
    progress: impl Fn(usize) + Sync,
) -> Loaded {
    let done = AtomicUsize::new(0);
    let results: Vec<_> = entries
        .par_iter()
        .filter_map(|entry| {
            if cancel.load(Ordering::Relaxed) {
                return None;
            }
            let result = load_one(entry, preprocessing);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            Some(result)
        })
        .collect();
    let mut loaded = Loaded::default();
    for result in results {
        match result {
            Ok(picture) => loaded.pictures.push(picture),
            Err(skipped) => loaded.skipped.push(skipped),
        }
    }
    loaded
}
