//! One network, float or quantized, behind one face: what `octet infer` and `octet evaluate` run.

mod chip;
mod dump;
mod tensor_file;

pub use chip::ChipPreprocessing;
pub use dump::{DumpInput, DumpedTensor, dump};
pub use tensor_file::{TensorFileError, Values, read_npy, write_npy};

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_runtime::{Data, Model, Scratch, Simulator, Target};

use crate::analyse::{dequantized_nchw, to_nhwc};
use crate::float::{FloatError, FloatExecutor, FloatPlan, Tract};
use crate::network::{InputLayout, Network};
use crate::onnx;
use crate::pictures::{Preprocessing, SettingError};

/// Largest model file that is read.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// What our `.espdl` files say of pre-processing, under the same keys as an ONNX file.
const PREPROCESSING_KEYS: [&str; 6] = ["mean", "std", "resize", "crop", "bgr", "grey"];

/// Why a model could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// Reading failed.
    #[error("cannot read `{path}`: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an ONNX file that we can open.
    #[error(transparent)]
    Open(#[from] onnx::OpenError),
    /// Not an `.espdl` file that we can execute.
    #[error("`{path}`: {reason}", path = .path.display())]
    Espdl {
        /// The file.
        path: PathBuf,
        /// The runtime's words.
        reason: String,
    },
    /// The float executor failed.
    #[error(transparent)]
    Float(#[from] FloatError),
    /// The pre-processing makes no sense.
    #[error(transparent)]
    Preprocessing(#[from] SettingError),
    /// A tensor file does not fit.
    #[error(transparent)]
    Tensor(#[from] TensorFileError),
    /// The request does not fit the model.
    #[error("{0}")]
    Request(String),
}

/// A model that can be asked.
pub struct Predictor {
    kind: Kind,
    path: PathBuf,
}

enum Kind {
    Float { network: Arc<Network>, scores: Box<dyn FloatPlan> },
    Quantized { simulator: Box<Simulator>, metadata: BTreeMap<String, String>, chosen: &'static str },
}

/// Memory of one thread that asks.
pub struct Workspace(Option<Scratch>);

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The output as it is: integers of an `.espdl`, floats otherwise.
    pub values: Values,
    /// Value = integer x 2^exponent; `None` for floats.
    pub exponent: Option<i32>,
    /// The same as floats.
    pub scores: Vec<f32>,
}

/// Reads a model file, with a limit on its size.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, PredictError> {
    let failed = |source| PredictError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(failed(std::io::Error::other("the file has more than 2 GiB")));
    }
    Ok(bytes)
}

/// True for files that begin like an `.espdl` file or pack.
pub fn is_espdl(path: &Path) -> bool {
    let mut magic = [0; 3];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic));
    let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("espdl"));
    named || (read.is_ok() && (&magic == b"EDL" || &magic == b"PDL"))
}

