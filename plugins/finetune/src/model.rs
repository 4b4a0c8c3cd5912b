//! One part of the network as a trainable function: quantized as on the chip, with gradients.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use candle_core::{Device, Result, Tensor, Var, bail};
use octet_plugin_api::sdk::{Error, Host, TensorId};

use crate::graph::{Form, Graph, Kind, Layer};
use crate::ops::{self, Anneal, Geometry, Range};
use crate::origin::Origins;
use crate::segments::Segment;
use crate::weights::{Weights, in_file_order};

/// The state of training: thresholds, rounding and biases of one part.
pub(crate) struct Model<'g> {
    graph: &'g Graph,
    segment: &'g Segment,
    bits: u32,
    /// By tensor: p of an activation; its step is `2^ceil(p)`. Those of other parts are constants.
    activations: BTreeMap<TensorId, Var>,
    /// Activations that this part decides.
    own: Vec<TensorId>,
    /// By node.
    layers: BTreeMap<usize, Weights>,
}

/// Everything that training decided, to be kept or put back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    activations: Vec<Vec<f32>>,
    layers: Vec<[Vec<f32>; 2]>,
    rounding: Vec<Option<Vec<f32>>>,
}

impl<'g> Model<'g> {
    /// The part as the draft has it.
    pub(crate) fn new(
        host: &Host<'_>,
        graph: &'g Graph,
        segment: &'g Segment,
        origins: &Origins,
    ) -> std::result::Result<Model<'g>, Error> {
        let nodes = graph.nodes.get(segment.nodes.clone()).unwrap_or_default();
        let bits = nodes.first().map_or(8, |node| node.bits);
        let mut model = Model {
            graph,
            segment,
            bits,
            activations: BTreeMap::new(),
            own: Vec::new(),
            layers: BTreeMap::new(),
        };
        let decided: Vec<TensorId> = host
            .slots()?
            .iter()
            .filter(|slot| slot.bits == bits && slot.channels() == 1)
            .map(|slot| slot.tensor)
            .collect();
        for (index, node) in segment.nodes.clone().zip(nodes) {
            let stored = graph.stored_as(node.output);
            if let Entry::Vacant(place) = model.activations.entry(stored) {
                let p = centre(host.exponents(stored, bits)?.first().copied().unwrap_or_default());
                place.insert(variable(vec![p], &[1])?);
                let made_here = nodes.iter().any(|n| n.output == stored);
                if made_here && decided.contains(&stored) {
                    model.own.push(stored);
                }
            }
            if let Kind::Layer(layer) = &node.kind {
                model.layers.insert(index, Weights::load(host, layer, bits, origins.of(layer))?);
            }
        }
        Ok(model)
    }

    /// The part's output for a batch. `anneal` of `None` rounds to nearest, with trained thresholds of the weights.
    pub(crate) fn forward(&self, input: &Tensor, anneal: Option<Anneal>) -> Result<Tensor> {
        let mut values: BTreeMap<TensorId, Tensor> = BTreeMap::from([(self.segment.input, input.clone())]);
        for index in self.segment.nodes.clone() {
            let Some(node) = self.graph.nodes.get(index) else { bail!("there is no node {index}") };
            let of = |i: usize| -> Result<&Tensor> {
                match node.inputs.get(i).and_then(|t| values.get(t)) {
                    Some(value) => Ok(value),
                    None => bail!("`{}` reads an activation from outside of its part", node.name),
                }
            };
            let fused = self.graph.activation_of(node);
            let bounds = match fused.map(|a| &a.kind) {
                Some(Kind::Activation(bounds)) => *bounds,
                _ => [f32::NEG_INFINITY, f32::INFINITY],
            };
            let range = Range { bounds, ..Range::of_bits(self.bits, self.graph.rounding) };
            let p = self.p_of(node.output)?;
            let output = match &node.kind {
                Kind::Layer(layer) => {
                    let (sums, weights) = self.product(index, layer, of(0)?, anneal)?;
                    let bias = (&weights.bias + weights.shift.broadcast_mul(&step(p)?)?)?;
                    ops::quantize(&sums, &bias, p, range)?
                }
                Kind::Add => {
                    let zeros = zeros(of(0)?)?;
                    let plain = Range::of_bits(self.bits, self.graph.rounding);
                    let a = ops::quantize(of(0)?, &zeros, p, plain)?;
                    let b = ops::quantize(of(1)?, &zeros, p, plain)?;
                    ops::quantize(&(a + b)?, &zeros, p, range)?
                }
                // What was fused is done.
                Kind::Activation(_) if self.is_fused(index) => of(0)?.clone(),
                Kind::Activation(bounds) => {
                    let range = Range { bounds: *bounds, ..range };
                    ops::quantize(of(0)?, &zeros(of(0)?)?, p, range)?
                }
                Kind::GlobalAveragePool => {
                    let (c, n, ..) = of(0)?.dims4()?;
                    let mean = of(0)?.mean_keepdim((2, 3))?.reshape((c, n, 1, 1))?;
                    ops::quantize(&mean, &zeros(&mean)?, p, range)?
                }
                Kind::Flatten => of(0)?.clone(),
                Kind::Other(op) => bail!("`{}` is a {op}", node.name),
            };
            values.insert(node.output, output);
        }
        match values.remove(&self.segment.output) {
            Some(output) => Ok(output),
            None => bail!("the part computes no output"),
        }
    }

    fn is_fused(&self, index: usize) -> bool {
        let Some(node) = self.graph.nodes.get(index) else { return false };
        let producer = node.inputs.first().and_then(|&t| self.graph.tensor(t).producer);
        let producer = producer.and_then(|n| self.graph.nodes.get(n));
        producer.and_then(|p| self.graph.activation_of(p)).is_some_and(|a| a.output == node.output)
    }

    fn p_of(&self, tensor: TensorId) -> Result<&Tensor> {
        match self.activations.get(&self.graph.stored_as(tensor)) {
            Some(p) => Ok(p.as_tensor()),
            None => bail!("tensor {tensor} has no exponent"),
        }
    }

    /// The sums of products of a layer, without its bias, CNHW.
    fn product(
        &self,
        index: usize,
        layer: &Layer,
        x: &Tensor,
        anneal: Option<Anneal>,
    ) -> Result<(Tensor, &Weights)> {
        let Some(weights) = self.layers.get(&index) else { bail!("a layer has no weights") };
        let w = weights.quantized(anneal, Range::of_bits(self.bits, self.graph.rounding))?;
        let (channels, pictures, height, width) = x.dims4()?;
        let sums = match layer.form {
            Form::Depthwise(geometry) => ops::depthwise(x, &w, geometry)?,
            Form::Dense(geometry) if !geometry.is_pointwise() => {
                let Geometry { output: [rows, columns], .. } = geometry;
                let sums = w.matmul(&ops::im2col(x, geometry)?)?;
                sums.reshape((layer.outputs, pictures, rows, columns))?
            }
            Form::Dense(_) | Form::Full { .. } => {
                let sums = w.matmul(&x.reshape((channels, pictures * height * width))?)?;
                sums.reshape((layer.outputs, pictures, height, width))?
            }
        };
        Ok((sums, weights))
    }

    /// p of activations and weights.
    pub(crate) fn thresholds(&self) -> Vec<Var> {
        let activations = self.own.iter().filter_map(|t| self.activations.get(t)).cloned();
        activations.chain(self.layers.values().map(|w| w.p.clone())).collect()
    }

    /// What is added to the biases.
    pub(crate) fn shifts(&self) -> Vec<Var> {
        self.layers.values().filter(|w| w.biased).map(|w| w.shift.clone()).collect()
    }

    /// From here on layers whose weights came rounded compute with their float weights.
    pub(crate) fn leave_origin(&mut self) {
        for weights in self.layers.values_mut() {
            weights.leave_origin();
        }
    }

    /// From here on thresholds stand still and the rounding of weights is trained. Returns its variables.
    pub(crate) fn begin_rounding(&mut self) -> Result<Vec<Var>> {
        let bits = self.bits;
        self.layers.values_mut().map(|weights| weights.begin_rounding(bits)).collect()
    }

    /// Replaces soft rounding by what it has decided for. Soft values go on from there.
    pub(crate) fn harden(&self) -> Result<()> {
        for (v, grid) in self.layers.values().filter_map(|w| w.rounding.as_ref()) {
            let hard = ops::rounded(&flat(v)?, grid);
            let steps = grid.scaled.len() / grid.steps.len().max(1);
            let decided = hard.iter().zip(&grid.scaled).enumerate().map(|(i, (&value, &w))| {
                let up = value / grid.steps[i / steps.max(1)] > w.floor();
                if up { HARD } else { -HARD }
            });
            v.set(&Tensor::from_vec(decided.collect::<Vec<f32>>(), v.shape(), v.device())?)?;
        }
        Ok(())
    }

    /// Number of weights whose rounding is trained.
    pub(crate) fn weights(&self) -> usize {
        self.layers.values().map(|w| w.float.elem_count()).sum()
    }

    pub(crate) fn state(&self) -> Result<State> {
        Ok(State {
            activations: self.activations.values().map(|p| flat(p)).collect::<Result<_>>()?,
            layers: self
                .layers
                .values()
                .map(|w| Ok([flat(&w.p)?, flat(&w.shift)?]))
                .collect::<Result<_>>()?,
            rounding: self
                .layers
                .values()
                .map(|w| w.rounding.as_ref().map(|(v, _)| flat(v)).transpose())
                .collect::<Result<_>>()?,
        })
    }

    /// Puts a state back. One from before the rounding was trained ends that.
    pub(crate) fn restore(&mut self, state: &State) -> Result<()> {
        let put = |var: &Var, values: &[f32]| {
            var.set(&Tensor::from_vec(values.to_vec(), var.shape(), var.device())?)
        };
        for (var, values) in self.activations.values().zip(&state.activations) {
            put(var, values)?;
        }
        let layers = self.layers.values_mut().zip(&state.layers).zip(&state.rounding);
        for ((weights, [p, shift]), rounding) in layers {
            put(&weights.p, p)?;
            put(&weights.shift, shift)?;
            match (rounding, &weights.rounding) {
                (Some(values), Some((v, _))) => put(v, values)?,
                _ => weights.rounding = None,
            }
        }
        Ok(())
    }

    /// Writes what training decided into the draft.
    pub(crate) fn store(&self, host: &mut Host<'_>) -> std::result::Result<(), Error> {
        for tensor in &self.own {
            if let Some(p) = self.activations.get(tensor) {
                host.set_exponents(*tensor, self.bits, &exponents(&flat(p).map_err(|e| failed(&e))?))?;
            }
        }
        for (&index, weights) in &self.layers {
            let Some(Kind::Layer(layer)) = self.graph.nodes.get(index).map(|n| &n.kind) else { continue };
            host.set_exponents(
                layer.weights,
                self.bits,
                &exponents(&flat(&weights.p).map_err(|e| failed(&e))?),
            )?;
            if let Some((v, grid)) = &weights.rounding {
                let values = ops::rounded(&flat(v).map_err(|e| failed(&e))?, grid);
                host.correct_weights(layer.weights, &in_file_order(layer, values))?;
            } else if weights.came_rounded() {
                // The float weights to nearest did better than the rounding with which they came.
                host.drop_correction(layer.weights)?;
            }
            if let Some(bias) = layer.bias {
                let node = self.graph.nodes.get(index).map_or(0, |n| n.output);
                let step = step(self.p_of(node).map_err(|e| failed(&e))?)
                    .and_then(|s| flat(&s))
                    .map_err(|e| failed(&e))?;
                let shift = flat(&weights.shift).map_err(|e| failed(&e))?;
                let scale = step.first().copied().unwrap_or_default();
                let float = flat(&weights.bias).map_err(|e| failed(&e))?;
                let bias_values: Vec<f32> = float.iter().zip(&shift).map(|(b, s)| b + s * scale).collect();
                host.correct_weights(bias, &bias_values)?;
            }
        }
        Ok(())
    }
}

