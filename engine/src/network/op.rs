//! What a node computes, with the attributes that the computation needs.

/// Zero padding in pixels around a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

/// A sliding window over height and width; pairs are (vertical, horizontal).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Extent in taps.
    pub kernel: [usize; 2],
    /// Step in pixels.
    pub strides: [usize; 2],
    /// Distance of the taps in pixels.
    pub dilations: [usize; 2],
    /// Zeros around the input; may be asymmetric.
    pub pads: Padding,
}

/// A convolution; weights are `OIHW`, with `I` the channels of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// The window.
    pub window: Window,
    /// Number of groups: 1 is a plain convolution, the number of channels a depthwise one.
    pub group: usize,
}

/// A fully connected layer `x W + b` with alpha and beta folded into the constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gemm {
    /// True when the weights are `[out, in]`, false for `[in, out]`.
    pub trans_b: bool,
}

/// A pooling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// The window.
    pub window: Window,
    /// Whether padding counts in the average.
    pub count_include_pad: bool,
}

/// The operations a network may hold after import. Axes count with the batch axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Convolution: inputs x, weights, and a bias if there is one.
    Conv(Conv),
    /// Fully connected: inputs x, weights, and a bias if there is one.
    Gemm(Gemm),
    /// Sum of two activations of one shape.
    Add,
    /// Clamp; inputs x, lower bound, upper bound (scalar constants).
    Clip,
    /// Clamp at zero from below.
    Relu,
    /// Mean over height and width; the output keeps both axes with extent 1.
    GlobalAveragePool,
    /// Mean over a window.
    AveragePool(Pool),
    /// Maximum over a window.
    MaxPool(Pool),
    /// All axes from `axis` on become one.
    Flatten {
        /// First axis of the merged ones.
        axis: usize,
    },
    /// The same elements under another shape (the output tensor's).
    Reshape,
    /// Axes in another order.
    Transpose {
        /// Output axis i is input axis `perm[i]`.
        perm: Vec<usize>,
    },
    /// Exponentials normalised along `axis`.
    Softmax {
        /// The axis of the classes.
        axis: usize,
    },
    /// Zeros (or `value`) around height and width.
    Pad {
        /// How many on each side.
        pads: Padding,
        /// What they hold.
        value: f32,
    },
    /// Activations joined along `axis`.
    Concat {
        /// The axis that grows.
        axis: usize,
    },
}

impl Op {
    /// ONNX's name of the operation.
    pub fn onnx_name(&self) -> &'static str {
        match self {
            Op::Conv(_) => "Conv",
            Op::Gemm(_) => "Gemm",
            Op::Add => "Add",
            Op::Clip => "Clip",
            Op::Relu => "Relu",
            Op::GlobalAveragePool => "GlobalAveragePool",
            Op::AveragePool(_) => "AveragePool",
            Op::MaxPool(_) => "MaxPool",
            Op::Flatten { .. } => "Flatten",
            Op::Reshape => "Reshape",
            Op::Transpose { .. } => "Transpose",
            Op::Softmax { .. } => "Softmax",
            Op::Pad { .. } => "Pad",
            Op::Concat { .. } => "Concat",
        }
    }
    /// True for operations with multiply-accumulates and weights, whose errors the analyses report.
    pub fn is_computing(&self) -> bool {
        matches!(self, Op::Conv(_) | Op::Gemm(_))
    }
    /// True for operations that move or choose values without changing them, so that they keep their input's
    /// exponent (ESP-PPQ `core/common.py`, `PASSIVE_OPERATIONS`).
    pub fn is_passive(&self) -> bool {
        matches!(
            self,
            Op::MaxPool(_) | Op::Reshape | Op::Flatten { .. } | Op::Pad { .. } | Op::Transpose { .. }
        )
    }
}
