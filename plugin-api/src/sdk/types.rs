//! The graph, the chip and the numbers, as a strategy sees them.

/// Id of a node: its place in topological order.
pub type NodeId = u64;
/// Id of a tensor.
pub type TensorId = u64;

/// The network as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The file's stem, or the graph's name.
    pub name: String,
    /// Nodes have the ids 0..nodes.
    pub nodes: u64,
    /// Tensors have the ids 0..tensors.
    pub tensors: u64,
    /// The picture: batch 1, channels, height, width.
    pub input: TensorId,
    /// The class scores.
    pub output: TensorId,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Unique, never empty.
    pub name: String,
    /// ONNX's name of the operation.
    pub op: String,
    /// Tensors in ONNX's order: data first, then weights and bias, or the bounds of a Clip.
    pub inputs: Vec<TensorId>,
    /// Tensors that it computes.
    pub outputs: Vec<TensorId>,
    /// Names of the original nodes that were merged into this one.
    pub absorbed: Vec<String>,
    /// Multiply-accumulates for one picture.
    pub macs: u64,
    /// Width under the draft: 8 or 16.
    pub bits: u32,
    /// Has multiply-accumulates and weights.
    pub computing: bool,
    /// Keeps its input's exponent.
    pub passive: bool,
    /// A convolution in which every channel is a group of its own.
    pub depthwise: bool,
    /// A Clip that the draft replaced by a Relu.
    pub relu_for_clip: bool,
}

/// A value: an activation, or a constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its id.
    pub id: TensorId,
    /// Unique, never empty.
    pub name: String,
    /// Extents with the batch axis, which is 1.
    pub shape: Vec<usize>,
    /// The node that computes it.
    pub producer: Option<NodeId>,
    /// The nodes that read it.
    pub consumers: Vec<NodeId>,
    /// Has values of its own (weights, bias, bounds).
    pub constant: bool,
    /// The draft holds other values than the file.
    pub changed: bool,
    /// The quantized network holds other values than the float network.
    pub corrected: bool,
}

/// How ties are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the even neighbour.
    HalfEven,
    /// `floor(x + 0.5)`.
    HalfUp,
}

/// The chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `esp32p4`, `esp32s3`, ...
    pub name: String,
    /// Ties.
    pub rounding: Rounding,
    /// Conv and Gemm weights have one exponent per output channel.
    pub per_channel: bool,
    /// Bits of the biases of int8 layers.
    pub bias_bits_int8: u32,
    /// Bits of the biases of int16 layers.
    pub bias_bits_int16: u32,
    /// Bits of one accumulator lane for int8 layers.
    pub accumulator_bits_int8: u32,
    /// Weights are stored in blocks of output channels.
    pub blocked_layout: bool,
}

/// Something whose exponent a strategy has to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The tensor.
    pub tensor: TensorId,
    /// Width: 8 or 16.
    pub bits: u32,
    /// Weights or activation.
    pub role: Role,
    /// The producer of an activation, the owner of weights, or the first reader of another width; `None` for the
    /// network's input.
    pub node: Option<NodeId>,
}

impl Slot {
    /// How many exponents it takes.
    pub fn channels(&self) -> usize {
        match self.role {
            Role::Activation => 1,
            Role::Weights { channels, .. } => channels,
        }
    }
}

/// What a [`Slot`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An activation.
    Activation,
    /// Weights.
    Weights {
        /// Number of exponents: 1, or the number of output channels.
        channels: usize,
        /// The tensor's axis of the output channels.
        axis: usize,
    },
}

/// Which weights the float network computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The draft's float weights.
    Float,
    /// The draft's weights quantized by the draft's weight exponents; biases stay float.
    Quantized,
}

/// Which pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// The calibration pictures that statistics are taken from.
    Calibration,
    /// Calibration pictures that [`Host::hold_out`](super::Host::hold_out) set aside: none before it is called, and a
    /// score on no pictures is refused.
    HeldOut,
}

/// Which numbers of which activations are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticsRequest {
    /// Each activation with the number of its histogram's bins; 0 for none.
    pub tensors: Vec<(TensorId, usize)>,
    /// With which weights.
    pub weights: Weights,
    /// Also take the means over batches of the lowest and highest values at this quantile.
    pub percentile: Option<f64>,
}

/// The numbers of one activation over all calibration pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Counts of `|x|`.
    pub histogram: Vec<u64>,
    /// Width of one bin.
    pub bin_width: f64,
    /// Low and high percentile.
    pub percentiles: Option<(f32, f32)>,
    /// Number of values seen.
    pub count: u64,
}

/// Which analysis a score runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreKind {
    /// Everything quantized.
    Graphwise,
    /// One operation at a time quantized.
    Layerwise,
    /// Everything quantized, and only the network's output looked at: the fastest; no figures per node.
    Output,
}

/// How the draft fares.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Noise:signal of the network's output, a fraction.
    pub output_nsr: f64,
    /// Fraction of pictures with the float network's top-1 class.
    pub agreement: f64,
    /// Pictures scored.
    pub pictures: u64,
    /// Noise:signal per computing node.
    pub nodes: Vec<(NodeId, f64)>,
}

/// What the draft costs on the chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Estimated milliseconds of one inference.
    pub latency_ms: f64,
    /// Bytes of the model file.
    pub flash_bytes: u64,
    /// Bytes of the activation arena.
    pub arena_bytes: u64,
}

/// A draft that the host remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotId(pub(super) u64);

/// As what the draft is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// The float network with the draft's weights and replaced activations.
    Float,
    /// The completed draft with QuantizeLinear and DequantizeLinear pairs.
    Qdq,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// For plugin authors.
    Debug,
    /// For everybody.
    Info,
    /// Something to look at.
    Warning,
}
