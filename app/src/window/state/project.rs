//! The project that is open, and the sessions that ended in a crash.

use std::path::{Path, PathBuf};

use super::{State, Target};
use crate::window::project::{Orphan, Project, ProjectRun, SavedAs};

/// What waits for the answer to the question whether to save first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Close the window.
    Close,
    /// Open this project.
    Open(PathBuf),
    /// Bring back the session that this journal keeps.
    Restore(PathBuf),
}

/// What a project names and is not there. It is written again, for when its disk is back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Missing {
    /// The model.
    pub model: Option<PathBuf>,
    /// Folders of calibration pictures, with their places in the list.
    pub images: Vec<(usize, PathBuf)>,
    /// The folder of evaluation pictures.
    pub evaluation: Option<PathBuf>,
    /// Runs.
    pub runs: Vec<ProjectRun>,
    /// A chip that this program does not know, and the one that stands for it.
    pub target: Option<(String, Target)>,
}

impl Missing {
    /// Everything, for people.
    pub fn words(&self) -> Vec<String> {
        let images = self.images.iter().map(|(_, path)| path);
        let paths = self.model.iter().chain(images).chain(&self.evaluation);
        let paths = paths.chain(self.runs.iter().map(|run| &run.path));
        let chip = self.target.iter().map(|(name, _)| name.clone());
        paths.map(|path| path.display().to_string()).chain(chip).collect()
    }
}

/// The project.
#[derive(Debug, Default)]
pub struct ProjectState {
    /// Its file; `None` until it is saved.
    pub saved_as: Option<SavedAs>,
    /// As it was written or read last.
    pub saved: Option<Project>,
    /// The project or journal that is being read.
    pub opening: Option<PathBuf>,
    /// What it names and is not there.
    pub missing: Missing,
    /// Sessions that ended in a crash, newest first.
    pub orphans: Vec<Orphan>,
    /// Their list is shown.
    pub shows_orphans: bool,
    /// The session that ended in order before this one.
    pub last_session: Option<Orphan>,
    /// The window asks whether to save before this.
    pub asks: Option<Next>,
    /// Writes of it that have not come back yet.
    pub saving: usize,
    /// It changed again meanwhile, and is to be written once more.
    pub save_again: bool,
    /// What goes on as soon as the project is written.
    pub after_save: Option<Next>,
    /// The question was answered: the window closes.
    pub closes: bool,
}

impl ProjectState {
    /// A write of it came back.
    pub fn written(&mut self) {
        self.saving = self.saving.saturating_sub(1);
    }

    /// Its file; `None` until it is saved.
    pub fn path(&self) -> Option<&Path> {
        self.saved_as.as_ref().map(|saved| saved.path.as_path())
    }
}

impl State {
    /// True when opening another project would lose something: one that has a file has changed since it was written,
    /// and one without a file has changes or runs of this session.
    pub fn is_unsaved(&self) -> bool {
        let same_view = |saved: &Project| Project { selection: self.selection.clone(), ..saved.clone() };
        let project = &self.project;
        match project.saved.as_ref() {
            Some(saved) => same_view(saved) != Project::of(self),
            None => {
                let changed = !self.edits.is_empty() || self.history.past().len() > 0;
                changed || !self.model.others.is_empty() || !self.scoring.made.is_empty()
            }
        }
    }
}
