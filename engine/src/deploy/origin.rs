//! Which firmware projects this user's Octet wrote. A project is a program: CMake runs what its folder says, so one that
//! came with somebody else's run is built only after a yes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::DeployError;
use super::event::Reporter;
use super::inside::read_limited;
use super::project::{MAX_RECORD_BYTES, PROJECT_FILE};
use crate::host::data_folder;
use crate::run;
use crate::strategy::LogLevel;

/// Folder of the notes in the user's data folder. Each project has a file of its own, so that programs that work at the
/// same time lose none.
const FOLDER: &str = "firmware";
const VERSION: u32 = 1;
const MAX_NOTE_BYTES: u64 = 64 << 10;
/// What the tools of a build look for in the folders above a project, and run programs for: cargo's and rustup's settings,
/// and the repository that ESP-IDF asks for a version.
const OBEYED: [&str; 4] = [".cargo", "rust-toolchain", "rust-toolchain.toml", ".git"];

/// A project that Octet wrote here, or that the user said yes to.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    /// For those who read the file; its name is what counts.
    folder: String,
    /// The project's record as it was: another one in the same place came from elsewhere.
    record_sha256: String,
}

/// The notes of a user.
pub(super) struct Origins {
    notes: Option<PathBuf>,
}

impl Origins {
    /// Those of this user. A system that names no data folder keeps none.
    pub(super) fn of_user() -> Origins {
        Origins { notes: data_folder().map(|data| data.join(FOLDER)) }
    }

    /// Those in a data folder.
    #[cfg(test)]
    pub(super) fn in_folder(data: &Path) -> Origins {
        Origins { notes: Some(data.join(FOLDER)) }
    }

    /// Whether the project in this folder is one that Octet wrote here, or that the user said yes to. What the user changed
    /// in it since does not matter.
    pub(super) fn knows(&self, project: &Path) -> bool {
        let Some((_, file)) = self.place(project) else { return false };
        let note = read_limited(&file, MAX_NOTE_BYTES).ok();
        let note = note.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        let now = record_sha256(project).ok();
        note.is_some_and(|note| note.version == VERSION && Some(note.record_sha256) == now)
    }

    /// Remembers the project as it is now. Where that fails a build asks again, which is no reason to end.
    pub(super) fn note(&self, project: &Path, reporter: &mut Reporter<'_>) {
        if let Err(error) = self.remember(project) {
            let message = format!("it cannot be remembered where this project comes from: {error}");
            reporter.log(LogLevel::Warning, message);
        }
    }

    /// Forgets a project that nobody can answer for, though its record may be what it was once.
    pub(super) fn forget(&self, project: &Path, reporter: &mut Reporter<'_>) {
        let Some((_, file)) = self.place(project) else { return };
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("cannot forget this project, remove `{}`: {error}", file.display());
                reporter.log(LogLevel::Warning, message);
            }
            _ => {}
        }
    }

    fn remember(&self, project: &Path) -> Result<(), DeployError> {
        let (real, file) = self.place(project).ok_or_else(|| {
            DeployError::request("this system names no data folder", "set OCTET_DATA_DIR to one")
        })?;
        let note = Note {
            version: VERSION,
            folder: real.to_string_lossy().into_owned(),
            record_sha256: record_sha256(project)?,
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(run::write_json(folder, &name, &note)?)
    }

    /// Looks whether a build of the project runs only what this user's Octet wrote or the user said yes to.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check(&self, project: &Path, run: &Path) -> Result<(), DeployError> {
        if !self.knows(project) {
            return Err(DeployError::Untrusted { project: project.to_owned() });
        }
        match obeyed(project, run) {
            None => Ok(()),
            Some(found) => Err(DeployError::request(
                format!(
                    "`{}` would decide which programs the build runs, and is not Octet's",
                    found.display()
                ),
                "remove it, or look through it and add `--trust`",
            )),
        }
    }

    /// Where the project really lies, and its note.
    fn place(&self, project: &Path) -> Option<(PathBuf, PathBuf)> {
        let real = project.canonicalize().ok()?;
        let name = hex(&Sha256::digest(real.as_os_str().as_encoded_bytes()));
        let file = self.notes.as_ref()?.join(format!("{name}.json"));
        Some((real, file))
    }
}

/// The first thing in the run folder, above the project, that tools would obey. Folders above the run are the user's own.
fn obeyed(project: &Path, run: &Path) -> Option<PathBuf> {
    let (project, run) = (project.canonicalize().ok()?, run.canonicalize().ok()?);
    let above = project.ancestors().skip(1).take_while(|folder| folder.starts_with(&run));
    let mut named = above.flat_map(|folder| OBEYED.map(|name| folder.join(name)));
    named.find(|path| path.symlink_metadata().is_ok())
}

fn record_sha256(project: &Path) -> Result<String, DeployError> {
    Ok(hex(&Sha256::digest(read_limited(&project.join(PROJECT_FILE), MAX_RECORD_BYTES)?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_known_where_it_was_noted_and_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let origins = Origins::in_folder(&folder.path().join("größe/data"));
        let run = folder.path().join("run");
        let (project, other) = (run.join("firmware"), run.join("other"));
        for place in [&project, &other] {
            std::fs::create_dir_all(place).unwrap();
            std::fs::write(place.join(PROJECT_FILE), "{}").unwrap();
        }
        assert!(!origins.knows(&project));
        origins.remember(&project).unwrap();
        assert!(origins.knows(&project) && origins.knows(&run.join("other/../firmware")));
        assert!(!origins.knows(&other) && !origins.knows(&run.join("none")));
        // What the user changes is the user's.
        std::fs::write(project.join("main.c"), "mine").unwrap();
        assert!(origins.check(&project, &run).is_ok());
        // Somebody else's project in the same place.
        std::fs::write(project.join(PROJECT_FILE), "{ }").unwrap();
        let error = origins.check(&project, &run).unwrap_err();
        assert!(matches!(error, DeployError::Untrusted { .. }), "{error}");
        origins.remember(&project).unwrap();
        assert!(origins.knows(&project));
    }

    #[test]
    fn damaged_notes_and_no_data_folder_know_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let origins = Origins::in_folder(folder.path());
        let project = folder.path().join("project");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join(PROJECT_FILE), "{}").unwrap();
        origins.remember(&project).unwrap();
        let (_, note) = origins.place(&project).unwrap();
        std::fs::write(note, "{").unwrap();
        assert!(!origins.knows(&project));
        let nowhere = Origins { notes: None };
        assert!(!nowhere.knows(&project));
        assert!(nowhere.remember(&project).unwrap_err().help().unwrap().contains("OCTET_DATA_DIR"));
    }

    #[test]
    fn settings_of_tools_in_the_run_folder_are_found_and_those_above_are_the_users() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let project = run.join("firmware");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::create_dir_all(folder.path().join(".cargo")).unwrap();
        assert_eq!(obeyed(&project, &run), None);
        std::fs::create_dir_all(run.join(".git")).unwrap();
        assert!(obeyed(&project, &run).is_some_and(|found| found.ends_with("run/.git")));
    }
}
