//! Layerwise: one operation quantized, everything else float; what does the network's output say?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::nsr::{mean, noise_to_signal};
use super::segments::{Segment, alive, segments};
use super::{AnalysisError, Ticker};
use crate::draft::Draft;
use crate::float::{FloatExecutor, FloatPlan};
use crate::network::{Network, NodeId, Op, TensorId};
use crate::plan::{Format, Plan};
use crate::quantize::quantize_dequantize;
use crate::session::weights::{self, Weights};

/// The three layerwise figures of one operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerwiseFigures {
    /// Weights and bias, and the output where no activation follows.
    pub own: f64,
    /// The same with the output in every case.
    pub with_output: Option<f64>,
    /// The output alone.
    pub output_only: Option<f64>,
}

/// The result of the analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Layerwise {
    /// Per computing node.
    pub nodes: Vec<(NodeId, LayerwiseFigures)>,
    /// Only the network's input quantized.
    pub input: f64,
}

/// Which operands and results of one operation are quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Own,
    WithOutput,
    OutputOnly,
}

/// Runs the analysis over pictures (NCHW floats of the network's input).
pub fn layerwise(
    network: &Network,
    draft: &Draft,
    plan: &Plan,
    executor: &dyn FloatExecutor,
    pictures: &[Vec<f32>],
    outputs_too: bool,
    ticker: &Ticker<'_>,
) -> Result<Layerwise, AnalysisError> {
    let analysis = Analysis::new(network, draft, plan, executor, pictures)?;
    let layers: Vec<NodeId> =
        network.node_ids().filter(|(_, n)| n.op.is_computing()).map(|(id, _)| id).collect();
    let columns: &[What] =
        if outputs_too { &[What::Own, What::WithOutput, What::OutputOnly] } else { &[What::Own] };
    let done = std::sync::atomic::AtomicUsize::new(0);
    let nodes: Result<Vec<_>, AnalysisError> = layers
        .par_iter()
        .map(|&layer| {
            let mut figures = Vec::new();
            for &what in columns {
                figures.push(analysis.of(layer, what, ticker)?);
            }
            let count = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            ticker.tick(count, layers.len(), &network.node(layer).name)?;
            let own = figures[0];
            let (with_output, output_only) = (figures.get(1).copied(), figures.get(2).copied());
            Ok((layer, LayerwiseFigures { own, with_output, output_only }))
        })
        .collect();
    Ok(Layerwise { nodes: nodes?, input: analysis.of_input()? })
}

struct Analysis<'a> {
    network: &'a Network,
    draft: &'a Draft,
    plan: &'a Plan,
    executor: &'a dyn FloatExecutor,
    segments: Vec<Segment>,
    float_plans: Vec<Box<dyn FloatPlan>>,
    /// Per segment, per picture: the float value of its input; last the network's output.
    seams: Vec<Vec<Vec<f32>>>,
    /// Plans of unchanged pieces, shared by layers of one segment.
    pieces: Mutex<HashMap<(usize, usize), Arc<dyn FloatPlan>>>,
}

/// A tensor that is quantized and dequantized once the nodes before `position` are computed.
#[derive(Debug, Clone, Copy)]
struct Tap {
    position: usize,
    tensor: TensorId,
    format: Format,
    /// Only the layer at `position` reads it quantized.
    is_operand: bool,
}

impl<'a> Analysis<'a> {
    fn new(
        network: &'a Network,
        draft: &'a Draft,
        plan: &'a Plan,
        executor: &'a dyn FloatExecutor,
        pictures: &[Vec<f32>],
    ) -> Result<Self, AnalysisError> {
        let segments = segments(network, plan);
        let float_plans: Result<Vec<_>, AnalysisError> = segments
            .par_iter()
            .map(|s| Ok(executor.compile(network, &[s.input], &[s.output], &draft.changed_weights)?))
            .collect();
        let float_plans = float_plans?;
        let per_picture: Result<Vec<Vec<Vec<f32>>>, AnalysisError> = pictures
            .par_iter()
            .map(|picture| {
                let mut seams = vec![picture.clone()];
                for plan in &float_plans {
                    let next = run_one(plan.as_ref(), &seams[seams.len() - 1])?;
                    seams.push(next);
                }
                Ok(seams)
            })
            .collect();
        let mut seams = vec![Vec::with_capacity(pictures.len()); segments.len() + 1];
        for picture in per_picture? {
            for (seam, value) in seams.iter_mut().zip(picture) {
                seam.push(value);
            }
        }
        Ok(Analysis {
            network,
            draft,
            plan,
            executor,
            segments,
            float_plans,
            seams,
            pieces: Mutex::default(),
        })
    }

