//! Steps of a plan: operations with all their parameters resolved to numbers and positions in the file.

use crate::shape::{DType, MAX_RANK, Shape};

/// A range of the payload: position and count (bytes, or elements where said).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

/// A window that slides over `[H, W]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Input extents `[H, W]`.
    pub(crate) input: [usize; 2],
    /// Output extents `[H, W]`.
    pub(crate) output: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    /// Rows above and columns to the left of the input.
    pub(crate) pad: [usize; 2],
    /// Rows below and columns to the right.
    pub(crate) pad_end: [usize; 2],
}

impl Window {
    /// Input coordinate along `axis` of tap `tap` for output coordinate `out`; `None` in the padding.
    #[inline]
    pub(crate) fn source(&self, axis: usize, out: usize, tap: usize) -> Option<usize> {
        let padded = out * self.stride[axis] + tap * self.dilation[axis];
        padded.checked_sub(self.pad[axis]).filter(|&i| i < self.input[axis])
    }
}

/// Filters and biases of a convolution or Gemm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conv {
    pub(crate) window: Window,
    /// Number of pictures.
    pub(crate) batch: usize,
    /// Channels of the input.
    pub(crate) channels: usize,
    /// Output channels.
    pub(crate) filters: usize,
    pub(crate) groups: usize,
    /// Bytes of the weights.
    pub(crate) weights: Span,
    pub(crate) weight_type: DType,
    /// Output channels per block of the stored layout; 1 for the layouts without blocks.
    pub(crate) lanes: usize,
    /// The first so many output channels are stored in blocks.
    pub(crate) blocked: usize,
    /// One input channel per filter, stored as `[H, W, N]`.
    pub(crate) depthwise: bool,
    /// Bytes of the bias; empty when there is none.
    pub(crate) bias: Span,
    /// The bias is i64, not i32.
    pub(crate) bias_wide: bool,
    /// Weight exponents: position and number, 8 bytes each.
    pub(crate) exponents: Span,
    /// Output exponent - input exponent.
    pub(crate) shift: i32,
    pub(crate) relu: bool,
    /// Sums may leave 32 bits.
    pub(crate) wide: bool,
    /// No sum is larger than this in magnitude.
    pub(crate) bound: i64,
}

impl Conv {
    /// Input channels of one filter.
    pub(crate) fn depth(&self) -> usize {
        self.channels / self.groups
    }

    /// Products per sum.
    pub(crate) fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.depth()
    }

    /// Where the weights of a filter stand in the stored layout: the first one's position and the distance to
    /// the next, in elements, in the order kernel row, column, channel.
    pub(crate) fn weight_run(&self, filter: usize) -> (usize, usize) {
        let taps = self.taps();
        if filter < self.blocked {
            return (filter / self.lanes * taps * self.lanes + filter % self.lanes, self.lanes);
        }
        let (start, rest) = (self.blocked * taps, filter - self.blocked);
        if self.depthwise { (start + rest, self.filters - self.blocked) } else { (start + rest * taps, 1) }
    }
}

/// What padding is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PadMode {
    Constant,
    Edge,
    Reflect,
}

/// What a step computes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Op {
    /// Nothing: the state of unused memory.
    #[default]
    Nothing,
    Conv(Conv),
    /// saturate(a + b).
    Add,
    /// saturate(round(clamp(x, low, high) * 2^-shift)): RequantizeLinear, Relu, Clip.
    Clamp {
        low: i32,
        high: i32,
        shift: i32,
    },
    /// A table of 256 bytes for q = -128..127.
    Table {
        table: Span,
    },
    /// A table of i16 at every `step`-th q from -32768 on, interpolated.
    Interpolate {
        table: Span,
        step: u32,
    },
    GlobalAverage {
        batch: usize,
        area: usize,
        channels: usize,
        input_exponent: i32,
        output_exponent: i32,
    },
    AveragePool {
        window: Window,
        batch: usize,
        channels: usize,
        count_padding: bool,
        input_exponent: i32,
        output_exponent: i32,
    },
    MaxPool {
        window: Window,
        batch: usize,
        channels: usize,
    },
    /// Over `length` elements that lie `inner` apart.
    Softmax {
        outer: usize,
        length: usize,
        inner: usize,
        input_exponent: i32,
        output_exponent: i32,
    },
    /// The same bytes under another shape.
    Copy,
    Transpose {
        input: Shape,
        perm: [u8; MAX_RANK],
    },
    Pad {
        input: Shape,
        output: Shape,
        before: [u32; MAX_RANK],
        mode: PadMode,
        value: i32,
    },
    /// One input of a Concat: `outer` runs of `run` elements go to every `pitch`-th element from `start` on.
    ConcatPart {
        outer: usize,
        run: usize,
        pitch: usize,
        start: usize,
        shift: i32,
    },
}

impl Op {
    /// Whether each output element depends on the input element(s) at the same place only.
    pub(crate) fn element_wise(&self) -> bool {
        matches!(self, Op::Add | Op::Clamp { .. } | Op::Table { .. } | Op::Interpolate { .. } | Op::Copy)
    }
}

/// One step: an operation and the tensors it touches. Memory for steps is the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    pub(crate) op: Op,
    /// Index of the node.
    pub(crate) node: u16,
    /// Whether the node's output is complete after this step.
    pub(crate) completes: bool,
    pub(crate) inputs: [u16; 2],
    pub(crate) output: u16,
}

/// Where a tensor comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    #[default]
    Input,
    Node(u16),
}

/// One activation tensor: its description and its place in the arena. Memory for slots is the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct TensorSlot {
    pub(crate) source: Source,
    pub(crate) shape: Shape,
    pub(crate) dtype: DType,
    /// `None` for float tensors.
    pub(crate) exponent: Option<i32>,
    pub(crate) bytes: u32,
    /// Position in the arena.
    pub(crate) offset: u32,
    /// The slot whose memory this one uses: itself, or the tensor it was computed in place of.
    pub(crate) root: u16,
    /// First and last step at which it must be kept.
    pub(crate) first: u16,
    pub(crate) last: u16,
    /// Next placed slot by offset (list of the planner).
    pub(crate) next: u16,
    pub(crate) placed: bool,
}

impl TensorSlot {
    /// Extents, pictures as `[N, H, W, C]`.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// value = integer x 2^exponent; `None` for float tensors.
    pub fn exponent(&self) -> Option<i32> {
        self.exponent
    }

    /// Bytes of the tensor.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Place in the arena.
    pub fn range(&self) -> core::ops::Range<usize> {
        self.offset as usize..(self.offset as usize).saturating_add(self.bytes as usize)
    }

    /// Index of the node that computes it; `None` for the network's input.
    pub fn node(&self) -> Option<usize> {
        match self.source {
            Source::Input => None,
            Source::Node(n) => Some(usize::from(n)),
        }
    }
}
