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
/// Settings of cargo and rustup, which look for them in every folder above a project and run the programs that they name.
const SETTINGS: [&str; 4] = [".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];
/// ESP-IDF asks git for a version, and a repository's settings name programs. One that came inside a run is somebody
/// else's; above the run a build looks for none, so that whoever keeps runs in git is not asked.
const REPOSITORY: &str = ".git";

/// A project that Octet wrote here, or that the user said yes to.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    /// For those who read the file; its name is what counts.
    folder: String,
    /// The project's record as it was: another one in the same place came from elsewhere.
    record_sha256: String,
    /// The record before it: whoever is interrupted between note and record finds this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before_sha256: Option<String>,
}

/// The notes of a user.
pub(super) struct Origins {
    notes: Option<PathBuf>,
    /// Settings in the home folder and above it are the user's own.
    home: Option<PathBuf>,
}

impl Origins {
    /// Those of this user. A system that names no data folder keeps none.
    pub(super) fn of_user() -> Origins {
        let home = directories::BaseDirs::new().and_then(|dirs| dirs.home_dir().canonicalize().ok());
        Origins { notes: data_folder().map(|data| data.join(FOLDER)), home }
    }

    /// Those in a data folder.
    #[cfg(test)]
    pub(super) fn in_folder(data: &Path) -> Origins {
        Origins { notes: Some(data.join(FOLDER)), home: None }
    }

    /// Whether the project in this folder is one that Octet wrote here, or that the user said yes to. What the user changed
    /// in it since does not matter.
    pub(super) fn knows(&self, project: &Path) -> bool {
        let Some((_, file)) = self.place(project) else { return false };
        let note = read_limited(&file, MAX_NOTE_BYTES).ok();
        let note = note.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        let (Some(note), Ok(now)) = (note, record_sha256(project)) else { return false };
        note.version == VERSION && (note.record_sha256 == now || note.before_sha256 == Some(now))
    }

    /// Remembers the project as it is now.
    pub(super) fn note(&self, project: &Path, reporter: &mut Reporter<'_>) {
        warn_of(self.remember(project, None), reporter);
    }

    /// Remembers the project with the record that is written next. The one that is there counts as well, so that it is the
    /// user's own whenever the power fails.
    pub(super) fn note_next(&self, project: &Path, record: &[u8], reporter: &mut Reporter<'_>) {
        warn_of(self.remember(project, Some(record)), reporter);
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

    fn remember(&self, project: &Path, next: Option<&[u8]>) -> Result<(), DeployError> {
        let (real, file) = self.place(project).ok_or_else(|| {
            DeployError::request("this system names no data folder", "set OCTET_DATA_DIR to one")
        })?;
        let now = record_sha256(project);
        let (record_sha256, before_sha256) = match next {
            Some(record) => (hex(&Sha256::digest(record)), now.ok()),
            None => (now?, None),
        };
        let folder = real.to_string_lossy().into_owned();
        let note = Note { version: VERSION, folder, record_sha256, before_sha256 };
        let folder = file.parent().unwrap_or(Path::new("."));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(run::write_json(folder, &name, &note)?)
    }

    /// Looks whether a build of the project runs only what this user's Octet wrote or the user said yes to. One that
    /// `is_own` was just written by this program, or is not there yet, and needs no note.
    ///
    /// # Errors
    /// It does not. The error names all that a yes would be about.
    pub(super) fn check(&self, project: &Path, run: &Path, is_own: bool) -> Result<(), DeployError> {
        let settings = obeyed(project, run, self.home.as_deref());
        if !is_own && !self.knows(project) {
            return Err(DeployError::Untrusted { project: project.to_owned(), settings });
        }
        settings.map_or(Ok(()), |file| Err(DeployError::ForeignSettings { file }))
    }

    /// Where the project really lies, and its note.
    fn place(&self, project: &Path) -> Option<(PathBuf, PathBuf)> {
        let real = project.canonicalize().ok()?;
        let name = hex(&Sha256::digest(real.as_os_str().as_encoded_bytes()));
        let file = self.notes.as_ref()?.join(format!("{name}.json"));
        Some((real, file))
    }
}

/// Where that fails a build asks again, which is no reason to end.
fn warn_of(result: Result<(), DeployError>, reporter: &mut Reporter<'_>) {
    if let Err(error) = result {
        let message = format!("it cannot be remembered where this project comes from: {error}");
        reporter.log(LogLevel::Warning, message);
    }
}

/// The first thing above the project that the tools of its build would obey, up to the home folder. Whatever was unpacked
/// or cloned around a run came with it.
fn obeyed(project: &Path, run: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let (nearest, run) = (folder_above(project)?, run.canonicalize().ok());
    let is_in_run = |folder: &Path| run.as_ref().is_some_and(|run| folder.starts_with(run));
    let above = nearest.ancestors().take_while(|folder| Some(*folder) != home);
    let mut named = above.flat_map(|folder| {
        let repository = is_in_run(folder).then_some(REPOSITORY);
        SETTINGS.into_iter().chain(repository).map(|name| folder.join(name)).collect::<Vec<_>>()
    });
    named.find(|path| path.symlink_metadata().is_ok())
}

/// The folder that the project really lies in, or the nearest one to where it will: tools look for their settings there.
fn folder_above(project: &Path) -> Option<PathBuf> {
    if let Ok(real) = project.canonicalize() {
        return real.parent().map(Path::to_owned);
    }
    let whole = std::path::absolute(project).ok()?;
    whole.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok())
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

