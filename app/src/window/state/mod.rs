//! What the window knows: plain data that any thread could hold, without drawing and without waiting.

mod job;
mod model;
mod pictures;
mod problem;
mod runs;
mod steps;
mod strategies;
mod table;
mod toasts;

pub use job::{Job, JobEnd, LogLine, PHASES, phase_words};
pub use model::{Model, ModelState};
pub use pictures::{
    Check, CheckKey, ClassShare, MAX_THUMBNAILS, PictureFolder, Pictures, Preview, PreviewKey, Thumbnail,
    Ticket,
};
pub use problem::{Place, Problem};
pub use runs::{ComparePage, DeletedRun, EarlierRun, Run, RunLabel, Runs, verdict};
pub use steps::{Progress, STEPS, Step};
pub use strategies::{Chosen, Offer, Strategies};
pub use table::{Column, Row, TableView, rows};
pub use toasts::{Toast, Toasts};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use octet_engine::pictures::{Preprocessing, SettingError};
use octet_engine::report::LayerFacts;
use octet_engine::target::{TARGETS, TargetSpec};

use super::backend::{DropKind, Pick};
use super::graph::Camera;

/// Everything.
#[derive(Debug, Default)]
pub struct State {
    /// The open model.
    pub model: ModelState,
    /// Calibration and evaluation pictures.
    pub pictures: Pictures,
    /// What plugins there are and which are chosen.
    pub strategies: Strategies,
    /// The chip.
    pub target: Target,
    /// The running or last job.
    pub job: Option<Job>,
    /// Finished runs.
    pub runs: Runs,
    /// Name of the selected operation; graph, table and inspector share it.
    pub selection: Option<String>,
    /// What the right panel shows.
    pub side: Side,
    /// How the graph is seen.
    pub graph: GraphView,
    /// How the table is sorted.
    pub table: TableView,
    /// What is wrong, where it belongs.
    pub problems: BTreeMap<Place, Problem>,
    /// What is told for a while.
    pub toasts: Toasts,
    /// The path field that replaces a dialog.
    pub path_field: Option<PathField>,
    /// What hovers over the window, while something does.
    pub hover: Hover,
    /// The job's log is shown.
    pub shows_log: bool,
    /// Colours.
    pub theme: ThemeChoice,
}

/// The chosen chip; the first of the menu until somebody chooses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target(pub &'static TargetSpec);

impl Default for Target {
    fn default() -> Self {
        Self(&TARGETS[0])
    }
}

/// What the right panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A step of the path.
    Step(Step),
    /// The selected operation.
    Layer,
    /// All runs.
    Runs,
}

impl Default for Side {
    fn default() -> Self {
        Side::Step(Step::Model)
    }
}

/// Which figure colours the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heat {
    /// Only this operation quantized.
    #[default]
    Layerwise,
    /// Everything quantized.
    Graphwise,
    /// No colours.
    Off,
}

impl Heat {
    /// All, in the order of the menu.
    pub const ALL: [Heat; 3] = [Heat::Layerwise, Heat::Graphwise, Heat::Off];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Heat::Layerwise => "layerwise error",
            Heat::Graphwise => "graphwise error",
            Heat::Off => "none",
        }
    }

    /// What the figure measures.
    pub fn explanation(self) -> &'static str {
        match self {
            Heat::Layerwise => {
                "Only this operation is quantized: noise to signal of the network's output. It tells how much the operation hurts."
            }
            Heat::Graphwise => {
                "Everything is quantized: noise to signal of this operation's output. It tells how much error has gathered so far."
            }
            Heat::Off => "No colours",
        }
    }

    /// The figure of a layer.
    pub fn figure(self, layer: &LayerFacts) -> Option<f64> {
        match self {
            Heat::Layerwise => layer.layerwise_nsr,
            Heat::Graphwise => layer.graphwise_nsr,
            Heat::Off => None,
        }
    }
}

/// How the graph is seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphView {
    /// `None` keeps everything in view, also when the window changes.
    pub camera: Option<Camera>,
    /// Indices of the groups that list their operations.
    pub open: BTreeSet<usize>,
    /// Colours.
    pub heat: Heat,
}

/// A text field for a path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathField {
    /// What the path is for.
    pub what: Pick,
    /// What is typed.
    pub text: String,
}

/// What hovers over the window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hover {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// What they are, once that is known.
    pub kinds: Vec<DropKind>,
}

/// Dark, light, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemeChoice {
    /// As the system.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

impl State {
    /// The report on display.
    pub fn report(&self) -> Option<&octet_engine::report::Report> {
        self.runs.shown().map(|r| r.report.as_ref())
    }

    /// The figures of the report on display, by the name of the operation.
    pub fn layer(&self, name: &str) -> Option<&LayerFacts> {
        self.report()?.layers.iter().find(|l| l.name == name)
    }

    /// How pictures become the open model's input, or what is wrong with the settings; `None` without a model.
    pub fn preprocessing(&self) -> Option<Result<Preprocessing, SettingError>> {
        let model = self.model.open.as_ref()?;
        Some(Preprocessing::of_network(&model.network, &self.pictures.preprocessing))
    }

    /// True while a job runs.
    pub fn is_running(&self) -> bool {
        self.job.as_ref().is_some_and(|j| j.end.is_none())
    }

    /// Why quantizing cannot start now; `None` when it can.
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.is_running() {
            Some("A job is running")
        } else if self.model.open.is_none() {
            Some("Open a model first")
        } else if self.pictures.folders.is_empty() {
            Some("Add a folder of calibration pictures first")
        } else if self.preprocessing().is_some_and(|p| p.is_err()) {
            Some("Mend the pre-processing first")
        } else if self.strategies.chain.is_empty() {
            Some("Choose a strategy first")
        } else {
            None
        }
    }
}
