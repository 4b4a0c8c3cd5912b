//! From a plan to an `.espdl` graph: NHWC activations, integer weights in the chip's layout, fused activations,
//! RequantizeLinear where formats meet (ESP-PPQ `parser/espdl_exporter.py`).

mod constants;
mod nodes;

pub use constants::{quantize_bias, quantize_weights};

use crate::draft::{Bits, Draft};
use crate::espdl;
use crate::network::Network;
use crate::plan::Plan;

/// Choices of the export that do not change a single output integer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LowerOptions {
    /// Keep every Clip as a node with its table, also where it is a ReLU, as ESP-PPQ's exporter does.
    pub keep_clip: bool,
}

/// Why a plan cannot be written for its target.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// A node has no counterpart in the file format.
    #[error("`{node}` ({op}) cannot be exported: {reason}")]
    Unsupported {
        /// Node name.
        node: String,
        /// ONNX operation.
        op: &'static str,
        /// Why, and what helps.
        reason: String,
    },
    /// The file is too large.
    #[error(transparent)]
    Write(#[from] espdl::WriteError),
}

/// Lowers a plan. The result has no test vectors yet: [`with_test_vectors`] adds them.
pub fn lower(
    network: &Network,
    draft: &Draft,
    plan: &Plan,
    options: LowerOptions,
) -> Result<espdl::File, LowerError> {
    nodes::Lowering::new(network, draft, plan, options).run()
}

/// Adds an input and the output that it must give, in the file's integers (`model->test()` of ESP-DL).
/// Both are little endian, NHWC.
pub fn with_test_vectors(mut file: espdl::File, input: &[u8], output: &[u8]) -> espdl::File {
    let tensor = |value: &espdl::Value, raw: &[u8]| espdl::Tensor {
        name: value.name.clone(),
        dims: value.dims.clone(),
        element_type: value.element_type,
        exponents: value.exponent.into_iter().collect(),
        doc_string: String::new(),
        raw: raw.to_vec(),
    };
    file.test_inputs = file.inputs.iter().take(1).map(|v| tensor(v, input)).collect();
    file.test_outputs = file.outputs.iter().take(1).map(|v| tensor(v, output)).collect();
    file
}

/// The element type of an activation.
pub(crate) fn element_type(bits: Bits) -> espdl::ElementType {
    match bits {
        Bits::Int8 => espdl::ElementType::I8,
        Bits::Int16 => espdl::ElementType::I16,
    }
}
