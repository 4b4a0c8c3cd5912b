//! Numbers that stand for something, and the views of memory that never change their shape.

/// Version of this interface. A plugin fits when its major is equal and its minor is not above the host's.
pub const OCTET_ABI_MAJOR: u32 = 1;
/// Minor versions only append: fields to structs, functions to the host table.
pub const OCTET_ABI_MINOR: u32 = 1;

/// Status: done.
pub const OCTET_OK: i32 = 0;
/// Status: the user cancelled; return this from `run` at once.
pub const OCTET_CANCELLED: i32 = 1;
/// Status: the arguments make no sense; `last_error` says which.
pub const OCTET_INVALID: i32 = 2;
/// Status: it could not be done; `last_error` says why.
pub const OCTET_FAILED: i32 = 3;

/// Stands for "no node" or "no tensor".
pub const OCTET_NONE: u64 = 0xFFFF_FFFF_FFFF_FFFF;

/// Ties go to the even neighbour.
pub const OCTET_ROUND_HALF_EVEN: i32 = 0;
/// Ties go up: floor(x + 0.5).
pub const OCTET_ROUND_HALF_UP: i32 = 1;

/// Weights are stored in blocks of 16 (int8) or 8 (int16) output channels.
pub const OCTET_LAYOUT_BLOCKED: i32 = 0;
/// Weights are stored plainly.
pub const OCTET_LAYOUT_PLAIN: i32 = 1;

/// Node flag: has multiply-accumulates and weights (Conv, Gemm).
pub const OCTET_NODE_COMPUTING: u32 = 1;
/// Node flag: moves or chooses values, so that it keeps its input's exponent.
pub const OCTET_NODE_PASSIVE: u32 = 2;
/// Node flag: a convolution in which every channel is a group of its own.
pub const OCTET_NODE_DEPTHWISE: u32 = 4;
/// Node flag: a Clip that the draft replaced by a Relu.
pub const OCTET_NODE_RELU_FOR_CLIP: u32 = 8;

/// Tensor flag: a constant with values (weights, bias, bounds).
pub const OCTET_TENSOR_CONSTANT: u32 = 1;
/// Tensor flag: the draft holds other values than the file.
pub const OCTET_TENSOR_CHANGED: u32 = 2;

/// Tensor flag: the quantized network holds other values than the float network (`correct_weights`). Since 1.1.
pub const OCTET_TENSOR_CORRECTED: u32 = 4;

/// Slot role: an activation, one exponent.
pub const OCTET_ROLE_ACTIVATION: i32 = 0;
/// Slot role: weights, `channels` exponents.
pub const OCTET_ROLE_WEIGHTS: i32 = 1;

/// The float network computes with the draft's float weights.
pub const OCTET_WEIGHTS_FLOAT: i32 = 0;
/// The float network computes with the draft's weights quantized by the draft's weight exponents; biases float.
pub const OCTET_WEIGHTS_QUANTIZED: i32 = 1;

/// The calibration pictures that statistics are taken from.
pub const OCTET_PICTURES_CALIBRATION: i32 = 0;
/// Calibration pictures that `hold_out` set aside: none before it is called, and a score on no pictures is refused.
pub const OCTET_PICTURES_HELD_OUT: i32 = 1;

/// Score with everything quantized.
pub const OCTET_SCORE_GRAPHWISE: i32 = 0;
/// Score with one operation at a time quantized.
pub const OCTET_SCORE_LAYERWISE: i32 = 1;

/// Score the network's output alone with everything quantized: the fastest; no figures per node. Since 1.1.
pub const OCTET_SCORE_OUTPUT: i32 = 2;

/// Export the draft's float network: its weights and replaced activations.
pub const OCTET_EXPORT_FLOAT: i32 = 0;
/// Export the completed draft with QuantizeLinear and DequantizeLinear pairs.
pub const OCTET_EXPORT_QDQ: i32 = 1;

/// Log level: for plugin authors.
pub const OCTET_LOG_DEBUG: i32 = 0;
/// Log level: for everybody.
pub const OCTET_LOG_INFO: i32 = 1;
/// Log level: something to look at.
pub const OCTET_LOG_WARNING: i32 = 2;

/// UTF-8 text; not terminated by a zero. `data` may be null when `len` is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetString {
    /// First byte.
    pub data: *const u8,
    /// Number of bytes.
    pub len: u64,
}

/// Several texts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetStrings {
    /// First text.
    pub data: *const OctetString,
    /// Number of texts.
    pub len: u64,
}

/// Ids of nodes or tensors, or extents.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetIds {
    /// First id.
    pub data: *const u64,
    /// Number of ids.
    pub len: u64,
}

/// 64-bit integers: an attribute of a node.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetInts {
    /// First integer.
    pub data: *const i64,
    /// Number of integers.
    pub len: u64,
}

/// Exponents.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetExponents {
    /// First exponent.
    pub data: *const i32,
    /// Number of exponents.
    pub len: u64,
}

/// Counts of a histogram.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetCounts {
    /// First count.
    pub data: *const u64,
    /// Number of counts.
    pub len: u64,
}

/// Values of a tensor in C order.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetFloats {
    /// First value.
    pub data: *const f32,
    /// Number of values.
    pub len: u64,
}

/// Figures, one per id of a list next to it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetDoubles {
    /// First figure.
    pub data: *const f64,
    /// Number of figures.
    pub len: u64,
}

impl OctetString {
    /// Views `text`, which must outlive every use of the result.
    pub const fn new(text: &str) -> OctetString {
        OctetString { data: text.as_ptr(), len: text.len() as u64 }
    }
}

macro_rules! view {
    ($name:ident, $item:ty) => {
        impl $name {
            /// Views `items`, which must outlive every use of the result.
            pub const fn new(items: &[$item]) -> $name {
                $name { data: items.as_ptr(), len: items.len() as u64 }
            }
            /// An empty view.
            pub const EMPTY: $name = $name { data: std::ptr::null(), len: 0 };
        }
        impl Default for $name {
            fn default() -> $name {
                $name::EMPTY
            }
        }
    };
}

view!(OctetStrings, OctetString);
view!(OctetIds, u64);
view!(OctetInts, i64);
view!(OctetExponents, i32);
view!(OctetCounts, u64);
view!(OctetFloats, f32);
view!(OctetDoubles, f64);

impl Default for OctetString {
    fn default() -> OctetString {
        OctetString { data: std::ptr::null(), len: 0 }
    }
}
