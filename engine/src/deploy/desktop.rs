//! What the desktop computes with the run's model, as bytes and checksums that a board can be held against.

use std::path::PathBuf;

use octet_runtime::postprocess::{Answer, Scores};
use octet_runtime::{DType, Data, Model, Simulator, TensorView};

use super::error::DeployError;
use super::inside::{MAX_MODEL_BYTES, read_limited};
use super::project::Project;
use crate::predict::Values;

/// The run's model in the simulator.
pub(super) struct Desktop {
    simulator: Simulator,
    path: PathBuf,
    test: Option<Values>,
}

/// One inference.
pub(super) struct Computed {
    /// The network's input: integers, little endian.
    pub(super) input: Vec<u8>,
    /// Name and CRC32 of the input and of every node's output, in execution order.
    pub(super) tensors: Vec<(String, u32)>,
    /// The network's output.
    pub(super) output: Values,
    exponent: Option<i32>,
}

impl Desktop {
    /// Opens `model.espdl` of the run, which must be the project's.
    ///
    /// # Errors
    /// It is another one, or cannot be executed.
    pub(super) fn open(project: &Project) -> Result<Desktop, DeployError> {
        let path = project.run.join("model.espdl");
        let bytes = read_limited(&path, MAX_MODEL_BYTES)?;
        if crc32fast::hash(&bytes) != project.model_crc32 {
            return Err(DeployError::request(
                "the run's model is newer than the firmware project",
                format!("`octet firmware new {}`, then flash it", project.run.display()),
            ));
        }
        let failed = |reason: String| corrupt(&path, reason);
        let test = {
            let model = Model::parse(&bytes).map_err(|e| failed(e.to_string()))?;
            model.test_inputs_value().next().map(|test| match test.dtype() {
                DType::I16 => {
                    Values::I16(test.data().as_chunks().0.iter().map(|&b| i16::from_le_bytes(b)).collect())
                }
                _ => Values::I8(test.data().iter().map(|&b| b.cast_signed()).collect()),
            })
        };
        let simulator =
            Simulator::new(bytes.into(), Some(project.chip().target)).map_err(|e| failed(e.to_string()))?;
        Ok(Desktop { simulator, path, test })
    }

    /// The network.
    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The test input that is stored in the model.
    pub(super) fn test_input(&self) -> Result<&Values, DeployError> {
        self.test.as_ref().ok_or_else(|| corrupt(&self.path, "it holds no test input".to_owned()))
    }

    /// Runs the network on integers, or on floats NHWC, which are quantized.
    pub(super) fn compute(&self, input: Data<'_>) -> Result<Computed, DeployError> {
        let mut first = Vec::new();
        let mut tensors = Vec::new();
        let mut observe = |view: TensorView<'_>| {
            let bytes = Values::of(&view.data).to_bytes();
            tensors.push((view.name.to_owned(), crc32fast::hash(&bytes)));
            if tensors.len() == 1 {
                first = bytes;
            }
        };
        let mut scratch = self.simulator.scratch();
        let view = self
            .simulator
            .run(&mut scratch, input, Some(&mut observe))
            .map_err(|e| corrupt(&self.path, format!("it cannot be run: {e}")))?;
        let (output, exponent) = (Values::of(&view.data), view.exponent);
        Ok(Computed { input: first, tensors, output, exponent })
    }

    /// The best answers, by the code that chooses them on the board.
    pub(super) fn top(&self, computed: &Computed, count: usize) -> Vec<Answer> {
        let dtype = self.simulator.output().dtype;
        let bytes = computed.output.to_bytes();
        // Without exponent they are floats behind a softmax.
        let probabilities = computed.exponent.is_none();
        let mut answers = vec![Answer::default(); count];
        let found = Scores::new(&bytes, dtype, computed.exponent, probabilities)
            .map_or(0, |scores| scores.best(0.0, &mut answers));
        answers.truncate(found);
        answers
    }
}

fn corrupt(path: &std::path::Path, reason: String) -> DeployError {
    DeployError::Corrupt { path: path.to_owned(), reason, help: "quantize the model anew".to_owned() }
}
