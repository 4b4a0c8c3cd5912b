//! The project that is open, and the sessions that ended in a crash.

use std::path::PathBuf;

use super::State;
use crate::window::project::{Orphan, Project};

/// The project.
#[derive(Debug, Default)]
pub struct ProjectState {
    /// Its file; `None` until it is saved.
    pub path: Option<PathBuf>,
    /// As it was written or read last.
    pub saved: Option<Project>,
    /// Sessions that ended in a crash, newest first.
    pub orphans: Vec<Orphan>,
    /// The window asks whether to save before it closes.
    pub asks_to_save: bool,
    /// The window closes as soon as the project is written.
    pub closes_when_saved: bool,
}

impl State {
    /// True when a project that has a file has changed since it was written.
    pub fn is_unsaved(&self) -> bool {
        let same_view = |saved: &Project| Project { selection: self.selection.clone(), ..saved.clone() };
        let project = &self.project;
        project.path.is_some() && project.saved.as_ref().is_some_and(|s| same_view(s) != Project::of(self))
    }
}
