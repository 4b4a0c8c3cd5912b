//! The rules of the lint, one a row.

use std::collections::HashMap;

use super::set::PictureSet;
use super::traits::Traits;
use crate::report::{Finding, Part, PictureRole, Remedy, Severity, Words, phrase};

/// Calibration pictures that are enough for exponents (ESP-PPQ's tutorials take 32 and more).
const ENOUGH: usize = 32;
/// Bits in which hashes of pictures that look alike may differ.
const LIKENESS_BITS: u32 = 3;
/// Above this number only equal files are looked for, since each picture is compared with each.
const MAX_COMPARED: usize = 20_000;
/// Files named in a remedy.
const MAX_FILES: usize = 1000;

/// A rule over a set of pictures.
pub struct PictureRule {
    /// Its id in reports.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it looks at, in words.
    pub looks_at: &'static str,
    /// The figure beyond which it speaks; its unit is part of `looks_at`.
    pub limit: f64,
    /// What it says, with `%{name}` where something that was found stands.
    pub text: &'static str,
    /// Its remedy in a few words.
    pub button: &'static str,
    find: fn(&PictureSet<'_>, f64) -> Option<Found>,
}

/// What a rule found.
struct Found {
    subject: Option<String>,
    words: Vec<(&'static str, Part)>,
    remedy: Remedy,
}

impl PictureRule {
    /// Holds a set against the rule.
    pub fn look(&self, set: &PictureSet<'_>) -> Option<Finding> {
        let Found { subject, words, remedy } = (self.find)(set, self.limit)?;
        let words = Words::new(self.text, words);
        Some(Finding::new(self.id, self.severity, subject, words, self.button, remedy))
    }
}

/// All rules, in the order in which they are told.
pub static RULES: [PictureRule; 9] = [
    PictureRule {
        id: "few-pictures",
        severity: Severity::Warning,
        looks_at: "number of calibration pictures, below",
        limit: 16.0,
        text: "%{found} to calibrate on: ranges of activations stay uncertain; 32 to 256 like those of the chip's camera are usual",
        button: "Add calibration pictures",
        find: |set, limit| {
            let count = set.pictures.len();
            let found = match count {
                1 => phrase("only 1 picture", []),
                _ => phrase("only %{n} pictures", [("n", count.into())]),
            };
            ((count as f64) < limit).then(|| Found {
                subject: None,
                words: vec![("found", found.into())],
                remedy: more(),
            })
        },
    },
    PictureRule {
        id: "duplicate-pictures",
        severity: Severity::Warning,
        looks_at: "calibration files with the content of another, more than",
        limit: 0.0,
        text: "%{found}: what is in them counts more than once",
        button: "Leave the copies out",
        find: |set, limit| {
            let copies = duplicates(set.pictures);
            let (first, second) = copies.first()?;
            let example = [
                ("n", copies.len().into()),
                ("copy", second.as_str().into()),
                ("first", first.as_str().into()),
            ];
            let found = match copies.len() {
                1 => phrase("1 calibration picture is a copy, e.g. `%{copy}` of `%{first}`", example),
                _ => phrase("%{n} calibration pictures are copies, e.g. `%{copy}` of `%{first}`", example),
            };
            let files = copies.iter().map(|(_, copy)| copy.clone()).collect();
            (copies.len() as f64 > limit).then(|| Found {
                subject: Some(second.clone()),
                words: vec![("found", found.into())],
                remedy: without(files),
            })
        },
    },
    PictureRule {
        id: "similar-pictures",
        severity: Severity::Hint,
        looks_at: "calibration pictures that look like an earlier one, more than this fraction",
        limit: 0.05,
        text: "%{found}: pictures that differ teach the ranges more",
        button: "Leave the similar ones out",
        find: |set, limit| {
            let similar = similar(set.pictures);
            let (first, second) = similar.first()?;
            let example = [
                ("n", similar.len().into()),
                ("later", second.as_str().into()),
                ("first", first.as_str().into()),
            ];
            let found = match similar.len() {
                1 => phrase(
                    "1 calibration picture looks nearly as others do, e.g. `%{later}` as `%{first}`",
                    example,
                ),
                _ => phrase(
                    "%{n} calibration pictures look nearly as others do, e.g. `%{later}` as `%{first}`",
                    example,
                ),
            };
            let files = similar.iter().map(|(_, copy)| copy.clone()).collect();
            let share = similar.len() as f64 / set.pictures.len().max(1) as f64;
            (share > limit).then(|| Found {
                subject: Some(second.clone()),
                words: vec![("found", found.into())],
                remedy: without(files),
            })
        },
    },
    PictureRule {
        id: "flat-pictures",
        severity: Severity::Warning,
        looks_at: "calibration pictures with a luma of less than this standard deviation (of 255), or this mean",
        limit: 5.0,
        text: "%{found}: nothing is learnt from that",
        button: "Leave them out",
        find: |set, limit| {
            let is_flat = |p: &&Traits| {
                let (mean, deviation) = p.luma_mean_and_deviation();
                mean < limit || deviation < limit
            };
            let files: Vec<String> = set.pictures.iter().filter(is_flat).map(|p| p.file.clone()).collect();
            let first = files.first()?.clone();
            let example = [("n", files.len().into()), ("first", first.as_str().into())];
            let found = match files.len() {
                1 => phrase("1 calibration picture is nearly black or of one colour (`%{first}`)", example),
                _ => phrase(
                    "%{n} calibration pictures are nearly black or of one colour, e.g. `%{first}`",
                    example,
                ),
            };
            let words = vec![("found", found.into())];
            Some(Found { subject: Some(first), words, remedy: without(files) })
        },
    },
    PictureRule {
        id: "grey-pictures",
        severity: Severity::Warning,
        looks_at: "calibration pictures with colours, at most this fraction, where the network takes colours",
        limit: 0.0,
        text: "all %{n} calibration pictures are grey, but the network takes colours: channels that colours excite stay unmeasured",
        button: "Take pictures in colour",
        find: |set, limit| {
            let (all, grey) = (set.pictures.len(), set.pictures.iter().filter(|p| p.is_grey()).count());
            let takes_colours = set.preprocessing.channels == 3 && !set.preprocessing.grey;
            let is_grey = all > 0 && (all - grey) as f64 / all as f64 <= limit;
            (takes_colours && is_grey).then(|| Found {
                subject: None,
                words: vec![("n", all.into())],
                remedy: more(),
            })
        },
    },
    PictureRule {
        id: "one-class",
        severity: Severity::Warning,
        looks_at: "share of the most frequent class, above this fraction of what lies between an even share and all",
        limit: 0.5,
        text: "%{most} of %{all} calibration pictures are of class %{class}: activations of the others are hardly seen",
        button: "Add pictures of the other classes",
        find: |set, limit| {
            let classes = set.by_class()?;
            let (class, most) = classes.iter().max_by_key(|(class, n)| (**n, std::cmp::Reverse(**class)))?;
            let (all, even) = (set.pictures.len(), 1.0 / set.classes.max(1) as f64);
            let is_too_much = *most as f64 / all as f64 > even + limit * (1.0 - even);
            let words = vec![("most", (*most).into()), ("all", all.into()), ("class", (*class).into())];
            (set.classes > 1 && all >= 4 && is_too_much).then(|| Found {
                subject: None,
                words,
                remedy: more(),
            })
        },
    },
    PictureRule {
        id: "missing-classes",
        severity: Severity::Hint,
        looks_at: "classes of the network without a calibration picture though there are 4 pictures a class, more than",
        limit: 0.0,
        text: "%{found} without a calibration picture",
        button: "Add pictures of these classes",
        find: |set, limit| {
            let classes = set.by_class()?;
            let missing: Vec<usize> = (0..set.classes).filter(|c| !classes.contains_key(c)).collect();
            let shown: Vec<String> = missing.iter().take(5).map(ToString::to_string).collect();
            let dots = if missing.len() > shown.len() { ", ..." } else { "" };
            let found = match missing[..] {
                [only] => phrase("class %{class} is", [("class", only.into())]),
                _ => {
                    let classes = shown.join(", ") + dots;
                    let values = [("n", missing.len().into()), ("classes", classes.into())];
                    phrase("%{n} classes (%{classes}) are", values)
                }
            };
            let enough = set.pictures.len() >= 4 * set.classes;
            (enough && missing.len() as f64 > limit).then(|| Found {
                subject: None,
                words: vec![("found", found.into())],
                remedy: more(),
            })
        },
    },
    PictureRule {
        id: "extreme-pixels",
        severity: Severity::Problem,
        looks_at: "bytes of all calibration pictures that are 0 or 255, above this fraction",
        limit: 0.5,
        text: "%{share} of all values of the calibration pictures are 0 or 255: they look binarized or overexposed, or were normalised before they were saved",
        button: "Take the original pictures",
        find: |set, limit| {
            let share = set.extremes();
            let words = vec![("share", format!("{:.0} %", share * 100.0).into())];
            (share > limit).then(|| Found { subject: None, words, remedy: more() })
        },
    },
    PictureRule {
        id: "input-units",
        severity: Severity::Problem,
        looks_at: "mean outside of 0..1, or input values of a magnitude above",
        limit: 400.0,
        text: "%{found}: mean and std are in units of 0..1 (divide those of 0..255 by 255, once)",
        button: "Take ImageNet's mean and std",
        find: |set, limit| {
            let largest = set.largest();
            let found = match set.preprocessing.mean.iter().find(|m| !(0.0..=1.0).contains(*m)) {
                Some(mean) => {
                    let mean = ("mean", mean.to_string().into());
                    phrase("the mean %{mean} lies outside of what pixels can be", [mean])
                }
                None if largest > limit => {
                    let largest = ("largest", format!("{largest:.0}").into());
                    phrase("pre-processing makes values of up to %{largest}", [largest])
                }
                None => return None,
            };
            let settings = [("mean", "0.485,0.456,0.406"), ("std", "0.229,0.224,0.225")];
            let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            let words = vec![("found", found.into())];
            Some(Found { subject: None, words, remedy: Remedy::Preprocessing { settings } })
        },
    },
];

fn more() -> Remedy {
    Remedy::Pictures { role: PictureRole::Calibration, at_least: ENOUGH, leave_out: Vec::new() }
}

fn without(mut files: Vec<String>) -> Remedy {
    files.truncate(MAX_FILES);
    Remedy::Pictures { role: PictureRole::Calibration, at_least: 0, leave_out: files }
}

/// Pairs (first, copy) of equal files.
fn duplicates(pictures: &[Traits]) -> Vec<(String, String)> {
    let mut seen: HashMap<[u8; 32], &str> = HashMap::new();
    let mut copies = Vec::new();
    for picture in pictures {
        match seen.get(&picture.sha256) {
            Some(first) => copies.push(((*first).to_owned(), picture.file.clone())),
            None => {
                seen.insert(picture.sha256, &picture.file);
            }
        }
    }
    copies
}

/// Pairs (earlier, later) of different files that look alike. Flat pictures look like each other anyway.
fn similar(pictures: &[Traits]) -> Vec<(String, String)> {
    let mut kept: Vec<&Traits> = Vec::new();
    let mut pairs = Vec::new();
    for picture in pictures.iter().take(MAX_COMPARED).filter(|p| p.luma_mean_and_deviation().1 >= 5.0) {
        let alike = |other: &&&Traits| (other.likeness ^ picture.likeness).count_ones() <= LIKENESS_BITS;
        match kept.iter().find(alike) {
            Some(other) if other.sha256 == picture.sha256 => {}
            Some(other) => pairs.push((other.file.clone(), picture.file.clone())),
            None => kept.push(picture),
        }
    }
    pairs
}

#[cfg(test)]
mod tests;
