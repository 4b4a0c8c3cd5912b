//! What app and worker say to each other: one JSON object a line. The worker's lines begin with the session's
//! nonce, so that whatever a plugin prints on the same pipe is told apart and logged.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::lines::shortened;
use super::{Event, Library, QuantizeRequest};
use crate::host::PluginDescription;
use crate::report::Report;

/// App to worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(super) enum Ask {
    /// Loads a library and tells what it is.
    Describe {
        /// The library.
        path: PathBuf,
    },
    /// Runs strategies and analyses; the request holds no evaluation folder.
    Quantize {
        /// What to do.
        request: Box<QuantizeRequest>,
        /// The libraries of the request's strategies, in its order.
        libraries: Vec<Library>,
    },
    /// Asks the running job to stop.
    Cancel,
    /// Asks the running strategy to return the best so far.
    Finish,
}

/// Worker to app.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub(super) enum Tell {
    /// Progress, log or error of the job.
    Event(Event),
    /// The worker ends itself, and why.
    Fatal {
        /// Text.
        message: String,
    },
    /// From now on this plugin's code runs; `None` when it returned.
    Plugin {
        /// Its id or file.
        name: Option<String>,
    },
    /// Answer to [`Ask::Describe`].
    Described {
        /// What the library says of itself.
        description: Box<PluginDescription>,
    },
    /// Answer to [`Ask::Quantize`]: the report without evaluation.
    Quantized {
        /// The report so far.
        report: Box<Report>,
    },
}

impl Tell {
    /// What kind of message it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Tell::Event(_) => "an event",
            Tell::Fatal { .. } => "its end",
            Tell::Plugin { .. } => "the name of a plugin",
            Tell::Described { .. } => "the description of a plugin",
            Tell::Quantized { .. } => "the report of a job",
        }
    }

    /// Texts that a plugin chose take no more room than a line of the log.
    pub(super) fn shortened(self) -> Self {
        match self {
            Tell::Event(Event::Progress { phase, fraction, message }) => {
                Tell::Event(Event::Progress { phase, fraction, message: shortened(message) })
            }
            Tell::Event(Event::Log { level, message }) => {
                Tell::Event(Event::Log { level, message: shortened(message) })
            }
            other => other,
        }
    }
}
