//! The float executor on tract, <https://github.com/sonos/tract>.

use std::sync::Arc;

use tract_onnx::prelude::{InferenceModelExt as _, IntoRunnable as _};
use tract_onnx::tract_core::internal::{TValue, TVec, Tensor, TractResult, TypedRunnableModel};

use super::{FloatError, FloatExecutor, FloatPlan, Weights};
use crate::network::{Network, TensorId};
use crate::onnx::to_model_proto_from;

/// Compiles networks by tract. Plans share nothing and run on the calling thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tract;

impl FloatExecutor for Tract {
    fn compile(
        &self,
        network: &Network,
        from: &[TensorId],
        wanted: &[TensorId],
        weights: &Weights,
    ) -> Result<Box<dyn FloatPlan>, FloatError> {
        for (&id, values) in weights {
            check_length(network, id, values.len())?;
        }
        // What is given already needs no computing; what is wanted twice is computed once.
        let mut computed: Vec<TensorId> = Vec::new();
        let sources = wanted
            .iter()
            .map(|w| match from.iter().position(|f| f == w) {
                Some(input) => Source::Input(input),
                None => Source::Output(position_or_push(&mut computed, *w)),
            })
            .collect();
        let model = if computed.is_empty() {
            None
        } else {
            let proto = to_model_proto_from(network, from, &computed, |id| weights.get(&id).cloned())?;
            Some(compile(&proto).map_err(|e| executor_error("compile", &network.name, &e))?)
        };
        let inputs = from.iter().map(|&id| Input::of(network, id)).collect();
        let outputs = computed.iter().map(|&id| Input::of(network, id)).collect();
        Ok(Box::new(TractPlan { network: network.name.clone(), inputs, outputs, sources, model }))
    }
}

fn position_or_push(list: &mut Vec<TensorId>, id: TensorId) -> usize {
    list.iter().position(|&l| l == id).unwrap_or_else(|| {
        list.push(id);
        list.len() - 1
    })
}

fn compile(proto: &tract_onnx::pb::ModelProto) -> TractResult<Arc<TypedRunnableModel>> {
    let parsed = tract_onnx::onnx().parse(proto, None)?;
    parsed.model.into_optimized()?.into_runnable()
}

fn executor_error(task: &'static str, network: &str, error: &impl std::fmt::Debug) -> FloatError {
    // tract's Debug form holds the whole chain of causes.
    FloatError::Executor { task, network: network.to_owned(), reason: format!("{error:?}") }
}

fn check_length(network: &Network, id: TensorId, found: usize) -> Result<(), FloatError> {
    let tensor = network.tensor(id);
    if tensor.len() == found {
        return Ok(());
    }
    Err(FloatError::Length { tensor: tensor.name.clone(), expected: tensor.len(), found })
}

/// Where a wanted activation comes from.
enum Source {
    Input(usize),
    Output(usize),
}

struct Input {
    name: String,
    shape: Vec<usize>,
}

impl Input {
    fn of(network: &Network, id: TensorId) -> Input {
        let tensor = network.tensor(id);
        Input { name: tensor.name.clone(), shape: tensor.shape.clone() }
    }
    fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

struct TractPlan {
    network: String,
    inputs: Vec<Input>,
    outputs: Vec<Input>,
    sources: Vec<Source>,
    /// `None` when everything wanted is an input.
    model: Option<Arc<TypedRunnableModel>>,
}

impl TractPlan {
    fn execute(&self, model: &Arc<TypedRunnableModel>, inputs: &[&[f32]]) -> TractResult<Vec<Vec<f32>>> {
        let tensors: TVec<TValue> = self
            .inputs
            .iter()
            .zip(inputs)
            .map(|(input, values)| Ok(Tensor::from_shape(&input.shape, values)?.into()))
            .collect::<TractResult<_>>()?;
        let outputs = model.run(tensors)?;
        outputs.iter().map(|o| Ok(o.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())).collect()
    }
}

impl FloatPlan for TractPlan {
    fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, FloatError> {
        if inputs.len() != self.inputs.len() {
            return Err(FloatError::Inputs { expected: self.inputs.len(), found: inputs.len() });
        }
        for (input, values) in self.inputs.iter().zip(inputs) {
            if input.len() != values.len() {
                let (tensor, expected, found) = (input.name.clone(), input.len(), values.len());
                return Err(FloatError::Length { tensor, expected, found });
            }
        }
        let mut outputs = match &self.model {
            None => Vec::new(),
            Some(model) => {
                self.execute(model, inputs).map_err(|e| executor_error("run", &self.network, &e))?
            }
        };
        if let Some((output, values)) =
            self.outputs.iter().zip(&outputs).find(|(output, values)| output.len() != values.len())
        {
            let reason = format!("`{}` has {} values, not {}", output.name, values.len(), output.len());
            return Err(executor_error("run", &self.network, &reason));
        }
        let mut last_use = vec![None; outputs.len()];
        for (i, source) in self.sources.iter().enumerate() {
            if let Source::Output(o) = source {
                last_use[*o] = Some(i);
            }
        }
        let take = |(i, source): (usize, &Source)| match source {
            Source::Input(input) => inputs[*input].to_vec(),
            Source::Output(o) if last_use[*o] == Some(i) => std::mem::take(&mut outputs[*o]),
            Source::Output(o) => outputs[*o].clone(),
        };
        Ok(self.sources.iter().enumerate().map(take).collect())
    }
}
