//! Weights that lie in files beside the model: which files these are, and what identifies a model with them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tract_onnx::pb::{ModelProto, TensorProto};

use super::tensor::inside;
use super::{MAX_FILE_BYTES, hex};

/// The files that the tensors of the model lie in, in order of their names. Files that are missing or lie elsewhere are
/// left out: reading the tensors says so.
pub(super) fn files(model: &ModelProto, folder: &Path) -> Vec<PathBuf> {
    let Some(graph) = &model.graph else { return Vec::new() };
    let constants = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|a| a.t.as_ref());
    let locations: BTreeSet<&str> = graph.initializer.iter().chain(constants).filter_map(location).collect();
    locations.into_iter().filter_map(|location| inside(folder, location).ok()).collect()
}

fn location(tensor: &TensorProto) -> Option<&str> {
    tensor.external_data.iter().find(|entry| entry.key == "location").map(|entry| entry.value.as_str())
}

/// SHA-256 of the model's bytes and all of `files`, hexadecimal; of the model's bytes alone where there are none.
pub(super) fn identity(model: &[u8], files: &[PathBuf]) -> Result<String, (PathBuf, io::Error)> {
    let mut hash = Sha256::new_with_prefix(model);
    let mut part = vec![0; 1 << 16];
    for path in files {
        let failed = |e| (path.clone(), e);
        let mut file = File::open(path).map_err(failed)?.take(MAX_FILE_BYTES);
        loop {
            match file.read(&mut part).map_err(failed)? {
                0 => break,
                count => hash.update(part.get(..count).unwrap_or_default()),
            }
        }
    }
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{GraphProto, StringStringEntryProto};

    use super::*;

    #[test]
    fn weights_beside_the_model_belong_to_what_identifies_it() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("net.onnx.data");
        std::fs::write(&weights, [1, 2, 3, 4]).unwrap();
        let at = |location: &str| TensorProto {
            external_data: vec![StringStringEntryProto {
                key: "location".to_owned(),
                value: location.to_owned(),
            }],
            ..TensorProto::default()
        };
        let initializer = vec![at("net.onnx.data"), at("net.onnx.data"), at("../elsewhere"), at("missing")];
        let graph = Some(GraphProto { initializer, ..GraphProto::default() });
        let model = ModelProto { graph, ..ModelProto::default() };

        let found = files(&model, folder.path());
        assert_eq!(found, [weights.canonicalize().unwrap()]);
        let before = identity(b"model", &found).unwrap();
        assert_eq!(before, identity(b"model", &found).unwrap());
        std::fs::write(&weights, [1, 2, 3, 5]).unwrap();
        assert_ne!(before, identity(b"model", &found).unwrap());
        assert_eq!(identity(b"model", &[]).unwrap(), hex(&Sha256::digest(b"model")));
    }
}
