//! Writing `.espdl` files: an ONNX-like graph of integer tensors as FlatBuffers behind a 16-byte header.
//!
//! Reading is the runtime's business (`octet_runtime::Model`), on the desktop as on the chip.

mod write;
#[allow(clippy::all, clippy::pedantic, missing_docs, unsafe_code, unreachable_pub, unsafe_op_in_unsafe_fn)]
#[allow(clippy::undocumented_unsafe_blocks, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[allow(mismatched_lifetime_syntaxes, unused_imports, deprecated)]
#[rustfmt::skip]
mod generated;

pub use write::{WriteError, write};

/// Element types of [`Tensor`] and [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// Float scores.
    F32,
    /// 8-bit activations and weights.
    I8,
    /// 16-bit activations and weights.
    I16,
    /// Biases of int8 layers.
    I32,
    /// Biases of int16 layers; shapes.
    I64,
}

impl ElementType {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            ElementType::I8 => 1,
            ElementType::I16 => 2,
            ElementType::F32 | ElementType::I32 => 4,
            ElementType::I64 => 8,
        }
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Unique name.
    pub name: String,
    /// Extents as recorded (`[H, W, C, N]` for filters).
    pub dims: Vec<i64>,
    /// Element type of `raw`.
    pub element_type: ElementType,
    /// One, or one per output channel.
    pub exponents: Vec<i64>,
    /// The weight layout tag, e.g. `layout ==> (N/16)HWC16`; empty for none.
    pub doc_string: String,
    /// Little endian elements in the layout's order.
    pub raw: Vec<u8>,
}

/// A named activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Unique name.
    pub name: String,
    /// Extents, NHWC.
    pub dims: Vec<i64>,
    /// Element type.
    pub element_type: ElementType,
    /// Value = integer x 2^exponent; `None` for floats.
    pub exponent: Option<i64>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f32),
    /// Integers.
    Ints(Vec<i64>),
    /// A string.
    Text(String),
}

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique name.
    pub name: String,
    /// ONNX's or ESP-DL's name of the operation.
    pub op_type: &'static str,
    /// Names of values and constants.
    pub inputs: Vec<String>,
    /// Names of values.
    pub outputs: Vec<String>,
    /// Sorted by name.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct File {
    /// Graph name.
    pub name: String,
    /// The ONNX file's IR version.
    pub ir_version: i32,
    /// In topological order.
    pub nodes: Vec<Node>,
    /// Constants, in the order of their first use.
    pub initializers: Vec<Tensor>,
    /// The network's inputs.
    pub inputs: Vec<Value>,
    /// The network's outputs.
    pub outputs: Vec<Value>,
    /// All other activations, in the order of their computation.
    pub values: Vec<Value>,
    /// Quantized input for ESP-DL's `model->test()`.
    pub test_inputs: Vec<Tensor>,
    /// The outputs it must give.
    pub test_outputs: Vec<Tensor>,
    /// Metadata, in this order.
    pub metadata: Vec<(String, String)>,
}
