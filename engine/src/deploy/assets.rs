//! What the firmware takes in besides the model: class names and test pictures.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::console::is_hiding;
use super::error::DeployError;
use super::event::Reporter;
use super::inside::read_limited;
use super::project::Project;
use crate::pictures::{Entry, Listing, Preprocessing, load_one};
use crate::report::Report;
use crate::strategy::LogLevel;

/// Longest file of class names.
const MAX_NAMES_BYTES: u64 = 4 << 20;
/// Longest name of a picture; the console's lines are short.
const MAX_PICTURE_NAME: usize = 63;

/// Where a project has its class names.
pub(super) const LABELS_FILE: &str = "main/assets/labels.txt";

/// A test picture at the network's size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TestPicture {
    pub(super) name: String,
    pub(super) class: Option<usize>,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Red, green and blue, row by row.
    pub(super) pixels: Vec<u8>,
}

/// What the project's record says about a test picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureRecord {
    /// Its file, relative to its folder.
    pub name: String,
    /// Index of its class, if known.
    pub class: Option<usize>,
}

/// The pre-processing of a run.
pub(super) fn preprocessing(report: &Report) -> Result<Preprocessing, DeployError> {
    let &[_, height, width, channels] = &report.input.shape_nhwc[..] else {
        let shape = &report.input.shape_nhwc;
        return Err(DeployError::request(
            format!("the network's input `{}` has the shape {shape:?} and is no picture", report.input.name),
            "firmware is made for networks that classify pictures",
        ));
    };
    let mut preprocessing = Preprocessing::torchvision(channels, width, height);
    preprocessing.set(&report.preprocessing_settings).map_err(|e| {
        DeployError::request(format!("the run's pre-processing: {e}"), "quantize the model anew")
    })?;
    Ok(preprocessing)
}

/// The first pictures of the run's calibration that can still be read, at the network's size.
pub(super) fn test_pictures(
    report: &Report,
    count: usize,
    preprocessing: &Preprocessing,
) -> Vec<TestPicture> {
    let listings: Vec<Listing> = report
        .calibration
        .folders
        .iter()
        .filter_map(|folder| Listing::of_folder(Path::new(folder), None).ok())
        .collect();
    let entries = report.calibration.used.iter().filter_map(|file| {
        listings.iter().flat_map(|l| &l.entries).find(|entry: &&Entry| entry.file == *file)
    });
    let pictures = entries.filter_map(|entry| load_one(entry, preprocessing).ok());
    pictures
        .take(count)
        .map(|picture| TestPicture {
            name: shortened(&picture.file),
            class: picture.class,
            width: picture.rgb.width,
            height: picture.rgb.height,
            pixels: picture.rgb.pixels,
        })
        .collect()
}

fn shortened(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut cut = plain.len().saturating_sub(MAX_PICTURE_NAME);
    while !plain.is_char_boundary(cut) {
        cut += 1;
    }
    plain[cut..].to_owned()
}

/// The text of `labels.txt`: one class a line, whatever the names hold. Empty without names. A file with more names than the
/// network has classes is one of another network.
pub(super) fn labels(
    report: &Report,
    names: Option<&Path>,
    classes: usize,
    reporter: &mut Reporter<'_>,
) -> Result<String, DeployError> {
    let names: Vec<String> = match names {
        Some(path) => {
            let bytes = read_limited(path, MAX_NAMES_BYTES)?;
            let text = String::from_utf8(bytes).map_err(|_| {
                DeployError::request(format!("`{}` is not UTF-8", path.display()), "save it as UTF-8")
            })?;
            // Editors of Windows put a byte order mark in front.
            let text = text.trim_start_matches('\u{feff}').trim_end();
            let names: Vec<String> = text.lines().map(str::to_owned).collect();
            if names.len() > classes {
                return Err(DeployError::request(
                    format!(
                        "`{}` names {} classes, and the network has {classes}",
                        path.display(),
                        names.len()
                    ),
                    "take the names of this network: a line for each class, in the order of its outputs",
                ));
            }
            if names.len() < classes {
                let message =
                    format!("`{}` names {} of the network's {classes} classes", path.display(), names.len());
                reporter.log(LogLevel::Warning, message);
            }
            names
        }
        None => names_of_folders(report, classes, reporter),
    };
    Ok(names.iter().map(|name| one_line(name) + "\n").collect())
}

/// The names that the project's firmware has; none where there is no such file.
pub(super) fn written_labels(project: &Project) -> Vec<String> {
    let bytes = read_limited(&project.folder.join(LABELS_FILE), MAX_NAMES_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(one_line).collect()
}

/// Classes that CSV files or sub-folders of the calibration pictures name. Sub-folders are classes by their rank, which is
/// that of the network's outputs only where there are as many of both.
fn names_of_folders(report: &Report, classes: usize, reporter: &mut Reporter<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut warn = |message: String| reporter.log(LogLevel::Warning, message);
    for folder in &report.calibration.folders {
        let listing = match Listing::of_folder(Path::new(folder), None) {
            Ok(listing) => listing,
            Err(error) => {
                warn(format!("the firmware has no class names of the calibration pictures: {error}"));
                continue;
            }
        };
        let named = listing.class_names.len();
        let is_rank =
            listing.csv.is_none() && listing.class_names.values().any(|n| n.parse::<usize>().is_err());
        let largest = listing.class_names.last_key_value().map_or(0, |(class, _)| *class);
        if named > 0 && (largest >= classes || is_rank && named != classes) {
            warn(format!(
                "`{folder}` names {named} classes, and the network has {classes}: the firmware does not take these \
                 names; give it all with `--names`"
            ));
            continue;
        }
        for (class, name) in listing.class_names {
            if names.len() <= class {
                names.resize(class + 1, String::new());
            }
            if let Some(place) = names.get_mut(class) {
                *place = name;
            }
        }
    }
    names
}

/// A name without anything that ends a line or hides what follows.
fn one_line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() || is_hiding(c) { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_label_is_one_line(name in any::<String>()) {
            prop_assert_eq!((one_line(&name) + "\n").lines().count(), 1);
        }

        #[test]
        fn a_pictures_name_is_short(name in any::<String>()) {
            let short = shortened(&name);
            prop_assert!(short.len() <= MAX_PICTURE_NAME && !short.chars().any(char::is_control));
        }
    }
}
