//! Why something was not done: a code for programs and a text for people.

use core::fmt;

use octet_runtime::preprocess::{FrameError, SizeError};

/// Why something was not done. `'a` is the lifetime of the model's bytes.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    /// A wrong setting or argument.
    Argument(&'static str),
    /// The model, or memory for it.
    Model(octet_runtime::Error<'a>),
    /// The arena is too small.
    Arena {
        /// Bytes the plan needs.
        needed: usize,
        /// Bytes given.
        available: usize,
    },
    /// The bytes are no picture of the stated size.
    Frame(FrameError),
    /// The picture does not fit the network.
    Size(SizeError),
    /// There is no such picture, or no room for it.
    Picture(&'static str),
    /// The line is no command.
    Command(&'static str),
    /// A transfer went wrong.
    Transfer(&'static str),
    /// The file changed while it was in use.
    Internal(&'static str),
}

impl Failure<'_> {
    /// The word for the kind, as in `docs/console.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Argument(_) => "argument",
            Failure::Model(octet_runtime::Error::Memory { .. }) => "workspace",
            Failure::Model(octet_runtime::Error::Foreign { .. }) | Failure::Internal(_) => "internal",
            Failure::Model(_) => "model",
            Failure::Arena { .. } => "arena",
            Failure::Frame(_) | Failure::Size(_) | Failure::Picture(_) => "picture",
            Failure::Command(_) => "command",
            Failure::Transfer(_) => "transfer",
        }
    }
}

impl<'a> From<octet_runtime::Error<'a>> for Failure<'a> {
    fn from(error: octet_runtime::Error<'a>) -> Self {
        match error {
            octet_runtime::Error::Memory { what: "bytes of arena", needed, available } => {
                Failure::Arena { needed, available }
            }
            error => Failure::Model(error),
        }
    }
}

impl From<FrameError> for Failure<'_> {
    fn from(error: FrameError) -> Self {
        Failure::Frame(error)
    }
}

impl From<SizeError> for Failure<'_> {
    fn from(error: SizeError) -> Self {
        Failure::Size(error)
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Model(error) => error.fmt(f),
            Failure::Frame(error) => error.fmt(f),
            Failure::Size(error) => error.fmt(f),
            Failure::Arena { needed, available } => write!(
                f,
                "the network needs an arena of at least {needed} bytes, {available} were given: give it more memory (PSRAM), \
                 or use a smaller input or network"
            ),
            Failure::Argument(text)
            | Failure::Picture(text)
            | Failure::Command(text)
            | Failure::Transfer(text)
            | Failure::Internal(text) => f.write_str(text),
        }
    }
}
