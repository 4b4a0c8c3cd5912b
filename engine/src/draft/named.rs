//! A draft by names instead of ids: `plan.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bits, Draft};
use crate::network::Network;
use crate::plan::{Format, Plan};

/// `plan.json`: what was decided, and what followed from it, in the network's own names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedDraft {
    /// Version of this form.
    pub schema: u32,
    /// Chip name.
    pub target: String,
    /// The network's input.
    pub input: Format,
    /// Operations in graph order.
    pub nodes: Vec<NamedNode>,
    /// Constants with other values than the file's, in the float network too.
    pub changed_weights: Vec<String>,
    /// Constants with other values in the quantized network only.
    pub corrected_weights: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedNode {
    /// Node name.
    pub name: String,
    /// ONNX operation.
    pub op: String,
    /// Width.
    pub bits: Bits,
    /// Activations it reads, in order: tensor name, format as stored, format as read.
    pub inputs: Vec<NamedOperand>,
    /// Exponents of weights and bias by tensor name.
    pub constants: BTreeMap<String, Vec<i32>>,
    /// Its result; absent for floats.
    pub output: Option<Format>,
    /// The activation computed with it.
    pub activation: Option<String>,
    /// True where a Clip became a Relu.
    pub relu_for_clip: bool,
}

/// One operand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedOperand {
    /// Tensor name.
    pub tensor: String,
    /// As stored.
    pub stored: Format,
    /// As read.
    pub read: Format,
}

impl NamedDraft {
    /// Names a draft and its plan.
    pub fn new(network: &Network, draft: &Draft, plan: &Plan) -> Self {
        let tensor = |id| network.tensor(id).name.clone();
        let nodes = network.node_ids().map(|(id, node)| {
            let planned = plan.node(id);
            let constants = planned.weights.iter().chain(&planned.bias);
            NamedNode {
                name: node.name.clone(),
                op: node.op.onnx_name().to_owned(),
                bits: planned.bits,
                inputs: planned
                    .operands
                    .iter()
                    .map(|o| NamedOperand { tensor: tensor(o.tensor), stored: o.stored, read: o.read })
                    .collect(),
                constants: constants.map(|c| (tensor(c.tensor), c.exponents.clone())).collect(),
                output: planned.output,
                activation: planned.activation.map(|a| network.node(a).name.clone()),
                relu_for_clip: planned.relu_for_clip,
            }
        });
        NamedDraft {
            schema: 1,
            target: plan.target.name.to_owned(),
            input: plan.input,
            nodes: nodes.collect(),
            changed_weights: draft.changed_weights.keys().map(|&t| tensor(t)).collect(),
            corrected_weights: draft.corrected_weights.keys().map(|&t| tensor(t)).collect(),
        }
    }
}
