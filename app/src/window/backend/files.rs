//! Files and folders that the window looks at itself: what a dropped path is, which pictures a folder holds.

use std::fs;
use std::path::Path;

use octet_engine::pictures::{ENDINGS, FolderError, Listing, MAX_DEPTH};

use crate::key;
use crate::window::state::{PictureFolder, Place, Problem};

/// The title of a problem with a table of labels.
const LABELS_REFUSED: &str = key!("This table of labels cannot be used");

/// Endings of plugins on any system, so that one of another system is told apart from what is no plugin at all.
const LIBRARIES: [&str; 3] = ["so", "dll", "dylib"];

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
    /// A CSV names the classes of the evaluation pictures.
    Labels,
    /// The library of a plugin is installed, after a question.
    Plugin,
    /// A chain of strategies is loaded.
    Pipeline,
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
        } else if path.file_name().is_some_and(|n| n == "pipeline.json") {
            DropKind::Pipeline
        } else if ENDINGS.contains(&ending.as_str()) {
            DropKind::Picture
        } else if ending == "csv" {
            DropKind::Labels
        } else if LIBRARIES.contains(&ending.as_str()) {
            DropKind::Plugin
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
            DropKind::Labels => "Drop to take the evaluation pictures' classes from this table",
            DropKind::Plugin => "Drop to install this plugin; Octet asks before it is loaded",
            DropKind::Pipeline => "Drop to load this chain of strategies",
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

/// The pictures of a folder and of the folders in it, with their classes.
pub fn list_pictures(folder: &Path, labels: Option<&Path>) -> Result<PictureFolder, Problem> {
    let listing = Listing::of_folder(folder, labels).map_err(|error| {
        let title = match &error {
            FolderError::Empty { .. } => key!("No pictures in this folder"),
            FolderError::Csv { .. } => LABELS_REFUSED,
            FolderError::Io { path, .. } if labels == Some(path.as_path()) => LABELS_REFUSED,
            FolderError::Io { .. } => key!("This folder cannot be read"),
        };
        Problem::new(Place::Pictures, title, error.to_string())
    })?;
    let others = count_files(folder, 0).saturating_sub(listing.entries.len());
    Ok(PictureFolder::new(folder.to_owned(), listing, others))
}

/// Files of a folder and of the folders in it. What cannot be read has been told by the listing.
fn count_files(folder: &Path, depth: usize) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let count = |path: &Path| match path.is_dir() {
        true if depth < MAX_DEPTH => count_files(path, depth + 1),
        true => 0,
        false => 1,
    };
    entries.map(|e| count(&e.path())).sum()
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
        assert_eq!(DropKind::of(&file("labels.csv")), DropKind::Labels);
        assert_eq!(DropKind::of(&file("lib.so")), DropKind::Plugin);
        assert_eq!(DropKind::of(&file("p/pipeline.json")), DropKind::Pipeline);
        let report = file("run/report.json");
        assert_eq!(DropKind::of(&report), DropKind::Run);
        assert_eq!(DropKind::of(report.parent().unwrap()), DropKind::Run);
        assert_eq!(DropKind::of(dir.path()), DropKind::Pictures);
    }

    #[test]
    fn pictures_are_counted_in_class_folders_too() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["beagle/1.jpg", "beagle/2.png", "corgi/1.jpeg", "notes.txt"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        let found = list_pictures(dir.path(), None).unwrap();
        assert_eq!((found.pictures, found.classes, found.others), (3, 2, 1));
    }

    #[test]
    fn a_folder_without_pictures_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let problem = list_pictures(dir.path(), None).unwrap_err();
        assert!(problem.detail.contains(&dir.path().display().to_string()));
    }
}