/// A v whose rectified sigmoid is 0 or 1.
const HARD: f32 = 6.0;

/// In the middle of what the ceiling makes one exponent of.
pub(crate) fn centre(exponent: i32) -> f32 {
    exponent as f32 - 0.5
}

fn exponents(p: &[f32]) -> Vec<i32> {
    p.iter().map(|&p| ops::exponent_of(p)).collect()
}

/// The step of a p, without its gradient.
fn step(p: &Tensor) -> Result<Tensor> {
    let steps = flat(p)?.iter().map(|&p| ops::step_of(p)).collect::<Vec<f32>>();
    let count = steps.len();
    Tensor::from_vec(steps, count, p.device())
}

fn zeros(x: &Tensor) -> Result<Tensor> {
    Tensor::zeros(x.dim(0)?, candle_core::DType::F32, x.device())
}

pub(crate) fn flat(x: &Tensor) -> Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}

pub(crate) fn variable(values: Vec<f32>, shape: &[usize]) -> std::result::Result<Var, Error> {
    Var::from_vec(values, shape, &Device::Cpu).map_err(|e| failed(&e))
}

/// An error of candle's for the user; its shapes and names mean little to him, but a report needs them.
pub(crate) fn failed(error: &candle_core::Error) -> Error {
    Error::failed(format!("training failed: {error}"))
}
