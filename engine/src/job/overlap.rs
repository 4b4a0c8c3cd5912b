//! Evaluation pictures that are calibration pictures, told before the job's work begins.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Cancel, QuantizeRequest};
use crate::advise::evaluation_overlap;
use crate::pictures::{Entry, Listing};
use crate::report::Finding;
use crate::session::list_folders;

/// Larger files are no pictures.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Compares the two sets by content. Only files whose length occurs in both sets are read.
pub(super) fn overlap(request: &QuantizeRequest, evaluation: &Listing, cancel: &Cancel) -> Option<Finding> {
    // What is wrong with the folder is told where the pictures are loaded.
    let calibration = list_folders(&request.images).ok()?.without(&request.leave_out).ok()?;
    let (of_one, of_other) = (by_length(&calibration.entries), by_length(&evaluation.entries));
    let hashes = |set: &HashMap<u64, Vec<&Entry>>, other: &HashMap<u64, Vec<&Entry>>| -> Vec<[u8; 32]> {
        let candidates: Vec<&Entry> = set
            .iter()
            .filter(|(length, _)| other.contains_key(*length))
            .flat_map(|(_, e)| e.clone())
            .collect();
        candidates
            .par_iter()
            .filter(|_| !cancel.is_cancelled())
            .filter_map(|e| Some(Sha256::digest(std::fs::read(&e.path).ok()?).into()))
            .collect()
    };
    let calibrated: HashSet<[u8; 32]> = hashes(&of_one, &of_other).into_iter().collect();
    let evaluated = hashes(&of_other, &of_one);
    let both = evaluated.iter().filter(|hash| calibrated.contains(*hash)).count();
    evaluation_overlap(both)
}

fn by_length(entries: &[Entry]) -> HashMap<u64, Vec<&Entry>> {
    let mut lengths: HashMap<u64, Vec<&Entry>> = HashMap::new();
    for entry in entries {
        if let Ok(metadata) = std::fs::metadata(&entry.path)
            && metadata.is_file()
            && metadata.len() <= MAX_FILE_BYTES
        {
            lengths.entry(metadata.len()).or_default().push(entry);
        }
    }
    lengths
}
