//! Which constants the float network computes with under a draft.

use std::sync::Arc;

use crate::draft::Draft;
use crate::draft::SlotRole;
use crate::lower::{quantize_bias, quantize_weights};
use crate::network::{Network, NodeId, Op, TensorId};
use crate::plan::{ConstantPlan, slots};
use crate::quantize::{EXPONENT_RANGE, exp2};
use crate::target::TargetSpec;

pub use crate::float::Weights;

/// A constant's values in the quantized network, before they are quantized.
pub fn values<'a>(network: &'a Network, draft: &'a Draft, tensor: TensorId) -> &'a [f32] {
    match draft.replaced(tensor) {
        Some(values) => values,
        None => network.tensor(tensor).data.as_deref().unwrap_or_default(),
    }
}

/// The draft's constants with all weights quantized and dequantized where the draft has exponents for them;
/// biases stay float.
pub fn quantized(network: &Network, draft: &Draft, target: &TargetSpec) -> Weights {
    let mut weights = draft.changed_weights.clone();
    weights.extend(draft.corrected_weights.iter().map(|(&tensor, values)| (tensor, Arc::clone(values))));
    for slot in slots(network, draft, target) {
        let SlotRole::Weights { axis, .. } = slot.role else { continue };
        let Some(exponents) = draft.weight_exponents.get(&slot.tensor) else { continue };
        let plan = ConstantPlan { tensor: slot.tensor, bits: slot.bits.into(), exponents: exponents.clone() };
        weights.insert(slot.tensor, weights_of(network, draft, target, &plan, axis));
    }
    weights
}

/// Weights as the floats that their integers stand for, in the tensor's own order.
pub fn weights_of(
    network: &Network,
    draft: &Draft,
    target: &TargetSpec,
    plan: &ConstantPlan,
    axis: usize,
) -> Arc<[f32]> {
    let shape = &network.tensor(plan.tensor).shape;
    let integers = quantize_weights(values(network, draft, plan.tensor), shape, axis, plan, target.rounding);
    let inner = shape.iter().skip(axis + 1).product::<usize>().max(1);
    let channels = shape.get(axis).copied().unwrap_or(1).max(1);
    let integers = integers.into_iter().enumerate();
    integers.map(|(i, q)| q as f32 * exp2(plan.exponent((i / inner) % channels))).collect()
}

/// A bias as the floats that its integers stand for.
pub fn bias_of(network: &Network, draft: &Draft, target: &TargetSpec, plan: &ConstantPlan) -> Arc<[f32]> {
    let integers = quantize_bias(values(network, draft, plan.tensor), plan, target.rounding);
    integers.into_iter().enumerate().map(|(c, q)| q as f32 * exp2(plan.exponent(c))).collect()
}

/// Checks what a strategy wants to put in place of a constant.
pub(super) fn check_values(network: &Network, tensor: TensorId, new: &[f32]) -> Result<(), String> {
    let old = network.tensors.get(tensor.0).ok_or_else(|| format!("there is no tensor {}", tensor.0))?;
    let Some(data) = &old.data else {
        return Err(format!("`{}` is an activation; only weights and biases can be replaced", old.name));
    };
    if data.len() != new.len() {
        return Err(format!("`{}` holds {} values, not {}", old.name, data.len(), new.len()));
    }
    match new.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(format!("`{}`: value {i} is {}, which no integer stands for", old.name, new[i])),
        None => Ok(()),
    }
}

/// Checks exponents against a slot's needs.
pub(super) fn check_exponents(name: &str, expected: usize, exponents: &[i32]) -> Result<(), String> {
    if exponents.len() != expected {
        return Err(format!("`{name}` takes {expected} exponents, not {}", exponents.len()));
    }
    match exponents.iter().find(|e| !EXPONENT_RANGE.contains(e)) {
        Some(e) => Err(format!("`{name}`: exponent {e} is outside -40..=30")),
        None => Ok(()),
    }
}

/// Checks a node that a strategy wants to turn into a Relu.
pub(super) fn check_clip(network: &Network, node: NodeId) -> Result<(), String> {
    match network.nodes.get(node.0) {
        None => Err(format!("there is no node {}", node.0)),
        Some(n) if n.op == Op::Clip => Ok(()),
        Some(n) => Err(format!("`{}` is a {}, not a Clip", n.name, n.op.onnx_name())),
    }
}
