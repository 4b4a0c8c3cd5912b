//! Graphwise: everything quantized; each operation's output as the next operation sees it, against the float
//! network's. The quantized side is the runtime's own tensors, from the very file that goes onto the chip.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use octet_runtime::{Data, Simulator};
use rayon::prelude::*;

use super::layout::{dequantized_nchw, to_nhwc};
use super::nsr::{mean, noise_to_signal, top1};
use super::{AnalysisError, Ticker};
use crate::draft::{Bits, Draft};
use crate::float::FloatExecutor;
use crate::network::{Network, NodeId, TensorId};
use crate::plan::Plan;
use crate::quantize::exp2;

/// The figures of one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphwiseNode {
    /// The operation; its fused activation is included.
    pub node: NodeId,
    /// Mean noise:signal over the pictures.
    pub nsr: f64,
    /// Fraction of its output integers at the end of their range.
    pub clipped: f64,
    /// Fraction of the float network's values beyond that range by more than half a step.
    pub beyond_range: f64,
}

/// The result of the analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Graphwise {
    /// Operations that leave a tensor of their own.
    pub nodes: Vec<GraphwiseNode>,
    /// The quantized input itself.
    pub input_nsr: f64,
    /// Fraction of the input integers at the end of their range.
    pub input_clipped: f64,
    /// Fraction of the input's floats beyond that range by more than half a step.
    pub input_beyond_range: f64,
    /// The network's output.
    pub output_nsr: f64,
    /// Fraction of pictures with the float network's top-1 class.
    pub agreement: f64,
}

/// A figure of one tensor: of this node (`None` is the input), quantized, float; both NCHW.
pub type Figure<'a> = dyn Fn(Option<NodeId>, &[f32], &[f32]) -> f64 + Sync + 'a;

/// One picture's tensor on both sides.
struct Pair {
    nsr: f64,
    clipped: f64,
    beyond_range: f64,
}

/// Everything measured on one picture.
struct Measured {
    input: Option<Pair>,
    tensors: Vec<Option<Pair>>,
    agrees: bool,
}

/// Runs the analysis over pictures (NCHW floats of the network's input).
pub fn graphwise(
    network: &Network,
    draft: &Draft,
    plan: &Plan,
    simulator: &Simulator,
    executor: &dyn FloatExecutor,
    pictures: &[Vec<f32>],
    ticker: &Ticker<'_>,
) -> Result<Graphwise, AnalysisError> {
    graphwise_with(network, draft, plan, simulator, executor, pictures, ticker, &|_, quantized, float| {
        noise_to_signal(quantized.iter().copied(), float)
    })
}

