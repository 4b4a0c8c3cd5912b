//! File dialogs of the system.

use crate::tr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// An ONNX file.
    Model,
    /// A folder of calibration pictures.
    Pictures,
    /// A folder of labelled pictures for the evaluation.
    Evaluation,
    /// A run folder.
    Run,
    /// A project file.
    Project,
    /// A project file to write.
    SaveProject,
    /// Where to save the picture of the graph.
    GraphPicture,
    /// A single picture, to be tried.
    Picture,
    /// A CSV of the evaluation pictures' classes.
    Labels,
    /// The library of a plugin.
    Plugin,
    /// A file with a chain of strategies.
    OpenPipeline,
    /// The same, to write.
    SavePipeline,
    /// The folder of ESP-IDF.
    EspIdf,
    /// A text file with the names of the classes.
    ClassNames,
    /// Where to put a copy of a run's model; the run's place among those that were asked for.
    ExportModel(usize),
}

impl Pick {
    /// The title of the dialog.
    pub fn title(self) -> &'static str {
        match self {
            Pick::Model => "Open a model",
            Pick::Pictures => "Choose calibration pictures",
            Pick::Evaluation => "Choose evaluation pictures",
            Pick::Run => "Open a run",
            Pick::Project => "Open a project",
            Pick::SaveProject => "Save the project",
            Pick::GraphPicture => "Save the picture of the graph",
            Pick::Picture => "Try a picture",
            Pick::Labels => "Choose a table of labels",
            Pick::Plugin => "Install a plugin",
            Pick::OpenPipeline => "Load a pipeline",
            Pick::SavePipeline => "Save the pipeline",
            Pick::EspIdf => "Choose the folder of ESP-IDF",
            Pick::ClassNames => "Choose the names of the classes",
            Pick::ExportModel(_) => "Export the model",
        }
    }
    /// What the path should be.
    pub fn hint(self) -> &'static str {
        match self {
            Pick::Model => "Path of an .onnx file",
            Pick::Pictures => "Path of a folder of pictures",
            Pick::Evaluation => "Path of a folder of labelled pictures",
            Pick::Run => "Path of a run folder",
            Pick::Project => "Path of an .octet file",
            Pick::SaveProject => "Path of the new .octet file",
            Pick::GraphPicture => "Path of a new .svg or .png file",
            Pick::Picture => "Path of a picture",
            Pick::Labels => "Path of a .csv file: file,class_index,class_name",
            Pick::Plugin => "Path of a plugin's library",
            Pick::OpenPipeline => "Path of a pipeline .json, or of a run folder",
            Pick::SavePipeline => "Path of the .json file to write",
            Pick::EspIdf => "Path of the folder of ESP-IDF",
            Pick::ClassNames => "Path of a text file, one class a line",
            Pick::ExportModel(_) => "Path of the new .espdl file",
        }
    }
}

/// The user's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// This one.
    Path(PathBuf),
    /// Never mind.
    Cancelled,
    /// The system has no dialog to show.
    Unavailable,
}

/// Nobody cancels a dialog this fast: there was none. (rfd says nothing when neither a portal nor zenity is
/// installed, it only logs.)
const FASTEST_CANCEL: Duration = Duration::from_millis(400);

/// Shows the dialog and waits for the answer; call it on a thread.
pub(super) fn pick(what: Pick) -> Picked {
    let started = Instant::now();
    let dialog = rfd::FileDialog::new().set_title(tr!(what.title()));
    let answer = match what {
        Pick::Model => dialog.add_filter(tr!("ONNX model"), &["onnx"]).pick_file(),
        Pick::Picture => dialog.add_filter(tr!("Picture"), &octet_engine::pictures::ENDINGS).pick_file(),
        Pick::Pictures | Pick::Evaluation | Pick::Run | Pick::EspIdf => dialog.pick_folder(),
        Pick::ClassNames => dialog.add_filter(tr!("Class names"), &["txt"]).pick_file(),
        Pick::Project => dialog.add_filter(tr!("Octet project"), &["octet"]).pick_file(),
        Pick::SaveProject => {
            dialog.add_filter(tr!("Octet project"), &["octet"]).set_file_name("project.octet").save_file()
        }
        Pick::GraphPicture => {
            let dialog = dialog.add_filter("SVG", &["svg"]).add_filter("PNG", &["png"]);
            dialog.set_file_name("graph.svg").save_file()
        }
        Pick::Labels => dialog.add_filter(tr!("Table of labels"), &["csv"]).pick_file(),
        Pick::Plugin => dialog.add_filter(tr!("Plugin"), &[std::env::consts::DLL_EXTENSION]).pick_file(),
        Pick::OpenPipeline => dialog.add_filter(tr!("Pipeline"), &["json"]).pick_file(),
        Pick::ExportModel(_) => {
            dialog.add_filter(tr!("ESP-DL model"), &["espdl"]).set_file_name("model.espdl").save_file()
        }
        Pick::SavePipeline => {
            dialog.add_filter(tr!("Pipeline"), &["json"]).set_file_name("pipeline.json").save_file()
        }
    };
    match answer {
        Some(path) => Picked::Path(path),
        None if started.elapsed() < FASTEST_CANCEL => Picked::Unavailable,
        None => Picked::Cancelled,
    }
}
