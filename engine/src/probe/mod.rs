//! A close look at a finished run: weights, activations and feature maps of one operation, and what both networks say
//! to one picture.
//!
//! The quantized side is the run folder's `model.espdl`, executed by the runtime. The float side is what the run's
//! errors are measured against: `model.float.onnx` of the run folder where a strategy changed the float network, else
//! the model file, if it still is the one of the report. What is expensive (compiled networks, the last pictures'
//! tensors, histograms of the calibration pictures) is kept, so that one [`Probe`] serves many questions, from any
//! thread.

mod activations;
mod answer;
mod error;
mod grid;
mod histogram;
mod inference;
mod labels;
mod maps;
mod open;
mod scatter;
mod weights;

pub use activations::ActivationFigures;
pub use answer::{DepthPoint, Parting, PartingRule, SCORES, Score, THRESHOLD, TriedPicture};
pub use error::ProbeError;
pub use grid::Grid;
pub use histogram::{Bar, Histogram};
pub use labels::Labels;
pub use maps::{FeatureMap, FeatureMaps, MAX_MAPS};
pub use scatter::{MAX_POINTS, Scatter};
pub use weights::{ChannelFigures, WeightFigures};

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use octet_runtime::Simulator;

use crate::draft::NamedDraft;
use crate::network::{Network, NodeId, TensorId};
use crate::pictures::Preprocessing;
use crate::plan::Format;
use crate::report::Report;
use crate::target::TargetSpec;

/// An opened run.
pub struct Probe {
    report: Report,
    plan: NamedDraft,
    target: &'static TargetSpec,
    /// The float network that errors are measured against.
    network: Network,
    simulator: Simulator,
    preprocessing: Preprocessing,
    /// Calibration pictures that are still there.
    pictures: Vec<PathBuf>,
    labels: Labels,
    /// Operations that leave a tensor of their own, with that tensor, in graph order.
    observed: Vec<(NodeId, TensorId)>,
    inferences: Mutex<inference::Inferences>,
    activations: Mutex<Option<activations::Counted>>,
}

impl Probe {
    /// The run's report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The calibration pictures that are still where the run found them, in the order of use.
    pub fn pictures(&self) -> &[PathBuf] {
        &self.pictures
    }

    /// Names of the classes.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The tensor behind a name: of an operation what it leaves after its fused activation, else the tensor of that
    /// name.
    fn subject(&self, name: &str) -> Result<TensorId, ProbeError> {
        if let Some(id) = self.network.find_node(name) {
            let activation =
                self.plan.nodes.iter().find(|n| n.name == name).and_then(|n| n.activation.as_ref());
            let last = activation.and_then(|a| self.network.find_node(a)).unwrap_or(id);
            return Ok(self.network.node(last).output());
        }
        match self.network.tensor_index().get(name) {
            Some(&id) if self.network.tensor(id).data.is_none() => Ok(id),
            _ => Err(ProbeError::Unknown(name.to_owned())),
        }
    }

    /// The integers that a tensor is stored in; `None` for floats.
    fn format(&self, tensor: TensorId) -> Option<Format> {
        match self.network.producer(tensor) {
            None => Some(self.plan.input),
            Some(id) => {
                let name = &self.network.node(id).name;
                self.plan.nodes.iter().find(|n| n.name == *name)?.output
            }
        }
    }

    fn name(&self, tensor: TensorId) -> &str {
        &self.network.tensor(tensor).name
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Probe({}, {} pictures)", self.network.name, self.pictures.len())
    }
}

/// A path for people.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