impl Predictor {
    /// Opens a model; what it is shows in its first bytes. `target` overrides an `.espdl` file's own.
    pub fn open(path: &Path, target: Option<Target>) -> Result<Self, PredictError> {
        let kind = if is_espdl(path) {
            let bytes = read_file(path)?;
            let failed = |reason: String| PredictError::Espdl { path: path.to_owned(), reason };
            let model = Model::parse(&bytes).map_err(|e| failed(e.to_string()))?;
            let metadata: BTreeMap<String, String> =
                model.metadata_props().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            let chosen = match (target, metadata.contains_key("octet.target")) {
                (Some(_), _) => "as asked for",
                (None, true) => "named in the file",
                (None, false) => "inferred from exponents and layouts",
            };
            let simulator = Simulator::new(bytes.into(), target).map_err(|e| failed(e.to_string()))?;
            Kind::Quantized { simulator: Box::new(simulator), metadata, chosen }
        } else {
            let network = Arc::new(onnx::open(path)?.network);
            let scores = Tract.scores(&network, &BTreeMap::new())?;
            Kind::Float { network, scores }
        };
        Ok(Predictor { kind, path: path.to_owned() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The chip of an `.espdl` file, and why that one; `None` for float networks.
    pub fn target(&self) -> Option<(Target, &'static str)> {
        match &self.kind {
            Kind::Float { .. } => None,
            Kind::Quantized { simulator, chosen, .. } => Some((simulator.target(), chosen)),
        }
    }

    /// Number of scores.
    pub fn classes(&self) -> usize {
        match &self.kind {
            Kind::Float { network, .. } => network.tensor(network.output).len(),
            Kind::Quantized { simulator, .. } => simulator.output().elements(),
        }
    }

    /// Memory for one thread.
    pub fn workspace(&self) -> Workspace {
        match &self.kind {
            Kind::Float { .. } => Workspace(None),
            Kind::Quantized { simulator, .. } => Workspace(Some(simulator.scratch())),
        }
    }

    /// Name of the output tensor.
    pub fn output_name(&self) -> &str {
        match &self.kind {
            Kind::Float { network, .. } => &network.tensor(network.output).name,
            Kind::Quantized { simulator, .. } => &simulator.output().name,
        }
    }

    /// True when the network ends in a Softmax.
    pub fn gives_probabilities(&self) -> bool {
        match &self.kind {
            Kind::Float { network, .. } => {
                matches!(network.nodes.last().map(|n| &n.op), Some(crate::network::Op::Softmax { .. }))
            }
            Kind::Quantized { simulator, .. } => simulator.output().exponent.is_none(),
        }
    }

    /// (channels, height, width) of the input.
    pub fn input_chw(&self) -> Result<(usize, usize, usize), PredictError> {
        let shape = self.input_shape_nchw();
        match shape[..] {
            [_, c, h, w] => Ok((c, h, w)),
            _ => Err(PredictError::Request(format!(
                "`{}`: the input of shape {shape:?} is no picture; use --tensor",
                self.path.display()
            ))),
        }
    }

    fn input_shape_nchw(&self) -> Vec<usize> {
        match &self.kind {
            Kind::Float { network, .. } => network.tensor(network.input).shape.clone(),
            Kind::Quantized { simulator, .. } => match simulator.input().shape[..] {
                [n, h, w, c] => vec![n, c, h, w],
                ref other => other.to_vec(),
            },
        }
    }

    /// How pictures become this model's input: the file's own metadata, changed by `overrides`.
    pub fn preprocessing(&self, overrides: &BTreeMap<String, String>) -> Result<Preprocessing, PredictError> {
        match &self.kind {
            Kind::Float { network, .. } => Ok(Preprocessing::of_network(network, overrides)?),
            Kind::Quantized { metadata, .. } => {
                let (c, h, w) = self.input_chw()?;
                let mut preprocessing = Preprocessing::torchvision(c, w, h);
                let stored = metadata.iter().filter(|(key, _)| PREPROCESSING_KEYS.contains(&key.as_str()));
                preprocessing.set(&stored.map(|(k, v)| (k.clone(), v.clone())).collect())?;
                preprocessing.set(overrides)?;
                Ok(preprocessing)
            }
        }
    }

    /// Asks with a picture's NCHW floats.
    pub fn predict(&self, workspace: &mut Workspace, nchw: &[f32]) -> Result<Answer, PredictError> {
        match &self.kind {
            Kind::Float { scores, .. } => {
                let scores = scores.run(&[nchw])?.pop().unwrap_or_default();
                Ok(Answer { values: Values::F32(scores.clone()), exponent: None, scores })
            }
            Kind::Quantized { .. } => {
                let nhwc = to_nhwc(nchw, &self.input_shape_nchw());
                self.simulate(workspace, Data::F32(&nhwc))
            }
        }
    }

    /// Asks with a tensor from a file: for `.espdl` the integers NHWC, or f32 NHWC, which is quantized; for `.onnx`
    /// f32 in the model's own layout. The batch axis may be missing.
    pub fn predict_tensor(&self, workspace: &mut Workspace, tensor: &Values) -> Result<Answer, PredictError> {
        if let Values::F32(values) = tensor
            && let Some(position) = values.iter().position(|v| !v.is_finite())
        {
            return Err(PredictError::Request(format!(
                "element {position} of the tensor is {}; every one must be a finite number",
                values[position]
            )));
        }
        match (&self.kind, tensor) {
            (Kind::Float { .. }, Values::F32(_)) => {
                let nchw = self.to_nchw(tensor)?;
                self.predict(workspace, &nchw)
            }
            (Kind::Quantized { .. }, tensor) => self.simulate(workspace, tensor.as_data()),
            (Kind::Float { .. }, _) => Err(PredictError::Request(
                "a float network takes a float32 tensor; integers belong to an .espdl file".to_owned(),
            )),
        }
    }

    /// Holds a tensor's extents against the input's, as the file has them (NHWC in `.espdl`); axes of extent 1 in front
    /// may be left out.
    ///
    /// # Errors
    /// They differ.
    pub fn check_shape(&self, shape: &[usize]) -> Result<(), PredictError> {
        let expected = match &self.kind {
            Kind::Float { network, .. } => {
                match (network.input_layout, &network.tensor(network.input).shape[..]) {
                    (InputLayout::Nhwc, &[n, c, h, w]) => vec![n, h, w, c],
                    (_, shape) => shape.to_vec(),
                }
            }
            Kind::Quantized { simulator, .. } => simulator.input().shape.to_vec(),
        };
        let bare =
            |shape: &[usize]| -> Vec<usize> { shape.iter().copied().skip_while(|&d| d == 1).collect() };
        if bare(shape) == bare(&expected) {
            return Ok(());
        }
        Err(PredictError::Request(format!(
            "the tensor has the shape {shape:?}, the input takes {expected:?}"
        )))
    }

    /// A tensor in the float network's own layout as NCHW.
    fn to_nchw(&self, tensor: &Values) -> Result<Vec<f32>, PredictError> {
        let (Kind::Float { network, .. }, Values::F32(values)) = (&self.kind, tensor) else {
            return Err(PredictError::Request("floats were expected".to_owned()));
        };
        let shape = &network.tensor(network.input).shape;
        let expected: usize = shape.iter().product();
        if values.len() != expected {
            return Err(PredictError::Request(format!(
                "the input takes {expected} values (NCHW {shape:?}), the tensor has {}",
                values.len()
            )));
        }
        Ok(match network.input_layout {
            InputLayout::Nchw => values.clone(),
            InputLayout::Nhwc => dequantized_nchw(&Data::F32(values), None, shape),
        })
    }

    fn simulate(&self, workspace: &mut Workspace, input: Data<'_>) -> Result<Answer, PredictError> {
        let (Kind::Quantized { simulator, .. }, Some(scratch)) = (&self.kind, &mut workspace.0) else {
            return Err(PredictError::Request("this workspace belongs to another model".to_owned()));
        };
        let failed = |e: octet_runtime::SimulatorError| PredictError::Espdl {
            path: self.path.clone(),
            reason: e.to_string(),
        };
        let output = simulator.run(scratch, input, None).map_err(failed)?;
        let values = Values::of(&output.data);
        let scores = dequantized_nchw(&output.data, output.exponent, &simulator.output().shape);
        Ok(Answer { values, exponent: output.exponent, scores })
    }
}
