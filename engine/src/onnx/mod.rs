//! ONNX files: opening them as a [`Network`], and writing networks back.
//!
//! The way in: decode the protobuf, read constants with their sizes checked ([`tensor`](self)), sort the graph,
//! simplify it by the named passes of `passes`, lower it to a [`Network`]. A file is not trusted: it may be of any
//! size and say anything, and the result is an [`OpenError`] that names what is wrong.

pub mod build;
mod error;
mod external;
pub(crate) mod graph;
mod lower;
mod read;
pub(crate) mod shapes;
mod tensor;
pub(crate) mod window;
mod write;

pub use error::{OpenError, UnsupportedNode};
pub use write::{
    IR_VERSION, IncompleteCut, OPSET, float_model, node_proto, nodes_between, to_model_proto,
    to_model_proto_from,
};

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use prost::Message;
use tract_onnx::pb::ModelProto;

use crate::network::Network;
use crate::passes;

/// Models larger than this cannot be flashed onto any of the chips, by two orders of magnitude.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// A model that was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The network.
    pub network: Network,
    /// SHA-256 of the file and of the files beside it that its weights lie in, hexadecimal.
    pub sha256: String,
    /// The files beside it that its weights lie in.
    pub external: Vec<PathBuf>,
    /// What the passes changed, one line each.
    pub notes: Vec<String>,
}

/// Opens an ONNX file.
///
/// # Errors
/// See [`OpenError`]; nodes that are not supported are all listed at once.
pub fn open(path: &Path) -> Result<Opened, OpenError> {
    let bytes = read_limited(path, MAX_FILE_BYTES)?;
    let not_onnx = |reason: &str| OpenError::NotOnnx { path: path.to_owned(), reason: reason.to_owned() };
    if bytes.is_empty() {
        return Err(not_onnx("the file is empty"));
    }
    let model = ModelProto::decode(bytes.as_slice()).map_err(|e| not_onnx(&e.to_string()))?;
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let folder = path.parent().unwrap_or(Path::new(""));
    let external = external::files(&model, folder);
    let sha256 =
        external::identity(&bytes, &external).map_err(|(path, source)| OpenError::Io { path, source })?;
    drop(bytes);
    let (network, notes) = from_proto(model, stem, folder, path)?;
    Ok(Opened { network, sha256, external, notes })
}

/// Opens a decoded model: `name` is the network's name (the graph's own when `None`), `folder` holds external
/// data, `path` is for messages.
///
/// # Errors
/// As [`open`].
pub fn from_proto(
    model: ModelProto,
    name: Option<String>,
    folder: &Path,
    path: &Path,
) -> Result<(Network, Vec<String>), OpenError> {
    let mut notes = Vec::new();
    let mut graph = read::graph(model, folder, &mut notes).map_err(|e| match e {
        read::ReadError::Malformed(reason) => OpenError::Malformed { path: path.to_owned(), reason },
        read::ReadError::NotAClassifier(reason) => {
            OpenError::NotAClassifier { path: path.to_owned(), reason }
        }
    })?;
    notes.extend(passes::simplify(&mut graph));
    let name = name.unwrap_or_else(|| graph.name.clone());
    let network = lower::network(&graph, name).map_err(|e| match e {
        lower::LowerError::Unsupported(nodes) => OpenError::Unsupported { nodes },
        lower::LowerError::NoClassifier(reason) => {
            OpenError::NotAClassifier { path: path.to_owned(), reason }
        }
    })?;
    Ok((network, notes))
}

fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let too_large = |bytes| OpenError::TooLarge { path: path.to_owned(), bytes, limit };
    let file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size > limit {
        return Err(too_large(size));
    }
    // Pipes and devices tell no size, so the limit is kept while reading too.
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
