//! The project file: versioned JSON. Paths lie relative to the file's own folder, so that a project can be moved
//! together with its pictures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use octet_engine::host::file_sha256;
use octet_engine::job::StrategyRequest;
use octet_engine::run::replace_file;
use serde::{Deserialize, Serialize};

use crate::window::state::{Edits, Heat, State};

/// Version of the file's form; grows when a field changes its meaning or goes.
pub const PROJECT_SCHEMA_VERSION: u32 = 1;
/// A longer file is no project.
const MAX_BYTES: u64 = 16 << 20;

/// What a project keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// [`PROJECT_SCHEMA_VERSION`] of the program that wrote it.
    pub schema: u32,
    /// The model file.
    pub model: Option<PathBuf>,
    /// Chip name.
    pub target: String,
    /// Folders of calibration pictures.
    #[serde(default)]
    pub images: Vec<PathBuf>,
    /// Folder of evaluation pictures.
    #[serde(default)]
    pub evaluation: Option<PathBuf>,
    /// CSV of the evaluation pictures' classes.
    #[serde(default)]
    pub labels: Option<PathBuf>,
    /// Pre-processing that differs from the model's own.
    #[serde(default)]
    pub preprocessing: BTreeMap<String, String>,
    /// Calibration pictures that are not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<PathBuf>,
    /// The chain of strategies.
    #[serde(default)]
    pub strategies: Vec<StrategyRequest>,
    /// Changes by hand.
    #[serde(default)]
    pub edits: Edits,
    /// Changes by hand on other models, by their SHA-256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_edits: BTreeMap<String, Edits>,
    /// Runs, oldest first.
    #[serde(default)]
    pub runs: Vec<ProjectRun>,
    /// Name of the selected operation.
    #[serde(default)]
    pub selection: Option<String>,
    /// What colours the graph.
    #[serde(default)]
    pub heat: Heat,
    /// In a journal: what the project was last saved as. `None` in that file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_as: Option<SavedAs>,
}

/// The file of a project, as it was last read or written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAs {
    /// The file, from the root.
    pub path: PathBuf,
    /// SHA-256 of its bytes, hexadecimal: tells whether somebody else has written it since.
    pub sha256: String,
}

impl SavedAs {
    /// The file as it is now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn look_at(path: PathBuf) -> std::io::Result<Self> {
        let sha256 = file_sha256(&path)?;
        Ok(Self { path, sha256 })
    }
}

/// A run of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRun {
    /// Its folder.
    pub path: PathBuf,
    /// It is on display.
    #[serde(default)]
    pub shown: bool,
    /// Others are compared with it.
    #[serde(default)]
    pub reference: bool,
}

/// Why a file is no project, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write `{path}`: {source}; save the project somewhere else", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("`{path}` is not an Octet project: {reason}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("`{path}` was written by a newer Octet (form {found}, this one knows {PROJECT_SCHEMA_VERSION}); install it to open the project", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl Project {
    /// What the window shows now, and what is missing of the project that is open; paths as they are.
    pub fn of(state: &State) -> Self {
        let (pictures, model, missing) = (&state.pictures, &state.model, &state.project.missing);
        let chain = state.strategies.requests();
        let opened = model.open.as_ref().map(|m| m.path.clone()).or_else(|| model.opening.clone());
        let mut images: Vec<PathBuf> = pictures.folders.iter().map(|f| f.path.clone()).collect();
        for (place, path) in &missing.images {
            if !images.contains(path) {
                images.insert((*place).min(images.len()), path.clone());
            }
        }
        let evaluation = pictures.evaluation.as_ref().map(|f| f.path.clone());
        // Scores are forgotten after a while; instead of one, the run that it is compared with is shown.
        let shows_score = state.runs.shown().is_some_and(|run| state.is_score(&run.path));
        let shown = if shows_score { state.runs.reference } else { state.runs.shown };
        let lasting = state.runs.all.iter().enumerate().filter(|(_, run)| !state.is_score(&run.path));
        let runs = lasting.map(|(i, run)| ProjectRun {
            path: run.path.clone(),
            shown: shown == Some(i),
            reference: state.runs.reference == Some(i),
        });
        let lost = missing.runs.iter().filter(|lost| state.runs.position(&lost.path).is_none());
        let lost = lost.map(|lost| ProjectRun {
            path: lost.path.clone(),
            shown: lost.shown && state.runs.shown.is_none(),
            reference: lost.reference && state.runs.reference.is_none(),
        });
        let other = model.others.iter().filter(|(_, kept)| !kept.edits.is_empty());
        let chip = missing.target.as_ref().filter(|(_, instead)| *instead == state.target);
        Self {
            schema: PROJECT_SCHEMA_VERSION,
            model: opened.or_else(|| missing.model.clone()),
            target: chip.map_or_else(|| state.target.0.name.to_owned(), |(name, _)| name.clone()),
            images,
            evaluation: evaluation.or_else(|| missing.evaluation.clone()),
            labels: pictures.labels.clone(),
            preprocessing: pictures.preprocessing.clone(),
            leave_out: pictures.leave_out.iter().cloned().collect(),
            strategies: chain,
            edits: state.edits.clone(),
            other_edits: other.map(|(sha256, kept)| (sha256.clone(), kept.edits.clone())).collect(),
            runs: runs.chain(lost).collect(),
            selection: state.selection.clone(),
            heat: state.graph.heat,
            saved_as: None,
        }
    }

    /// True when there is nothing in it worth keeping.
    pub fn is_empty(&self) -> bool {
        self.model.is_none() && self.images.is_empty() && self.evaluation.is_none() && self.runs.is_empty()
    }

    /// Reads a project; its paths become absolute.
    ///
    /// # Errors
    /// It cannot be read, is too long, no project, or of a newer form.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Read { path: path.to_owned(), source };
        let format = |reason: String| FileError::Format { path: path.to_owned(), reason };
        let bytes = fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_BYTES {
            return Err(format(format!("it is {} MiB long", bytes >> 20)));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        // The version first, so that a newer form is not blamed for fields that this program does not know.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version: Version = serde_json::from_str(&text).map_err(|e| format(e.to_string()))?;
        if version.schema > PROJECT_SCHEMA_VERSION {
            return Err(FileError::Newer { path: path.to_owned(), found: version.schema });
        }
        let mut project: Project = serde_json::from_str(&text).map_err(|e| format(e.to_string()))?;
        let base = folder_of(path);
        project.each_path(|p| *p = tidy(&base.join(&*p)));
        Ok(project)
    }

    /// As a journal keeps it.
    pub fn journalled(state: &State) -> Self {
        Self { saved_as: state.project.saved_as.clone(), ..Self::of(state) }
    }

    /// Writes the project in one piece; its paths become relative to its folder where that is possible.
    ///
    /// # Errors
    /// The file cannot be written; what was there before stays.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let base = folder_of(path);
        let mut relative = self.clone();
        relative.each_path(|p| {
            if let Some(shorter) = pathdiff::diff_paths(&*p, &base) {
                *p = shorter;
            }
        });
        let written = relative.text().and_then(|text| write_text(path, &text));
        written.map_err(|source| FileError::Write { path: path.to_owned(), source })
    }

    /// As it is written.
    ///
    /// # Errors
    /// A path is not Unicode, which JSON cannot hold.
    pub fn text(&self) -> std::io::Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        Ok(text + "\n")
    }

    fn each_path(&mut self, mut change: impl FnMut(&mut PathBuf)) {
        let single = self.model.iter_mut().chain(&mut self.evaluation).chain(&mut self.labels);
        let all = single
            .chain(&mut self.images)
            .chain(&mut self.leave_out)
            .chain(self.runs.iter_mut().map(|r| &mut r.path));
        all.for_each(&mut change);
    }
}

