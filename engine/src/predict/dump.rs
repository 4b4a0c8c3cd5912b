//! Every tensor of one inference as `.npy`, with `tensors.json` beside them.

use std::collections::BTreeMap;
use std::path::Path;

use octet_runtime::TensorView;
use serde::Serialize;

use super::{Kind, PredictError, Predictor, Values, Workspace, write_npy};
use crate::analyse::to_nhwc;
use crate::float::{FloatExecutor, Tract};
use crate::network::{NodeId, TensorId};
use crate::run;

/// An entry of `tensors.json`.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct DumpedTensor {
    /// File in the same folder.
    pub file: String,
    /// Value = integer x 2^exponent; `null` for floats.
    pub exponent: Option<i32>,
    /// HWC for pictures; tensors of fewer axes keep the batch axis.
    pub shape: Vec<usize>,
    /// Of the elements' bytes in C order, little endian.
    pub crc32: u32,
}

/// What is inferred.
#[derive(Debug, Clone, Copy)]
pub enum DumpInput<'a> {
    /// As for [`Predictor::predict_tensor`].
    Tensor(&'a Values),
    /// As for [`Predictor::predict`]: NCHW.
    Picture(&'a [f32]),
}

/// Runs one inference and writes every tensor, the input included.
pub fn dump(predictor: &Predictor, input: DumpInput<'_>, folder: &Path) -> Result<(), PredictError> {
    let failed = |source| PredictError::Request(format!("cannot write to `{}`: {source}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut index: BTreeMap<String, DumpedTensor> = BTreeMap::new();
    let mut write = |name: &str, values: &Values, shape: &[usize], exponent: Option<i32>| {
        let shape = without_batch(shape);
        let file = format!("{:03}.npy", index.len());
        let crc32 = crc32fast::hash(&values.to_bytes());
        let entry = DumpedTensor { file: file.clone(), exponent, shape: shape.to_vec(), crc32 };
        index.insert(name.to_owned(), entry);
        write_npy(&folder.join(file), values, shape)
    };
    match &predictor.kind {
        Kind::Float { network, .. } => {
            let activations: Vec<TensorId> =
                (0..network.nodes.len()).map(|n| network.node(NodeId(n)).output()).collect();
            let plan = Tract.outputs(network, &activations, &BTreeMap::new())?;
            let nchw = match input {
                DumpInput::Tensor(tensor) => predictor.to_nchw(tensor)?,
                DumpInput::Picture(nchw) => nchw.to_vec(),
            };
            let outputs = plan.run(&[&nchw])?;
            let all = std::iter::once((network.input, nchw)).chain(activations.into_iter().zip(outputs));
            for (id, values) in all {
                let tensor = network.tensor(id);
                let nhwc = Values::F32(to_nhwc(&values, &tensor.shape));
                write(&tensor.name, &nhwc, &nhwc_shape(&tensor.shape), None)?;
            }
        }
        Kind::Quantized { simulator, .. } => {
            let nhwc;
            let input = match input {
                DumpInput::Tensor(tensor) => tensor,
                DumpInput::Picture(nchw) => {
                    let (c, h, w) = predictor.input_chw()?;
                    nhwc = Values::F32(to_nhwc(nchw, &[1, c, h, w]));
                    &nhwc
                }
            };
            let Workspace(Some(mut scratch)) = predictor.workspace() else { return Ok(()) };
            let mut result = Ok(());
            let mut observe = |view: TensorView<'_>| {
                if result.is_ok() {
                    result = write(view.name, &Values::of(&view.data), view.shape, view.exponent);
                }
            };
            simulator
                .run(&mut scratch, input.as_data(), Some(&mut observe))
                .map_err(|e| PredictError::Espdl { path: predictor.path.clone(), reason: e.to_string() })?;
            result?;
        }
    }
    run::write_json(folder, "tensors.json", &index).map_err(|e| PredictError::Request(e.to_string()))
}

fn nhwc_shape(nchw: &[usize]) -> Vec<usize> {
    match *nchw {
        [n, c, h, w] => vec![n, h, w, c],
        _ => nchw.to_vec(),
    }
}

fn without_batch(shape: &[usize]) -> &[usize] {
    match shape {
        [1, rest @ ..] if rest.len() == 3 => rest,
        other => other,
    }
}