/// The same with another figure per tensor.
#[allow(clippy::too_many_arguments)]
pub fn graphwise_with(
    network: &Network,
    draft: &Draft,
    plan: &Plan,
    simulator: &Simulator,
    executor: &dyn FloatExecutor,
    pictures: &[Vec<f32>],
    ticker: &Ticker<'_>,
    figure: &Figure<'_>,
) -> Result<Graphwise, AnalysisError> {
    let observed = observed(network, plan);
    let mut tensors: Vec<TensorId> = observed.iter().map(|&(_, t)| t).collect();
    let output_position = tensors.iter().position(|&t| t == network.output).unwrap_or(tensors.len());
    if output_position == tensors.len() {
        tensors.push(network.output);
    }
    let float = executor.outputs(network, &tensors, &draft.changed_weights)?;
    let positions: HashMap<&str, usize> =
        tensors.iter().enumerate().map(|(i, &t)| (network.tensor(t).name.as_str(), i)).collect();
    let done = AtomicUsize::new(0);
    let per_picture: Result<Vec<Measured>, AnalysisError> = pictures
        .par_iter()
        .map_init(
            || simulator.scratch(),
            |scratch, picture| {
                ticker.check()?;
                let values = float.run(&[picture])?;
                let nhwc = to_nhwc(picture, &network.tensor(network.input).shape);
                let mut pairs: Vec<Option<Pair>> = tensors.iter().map(|_| None).collect();
                let mut input_pair = None;
                let mut output = Vec::new();
                let mut observe = |view: octet_runtime::TensorView<'_>| {
                    if view.node.is_none() {
                        let shape = &network.tensor(network.input).shape;
                        let quantized = dequantized_nchw(&view.data, view.exponent, shape);
                        let nsr = figure(None, &quantized, picture);
                        let beyond_range = beyond_range(&view.data, view.exponent, picture);
                        input_pair = Some(Pair { nsr, clipped: clipped(&view.data), beyond_range });
                        return;
                    }
                    let Some(&i) = positions.get(view.name) else { return };
                    let shape = &network.tensor(tensors[i]).shape;
                    let quantized = dequantized_nchw(&view.data, view.exponent, shape);
                    let node = observed.get(i).map(|&(node, _)| node);
                    pairs[i] = Some(Pair {
                        nsr: figure(node, &quantized, &values[i]),
                        clipped: clipped(&view.data),
                        beyond_range: beyond_range(&view.data, view.exponent, &values[i]),
                    });
                    if i == output_position {
                        output = quantized;
                    }
                };
                simulator
                    .run(scratch, Data::F32(&nhwc), Some(&mut observe))
                    .map_err(|e| AnalysisError::Runtime(e.to_string()))?;
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                ticker.tick(count, pictures.len(), "pictures")?;
                let agrees = top1(&output) == top1(&values[output_position]);
                Ok(Measured { input: input_pair, tensors: pairs, agrees })
            },
        )
        .collect();
    let per_picture = per_picture?;
    let average = |pick: &dyn Fn(&Measured) -> Option<f64>| {
        mean(&per_picture.iter().filter_map(pick).collect::<Vec<_>>()).unwrap_or(0.0)
    };
    let nodes = observed.iter().enumerate().map(|(i, &(node, _))| GraphwiseNode {
        node,
        nsr: average(&|p| p.tensors[i].as_ref().map(|p| p.nsr)),
        clipped: average(&|p| p.tensors[i].as_ref().map(|p| p.clipped)),
        beyond_range: average(&|p| p.tensors[i].as_ref().map(|p| p.beyond_range)),
    });
    Ok(Graphwise {
        nodes: nodes.collect(),
        input_nsr: average(&|p| p.input.as_ref().map(|p| p.nsr)),
        input_clipped: average(&|p| p.input.as_ref().map(|p| p.clipped)),
        input_beyond_range: average(&|p| p.input.as_ref().map(|p| p.beyond_range)),
        output_nsr: average(&|p| p.tensors[output_position].as_ref().map(|p| p.nsr)),
        agreement: average(&|p| Some(f64::from(u8::from(p.agrees)))),
    })
}

/// Operations with a tensor of their own: their output, or that of their fused activation.
fn observed(network: &Network, plan: &Plan) -> Vec<(NodeId, TensorId)> {
    let of_a_unit = network.node_ids().filter(|(id, _)| plan.node(*id).activation_of.is_none());
    let of_a_unit = of_a_unit.filter(|(_, node)| !node.op.is_passive());
    of_a_unit.map(|(id, _)| (id, network.node(plan.node(id).activation.unwrap_or(id)).output())).collect()
}

/// Fraction of integers at either end of their range.
fn clipped(data: &Data<'_>) -> f64 {
    let (count, all) = match data {
        Data::I8(v) => (v.iter().filter(|&&q| q == i8::MIN || q == i8::MAX).count(), v.len()),
        Data::I16(v) => (v.iter().filter(|&&q| q == i16::MIN || q == i16::MAX).count(), v.len()),
        Data::F32(v) => (0, v.len()),
    };
    count as f64 / all.max(1) as f64
}

/// Fraction of floats that no integer of this width and exponent comes within half a step of.
fn beyond_range(data: &Data<'_>, exponent: Option<i32>, floats: &[f32]) -> f64 {
    let (low, high) = match data {
        Data::I8(_) => Bits::Int8.range(),
        Data::I16(_) => Bits::Int16.range(),
        Data::F32(_) => return 0.0,
    };
    let Some(exponent) = exponent else { return 0.0 };
    let step = exp2(exponent);
    let (low, high) = ((low as f32 - 0.5) * step, (high as f32 + 0.5) * step);
    let count = floats.iter().filter(|&&x| x < low || x > high).count();
    count as f64 / floats.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_half_a_step_reaches_is_inside_of_the_range() {
        let beyond = |floats: &[f32]| beyond_range(&Data::I8(&[]), Some(-7), floats);
        assert_eq!(beyond(&[-1.0, 0.0, 127.0 / 128.0, 127.5 / 128.0, -128.5 / 128.0]), 0.0);
        assert_eq!(beyond(&[1.0, -1.01, 0.5, 0.0]), 0.5);
        assert_eq!(beyond(&[]), 0.0);
    }
}