/// Writes a file so that it is either the old one or the new one.
pub(in crate::window) fn write_text(path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    replace_file(path, text.as_bytes())
}

/// The folder that a file is in, from the root.
fn folder_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// A path without `.` and `..`, as far as its own parts tell.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if tidied.file_name().is_some() => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(model: &Path) -> Project {
        let mut project = Project::of(&State::default());
        project.model = Some(model.to_owned());
        project.images = vec![model.with_file_name("pictures")];
        project.edits.widths.insert("/conv/Conv".to_owned(), 16);
        project.runs =
            vec![ProjectRun { path: model.with_file_name("run 1"), shown: true, reference: false }];
        project
    }

    #[test]
    fn a_project_moves_with_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("新"));
        let file = old.join("p/project.octet");
        project(&old.join("net.onnx")).write(&file).unwrap();
        assert!(fs::read_to_string(&file).unwrap().contains("\"../net.onnx\""));
        fs::rename(&old, &new).unwrap();
        let read = Project::read(&new.join("p/project.octet")).unwrap();
        assert_eq!(read, project(&new.join("net.onnx")));
    }

    #[test]
    fn a_journal_knows_what_the_project_was_saved_as_and_the_file_itself_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.octet");
        let mut state = State::default();
        project(&dir.path().join("a.onnx")).write(&file).unwrap();
        let saved_as = SavedAs::look_at(file.clone()).unwrap();
        state.project.saved_as = Some(saved_as.clone());
        let journal = dir.path().join("1.journal.octet");
        fs::write(&journal, Project::journalled(&state).text().unwrap()).unwrap();
        assert_eq!(Project::read(&journal).unwrap().saved_as, Some(saved_as));
        Project::of(&state).write(&file).unwrap();
        assert!(!fs::read_to_string(&file).unwrap().contains("saved_as"));
    }

    #[test]
    fn what_is_no_project_is_refused_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.octet");
        let told = |text: &str| {
            fs::write(&file, text).unwrap();
            Project::read(&file).unwrap_err().to_string()
        };
        assert!(told("{}").contains("schema"));
        assert!(told("nonsense").contains("not an Octet project"));
        assert!(told("{\"schema\": 99, \"other\": 1}").contains("newer Octet"));
        assert!(Project::read(&dir.path().join("none")).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.octet");
        project(&dir.path().join("a.onnx")).write(&file).unwrap();
        let before = fs::read_to_string(&file).unwrap();
        let error = project(&dir.path().join("b.onnx")).write(&file.join("inside")).unwrap_err();
        assert!(error.to_string().contains("cannot write"));
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_unicode_is_an_error_and_keeps_the_old_file() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.octet");
        project(&dir.path().join("a.onnx")).write(&file).unwrap();
        let before = fs::read_to_string(&file).unwrap();
        let strange = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.onnx"));
        assert!(project(&strange).write(&file).unwrap_err().to_string().contains("cannot write"));
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }
}
