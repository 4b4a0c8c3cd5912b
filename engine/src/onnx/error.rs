//! Why a model could not be opened.

use std::fmt;
use std::path::PathBuf;

/// A node that Octet cannot take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// The node's name.
    pub node: String,
    /// ONNX's name of the operation, with its domain if that is not the default one.
    pub op: String,
    /// What about it is the problem, and what helps.
    pub reason: String,
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.op, self.node, self.reason)
    }
}

/// Why a model could not be opened; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be read.
    #[error("`{}`: cannot read the model: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is larger than a classifier for a microcontroller can be.
    #[error("`{}`: the model file has {bytes} bytes, more than the limit of {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no ONNX model.
    #[error("`{}`: not an ONNX model ({reason})", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        reason: String,
    },
    /// The file is an ONNX model that contradicts itself.
    #[error("`{}`: the model is damaged: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What contradicts what, with the node's or tensor's name.
        reason: String,
    },
    /// The model is no picture classifier with one input and one output of known shapes.
    #[error("`{}`: {reason}", path.display())]
    NotAClassifier {
        /// The file.
        path: PathBuf,
        /// What is missing, and how to change the model.
        reason: String,
    },
    /// The model holds nodes that Octet does not know; all of them are listed.
    #[error("{} not supported:\n{}", count(nodes.len()), list(nodes))]
    Unsupported {
        /// Each of them.
        nodes: Vec<UnsupportedNode>,
    },
}

fn count(nodes: usize) -> String {
    if nodes == 1 { "1 node of the model is".to_owned() } else { format!("{nodes} nodes of the model are") }
}

fn list(nodes: &[UnsupportedNode]) -> String {
    nodes.iter().map(|n| format!("  {n}")).collect::<Vec<_>>().join("\n")
}
