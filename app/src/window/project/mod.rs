//! Projects (`.octet`) and the journal that brings one back after a crash.

mod file;
mod journal;
mod writer;

pub(super) use file::write_text;
pub use file::{FileError, PROJECT_SCHEMA_VERSION, Project, ProjectRun, SavedAs};
pub use journal::{Journal, Orphan, forget, orphans};
pub use writer::Writer;
