//! The journal: the project as of the last change, for whoever comes after a crash. A window holds the lock of its
//! journal as long as it lives; a journal without a holder is one of a window that died.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::file::write_text;
use super::{FileError, Project, Writer};

/// Ending of journals, which are projects with absolute paths.
const ENDING: &str = "journal.octet";

/// Writes the journal of this window, on a thread of its own. The last version counts.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    writer: Writer<Project>,
    /// Held as long as this window lives.
    lock: File,
}

/// A journal whose window died.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// The file.
    pub path: PathBuf,
    /// What it keeps.
    pub project: Project,
    /// When it was written last.
    pub changed: Option<SystemTime>,
}

impl Orphan {
    /// Reads a journal, or the last session.
    ///
    /// # Errors
    /// As for [`Project::read`].
    pub fn read(path: PathBuf) -> Result<Self, FileError> {
        let changed = fs::metadata(&path).and_then(|m| m.modified()).ok();
        let project = Project::read(&path)?;
        Ok(Self { path, project, changed })
    }
}

impl Journal {
    /// A new journal in `folder`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn begin(folder: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let path = folder.join(format!("{}-{nanos}.{ENDING}", std::process::id()));
        let lock = File::create(lock_of(&path))?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::Error(e) => e,
            TryLockError::WouldBlock => std::io::ErrorKind::ResourceBusy.into(),
        })?;
        let file = path.clone();
        let writer = Writer::new("journal", Duration::ZERO, move |project: Project| {
            if let Err(error) = project.text().and_then(|text| write_text(&file, &text)) {
                tracing::warn!("the journal cannot be written: {error}: {}", file.display());
            }
        })?;
        Ok(Self { path, writer, lock })
    }

    /// Keeps a version.
    pub fn keep(&self, project: Project) {
        self.writer.keep(project);
    }

    /// Ends orderly: the last version is kept as the last session, when it is worth it, and the journal goes.
    pub fn end(mut self, last_session: &Path) {
        self.writer.finish();
        if self.path.is_file()
            && let Err(error) = fs::rename(&self.path, last_session)
        {
            tracing::warn!("the last session cannot be kept: {error}: {}", last_session.display());
        }
        let _ = fs::remove_file(lock_of(&self.path));
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.writer.finish();
        if let Err(error) = self.lock.unlock() {
            tracing::debug!("the journal's lock: {error}");
        }
    }
}

fn lock_of(journal: &Path) -> PathBuf {
    journal.with_extension("lock")
}

/// The journals in `folder` whose windows died, newest first. Empty ones are removed.
pub fn orphans(folder: &Path) -> Vec<Orphan> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.filter_map(|e| Some(e.ok()?.path()));
    let journals = files.filter(|p| p.to_string_lossy().ends_with(ENDING));
    let mut found: Vec<Orphan> = Vec::new();
    for path in journals {
        let held = File::open(lock_of(&path)).is_ok_and(|lock| lock.try_lock().is_err());
        if held {
            continue;
        }
        match Orphan::read(path.clone()) {
            Ok(orphan) if !orphan.project.is_empty() => found.push(orphan),
            Ok(_) => forget(&path),
            Err(error @ FileError::Format { .. }) => put_aside(&path, &error),
            // A newer Octet, or another day, can read it.
            Err(error) => tracing::warn!("a lost session waits: {error}"),
        }
    }
    remove_old_locks(folder);
    found.sort_by_key(|orphan| std::cmp::Reverse(orphan.changed));
    found
}

/// Nobody can read it, now or later; whoever wants to look at it finds it there.
fn put_aside(journal: &Path, error: &FileError) {
    let place = journal.with_extension("damaged");
    match fs::rename(journal, &place) {
        Ok(()) => tracing::warn!("{error}; it is {} now", place.display()),
        Err(failed) => tracing::warn!("{error}; it cannot be put aside as {}: {failed}", place.display()),
    }
}

/// Removes the locks of windows that are gone and left no journal.
fn remove_old_locks(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let locks = files.filter(|p| p.to_string_lossy().ends_with(".journal.lock"));
    for lock in locks.filter(|lock| !lock.with_extension("octet").exists()) {
        let is_held = File::open(&lock).is_ok_and(|lock| lock.try_lock().is_err());
        // Another window may be about to take the one that it has just made.
        let is_old = fs::metadata(&lock).and_then(|m| m.modified()).is_ok_and(|at| {
            SystemTime::now().duration_since(at).is_ok_and(|age| age > Duration::from_mins(1))
        });
        if is_old
            && !is_held
            && let Err(error) = fs::remove_file(&lock)
        {
            tracing::debug!("an old lock stays: {error}: {}", lock.display());
        }
    }
}

/// Removes a journal that nobody needs any more.
pub fn forget(journal: &Path) {
    for file in [journal.to_owned(), lock_of(journal)] {
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove `{}`: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::State;

    fn project(model: &str) -> Project {
        Project { model: Some(model.into()), ..Project::of(&State::default()) }
    }

    #[test]
    fn what_is_damaged_is_put_aside_and_old_locks_go() {
        let dir = tempfile::tempdir().unwrap();
        let living = Journal::begin(dir.path()).unwrap();
        let damaged = dir.path().join("1-1.journal.octet");
        fs::write(&damaged, "{\"schema\"").unwrap();
        let [old, new] = ["2-2", "3-3"].map(|name| dir.path().join(format!("{name}.journal.lock")));
        fs::write(&old, "").unwrap();
        fs::write(&new, "").unwrap();
        let hour_ago = SystemTime::now() - Duration::from_hours(1);
        File::options().write(true).open(&old).unwrap().set_modified(hour_ago).unwrap();
        assert!(orphans(dir.path()).is_empty());
        let newer = dir.path().join("4-4.journal.octet");
        fs::write(&newer, "{\"schema\": 99}").unwrap();
        assert!(orphans(dir.path()).is_empty() && newer.exists(), "a newer Octet can read it");
        assert!(!damaged.exists() && dir.path().join("1-1.journal.damaged").exists());
        assert!(!old.exists() && new.exists(), "a window may be starting");
        assert!(lock_of(&living.path).exists(), "its window lives");
    }

    #[test]
    fn a_journal_is_an_orphan_once_its_window_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::begin(dir.path()).unwrap();
        for i in 0..50 {
            journal.keep(project(&format!("/m{i}.onnx")));
        }
        assert!(orphans(dir.path()).is_empty(), "its window lives");
        drop(journal);
        let found = orphans(dir.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].project, project("/m49.onnx"), "as of the last change");
        forget(&found[0].path);
        assert!(orphans(dir.path()).is_empty());
    }

    #[test]
    fn an_orderly_end_leaves_the_last_session_and_no_orphan() {
        let dir = tempfile::tempdir().unwrap();
        let last = dir.path().join("last.octet");
        let journal = Journal::begin(dir.path()).unwrap();
        journal.keep(project("/m.onnx"));
        journal.end(&last);
        assert!(orphans(dir.path()).is_empty());
        assert_eq!(Project::read(&last).unwrap().model, Some("/m.onnx".into()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_or_broken_journal_is_no_orphan() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("1.journal.octet"), Project::of(&State::default()).text().unwrap())
            .unwrap();
        fs::write(dir.path().join("2.journal.octet"), "half").unwrap();
        assert!(orphans(dir.path()).is_empty());
    }
}
