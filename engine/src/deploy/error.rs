//! Why a step of the deployment ended.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::RunError;

/// What to do about a project of somebody else.
const UNTRUSTED_HELP: &str = "look through it and add `--trust`, or let Octet write its own with `octet firmware new --afresh`, \
                              which moves this one aside";
/// What to do about settings of somebody else.
const SETTINGS_HELP: &str = "remove it, or look through it and add `--trust`";

/// What kind of thing ended a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The user.
    Cancelled,
    /// What was asked for, the run, or a file of it.
    Request,
    /// A tool that is missing.
    Tool,
    /// The build.
    Build,
    /// The serial port, or nobody at its other end.
    Port,
    /// Another board than the one that is needed.
    Board,
    /// Somebody has to say yes before a project is built that Octet did not write.
    Untrusted,
    /// Somebody has to say yes before a project is built under settings of tools that lie around it.
    ForeignSettings,
    /// Writing to the board.
    Flash,
    /// The firmware's answers.
    Console,
    /// The board computes something else than the desktop.
    Differs,
}

impl Cause {
    /// True for what is a question to the user rather than a failure.
    pub fn is_question(self) -> bool {
        matches!(self, Cause::Untrusted | Cause::ForeignSettings)
    }
}

/// Each message names the file, port, chip or tensor; [`DeployError::help`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The user ended it.
    #[error("cancelled; nothing more was written")]
    Cancelled,
    /// A file or folder cannot be read or written.
    #[error("`{path}`: {source}", path = .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The run folder cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Something about the request, the run or the project.
    #[error("{message}")]
    Request {
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// A file that the build left is not what it should be.
    #[error("`{path}`: {reason}", path = .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A tool is missing.
    #[error("{what} was not found")]
    Missing {
        /// The tool.
        what: String,
        /// How to get it.
        help: String,
    },
    /// The build failed.
    #[error("the build failed{}", .message.as_ref().map_or_else(String::new, |m| format!(": {m}")))]
    Build {
        /// The first error.
        message: Option<String>,
        /// What to do.
        help: Option<String>,
        /// The whole log.
        log: PathBuf,
    },
    /// A project would be built that this user's Octet did not write.
    #[error(
        "`{project}` was not written by this Octet; a build runs the programs that it names{also}",
        project = .project.display(),
        also = .settings.as_ref().map_or_else(String::new, |file| format!(", and those that `{}` names", file.display()))
    )]
    Untrusted {
        /// Its folder.
        project: PathBuf,
        /// Settings around it that the build would obey too.
        settings: Option<PathBuf>,
    },
    /// Tools would obey settings that lie around a project of this Octet's.
    #[error("`{file}` would decide which programs the build runs, and is not Octet's", file = .file.display())]
    ForeignSettings {
        /// The file, or a repository.
        file: PathBuf,
    },
    /// A serial port cannot be used.
    #[error("{port}: {reason}")]
    Port {
        /// The port.
        port: String,
        /// Why.
        reason: String,
        /// What to do.
        help: String,
    },
    /// The board is not what the project is for, or too small.
    #[error("{message}; nothing was written")]
    Board {
        /// What does not fit.
        message: String,
        /// What to do.
        help: String,
    },
    /// Writing failed on the way.
    #[error("{message}")]
    Flash {
        /// What happened, and how far it was.
        message: String,
        /// What to do.
        help: String,
    },
    /// The board did not answer as it should.
    #[error("{message}")]
    Console {
        /// What happened.
        message: String,
        /// What to do.
        help: String,
    },
    /// The board computes something else than the desktop.
    #[error("{0}")]
    Differs(String),
    /// A template of the program does not fit the code that fills it in.
    #[error("the program's own template: {0}")]
    Template(String),
}

impl DeployError {
    /// A file that cannot be read or written.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> DeployError {
        let path = path.to_owned();
        move |source| DeployError::File { path, source }
    }

    /// A request that cannot be done.
    pub(crate) fn request(message: impl Into<String>, help: impl Into<String>) -> DeployError {
        DeployError::Request { message: message.into(), help: Some(help.into()) }
    }

    /// What to do, in a sentence.
    pub fn help(&self) -> Option<String> {
        match self {
            DeployError::Request { help, .. } => help.clone(),
            DeployError::Build { help, log, .. } => {
                let log = format!("the whole log is `{}`", log.display());
                Some(help.as_ref().map_or_else(|| log.clone(), |help| format!("{help}; {log}")))
            }
            DeployError::Corrupt { help, .. }
            | DeployError::Missing { help, .. }
            | DeployError::Port { help, .. }
            | DeployError::Board { help, .. }
            | DeployError::Flash { help, .. }
            | DeployError::Console { help, .. } => Some(help.clone()),
            DeployError::Untrusted { .. } => Some(UNTRUSTED_HELP.to_owned()),
            DeployError::ForeignSettings { .. } => Some(SETTINGS_HELP.to_owned()),
            DeployError::Differs(_) => Some(
                "report it with both files: the runtime on the desktop and on the chip must agree bit for bit"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// What kind of thing it is.
    pub fn cause(&self) -> Cause {
        match self {
            DeployError::Cancelled => Cause::Cancelled,
            DeployError::Missing { .. } => Cause::Tool,
            DeployError::Build { .. } => Cause::Build,
            DeployError::Untrusted { .. } => Cause::Untrusted,
            DeployError::ForeignSettings { .. } => Cause::ForeignSettings,
            DeployError::Port { .. } => Cause::Port,
            DeployError::Board { .. } => Cause::Board,
            DeployError::Flash { .. } => Cause::Flash,
            DeployError::Console { .. } => Cause::Console,
            DeployError::Differs(_) => Cause::Differs,
            DeployError::File { .. }
            | DeployError::Run(_)
            | DeployError::Request { .. }
            | DeployError::Corrupt { .. }
            | DeployError::Template(_) => Cause::Request,
        }
    }

    /// True when the user ended it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, DeployError::Cancelled)
    }
}
