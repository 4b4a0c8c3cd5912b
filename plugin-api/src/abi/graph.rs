//! What the host tells about the network, the chip and the decisions that are open.
//!
//! A caller sets `struct_size` to the size that it was compiled with; the host fills no more than that.

use super::value::{OctetIds, OctetString, OctetStrings};

/// The network as a whole. Its ids are 0..node_count and 0..tensor_count.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetNetworkInfo {
    /// sizeof(OctetNetworkInfo), set by the caller.
    pub struct_size: u64,
    /// The file's stem, or the graph's name.
    pub name: OctetString,
    /// Number of nodes, in topological order.
    pub node_count: u64,
    /// Number of tensors: activations and constants.
    pub tensor_count: u64,
    /// The picture: batch 1, channels, height, width.
    pub input: u64,
    /// The class scores.
    pub output: u64,
}

/// An operation.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetNodeInfo {
    /// sizeof(OctetNodeInfo), set by the caller.
    pub struct_size: u64,
    /// Unique, never empty.
    pub name: OctetString,
    /// ONNX's name of the operation: "Conv", "Gemm", "Add", "Clip", ...
    pub op: OctetString,
    /// Tensors in ONNX's order: data first, then weights and bias, or the bounds of a Clip.
    pub inputs: OctetIds,
    /// Tensors that it computes.
    pub outputs: OctetIds,
    /// Names of the original nodes that were merged into this one.
    pub absorbed: OctetStrings,
    /// Multiply-accumulates for one picture.
    pub macs: u64,
    /// Width under the draft: 8 or 16.
    pub bits: u32,
    /// OCTET_NODE_... added up.
    pub flags: u32,
}

/// A value: an activation, or a constant with data.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetTensorInfo {
    /// sizeof(OctetTensorInfo), set by the caller.
    pub struct_size: u64,
    /// Unique, never empty.
    pub name: OctetString,
    /// Extents with the batch axis, which is 1. Activations with four axes are NCHW.
    pub shape: OctetIds,
    /// Number of elements.
    pub len: u64,
    /// The node that computes it, or OCTET_NONE.
    pub producer: u64,
    /// The nodes that read it, in topological order.
    pub consumers: OctetIds,
    /// OCTET_TENSOR_... added up.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// The chip that is quantized for.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetTargetInfo {
    /// sizeof(OctetTargetInfo), set by the caller.
    pub struct_size: u64,
    /// "esp32p4", "esp32s3", ...
    pub name: OctetString,
    /// OCTET_ROUND_...
    pub rounding: i32,
    /// 1 when Conv and Gemm weights have one exponent per output channel, 0 when one per tensor.
    pub per_channel: u32,
    /// Bits of the biases of int8 layers; sums must stay inside.
    pub bias_bits_int8: u32,
    /// Bits of the biases of int16 layers.
    pub bias_bits_int16: u32,
    /// Bits of one accumulator lane for int8 layers.
    pub accumulator_bits_int8: u32,
    /// OCTET_LAYOUT_...
    pub layout: i32,
}

/// Something whose exponent a strategy has to choose.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetSlot {
    /// sizeof(OctetSlot), set by the caller.
    pub struct_size: u64,
    /// The tensor.
    pub tensor: u64,
    /// The node that asks for it: an activation's producer, the owner of weights, or the first reader of another
    /// width. OCTET_NONE for the network's input.
    pub node: u64,
    /// Width: 8 or 16.
    pub bits: u32,
    /// OCTET_ROLE_...
    pub role: i32,
    /// Number of exponents: 1, or the number of output channels.
    pub channels: u64,
    /// The tensor's axis of the output channels; 0 for activations.
    pub axis: u64,
}

macro_rules! empty {
    ($($name:ident),*) => {$(
        impl $name {
            /// All zero but for `struct_size`: ready for the host to fill.
            pub const fn empty() -> $name {
                // SAFETY: integers, null pointers and zero lengths are valid for every field of these structs.
                let mut value: $name = unsafe { std::mem::zeroed() };
                value.struct_size = size_of::<$name>() as u64;
                value
            }
        }
    )*};
}
pub(super) use empty;

empty!(OctetNetworkInfo, OctetNodeInfo, OctetTensorInfo, OctetTargetInfo, OctetSlot);
