//! What the window asks for about projects, recent files and the journal.

use crate::window::project::{Journal, Orphan};
use crate::window::settings::Settings;

/// The part of the [`Backend`](super::Backend) about projects, recent files and the journal. Without an implementation
/// nothing is remembered.
pub trait ProjectBackend {
    /// The settings of the last start.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// Remembers the settings.
    fn save_settings(&self, _settings: &Settings) {}
    /// A journal for this window.
    fn journal(&self) -> Option<Journal> {
        None
    }
    /// Journals of windows that died.
    fn orphans(&self) -> Vec<Orphan> {
        Vec::new()
    }
    /// The session that ended in order last.
    fn last_session(&self) -> Option<Orphan> {
        None
    }
    /// Ends the journal in order: its last version is kept as the last session.
    fn end_journal(&self, _journal: Journal) {}
}
