//! `octet plugin new`: a project that builds into a strategy.
//!
//! The templates are the examples of this repository, which its tests build and run: only their names are changed.
//! What a project needs of the plugin interface goes into it, since an installed Octet has no repository beside it.

mod name;
mod templates;

pub use name::{NameError, PluginName};

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a project is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The safe SDK, with its sources.
    Rust,
    /// The C header.
    C,
}

/// Why no project was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// There is something of this name.
    #[error("{path} is there already; choose another name, or another folder with --dir", path = .0.display())]
    Exists(PathBuf),
    /// A file or a folder cannot be written.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder for plugins cannot be written into a command line.
    #[error(
        "{path:?} cannot be written into a command line; set OCTET_DATA_DIR to a folder with a plain name"
    )]
    Unprintable {
        /// The folder.
        path: PathBuf,
    },
    /// A template of the program does not fit the code that fills it in.
    #[error("the program's own template has no {0:?}")]
    Template(String),
}

/// A project that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its folder, from the root.
    pub folder: PathBuf,
    /// The command that builds it, to be run in its folder.
    pub build: String,
    /// The command that puts the library where Octet looks for plugins, to be run in its folder.
    pub install: String,
    /// The library that `build` makes, from the project's folder.
    pub library: String,
}

/// Writes the project `parent/name`. `plugins` is the folder in which Octet looks for the user's plugins.
///
/// # Errors
/// [`ScaffoldError::Exists`] when there is anything of that name; when a file cannot be written, nothing stays.
pub fn create(
    parent: &Path,
    name: &PluginName,
    language: Language,
    plugins: &Path,
) -> Result<Project, ScaffoldError> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|source| ScaffoldError::Write { path: path.to_owned(), source })
    };
    let folder = absolute(&parent.join(name.as_str()))?;
    let library = templates::library(name, language);
    let plugins = shell_word(&absolute(plugins)?)?;
    let project = Project {
        build: templates::build_command(language).to_owned(),
        install: format!("mkdir -p {plugins} && install {library} {plugins}"),
        library,
        folder,
    };
    let files = templates::files(name, language, &project)?;
    let folder = &project.folder;
    std::fs::create_dir_all(absolute(parent)?)
        .map_err(|source| ScaffoldError::Write { path: parent.to_owned(), source })?;
    std::fs::create_dir(folder).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => ScaffoldError::Exists(folder.clone()),
        _ => ScaffoldError::Write { path: folder.clone(), source },
    })?;
    let written = files.iter().try_for_each(|(path, bytes)| write(&folder.join(path), bytes));
    if written.is_err() {
        // Half a project is of no use; the error that is reported is the first one.
        let _ = std::fs::remove_dir_all(folder);
    }
    written.map(|()| project)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ScaffoldError> {
    let failed = |source| ScaffoldError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, bytes).map_err(failed)
}

/// A path as one word of a shell's command line.
fn shell_word(path: &Path) -> Result<String, ScaffoldError> {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(shell_words::quote(text).into_owned()),
        _ => Err(ScaffoldError::Unprintable { path: path.to_owned() }),
    }
}
