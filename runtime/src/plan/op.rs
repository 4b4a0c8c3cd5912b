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
    /// No input is below 0: something before it has clamped.
    pub(crate) input_nonnegative: bool,
    /// What computes it on processors without vector units.
    pub(crate) kernel: ConvKernel,
}

/// Which of the scalar kernels computes a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConvKernel {
    /// Any.
    Generic,
    /// int8, 3x3, one filter per channel.
    Depthwise,
    /// int8, one group.
    Tiled,
}

impl Conv {
    /// Input channels of one filter.
    pub(crate) fn depth(&self) -> usize {
        self.channels.checked_div(self.groups).unwrap_or(0)
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
            let lanes = self.lanes.max(1);
            return (filter / lanes * taps * lanes + filter % lanes, lanes);
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

    /// Whether a row of the output can be computed from some rows of the input.
    pub(crate) fn by_rows(&self) -> bool {
        match self {
            Op::Conv(conv) => conv.batch == 1,
            Op::Copy => false,
            _ => self.element_wise(),
        }
    }

    /// The rows of the input, within it, that a row of the output depends on.
    pub(crate) fn rows_needed(&self, row: usize) -> core::ops::Range<usize> {
        let Op::Conv(Conv { window: w, .. }) = self else { return row..row + 1 };
        let (top, reach) = (row * w.stride[0], (w.kernel[0] - 1) * w.dilation[0] + 1);
        let end = (top + reach).saturating_sub(w.pad[0]).min(w.input[0]);
        top.saturating_sub(w.pad[0]).min(end)..end
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
    /// Number of steps, from this one on, that may be streamed together; 0 when none begins here.
    pub(crate) block: u16,
    /// Whether they are.
    pub(crate) fused: bool,
    /// First step of what runs as a whole, and at that step the number of steps: 1, or those of a fused block.
    pub(crate) group: u16,
    pub(crate) length: u16,
    /// Working memory in the arena.
    pub(crate) scratch: Span,
}

/// Where a tensor comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    #[default]
    Input,
    Node(u16),
}

/// Stands for no slot.
pub(crate) const NO_SLOT: u16 = u16::MAX;

/// One activation tensor: its description and its place in the arena. Memory for slots is the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct TensorSlot {
    pub(crate) source: Source,
    pub(crate) shape: Shape,
    pub(crate) dtype: DType,
    /// `None` for float tensors.
    pub(crate) exponent: Option<i32>,
    pub(crate) bytes: u32,
    /// No element is below 0.
    pub(crate) nonnegative: bool,
    /// Bytes of it that exist at a time, and their number of rows: 0 for the whole tensor, else a ring.
    pub(crate) held: u32,
    pub(crate) rows: u16,
    /// Position in the arena; below 0 only while planning.
    pub(crate) offset: i64,
    /// The slot whose memory this one uses: itself, or the tensor it was computed in place of.
    pub(crate) root: u16,
    /// First and last step that touch it.
    pub(crate) first: u16,
    pub(crate) last: u16,
    /// First and last step at which its memory is in use, by it or by what is computed in place of it.
    pub(crate) from: u16,
    pub(crate) until: u16,
    /// The slot whose memory this one may run into while that is read for the last time, and how far it has to
    /// begin before it. `NO_SLOT` when there is none.
    pub(crate) over: u16,
    pub(crate) distance: u32,
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

    /// Bytes that it takes in the arena: fewer than [`Self::bytes`] when it is streamed in a fused block.
    pub fn held_bytes(&self) -> usize {
        self.held as usize
    }

    /// Whether it only exists row by row.
    pub fn streamed(&self) -> bool {
        self.rows > 0
    }

    /// Bytes of one row `[W, C]` of a picture.
    pub(crate) fn pitch(&self) -> usize {
        (self.bytes as usize).checked_div(self.shape.dim(1)).unwrap_or(0)
    }

    /// Place in the arena: of the whole tensor, or of the ring of its newest rows.
    pub fn range(&self) -> core::ops::Range<usize> {
        let start = usize::try_from(self.offset).unwrap_or(0);
        start..start.saturating_add(self.held as usize)
    }

    /// Index of the node that computes it; `None` for the network's input.
    pub fn node(&self) -> Option<usize> {
        match self.source {
            Source::Input => None,
            Source::Node(n) => Some(usize::from(n)),
        }
    }
}
