//! Convolution and Gemm over the layouts of the file, without any copy of the weights, row by row.
//!
//! `generic` computes everything. `tile` (one group, int8) and `depthwise` (3x3, int8) compute the same integers
//! with few instructions on processors without vector units, in loops of the package `octet-kernels`; they need some words
//! of scratch memory.

mod channels;
mod depthwise;
mod generic;
mod rows;
mod tile;

pub(crate) use channels::{Channels, bytes};
pub(crate) use rows::Rows;

use crate::plan::{Conv, ConvKernel};
use crate::shape::DType;
use crate::target::Rounding;

/// The widest block of output channels in any layout.
const LANES: usize = 16;

/// A convolution with the parts of the file that it reads.
pub(crate) struct Layer<'a> {
    conv: Conv,
    rounding: Rounding,
    channels: Channels<'a>,
    weights: &'a [u8],
    x_type: DType,
    y_type: DType,
    kernel: ConvKernel,
}

impl<'a> Layer<'a> {
    /// `None` when the payload does not fit the plan. Without `fast`, the generic kernel is used: where it is
    /// vectorised by the compiler it is the faster one.
    pub(crate) fn new(
        conv: &Conv,
        rounding: Rounding,
        payload: &'a [u8],
        [x_type, y_type]: [DType; 2],
        fast: bool,
    ) -> Option<Self> {
        let weights = bytes(payload, conv.weights)?;
        let fits = weights.len() == conv.filters * conv.taps() * conv.weight_type.bytes();
        let kernel = if fast { conv.kernel } else { ConvKernel::Generic };
        let channels = Channels::new(conv, payload)?;
        (fits && conv.lanes <= LANES && conv.lanes > 0).then_some(Self {
            conv: *conv,
            rounding,
            channels,
            weights,
            x_type,
            y_type,
            kernel,
        })
    }

    /// Bytes of scratch memory that a layer needs, at any alignment: for [`Self::whole`] or row by row.
    pub(crate) fn scratch_bytes(conv: &Conv, whole: bool) -> usize {
        let words = match conv.kernel {
            ConvKernel::Generic => return 0,
            ConvKernel::Depthwise => depthwise::scratch_words(conv),
            ConvKernel::Tiled if whole => tile::scratch_words(&flat(conv)),
            ConvKernel::Tiled => tile::scratch_words(conv),
        };
        // The first whole word may begin three bytes later.
        words.saturating_mul(4).saturating_add(3)
    }

    /// Fills the scratch memory: once before the rows of a picture.
    pub(crate) fn prepare(&self, scratch: &mut [u8]) -> Option<()> {
        match self.kernel {
            ConvKernel::Generic => {}
            ConvKernel::Depthwise => depthwise::prepare(self, words(scratch))?,
            ConvKernel::Tiled => tile::prepare(self, words(scratch))?,
        }
        Some(())
    }

    /// Computes one row of the output from the rows under the window.
    pub(crate) fn row(&self, x: &Rows<'_>, row: usize, y: &mut [u8], scratch: &mut [u8]) -> Option<()> {
        match self.kernel {
            ConvKernel::Generic => self.generic_row(x, row, y),
            ConvKernel::Depthwise => depthwise::row(self, x, row, y, words(scratch)),
            ConvKernel::Tiled => tile::row(self, x, row, y, words(scratch)),
        }
    }

    /// How int8 outputs are finished.
    fn output(&self) -> octet_kernels::Output {
        octet_kernels::Output::new(self.conv.relu, self.rounding == Rounding::HalfEven)
    }

    fn generic_row(&self, x: &Rows<'_>, row: usize, y: &mut [u8]) -> Option<()> {
        match (self.x_type, self.conv.weight_type, self.conv.wide) {
            // Chips have the fast kernels for most of these, but not much room for code.
            #[cfg(feature = "std")]
            (DType::I8, DType::I8, false) => generic::row(self, generic::Bytes, x, row, y),
            (x_type, w_type, _) => {
                generic::row(self, generic::Any([x_type.bytes(), w_type.bytes()]), x, row, y)
            }
        }
    }

    /// Computes the whole output from whole inputs that do not overlap it.
    pub(crate) fn whole(&mut self, x: &[u8], y: &mut [u8], scratch: &mut [u8]) -> Option<()> {
        self.conv = flat(&self.conv);
        self.prepare(scratch)?;
        let (c, w) = (&self.conv, &self.conv.window);
        let pitch = w.input[1] * c.channels * self.x_type.bytes();
        let out_pitch = w.output[1] * c.filters * self.y_type.bytes();
        if x.len() != c.batch * w.input[0] * pitch || y.len() != c.batch * w.output[0] * out_pitch {
            return None;
        }
        let height = w.input[0];
        let (picture, out_picture) = (height * pitch, w.output[0] * out_pitch);
        for number in 0..c.batch {
            let x = x.get(number * picture..(number + 1) * picture)?;
            let x = Rows { bytes: x, first: 0, held: height, pitch };
            for row in 0..w.output[0] {
                let at = number * out_picture + row * out_pitch;
                self.row(&x, row, y.get_mut(at..at + out_pitch)?, scratch)?;
            }
        }
        Some(())
    }
}

/// A window of one pixel that visits all of them does not care where rows end.
fn flat(conv: &Conv) -> Conv {
    let mut conv = *conv;
    let w = &mut conv.window;
    if w.kernel == [1, 1] && w.stride == [1, 1] && w.pad == [0, 0] && w.pad_end == [0, 0] {
        w.input = [1, w.input[0] * w.input[1]];
        w.output = w.input;
    }
    conv
}

/// The fastest kernel that computes a layer. The others need 8-bit integers, and sums and rounding in 32 bits.
pub(crate) fn kernel(conv: &Conv, [x_type, y_type]: [DType; 2], payload: &[u8]) -> ConvKernel {
    let bytes = [x_type, conv.weight_type, y_type] == [DType::I8; 3];
    if !bytes || !Channels::new(conv, payload).is_some_and(|channels| channels.round_in_32_bits(conv)) {
        ConvKernel::Generic
    } else if depthwise::covers(conv) {
        ConvKernel::Depthwise
    } else if tile::covers(conv) {
        ConvKernel::Tiled
    } else {
        ConvKernel::Generic
    }
}

/// The aligned words in some bytes.
fn words(bytes: &mut [u8]) -> &mut [u32] {
    bytemuck::pod_align_to_mut(bytes).1
}
