//! The network as the algorithms of this plugin see it: plain data, so that they are pure functions.
//!
//! Ids are the host's. Inputs of a node are its activations alone; weights, biases and bounds stand in its [`Kind`].

use std::collections::BTreeMap;

/// Index of a node in [`Graph::nodes`], in topological order.
pub(crate) type NodeId = usize;
/// Index of a tensor in [`Graph::tensors`].
pub(crate) type TensorId = usize;

/// Nodes and tensors of a network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tensors: Vec<Tensor>,
    /// The picture.
    pub(crate) input: TensorId,
    /// The scores.
    pub(crate) output: TensorId,
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Names of the original nodes that were merged into this one.
    pub(crate) absorbed: Vec<String>,
    /// ONNX's name of the operation.
    pub(crate) op: String,
    pub(crate) kind: Kind,
    /// Activations that it reads.
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) output: TensorId,
}

/// What scaling its inputs does to an operation.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Conv or Gemm with constants of its own: its weights take up any factors on either side.
    Layer(Layer),
    /// Its bounds must be scaled too. `shared` when somebody else reads one of them, so that they cannot be.
    Clip { lower: TensorId, upper: TensorId, shared: bool },
    /// Positively homogeneous, and channel c of the output comes from channel c of the input: Relu, pools, zero padding.
    Channelwise,
    /// The same, of two activations.
    Add,
    /// Positively homogeneous, but channels move: Concat, Flatten, Reshape, Transpose.
    Rearranging,
    /// Anything else, e.g. Softmax.
    Rigid,
}

/// An activation or a constant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// Extents with the batch axis, which is 1.
    pub(crate) shape: Vec<usize>,
    /// The node that computes it.
    pub(crate) producer: Option<NodeId>,
    /// The nodes that read it as an activation.
    pub(crate) consumers: Vec<NodeId>,
}

/// Conv or Gemm with constant weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) weights: TensorId,
    pub(crate) bias: Option<TensorId>,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    /// Groups of a convolution, 1 for Gemm.
    pub(crate) groups: usize,
    /// Weights per pair of channels: the kernel's area, 1 for Gemm.
    pub(crate) area: usize,
    /// True for a Gemm with `[in, out]` weights.
    pub(crate) inputs_first: bool,
    /// True for a convolution that puts zeros around its input.
    pub(crate) padded: bool,
}

/// Values of constants by tensor, as the draft has them.
pub(crate) type Constants = BTreeMap<TensorId, Vec<f32>>;

/// A constant's values; none for tensors that are no constants.
pub(crate) fn values(constants: &Constants, tensor: TensorId) -> &[f32] {
    constants.get(&tensor).map_or(&[], Vec::as_slice)
}

impl Graph {
    /// The layer behind a node.
    pub(crate) fn layer(&self, node: NodeId) -> Option<Layer> {
        match self.nodes.get(node)?.kind {
            Kind::Layer(layer) => Some(layer),
            _ => None,
        }
    }

    /// All layers in graph order.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (NodeId, Layer)> + '_ {
        (0..self.nodes.len()).filter_map(|node| Some((node, self.layer(node)?)))
    }
}

impl Layer {
    /// Calls `visit(index, output channel, input channel)` for every weight in C order.
    pub(crate) fn each_weight(&self, mut visit: impl FnMut(usize, usize, usize)) {
        if self.inputs_first {
            for input in 0..self.inputs {
                for output in 0..self.outputs {
                    visit(input * self.outputs + output, output, input);
                }
            }
            return;
        }
        let inputs_per_group = self.inputs / self.groups.max(1);
        let outputs_per_group = (self.outputs / self.groups.max(1)).max(1);
        let mut index = 0;
        for output in 0..self.outputs {
            let first_input = output / outputs_per_group * inputs_per_group;
            for input in first_input..first_input + inputs_per_group {
                for _ in 0..self.area {
                    visit(index, output, input);
                    index += 1;
                }
            }
        }
    }

    /// `max|w|` of every output channel.
    pub(crate) fn output_ranges(&self, constants: &Constants) -> Vec<f32> {
        let weights = values(constants, self.weights);
        let mut ranges = vec![0.0f32; self.outputs];
        self.each_weight(|i, output, _| ranges[output] = ranges[output].max(weights[i].abs()));
        ranges
    }

    /// `max|w|` of every input channel.
    pub(crate) fn input_ranges(&self, constants: &Constants) -> Vec<f32> {
        let weights = values(constants, self.weights);
        let mut ranges = vec![0.0f32; self.inputs];
        self.each_weight(|i, _, input| ranges[input] = ranges[input].max(weights[i].abs()));
        ranges
    }

    /// Multiplies weights and bias of every output channel by its factor.
    pub(crate) fn scale_outputs(&self, constants: &mut Constants, factor: impl Fn(usize) -> f32) {
        if let Some(weights) = constants.get_mut(&self.weights) {
            self.each_weight(|i, output, _| weights[i] *= factor(output));
        }
        if let Some(bias) = self.bias.and_then(|bias| constants.get_mut(&bias)) {
            bias.iter_mut().enumerate().for_each(|(output, b)| *b *= factor(output));
        }
    }

    /// Divides the weights of every input channel by its factor.
    pub(crate) fn unscale_inputs(&self, constants: &mut Constants, factor: impl Fn(usize) -> f32) {
        if let Some(weights) = constants.get_mut(&self.weights) {
            self.each_weight(|i, _, input| weights[i] /= factor(input));
        }
    }
}
