//! What a training gives back, checked before anything of it is believed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use octet_plugin_api::sdk::{Error, TensorId};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::folder::Folder;
use crate::model::Model;
use crate::plan_file::SCHEMA;

/// The files of an answer.
const WEIGHTS: &str = "trained.safetensors";
const EXPONENTS: &str = "trained.json";
/// Exponents that a plan may hold.
const EXPONENT_RANGE: std::ops::RangeInclusive<i32> = -40..=30;
/// What a header of names, shapes and offsets may take per tensor, and `trained.json` per exponent.
const HEADER_BYTES_PER_TENSOR: u64 = 1024;
const JSON_BYTES_PER_EXPONENT: u64 = 256;
const LEAST_BYTES: u64 = 1 << 20;

/// Trained values; what did not change is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// Weights and biases in the file's layout, finite, as many as there were.
    pub(crate) weights: BTreeMap<TensorId, Vec<f32>>,
    /// By place in [`Model::slots`]: as many as there were, inside -40..=30.
    pub(crate) exponents: BTreeMap<usize, Vec<i32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainedFile {
    schema: u32,
    #[serde(default)]
    exponents: Vec<TrainedSlot>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainedSlot {
    tensor: String,
    bits: u32,
    exponents: Vec<i32>,
}

impl Answer {
    /// Reads `trained.safetensors` and `trained.json`.
    ///
    /// # Errors
    /// A file is missing, no plain file, or larger than it can be; it names a tensor that is not trained, leaves one
    /// out, or has a wrong type, shape, value or exponent.
    pub(crate) fn read(folder: &Folder, model: &Model) -> Result<Answer, Error> {
        Ok(Answer { weights: read_weights(folder, model)?, exponents: read_exponents(folder, model)? })
    }

    /// True when nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.weights.is_empty() && self.exponents.is_empty()
    }
}

fn read_weights(folder: &Folder, model: &Model) -> Result<BTreeMap<TensorId, Vec<f32>>, Error> {
    let trainable = model.trainable();
    let values: u64 = trainable.values().map(|v| v.len() as u64).sum();
    let limit = 4 * values + HEADER_BYTES_PER_TENSOR * trainable.len() as u64 + LEAST_BYTES;
    let bytes = read_file(&folder.file(WEIGHTS), limit)?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|e| wrong(WEIGHTS, format!("no safetensors file: {e}")))?;
    let ids: HashMap<&str, TensorId> = trainable.keys().map(|&id| (model.name(id), id)).collect();
    let mut unknown = tensors.names();
    unknown.retain(|name| !ids.contains_key(name));
    unknown.sort();
    if let Some(name) = unknown.first() {
        let others = unknown.len() - 1;
        let more = if others > 0 { format!(" (and {others} others)") } else { String::new() };
        return Err(wrong(WEIGHTS, format!("`{name}`{more} is no tensor of weights.safetensors")));
    }
    let mut changed = BTreeMap::new();
    for (&id, &before) in &trainable {
        let name = model.name(id);
        let view = tensors
            .tensor(name)
            .map_err(|_| wrong(WEIGHTS, format!("`{name}` is missing; write all tensors")))?;
        if view.dtype() != Dtype::F32 {
            return Err(wrong(WEIGHTS, format!("`{name}` is {:?}; write float32", view.dtype())));
        }
        if view.shape() != model.shape(id) {
            let (found, expected) = (view.shape(), model.shape(id));
            return Err(wrong(WEIGHTS, format!("`{name}` has the shape {found:?} instead of {expected:?}")));
        }
        let (values, _) = view.data().as_chunks::<4>();
        let after: Vec<f32> = values.iter().map(|&v| f32::from_le_bytes(v)).collect();
        if after.len() != before.len() {
            return Err(wrong(WEIGHTS, format!("`{name}` has {} values", after.len())));
        }
        if let Some((i, v)) = after.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            let advice = "the training diverged, a lower learning rate helps";
            return Err(wrong(WEIGHTS, format!("`{name}`: value {i} is {v}; {advice}")));
        }
        if after.iter().zip(before).any(|(a, b)| a.to_bits() != b.to_bits()) {
            changed.insert(id, after);
        }
    }
    Ok(changed)
}

fn read_exponents(folder: &Folder, model: &Model) -> Result<BTreeMap<usize, Vec<i32>>, Error> {
    let known: u64 = model.slots.iter().map(|s| s.exponents.len() as u64 + 4).sum();
    let bytes = read_file(&folder.file(EXPONENTS), JSON_BYTES_PER_EXPONENT * known + LEAST_BYTES)?;
    let file: TrainedFile = serde_json::from_slice(&bytes).map_err(|e| wrong(EXPONENTS, e.to_string()))?;
    if file.schema != SCHEMA {
        let reason = format!("it has schema {}, and this version of Octet reads {SCHEMA}", file.schema);
        return Err(wrong(EXPONENTS, reason));
    }
    let mut seen = vec![false; model.slots.len()];
    let mut changed = BTreeMap::new();
    for TrainedSlot { tensor, bits, exponents } in file.exponents {
        let fits = |s: &crate::model::DecidedSlot| s.slot.bits == bits && model.name(s.slot.tensor) == tensor;
        let Some(index) = model.slots.iter().position(fits) else {
            return Err(wrong(EXPONENTS, format!("there is no slot `{tensor}` of {bits} bits in plan.json")));
        };
        let expected = model.slots.get(index).map(|s| s.exponents.as_slice()).unwrap_or_default();
        if exponents.len() != expected.len() {
            let (found, expected) = (exponents.len(), expected.len());
            return Err(wrong(EXPONENTS, format!("`{tensor}` takes {expected} exponents, not {found}")));
        }
        if let Some(exponent) = exponents.iter().find(|e| !EXPONENT_RANGE.contains(e)) {
            return Err(wrong(EXPONENTS, format!("`{tensor}`: exponent {exponent} is outside -40..=30")));
        }
        if seen.get_mut(index).is_some_and(|seen| std::mem::replace(seen, true)) {
            return Err(wrong(EXPONENTS, format!("`{tensor}` of {bits} bits stands there twice")));
        }
        if exponents != expected {
            changed.insert(index, exponents);
        }
    }
    Ok(changed)
}

/// Reads a plain file of the folder, no link to somewhere else, no device, and at most `limit` bytes.
fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = std::fs::symlink_metadata(path).map_err(|e| {
        wrong(
            &name,
            format!("the training ended well, but did not write it ({e}); see README.md in its folder"),
        )
    })?;
    if !kind.is_file() {
        return Err(wrong(&name, "it is no plain file of the folder".to_owned()));
    }
    if kind.len() > limit {
        return Err(wrong(&name, format!("it has {} bytes, and can have {limit} at most", kind.len())));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| wrong(&name, e.to_string()))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|e| wrong(&name, e.to_string()))?;
    Ok(bytes)
}

fn wrong(file: &str, reason: impl std::fmt::Display) -> Error {
    Error::failed(format!("the training's `{file}`: {reason}"))
}