    fn pictures(&self) -> usize {
        self.seams[0].len()
    }

    fn of(&self, layer: NodeId, what: What, ticker: &Ticker<'_>) -> Result<f64, AnalysisError> {
        let Some(index) = self.segments.iter().position(|s| s.nodes.contains(&layer.0)) else {
            return Err(AnalysisError::Outside(self.network.node(layer).name.clone()));
        };
        let taps = self.taps(layer, what);
        let chain = self.chain(index, layer, what, &taps)?;
        let mut figures = Vec::with_capacity(self.pictures());
        for picture in 0..self.pictures() {
            ticker.check()?;
            let value = self.run_chain(&chain, &self.segments[index], &self.seams[index][picture])?;
            figures.push(self.error_from(index + 1, value, picture)?);
        }
        Ok(mean(&figures).unwrap_or(0.0))
    }

    fn of_input(&self) -> Result<f64, AnalysisError> {
        let figures: Result<Vec<f64>, AnalysisError> = (0..self.pictures())
            .into_par_iter()
            .map(|picture| {
                let mut value = self.seams[0][picture].clone();
                self.quantize(&mut value, self.plan.input);
                self.error_from(0, value, picture)
            })
            .collect();
        Ok(mean(&figures?).unwrap_or(0.0))
    }

    /// Runs the float network from a segment on and compares the output.
    fn error_from(&self, first: usize, value: Vec<f32>, picture: usize) -> Result<f64, AnalysisError> {
        let mut value = value;
        for plan in &self.float_plans[first..] {
            value = run_one(plan.as_ref(), &value)?;
        }
        let float = &self.seams[self.segments.len()][picture];
        Ok(noise_to_signal(value.iter().copied(), float))
    }

    fn quantize(&self, values: &mut [f32], format: Format) {
        let ((lo, hi), rounding) = (format.bits.range(), self.plan.target.rounding);
        for value in values {
            *value = quantize_dequantize(*value, format.exponent, rounding, lo.into(), hi.into());
        }
    }

    /// The tensors that this operation quantizes, in graph order. Its input counts where it is the network's
    /// own or has another format than its producer left it in, as in ESP-PPQ.
    fn taps(&self, layer: NodeId, what: What) -> Vec<Tap> {
        let planned = self.plan.node(layer);
        let mut taps = Vec::new();
        if what != What::OutputOnly {
            for operand in &planned.operands {
                if operand.tensor == self.network.input || operand.stored != operand.read {
                    let (position, format) = (layer.0, operand.read);
                    taps.push(Tap { position, tensor: operand.tensor, format, is_operand: true });
                }
            }
        }
        let last = planned.activation.unwrap_or(layer);
        if let Some(format) = planned.output.filter(|_| what != What::Own || planned.activation.is_none()) {
            let tensor = self.network.node(last).output();
            taps.push(Tap { position: last.0 + 1, tensor, format, is_operand: false });
        }
        taps
    }

    fn weights(&self, layer: NodeId) -> Weights {
        let (network, target, planned) = (self.network, self.plan.target, self.plan.node(layer));
        let mut constants = self.draft.changed_weights.clone();
        if let Some(plan) = &planned.weights {
            let axis = match &network.node(layer).op {
                Op::Gemm(gemm) if !gemm.trans_b => 1,
                _ => 0,
            };
            constants.insert(plan.tensor, weights::weights_of(network, self.draft, target, plan, axis));
        }
        if let Some(plan) = &planned.bias {
            constants.insert(plan.tensor, weights::bias_of(network, self.draft, target, plan));
        }
        constants
    }

