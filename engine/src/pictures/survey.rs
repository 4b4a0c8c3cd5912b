//! A look at a whole set of pictures before a job: what can be used, which classes, what looks wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::lint::{PictureSet, Traits, lint};
use super::{Entry, Preprocessing, load_one, own_names};
use crate::report::{ClassFacts, Finding, SkippedPicture};

/// What was found in a set of pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// Usable pictures.
    pub pictures: usize,
    /// Files that cannot be used, with the reason, in the order of the set.
    pub skipped: Vec<SkippedPicture>,
    /// Usable pictures by class, as far as classes are known.
    pub classes: Vec<ClassFacts>,
    /// What looks wrong, as a job would tell it.
    pub findings: Vec<Finding>,
}

/// Decodes every picture once, keeps none, and holds the set against the lint's rules. `classes` is the number of the
/// network's. `progress` is told how many are done, from any thread. `None` once `cancel` is set.
pub fn survey(
    entries: &[Entry],
    preprocessing: &Preprocessing,
    classes: usize,
    cancel: &AtomicBool,
    progress: impl Fn(usize) + Sync,
) -> Option<Survey> {
    let done = AtomicUsize::new(0);
    let names = own_names(entries);
    let results: Vec<Result<Traits, SkippedPicture>> = entries
        .par_iter()
        .zip(&names)
        .filter(|_| !cancel.load(Ordering::Relaxed))
        .map(|(entry, name)| {
            let traits = load_one(entry, preprocessing).map(|picture| Traits::of(&picture).called(name));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            traits
        })
        .collect();
    if cancel.load(Ordering::Relaxed) {
        return None;
    }
    let (mut traits, mut skipped) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(of_picture) => traits.push(of_picture),
            Err(reason) => skipped.push(reason),
        }
    }
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for class in traits.iter().filter_map(|t| t.class) {
        *counts.entry(class).or_default() += 1;
    }
    let set = PictureSet { pictures: &traits, preprocessing, classes };
    Some(Survey {
        pictures: traits.len(),
        skipped,
        classes: counts.into_iter().map(|(class, pictures)| ClassFacts { class, pictures }).collect(),
        findings: lint(&set),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Listing;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("cat/1.png", 40), ("cat/2.png", 40), ("dog/1.png", 200)] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let pixel = |x: u32, y: u32| image::Rgb([value, (x * 7) as u8, (y * 5) as u8]);
            image::RgbImage::from_fn(32, 32, pixel).save(path).unwrap();
        }
        std::fs::write(folder.path().join("dog/2.jpg"), b"no picture").unwrap();
        folder
    }

    #[test]
    fn a_set_is_counted_sorted_and_held_against_the_rules() {
        let folder = folder();
        let listing = Listing::of_folder(folder.path(), None).unwrap();
        let p = Preprocessing::torchvision(3, 24, 24);
        let told = AtomicUsize::new(0);
        let found = survey(&listing.entries, &p, 2, &AtomicBool::new(false), |n| {
            told.fetch_max(n, Ordering::Relaxed);
        });
        let found = found.unwrap();
        assert_eq!((found.pictures, told.into_inner()), (3, 4));
        assert_eq!(found.skipped.len(), 1);
        assert_eq!(found.skipped[0].file, "dog/2.jpg");
        let classes: Vec<_> = found.classes.iter().map(|c| (c.class, c.pictures)).collect();
        assert_eq!(classes, [(0, 2), (1, 1)]);
        let rules: Vec<&str> = found.findings.iter().map(|f| f.rule.as_str()).collect();
        assert!(rules.contains(&"few-pictures") && rules.contains(&"duplicate-pictures"), "{rules:?}");
    }

    #[test]
    fn a_cancelled_survey_has_no_result() {
        let folder = folder();
        let listing = Listing::of_folder(folder.path(), None).unwrap();
        let p = Preprocessing::torchvision(3, 24, 24);
        assert_eq!(survey(&listing.entries, &p, 2, &AtomicBool::new(true), |_| {}), None);
    }
}
