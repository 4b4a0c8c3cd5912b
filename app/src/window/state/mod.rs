//! What the window knows: plain data that any thread could hold, without drawing and without waiting.

mod deploy;
mod document;
mod edits;
mod export;
mod graph;
mod habits;
mod history;
mod inspect;
mod job;
mod log;
mod memory;
mod model;
mod pictures;
mod problem;
mod project;
mod runs;
mod scoring;
mod steps;
mod strategies;
mod table;
mod toasts;

pub use deploy::{
    BAUDS, BoardConsole, BoardLine, DEPLOY_STEPS, Deploy, DeployEnd, DeployOptions, DeployStep, DeployWork,
    Deployment, Failure, LineKind, Measured, StepStatus, StepView, UsbBoard, command_of, file_of, in_window,
};
pub use document::Document;
pub(in crate::window) use document::left_out;
pub use edits::{EditError, Edits, can_leave_alone, requests};
pub use export::{TableFormat, table_text};
pub use graph::{Find, Goal, GraphView, Heat, HeatSide};
pub use habits::{Language, Palette};
pub use history::{Change, History};
pub use inspect::{Answer, Inspect, MAPS_PER_PAGE, MapKind, NOTHING_TO_TRY, Subject, Ticket, Tried};
pub use job::{EarlierLog, Job, JobEnd, LogLine, PHASES, phase_words};
pub use log::{LogLeast, LogRow, LogView};
pub use memory::{MapSide, MemoryView, ShownMemory, verdict_words};
pub use model::{Kept, Model, ModelState};
pub use pictures::{
    Asked, Check, CheckKey, ClassShare, MAX_THUMBNAILS, PictureFolder, Pictures, Preview, PreviewKey,
    Thumbnail, Work,
};
pub use problem::{Place, Problem};
pub use project::{Missing, Next, ProjectState};
pub use runs::{ComparePage, DeletedRun, EarlierRun, Run, RunLabel, Runs, verdict};
pub use scoring::{Made, Scoring, Unscored};
pub use steps::{Progress, STEPS, Step};
pub use strategies::{Chosen, Offer, Program, ProgramQuestion, Strategies};
pub use table::{Before, Column, Row, TableView, rows};
pub use toasts::{Toast, Toasts};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use octet_engine::pictures::{Preprocessing, SettingError};
use octet_engine::report::LayerFacts;
use octet_engine::target::{TARGETS, TargetSpec};
use serde::{Deserialize, Serialize};

use super::actions::Action;
use super::backend::{DropKind, Pick};
use super::settings::Settings;
use crate::key;

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
    /// Changes by hand.
    pub edits: Edits,
    /// What can be undone.
    pub history: History,
    /// Scores of changes by hand.
    pub scoring: Scoring,
    /// The running or last job.
    pub job: Option<Job>,
    /// Finished runs.
    pub runs: Runs,
    /// Boards, and putting runs onto them.
    pub deploy: Deploy,
    /// Name of the selected operation; graph, table and inspector share it.
    pub selection: Option<String>,
    /// Operations marked beside the selected one, for changes of several at once.
    pub marked: BTreeSet<String>,
    /// A close look at the selection, and the picture that was tried.
    pub inspect: Inspect,
    /// What the right panel shows.
    pub side: Side,
    /// How the graph is seen.
    pub graph: GraphView,
    /// How the table is sorted.
    pub table: TableView,
    /// How the memory map is seen.
    pub memory: MemoryView,
    /// What is wrong, where it belongs.
    pub problems: BTreeMap<Place, Problem>,
    /// What is told for a while.
    pub toasts: Toasts,
    /// The question whether a file may be replaced.
    pub overwrite: Option<Overwrite>,
    /// Logs of the jobs before the last one, oldest first.
    pub earlier_logs: VecDeque<EarlierLog>,
    /// The path field that replaces a dialog.
    pub path_field: Option<PathField>,
    /// What hovers over the window, while something does.
    pub hover: Hover,
    /// The job's log is shown.
    pub shows_log: bool,
    /// What is seen of it.
    pub log: LogView,
    /// The project, and sessions that ended in a crash.
    pub project: ProjectState,
    /// What is remembered from one start to the next.
    pub settings: Settings,
    /// The command palette, while it is open.
    pub palette: Option<Palette>,
    /// The list of changes is shown.
    pub shows_history: bool,
    /// What the program says of itself is shown.
    pub shows_about: bool,
    /// Counts how often panels were put back.
    pub layout_resets: u32,
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
    /// The picture that was tried.
    Try,
    /// All runs.
    Runs,
}

impl Default for Side {
    fn default() -> Self {
        Side::Step(Step::Model)
    }
}

/// A text field for a path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathField {
    /// What the path is for.
    pub what: Pick,
    /// What is typed.
    pub text: String,
}

/// The question whether a file may be replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct Overwrite {
    /// The file.
    pub path: PathBuf,
    /// What replaces it.
    pub then: Box<Action>,
    /// It is the project's own file, and somebody else wrote it since it was opened.
    pub was_changed: bool,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        } else if self.pictures.total() == 0 {
            Some("Add calibration pictures that can be used first")
        } else if self.preprocessing().is_some_and(|p| p.is_err()) {
            Some("Mend the pre-processing first")
        } else if self.strategies.chain.is_empty() {
            Some("Choose a strategy first")
        } else if self.strategies.lacks_plugin() {
            Some("Install the missing strategy first, or take it out")
        } else if self.strategies.order().is_err() {
            Some("Put the strategies into an order that works first")
        } else {
            None
        }
    }

    /// The same as something to do.
    pub fn next_step(&self) -> &'static str {
        if self.model.open.is_none() {
            key!("Next: open a model")
        } else if self.pictures.folders.is_empty() {
            key!("Next: add a folder of calibration pictures")
        } else if self.pictures.total() == 0 {
            key!("Next: add calibration pictures that can be used")
        } else if self.preprocessing().is_some_and(|p| p.is_err()) {
            key!("Next: mend the pre-processing")
        } else if self.strategies.chain.is_empty() {
            key!("Next: choose a strategy")
        } else if self.strategies.lacks_plugin() {
            key!("Next: install the missing strategy, or take it out")
        } else if self.strategies.order().is_err() {
            key!("Next: put the strategies into an order that works")
        } else {
            key!("Ready to quantize")
        }
    }
}