    fn write_project(folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(PROJECT_FILE), "{}").unwrap();
    }

    #[test]
    fn a_project_is_known_where_it_was_noted_and_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        let origins = Origins { home: Some(home), ..Origins::in_folder(&folder.path().join("größe/data")) };
        let run = folder.path().join("run");
        let (project, other) = (run.join("firmware"), run.join("other"));
        write_project(&project);
        write_project(&other);
        assert!(!origins.knows(&project));
        origins.remember(&project, None).unwrap();
        assert!(origins.knows(&project) && origins.knows(&run.join("other/../firmware")));
        assert!(!origins.knows(&other) && !origins.knows(&run.join("none")));
        // What the user changes is the user's.
        std::fs::write(project.join("main.c"), "mine").unwrap();
        assert!(origins.check(&project, &run, false).is_ok());
        // Somebody else's project in the same place.
        std::fs::write(project.join(PROJECT_FILE), "{ }").unwrap();
        let error = origins.check(&project, &run, false).unwrap_err();
        assert!(matches!(error, DeployError::Untrusted { settings: None, .. }), "{error}");
        assert!(origins.check(&project, &run, true).is_ok(), "it was written by this program just now");
        origins.remember(&project, None).unwrap();
        assert!(origins.knows(&project));
    }

    #[test]
    fn a_project_is_known_whether_the_power_fails_before_or_behind_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let origins = Origins::in_folder(&folder.path().join("data"));
        let project = folder.path().join("project");
        std::fs::create_dir_all(&project).unwrap();
        // There is no record yet.
        origins.remember(&project, Some(b"first")).unwrap();
        assert!(!origins.knows(&project));
        std::fs::write(project.join(PROJECT_FILE), "first").unwrap();
        assert!(origins.knows(&project));
        origins.remember(&project, Some(b"second")).unwrap();
        assert!(origins.knows(&project));
        std::fs::write(project.join(PROJECT_FILE), "second").unwrap();
        assert!(origins.knows(&project));
        std::fs::write(project.join(PROJECT_FILE), "third").unwrap();
        assert!(!origins.knows(&project));
    }

    #[test]
    fn damaged_notes_and_no_data_folder_know_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let origins = Origins::in_folder(folder.path());
        let project = folder.path().join("project");
        write_project(&project);
        origins.remember(&project, None).unwrap();
        let (_, note) = origins.place(&project).unwrap();
        std::fs::write(note, "{").unwrap();
        assert!(!origins.knows(&project));
        let nowhere = Origins { notes: None, home: None };
        assert!(!nowhere.knows(&project));
        let error = nowhere.remember(&project, None).unwrap_err();
        assert!(error.help().unwrap().contains("OCTET_DATA_DIR"));
    }

    #[test]
    fn settings_of_tools_are_found_in_every_folder_below_the_home_folder() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        let collection = home.join("downloads/collection");
        let run = collection.join("a");
        let project = run.join("firmware");
        std::fs::create_dir_all(&run).unwrap();
        let found = || obeyed(&project, &run, Some(&home));
        // The user's own, and a repository that runs are kept in.
        std::fs::create_dir_all(home.join(".cargo")).unwrap();
        std::fs::write(home.join(".cargo/config.toml"), "").unwrap();
        std::fs::create_dir_all(collection.join(".git")).unwrap();
        // A folder of that name without settings.
        std::fs::create_dir_all(collection.join(".cargo")).unwrap();
        assert_eq!(found(), None);
        for name in SETTINGS {
            for place in [&run, &collection, &home.join("downloads")] {
                let file = place.join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, "").unwrap();
                assert_eq!(found(), Some(file.clone()), "before there is a project");
                std::fs::create_dir_all(&project).unwrap();
                assert_eq!(found(), Some(file.clone()));
                std::fs::remove_dir(&project).unwrap();
                std::fs::remove_file(&file).unwrap();
            }
        }
        assert_eq!(found(), None);
        // Where the home folder is elsewhere all folders above count.
        assert_eq!(
            obeyed(&project, &run, Some(&home.join("another"))),
            Some(home.join(".cargo/config.toml"))
        );
        std::fs::create_dir_all(run.join(".git")).unwrap();
        assert_eq!(found(), Some(run.join(".git")));
    }

    #[test]
    fn a_question_names_all_that_a_yes_is_about() {
        let folder = tempfile::tempdir().unwrap();
        let (data, run) = (folder.path().join("data"), folder.path().join("run"));
        let project = run.join("firmware");
        write_project(&project);
        std::fs::write(run.join("rust-toolchain"), "").unwrap();
        let origins = Origins::in_folder(&data);
        let error = origins.check(&project, &run, false).unwrap_err().to_string();
        assert!(error.contains("firmware`") && error.contains("rust-toolchain`"), "{error}");
        let error = origins.check(&project, &run, true).unwrap_err();
        assert_eq!(error.cause(), super::super::error::Cause::ForeignSettings);
        assert!(error.to_string().contains("rust-toolchain`"), "{error}");
    }
}
