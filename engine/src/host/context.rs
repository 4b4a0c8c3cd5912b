//! What the host keeps for one run: the engine, and the memory that the plugin was given views of.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::graph::Graph;
use crate::draft::{Bits, Slot};
use crate::network::{NodeId, TensorId};
use crate::strategy::{StrategyError, StrategyHost, TensorStatistics};

pub(super) type Answer = Result<(), StrategyError>;

/// One run of a strategy.
pub(super) struct Context<'a> {
    pub(super) engine: &'a mut dyn StrategyHost,
    pub(super) graph: Graph,
    pub(super) slots: Vec<Slot>,
    pub(super) statistics: Vec<TensorStatistics>,
    pub(super) floats: Vec<Vec<f32>>,
    pub(super) ints: Vec<i64>,
    pub(super) exponents: Vec<i32>,
    pub(super) findings: String,
    pub(super) scored_nodes: Vec<u64>,
    pub(super) scored_nsr: Vec<f64>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) picture_file: String,
    pub(super) model_file: String,
    pub(super) job_folder: String,
    /// Constants that the plugin looks at, by tensor.
    weights: BTreeMap<usize, Arc<[f32]>>,
    last_error: String,
    failure: Option<String>,
}

impl<'a> Context<'a> {
    pub(super) fn new(engine: &'a mut dyn StrategyHost) -> Context<'a> {
        let (graph, metadata) = (Graph::new(engine.network()), engine.network().metadata.clone());
        Context {
            engine,
            graph,
            slots: Vec::new(),
            statistics: Vec::new(),
            floats: Vec::new(),
            ints: Vec::new(),
            exponents: Vec::new(),
            findings: String::new(),
            scored_nodes: Vec::new(),
            scored_nsr: Vec::new(),
            metadata,
            picture_file: String::new(),
            model_file: String::new(),
            job_folder: String::new(),
            weights: BTreeMap::new(),
            last_error: String::new(),
            failure: None,
        }
    }

    /// True once the user cancelled.
    pub(super) fn cancelled(&self) -> bool {
        self.engine.cancelled()
    }

    /// The plugin's own words about its failure, or else the last thing that the engine refused.
    pub(super) fn reason(self) -> Option<String> {
        self.failure.or_else(|| (!self.last_error.is_empty()).then_some(self.last_error))
    }

    pub(super) fn last_error(&self) -> &str {
        &self.last_error
    }

    pub(super) fn set_last_error(&mut self, error: String) {
        self.last_error = error;
    }

    pub(super) fn fail(&mut self, message: String) {
        self.failure = Some(message);
    }

    /// Checks a node id of the plugin.
    pub(super) fn node_id(&self, node: u64) -> Result<NodeId, StrategyError> {
        match usize::try_from(node) {
            Ok(node) if node < self.graph.nodes.len() => Ok(NodeId(node)),
            _ => invalid(format!("there is no node {node}; the network has {}", self.graph.nodes.len())),
        }
    }

    /// Checks a tensor id of the plugin.
    pub(super) fn tensor_id(&self, tensor: u64) -> Result<TensorId, StrategyError> {
        match usize::try_from(tensor) {
            Ok(tensor) if tensor < self.graph.tensors.len() => Ok(TensorId(tensor)),
            _ => {
                invalid(format!("there is no tensor {tensor}; the network has {}", self.graph.tensors.len()))
            }
        }
    }

    /// Checks the id of a tensor that the float network computes or is given.
    pub(super) fn activation_id(&self, tensor: u64) -> Result<TensorId, StrategyError> {
        let id = self.tensor_id(tensor)?;
        let tensor = &self.graph.tensors[id.0];
        if tensor.constant {
            return invalid(format!("`{}` is a constant, not an activation", tensor.name));
        }
        Ok(id)
    }

    /// A constant's values under the draft; they stay until `forget_weights`.
    pub(super) fn weights(&mut self, tensor: TensorId) -> Result<&[f32], StrategyError> {
        let Some(current) = self.engine.weights(tensor) else {
            let name = &self.graph.tensors[tensor.0].name;
            return invalid(format!("`{name}` is an activation and has no values of its own"));
        };
        let changed = self.engine.draft().replaced(tensor);
        let original = self.engine.network().tensor(tensor).data.as_ref();
        let shared = [changed, original].into_iter().flatten().find(|known| std::ptr::eq(&***known, current));
        let kept = shared.cloned().unwrap_or_else(|| Arc::from(current));
        let entry = self.weights.entry(tensor.0).or_insert_with(|| Arc::clone(&kept));
        if !Arc::ptr_eq(entry, &kept) && entry[..] != kept[..] {
            *entry = kept;
        }
        Ok(entry)
    }

    pub(super) fn forget_weights(&mut self, tensor: TensorId) {
        self.weights.remove(&tensor.0);
    }
}

pub(super) fn invalid<T>(reason: impl Into<String>) -> Result<T, StrategyError> {
    Err(StrategyError::Invalid(reason.into()))
}

pub(super) fn bits(bits: u32) -> Result<Bits, StrategyError> {
    Bits::try_from(bits).map_err(StrategyError::Invalid)
}
