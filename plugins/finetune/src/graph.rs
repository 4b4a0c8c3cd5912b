//! The network as training sees it: plain data, read once from the host.

use octet_plugin_api::sdk::{self, Error, Host, NodeId, Rounding, TensorId};

use crate::ops::Geometry;

/// Nodes in topological order, by the host's ids.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) output: TensorId,
    pub(crate) rounding: Rounding,
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Activations that it reads.
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) output: TensorId,
    /// Its width; a passive operation has its input's.
    pub(crate) bits: u32,
    /// Moves integers without computing.
    pub(crate) passive: bool,
}

/// What a node computes, as far as training knows how.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Conv or Gemm with constant weights.
    Layer(Layer),
    /// Relu or Clip: its bounds.
    Activation([f32; 2]),
    Add,
    GlobalAveragePool,
    /// The same values in another shape, channels first and one value each.
    Flatten,
    /// Anything else, by its operation's name.
    Other(String),
}

/// Conv or Gemm.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) weights: TensorId,
    pub(crate) bias: Option<TensorId>,
    /// Output channels: rows of the weights.
    pub(crate) outputs: usize,
    pub(crate) form: Form,
}

/// How a layer's product is formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Dense(Geometry),
    Depthwise(Geometry),
    /// Fully connected; `inputs_first` for `[in, out]` weights.
    Full {
        inputs_first: bool,
    },
}

/// An activation or a constant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) producer: Option<usize>,
    /// Nodes that read it.
    pub(crate) readers: Vec<usize>,
}

impl Tensor {
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Channels, height and width; a vector is one place of many channels.
    pub(crate) fn planes(&self) -> [usize; 3] {
        match self.shape[..] {
            [_, c, h, w] => [c, h, w],
            _ => [self.len(), 1, 1],
        }
    }
}

impl Graph {
    /// Reads the network under the draft.
    pub(crate) fn read(host: &Host<'_>) -> Result<Graph, Error> {
        let network = host.network()?;
        let mut tensors = Vec::new();
        let mut constants = Vec::new();
        for id in 0..network.tensors {
            let tensor = host.tensor(id)?;
            let place = |node: NodeId| usize::try_from(node).unwrap_or(usize::MAX);
            let readers = tensor.consumers.into_iter().map(place).collect();
            tensors.push(Tensor { shape: tensor.shape, producer: tensor.producer.map(place), readers });
            constants.push(tensor.constant);
        }
        let constant = |&t: &TensorId| usize::try_from(t).is_ok_and(|t| constants.get(t) == Some(&true));
        let mut nodes: Vec<Node> = Vec::new();
        for node in host.nodes()? {
            let kind = kind(host, &node, &tensors, &constant)?;
            let Some(&output) = node.outputs.first() else {
                return Err(Error::failed(format!("`{}` computes nothing; check the model", node.name)));
            };
            let inputs: Vec<TensorId> = node.inputs.into_iter().filter(|t| !constant(t)).collect();
            let before = inputs.first().and_then(|&t| tensors.get(usize::try_from(t).ok()?)?.producer);
            let bits = match before.and_then(|n| nodes.get(n)) {
                Some(before) if node.passive => before.bits,
                _ => node.bits,
            };
            let (name, passive) = (node.name, node.passive);
            nodes.push(Node { name, kind, inputs, output, bits, passive });
        }
        Ok(Graph { nodes, tensors, output: network.output, rounding: host.target()?.rounding })
    }

    pub(crate) fn tensor(&self, id: TensorId) -> &Tensor {
        static NONE: Tensor = Tensor { shape: Vec::new(), producer: None, readers: Vec::new() };
        usize::try_from(id).ok().and_then(|id| self.tensors.get(id)).unwrap_or(&NONE)
    }

    /// Values of the largest tensor that computing a node takes for one picture: its output, or a convolution's columns.
    pub(crate) fn widest(&self, node: &Node) -> usize {
        let columns = match &node.kind {
            Kind::Layer(Layer { form: Form::Dense(geometry), .. }) if !geometry.is_pointwise() => {
                let input = node.inputs.first().map_or(0, |&t| self.tensor(t).planes()[0]);
                input * geometry.kernel.iter().product::<usize>() * geometry.output.iter().product::<usize>()
            }
            _ => 0,
        };
        self.tensor(node.output).len().max(columns)
    }

    /// The activation that is fused with a layer or Add: its only reader.
    pub(crate) fn activation_of(&self, node: &Node) -> Option<&Node> {
        if node.passive {
            return None;
        }
        let tensor = self.tensor(node.output);
        let [reader] = tensor.readers[..] else { return None };
        let reader = self.nodes.get(reader)?;
        let fuses = matches!(reader.kind, Kind::Activation(_)) && reader.bits == node.bits;
        (fuses && !matches!(node.kind, Kind::Activation(_)) && node.output != self.output).then_some(reader)
    }

