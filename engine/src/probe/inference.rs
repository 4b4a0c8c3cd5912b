//! All tensors of one picture on both sides.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use octet_runtime::{Data, Scratch, TensorView};

use super::{Probe, ProbeError};
use crate::analyse::{dequantized_nchw, to_nhwc};
use crate::float::{FloatExecutor, FloatPlan, Tract, Weights};
use crate::network::TensorId;
use crate::pictures::Rgb;
use crate::predict::{PredictError, Values};

/// Pictures whose tensors are kept.
const KEPT: usize = 2;

/// A tensor of the quantized network.
struct Stored {
    values: Values,
    exponent: Option<i32>,
}

/// One picture's tensors.
pub(super) struct Inference {
    /// The picture at the network's size.
    pub(super) rgb: Rgb,
    float: HashMap<TensorId, Vec<f32>>,
    quantized: HashMap<TensorId, Stored>,
}

/// What is kept between questions.
#[derive(Default)]
pub(super) struct Inferences {
    plan: Option<Arc<Watched>>,
    scratch: Option<Scratch>,
    last: VecDeque<(Key, Arc<Inference>)>,
}

/// A picture file as it was.
type Key = (PathBuf, Option<(u64, SystemTime)>);

/// The float network with every tensor as an output that the quantized one shows too.
pub(super) struct Watched {
    pub(super) tensors: Vec<TensorId>,
    pub(super) plan: Box<dyn FloatPlan>,
}

impl Inference {
    /// A tensor as floats, NCHW: float and dequantized. `None` where one side has no such tensor.
    pub(super) fn pair(&self, probe: &Probe, tensor: TensorId) -> Option<(&[f32], Vec<f32>)> {
        let float = self.float.get(&tensor)?;
        let stored = self.quantized.get(&tensor)?;
        let shape = &probe.network.tensor(tensor).shape;
        Some((float, dequantized_nchw(&stored.values.as_data(), stored.exponent, shape)))
    }

    /// As [`Inference::pair`].
    ///
    /// # Errors
    /// One side has no such tensor.
    pub(super) fn both(&self, probe: &Probe, tensor: TensorId) -> Result<(&[f32], Vec<f32>), ProbeError> {
        self.pair(probe, tensor).ok_or_else(|| ProbeError::OneSided(probe.name(tensor).to_owned()))
    }
}

impl Probe {
    /// A picture's tensors, computed or remembered.
    pub(super) fn inference(&self, picture: &Path) -> Result<Arc<Inference>, ProbeError> {
        let stamp = std::fs::metadata(picture).and_then(|m| Ok((m.len(), m.modified()?))).ok();
        let key = (picture.to_owned(), stamp);
        let mut kept = self.inferences.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = kept.last.iter().find(|(k, _)| *k == key) {
            return Ok(Arc::clone(known));
        }
        let (rgb, input) = self.picture(picture)?;
        let mut scratch = kept.scratch.take().unwrap_or_else(|| self.simulator.scratch());
        let quantized = self.quantized(&mut scratch, &input)?;
        kept.scratch = Some(scratch);
        let watched = match &kept.plan {
            Some(plan) => Arc::clone(plan),
            None => Arc::clone(kept.plan.insert(Arc::new(self.watch(&quantized)?))),
        };
        let float = watched.plan.run(&[&input])?;
        let float: HashMap<TensorId, Vec<f32>> = watched.tensors.iter().copied().zip(float).collect();
        for (&tensor, stored) in &quantized {
            let (before, after) = (self.network.tensor(tensor).len(), stored.values.as_data().len());
            if before != after {
                let name = self.name(tensor);
                return Err(ProbeError::Mismatch(format!(
                    "`{name}` has {before} values before, {after} after"
                )));
            }
        }
        let inference = Arc::new(Inference { rgb, float, quantized });
        kept.last.push_front((key, Arc::clone(&inference)));
        kept.last.truncate(KEPT);
        Ok(inference)
    }

    /// The float network with the quantized one's tensors, compiled or remembered.
    pub(super) fn watched(&self, picture: &Path) -> Result<Arc<Watched>, ProbeError> {
        self.inference(picture)?;
        let kept = self.inferences.lock().unwrap_or_else(PoisonError::into_inner);
        kept.plan.clone().ok_or(ProbeError::Cancelled)
    }

    fn watch(&self, quantized: &HashMap<TensorId, Stored>) -> Result<Watched, ProbeError> {
        let mut tensors: Vec<TensorId> = quantized.keys().copied().collect();
        tensors.sort_unstable();
        let plan = Tract.outputs(&self.network, &tensors, &Weights::new())?;
        Ok(Watched { tensors, plan })
    }

    /// Every tensor of the quantized network that the float network has by the same name.
    fn quantized(
        &self,
        scratch: &mut Scratch,
        input: &[f32],
    ) -> Result<HashMap<TensorId, Stored>, ProbeError> {
        let names = self.network.tensor_index();
        let nhwc = to_nhwc(input, &self.network.tensor(self.network.input).shape);
        let mut all = HashMap::new();
        let mut observe = |view: TensorView<'_>| {
            let tensor = match view.node {
                None => Some(self.network.input),
                Some(_) => names.get(view.name).copied(),
            };
            if let Some(tensor) = tensor.filter(|&t| self.network.tensor(t).data.is_none()) {
                all.insert(tensor, Stored { values: Values::of(&view.data), exponent: view.exponent });
            }
        };
        let ran = self.simulator.run(scratch, Data::F32(&nhwc), Some(&mut observe));
        ran.map_err(|e| PredictError::Request(e.to_string()))?;
        Ok(all)
    }
}
