//! What is handed over, copied from the host once: network, constants, attributes and the draft's exponents.

use std::collections::BTreeMap;

use octet_plugin_api::sdk::{Error, Host, Network, Node, NodeId, Role, Slot, Target, Tensor, TensorId};

/// The float network with the draft's decisions.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) network: Network,
    pub(crate) target: Target,
    /// In topological order; the place is the id.
    pub(crate) nodes: Vec<Node>,
    /// Parallel to `nodes`.
    pub(crate) attributes: Vec<Attributes>,
    /// The place is the id.
    pub(crate) tensors: Vec<Tensor>,
    /// Weights, biases and bounds under the draft.
    pub(crate) constants: BTreeMap<TensorId, Vec<f32>>,
    /// What is decided: every slot with its exponents, each (tensor, width) once.
    pub(crate) slots: Vec<DecidedSlot>,
}

/// A slot and the draft's exponents for it, as many as it has channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecidedSlot {
    pub(crate) slot: Slot,
    pub(crate) exponents: Vec<i32>,
}

/// Attributes of a node under ONNX's names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Attributes {
    pub(crate) ints: BTreeMap<&'static str, Vec<i64>>,
    pub(crate) floats: BTreeMap<&'static str, f64>,
}

/// The names under which the host has attributes (`octet_plugin.h`, `attribute_ints`).
const INTS: [&str; 9] =
    ["kernel_shape", "strides", "dilations", "pads", "group", "transB", "axis", "perm", "count_include_pad"];
const FLOATS: [&str; 1] = ["value"];

impl Model {
    /// Copies everything out of the host.
    ///
    /// # Errors
    /// The draft leaves an exponent open.
    pub(crate) fn of(host: &Host<'_>) -> Result<Model, Error> {
        let network = host.network()?;
        let nodes = host.nodes()?;
        let tensors =
            (0..network.tensors).map(|id| host.tensor(id)).collect::<Result<Vec<Tensor>, Error>>()?;
        let slots = decided(host, &tensors)?;
        let constants = tensors.iter().filter(|t| t.constant);
        let constants = constants.map(|t| Ok((t.id, host.weights(t.id)?.to_vec())));
        Ok(Model {
            target: host.target()?,
            attributes: nodes.iter().map(|node| attributes(host, node.id)).collect(),
            constants: constants.collect::<Result<_, Error>>()?,
            network,
            nodes,
            tensors,
            slots,
        })
    }

    /// A tensor's name; ids come from the network itself.
    pub(crate) fn name(&self, tensor: TensorId) -> &str {
        self.tensor(tensor).map_or("?", |t| t.name.as_str())
    }

    /// A tensor.
    pub(crate) fn tensor(&self, tensor: TensorId) -> Option<&Tensor> {
        self.tensors.get(usize::try_from(tensor).ok()?)
    }

    /// A tensor's extents.
    pub(crate) fn shape(&self, tensor: TensorId) -> &[usize] {
        self.tensor(tensor).map_or(&[], |t| t.shape.as_slice())
    }

    /// Weights and biases of all computing nodes, by id: what a training may change.
    pub(crate) fn trainable(&self) -> BTreeMap<TensorId, &[f32]> {
        let computing = self.nodes.iter().filter(|n| n.computing);
        let constants = computing.flat_map(|n| n.inputs.iter().skip(1));
        constants.filter_map(|id| Some((*id, self.constants.get(id)?.as_slice()))).collect()
    }
}

fn attributes(host: &Host<'_>, node: NodeId) -> Attributes {
    let ints = INTS.into_iter().filter_map(|name| Some((name, host.attribute_ints(node, name)?)));
    let floats = FLOATS.into_iter().filter_map(|name| Some((name, host.attribute_float(node, name)?)));
    Attributes { ints: ints.collect(), floats: floats.collect() }
}

fn decided(host: &Host<'_>, tensors: &[Tensor]) -> Result<Vec<DecidedSlot>, Error> {
    let mut decided: Vec<DecidedSlot> = Vec::new();
    for slot in host.slots()? {
        // Two layers may share their weights.
        if decided.iter().any(|d| (d.slot.tensor, d.slot.bits) == (slot.tensor, slot.bits)) {
            continue;
        }
        let exponents = host.exponents(slot.tensor, slot.bits)?;
        if exponents.len() != slot.channels() {
            let index = usize::try_from(slot.tensor).ok();
            let name = index.and_then(|i| tensors.get(i)).map_or("?", |t| t.name.as_str());
            let what = if matches!(slot.role, Role::Activation) { "activation" } else { "weights" };
            return Err(Error::failed(format!(
                "the training needs a complete plan to start from, and the {what} `{name}` have no {}-bit exponent \
                 yet; put another strategy before this one: --strategy int8,qat-hook",
                slot.bits
            )));
        }
        decided.push(DecidedSlot { slot, exponents });
    }
    Ok(decided)
}