    /// The tensor whose exponent an activation is stored with: behind a fused activation that one's output, in front
    /// of an Add that alone reads it the sum, behind a Flatten its input.
    pub(crate) fn stored_as(&self, tensor: TensorId) -> TensorId {
        let mut tensor = tensor;
        // Each round goes on along the graph or back over a Flatten; more rounds than nodes mean nothing new.
        for _ in 0..=2 * self.nodes.len() {
            let Some(node) = self.tensor(tensor).producer.and_then(|n| self.nodes.get(n)) else {
                return tensor;
            };
            if let Some(activation) = self.activation_of(node) {
                tensor = activation.output;
            } else if let (Kind::Flatten, [input]) = (&node.kind, &node.inputs[..]) {
                tensor = *input;
            } else if let Some(sum) = self.only_added_in(tensor, node.bits) {
                tensor = sum;
            } else {
                return tensor;
            }
        }
        tensor
    }

    fn only_added_in(&self, tensor: TensorId, bits: u32) -> Option<TensorId> {
        let [reader] = self.tensor(tensor).readers[..] else { return None };
        let reader = self.nodes.get(reader)?;
        (matches!(reader.kind, Kind::Add) && tensor != self.output && reader.bits == bits)
            .then_some(reader.output)
    }
}

fn kind(
    host: &Host<'_>,
    node: &sdk::Node,
    tensors: &[Tensor],
    constant: &impl Fn(&TensorId) -> bool,
) -> Result<Kind, Error> {
    let shape = |t: Option<&TensorId>| -> &[usize] {
        t.and_then(|&t| tensors.get(usize::try_from(t).ok()?)).map_or(&[], |t| &t.shape)
    };
    let other = || Kind::Other(node.op.clone());
    Ok(match node.op.as_str() {
        "Conv" | "Gemm" => layer(host, node, shape, tensors, constant)?.map_or_else(other, Kind::Layer),
        "Relu" => Kind::Activation([0.0, f32::INFINITY]),
        "Clip" if node.relu_for_clip => Kind::Activation([0.0, f32::INFINITY]),
        "Clip" => {
            let bound = |i: usize, absent: f32| -> Result<f32, Error> {
                match node.inputs.get(i) {
                    Some(&t) => Ok(host.weights(t)?.first().copied().unwrap_or(absent)),
                    None => Ok(absent),
                }
            };
            Kind::Activation([bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?])
        }
        "Add" if !node.inputs.iter().any(constant) && same(node, shape) => Kind::Add,
        "GlobalAveragePool" => Kind::GlobalAveragePool,
        "Flatten" | "Reshape" => match shape(node.inputs.first()) {
            [1, _] | [1, _, 1, 1] => Kind::Flatten,
            _ => other(),
        },
        _ => other(),
    })
}

/// Whether both operands of an Add have the result's shape: nothing is broadcast.
fn same<'a>(node: &sdk::Node, shape: impl Fn(Option<&TensorId>) -> &'a [usize]) -> bool {
    node.inputs.iter().all(|t| shape(Some(t)) == shape(node.outputs.first()))
}

fn layer<'a>(
    host: &Host<'_>,
    node: &sdk::Node,
    shape: impl Fn(Option<&TensorId>) -> &'a [usize],
    tensors: &[Tensor],
    constant: &impl Fn(&TensorId) -> bool,
) -> Result<Option<Layer>, Error> {
    let Some(&weights) = node.inputs.get(1).filter(|t| constant(t)) else { return Ok(None) };
    let bias = node.inputs.get(2).copied();
    let ints = |name: &str| host.attribute_ints(node.id, name).unwrap_or_default();
    let pair = |name: &str, absent: usize| {
        let values = ints(name);
        [0, 1].map(|i| values.get(i).and_then(|&v| usize::try_from(v).ok()).unwrap_or(absent))
    };
    let (outputs, form) =
        match (shape(Some(&weights)), shape(node.inputs.first()), shape(node.outputs.first())) {
            (&[outputs, per_group, kh, kw], &[_, channels, h, w], &[_, _, oh, ow]) => {
                let geometry = Geometry {
                    input: [h, w],
                    output: [oh, ow],
                    kernel: [kh, kw],
                    strides: pair("strides", 1).map(|s| s.max(1)),
                    dilations: pair("dilations", 1),
                    pads: pair("pads", 0),
                };
                if per_group == channels {
                    (outputs, Form::Dense(geometry))
                } else if node.depthwise && per_group == 1 && outputs == channels {
                    (outputs, Form::Depthwise(geometry))
                } else {
                    return Ok(None);
                }
            }
            (&[first, second], ..) if node.op == "Gemm" => {
                let inputs_first = ints("transB").first().copied().unwrap_or(0) == 0;
                (if inputs_first { second } else { first }, Form::Full { inputs_first })
            }
            _ => return Ok(None),
        };
    // What another node reads too cannot be trained for one of them.
    let own = |t: TensorId| {
        let tensor = usize::try_from(t).ok().and_then(|t| tensors.get(t));
        tensor.is_some_and(|t| t.readers.len() == 1)
    };
    if !own(weights) || bias.is_some_and(|bias| !own(bias)) {
        return Ok(None);
    }
    let rows_fit = outputs > 0 && host.weights(weights)?.len().is_multiple_of(outputs);
    let bias_fits = match bias {
        Some(bias) => constant(&bias) && host.weights(bias)?.len() == outputs,
        None => true,
    };
    Ok((rows_fit && bias_fits).then_some(Layer { weights, bias, outputs, form }))
}
