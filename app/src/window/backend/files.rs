//! Files and folders that the window looks at itself: what a dropped path is, which pictures a folder holds.

use std::fs;
use std::path::Path;

use crate::window::state::{PictureFolder, Place, Problem};

/// Endings of the pictures that the engine can read.
pub(super) const PICTURES: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];
/// Folders below a dropped one that are looked into.
const MAX_DEPTH: usize = 4;

/// What a dropped path is, and thereby what a drop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropKind {
    /// An `.onnx` file opens.
    Model,
    /// A folder becomes calibration pictures.
    Pictures,
    /// A run folder, or its report, opens.
    Run,
    /// A project file opens.
    Project,
    /// A single picture is tried on the run on display.
    Picture,
    /// Nothing the window can take.
    Unknown,
}

impl DropKind {
    /// Looks at the path.
    pub fn of(path: &Path) -> Self {
        let ending = ending(path);
        if path.is_dir() {
            if path.join("report.json").is_file() { DropKind::Run } else { DropKind::Pictures }
        } else if ending == "onnx" {
            DropKind::Model
        } else if ending == "octet" {
            DropKind::Project
        } else if path.file_name().is_some_and(|n| n == "report.json") {
            DropKind::Run
        } else if PICTURES.contains(&ending.as_str()) {
            DropKind::Picture
        } else {
            DropKind::Unknown
        }
    }

    /// What happens when it is dropped.
    pub fn promise(self) -> &'static str {
        match self {
            DropKind::Model => "Drop to open this model",
            DropKind::Pictures => "Drop to calibrate with this folder of pictures",
            DropKind::Run => "Drop to show this run",
            DropKind::Project => "Drop to open this project",
            DropKind::Picture => "Drop to see what both networks say to this picture",
            DropKind::Unknown => "Octet takes .onnx files, folders of pictures and run folders",
        }
    }

    /// True when a drop does something.
    pub fn is_welcome(self) -> bool {
        self != DropKind::Unknown
    }
}

fn ending(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Counts the pictures of a folder and of the folders in it.
pub fn list_pictures(folder: &Path) -> Result<PictureFolder, Problem> {
    let mut found = PictureFolder { path: folder.to_owned(), pictures: 0, others: 0, classes: 0 };
    count(folder, 0, &mut found).map_err(|error| {
        Problem::new(Place::Pictures, "This folder cannot be read", format!("{error}: {}", folder.display()))
    })?;
    if found.pictures == 0 {
        let detail = format!(
            "Octet reads {}; there is none of them in {}",
            PICTURES.map(|p| format!(".{p}")).join(", "),
            folder.display()
        );
        return Err(Problem::new(Place::Pictures, "No pictures in this folder", detail));
    }
    Ok(found)
}

fn count(folder: &Path, depth: usize, found: &mut PictureFolder) -> std::io::Result<()> {
    let before = found.pictures;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth < MAX_DEPTH {
                count(&path, depth + 1, found)?;
            }
        } else if PICTURES.contains(&ending(&path).as_str()) {
            found.pictures += 1;
        } else {
            found.others += 1;
        }
    }
    if depth == 1 && found.pictures > before {
        found.classes += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_by_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"x").unwrap();
            path
        };
        assert_eq!(DropKind::of(&file("net.ONNX")), DropKind::Model);
        assert_eq!(DropKind::of(&file("cat.jpg")), DropKind::Picture);
        assert_eq!(DropKind::of(&file("notes.txt")), DropKind::Unknown);
        let report = file("run/report.json");
        assert_eq!(DropKind::of(&report), DropKind::Run);
        assert_eq!(DropKind::of(report.parent().unwrap()), DropKind::Run);
        assert_eq!(DropKind::of(dir.path()), DropKind::Pictures);
    }

    #[test]
    fn pictures_are_counted_in_class_folders_too() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["beagle/1.jpg", "beagle/2.png", "corgi/1.jpeg", "labels.csv"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        let found = list_pictures(dir.path()).unwrap();
        assert_eq!((found.pictures, found.classes, found.others), (3, 2, 1));
    }

    #[test]
    fn a_folder_without_pictures_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let problem = list_pictures(dir.path()).unwrap_err();
        assert!(problem.detail.contains(&dir.path().display().to_string()));
    }
}