    /// The segment as pieces, cut at the taps.
    fn chain(
        &self,
        index: usize,
        layer: NodeId,
        what: What,
        taps: &[Tap],
    ) -> Result<Vec<Piece>, AnalysisError> {
        let segment = &self.segments[index];
        let quantized = if what == What::OutputOnly { None } else { Some(self.weights(layer)) };
        let (network, copies) = self.with_own_operands(layer, taps);
        let mut pieces = Vec::new();
        let mut start = segment.nodes.start;
        let mut borders: Vec<usize> = taps.iter().map(|t| t.position).collect();
        borders.push(segment.nodes.end);
        borders.dedup();
        for end in borders {
            let taps: Vec<Tap> = taps.iter().copied().filter(|t| t.position == end).collect();
            let (mut inputs, outputs) = (self.alive(start, segment), self.alive(end, segment));
            if start == layer.0 && start != end {
                inputs.extend(copies.iter().map(|c| c.1));
            }
            let plan = match (start == end, quantized.as_ref().filter(|_| (start..end).contains(&layer.0))) {
                (true, _) => None,
                (false, Some(weights)) => {
                    Some(Arc::from(self.executor.compile(&network, &inputs, &outputs, weights)?))
                }
                (false, None) => Some(self.shared_piece(start, end, &inputs, &outputs)?),
            };
            let copies = if end == layer.0 { copies.clone() } else { Vec::new() };
            pieces.push(Piece { plan, inputs, outputs, taps, copies });
            start = end;
        }
        Ok(pieces)
    }

    /// The network in which the layer reads copies of the operands that it quantizes, so that whoever else reads
    /// them keeps the floats; and per copy the operand and the copy.
    fn with_own_operands(&self, layer: NodeId, taps: &[Tap]) -> (Network, Vec<(TensorId, TensorId)>) {
        let mut network = self.network.clone();
        let mut copies = Vec::new();
        for tap in taps.iter().filter(|tap| tap.is_operand) {
            if copies.iter().any(|(operand, _)| *operand == tap.tensor) {
                continue;
            }
            let copy = TensorId(network.tensors.len());
            let mut tensor = network.tensor(tap.tensor).clone();
            tensor.name.push_str("/operand");
            network.tensors.push(tensor);
            for input in &mut network.nodes[layer.0].inputs {
                if *input == tap.tensor {
                    *input = copy;
                }
            }
            copies.push((tap.tensor, copy));
        }
        (network, copies)
    }

    fn alive(&self, position: usize, segment: &Segment) -> Vec<TensorId> {
        match position {
            p if p == segment.nodes.start => vec![segment.input],
            p if p == segment.nodes.end => vec![segment.output],
            p => alive(self.network, p),
        }
    }

    fn shared_piece(
        &self,
        start: usize,
        end: usize,
        inputs: &[TensorId],
        outputs: &[TensorId],
    ) -> Result<Arc<dyn FloatPlan>, AnalysisError> {
        let lock = || self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = lock().get(&(start, end)) {
            return Ok(Arc::clone(plan));
        }
        let plan = self.executor.compile(self.network, inputs, outputs, &self.draft.changed_weights)?;
        let plan: Arc<dyn FloatPlan> = Arc::from(plan);
        lock().insert((start, end), Arc::clone(&plan));
        Ok(plan)
    }

    fn run_chain(
        &self,
        chain: &[Piece],
        segment: &Segment,
        input: &[f32],
    ) -> Result<Vec<f32>, AnalysisError> {
        let mut values: HashMap<TensorId, Vec<f32>> = HashMap::from([(segment.input, input.to_vec())]);
        for piece in chain {
            if let Some(plan) = &piece.plan {
                let inputs: Vec<&[f32]> = piece
                    .inputs
                    .iter()
                    .map(|t| values.get(t).map(Vec::as_slice).unwrap_or_default())
                    .collect();
                let outputs = plan.run(&inputs)?;
                values = piece.outputs.iter().copied().zip(outputs).collect();
            }
            for tap in &piece.taps {
                if let Some((_, copy)) = piece.copies.iter().find(|c| tap.is_operand && c.0 == tap.tensor) {
                    let mut value = values.get(&tap.tensor).cloned().unwrap_or_default();
                    self.quantize(&mut value, tap.format);
                    values.insert(*copy, value);
                } else if let Some(value) = values.get_mut(&tap.tensor) {
                    self.quantize(value, tap.format);
                }
            }
        }
        Ok(values.remove(&segment.output).unwrap_or_default())
    }
}

/// Some nodes of a segment as one plan, and what is quantized behind them.
struct Piece {
    /// `None` where nothing is computed before the taps.
    plan: Option<Arc<dyn FloatPlan>>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    taps: Vec<Tap>,
    /// Operands that the next piece's layer reads quantized, and the tensors under which it reads them.
    copies: Vec<(TensorId, TensorId)>,
}

fn run_one(plan: &dyn FloatPlan, input: &[f32]) -> Result<Vec<f32>, AnalysisError> {
    let mut outputs = plan.run(&[input])?;
    Ok(outputs.pop().unwrap_or_default())
}
