//! The float network: computes any activations of a [`Network`] from a picture, or from other activations.
//!
//! [`FloatExecutor`] is the boundary behind which tract sits; nothing else in Octet knows it. A [`FloatPlan`] is
//! compiled once for a set of wanted activations and may be run from several threads at a time, one picture each.

mod cut;
mod tract;

pub use cut::cut_after;
pub use tract::Tract;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::network::{Network, TensorId};
use crate::onnx::IncompleteCut;

/// Constants with other values than the network's, in the same shapes (as in
/// [`Draft::changed_weights`](crate::draft::Draft::changed_weights)).
pub type Weights = BTreeMap<TensorId, Arc<[f32]>>;

/// Why the float network could not be compiled or run.
#[derive(Debug, thiserror::Error)]
pub enum FloatError {
    /// The given activations do not suffice.
    #[error(transparent)]
    Cut(#[from] IncompleteCut),
    /// A weight override, or an input of a run, has the wrong number of values.
    #[error("tensor `{tensor}` needs {expected} values, but {found} were given")]
    Length {
        /// Name of the tensor.
        tensor: String,
        /// Its number of elements.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A run was given the wrong number of inputs.
    #[error("the plan takes {expected} inputs, but {found} were given")]
    Inputs {
        /// Number of the plan's inputs.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The executor refused the network; that is a bug in Octet, since import lets only known operations through.
    #[error("the float executor cannot {task} the network `{network}`: {reason}")]
    Executor {
        /// `compile` or `run`.
        task: &'static str,
        /// Name of the network.
        network: String,
        /// The executor's words.
        reason: String,
    },
}

/// Compiles networks.
pub trait FloatExecutor: Send + Sync {
    /// A plan that computes `wanted` (activations, in any order) from `from` (activations too). `weights` replaces
    /// constants. The fewer activations are wanted the faster it runs, since what is not observed is fused.
    ///
    /// # Errors
    /// `from` does not suffice, or a replaced constant has the wrong length.
    fn compile(
        &self,
        network: &Network,
        from: &[TensorId],
        wanted: &[TensorId],
        weights: &Weights,
    ) -> Result<Box<dyn FloatPlan>, FloatError>;

    /// A plan from the picture to these activations.
    ///
    /// # Errors
    /// As [`FloatExecutor::compile`].
    fn outputs(
        &self,
        network: &Network,
        wanted: &[TensorId],
        weights: &Weights,
    ) -> Result<Box<dyn FloatPlan>, FloatError> {
        self.compile(network, &[network.input], wanted, weights)
    }

    /// A plan from the picture to the network's scores alone, as fast as it gets.
    ///
    /// # Errors
    /// As [`FloatExecutor::compile`].
    fn scores(&self, network: &Network, weights: &Weights) -> Result<Box<dyn FloatPlan>, FloatError> {
        self.compile(network, &[network.input], &[network.output], weights)
    }

    /// A plan from the activations of a cut (see [`cut_after`]) to the network's scores.
    ///
    /// # Errors
    /// As [`FloatExecutor::compile`].
    fn suffix(
        &self,
        network: &Network,
        from: &[TensorId],
        weights: &Weights,
    ) -> Result<Box<dyn FloatPlan>, FloatError> {
        self.compile(network, from, &[network.output], weights)
    }
}

/// A compiled network.
pub trait FloatPlan: Send + Sync {
    /// Runs it on one picture. `inputs` are the plan's `from` activations in that order, each NCHW in C order; the
    /// result are its `wanted` ones in that order, likewise.
    ///
    /// # Errors
    /// The number of inputs, or the length of one, is wrong.
    fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, FloatError>;
}
