//! What can be wrong with a file. Names are borrowed from it, so that reporting needs no heap.

use crate::reader::Malformed;
use crate::shape::{DType, Shape};
use core::fmt::{self, Display, Formatter, Write};

/// Why a file cannot be read, planned or executed. `'a` is the lifetime of the file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error<'a> {
    /// The first four bytes are not those of a model.
    #[error(
        "this is not an .espdl model (it starts with the bytes {}, not EDL2): choose a file exported by Octet or ESP-PPQ",
        Hexadecimal(found)
    )]
    Magic {
        /// What stands there.
        found: [u8; 4],
    },
    /// A pack of several models.
    #[error("this file packs several models (PDL1, PDL2 or PDL3): unpack it and open one .espdl model")]
    Pack,
    /// Encrypted with AES-128-CTR.
    #[error("this model is encrypted: export it again without encryption")]
    Encrypted,
    /// An encryption mode nobody has defined.
    #[error(
        "the header names the unknown encryption mode {mode}: the file is damaged or newer than this program"
    )]
    EncryptionMode {
        /// The number in the header.
        mode: u32,
    },
    /// Fewer bytes than the header promises.
    #[error("the file ends too early ({available} bytes, {needed} needed): copy or download it again")]
    Truncated {
        /// Bytes the header asks for.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// The FlatBuffers payload is inconsistent.
    #[error("the file is damaged: {what} (payload byte {at}); export it again")]
    Malformed {
        /// Which rule is broken.
        what: &'static str,
        /// Where in the payload.
        at: usize,
    },
    /// More than this program is willing to handle.
    #[error("{what}: {} is above the limit of {}; use a smaller network or raise the limit", Decimal(*value), Decimal(*limit))]
    Limit {
        /// Which quantity.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The largest accepted value.
        limit: u64,
    },
    /// The metadata name a chip that is not one of [`Target::ALL`](crate::Target::ALL).
    #[error(
        "the file says it was made for the chip \"{name}\" (metadata octet.target), which is not known here: state the target yourself, one of esp32p4, esp32s31, esp32s3, esp32, esp32s2, esp32c2, esp32c3, esp32c5, esp32c6, or use a newer version"
    )]
    Target {
        /// What the file says, at most 32 characters of it.
        name: &'a str,
    },
    /// A tensor's description is wrong.
    #[error("tensor \"{tensor}\": {problem}")]
    Tensor {
        /// Name of the tensor.
        tensor: &'a str,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// A node cannot be executed as described.
    #[error("node \"{node}\" ({op}), tensor \"{tensor}\": {problem}")]
    Node {
        /// Name of the node.
        node: &'a str,
        /// Its operation.
        op: &'a str,
        /// The tensor concerned; empty when it is the node itself.
        tensor: &'a str,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// The operation is not one of ours.
    #[error("node \"{node}\": the operation {op} is not supported; replace it before exporting")]
    Unsupported {
        /// Name of the node.
        node: &'a str,
        /// Its operation.
        op: &'a str,
    },
    /// The recomputed shape is not the one the file states.
    #[error(
        "node \"{node}\", tensor \"{tensor}\": the file states shape {stated}, the operation yields {inferred}; export the model again"
    )]
    Shape {
        /// Name of the node.
        node: &'a str,
        /// Name of its output.
        tensor: &'a str,
        /// Shape in the file.
        stated: Shape,
        /// Shape that follows from the inputs.
        inferred: Shape,
    },
    /// An element type that the operation does not take.
    #[error(
        "node \"{node}\", tensor \"{tensor}\": {found} is not supported here; quantize it to int8 or int16"
    )]
    Type {
        /// Name of the node.
        node: &'a str,
        /// Name of the tensor.
        tensor: &'a str,
        /// Its type.
        found: DType,
    },
    /// Two exponents that must agree do not.
    #[error(
        "node \"{node}\", tensor \"{tensor}\": exponent {found}, expected {expected}; insert a RequantizeLinear or export the model again"
    )]
    Exponent {
        /// Name of the node.
        node: &'a str,
        /// Name of the tensor.
        tensor: &'a str,
        /// Exponent in the file.
        found: i32,
        /// Exponent the operation needs.
        expected: i32,
    },
    /// The caller's memory is too small.
    #[error("{what}: {needed} needed, {available} given; ask the plan for its sizes first")]
    Memory {
        /// Which memory.
        what: &'static str,
        /// What is needed.
        needed: usize,
        /// What was given.
        available: usize,
    },
    /// The plan does not belong to these bytes.
    #[error(
        "step {step} does not fit the given file or arena: execute a plan only with the file it was made from"
    )]
    Foreign {
        /// Index of the step.
        step: usize,
    },
}

/// Bytes as two digits each.
struct Hexadecimal<'b>(&'b [u8]);

impl Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            for nibble in [byte >> 4, byte & 15] {
                f.write_char(char::from_digit(u32::from(nibble), 16).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

/// A number in decimal, without the division of 64-bit integers that chips lack.
struct Decimal(u64);

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut parts = [48, 32, 16, 0].map(|shift| (self.0 >> shift) as u32 & 0xffff);
        let mut digits = [0u8; 20];
        let mut length = 0;
        for place in digits.iter_mut().rev() {
            let mut rest = 0;
            for part in &mut parts {
                let whole = rest << 16 | *part;
                (*part, rest) = (whole / 10, whole % 10);
            }
            *place = b'0' + rest as u8;
            length += 1;
            if parts == [0; 4] {
                break;
            }
        }
        let digits = digits.get(digits.len() - length..).unwrap_or_default();
        f.write_str(core::str::from_utf8(digits).unwrap_or_default())
    }
}

impl From<Malformed> for Error<'_> {
    fn from(m: Malformed) -> Self {
        Error::Malformed { what: m.what, at: m.at }
    }
}

impl<'a> Error<'a> {
    /// Names of the node and the tensor concerned; empty where there is none.
    pub fn place(&self) -> (&'a str, &'a str) {
        match *self {
            Error::Tensor { tensor, .. } => ("", tensor),
            Error::Unsupported { node, .. } => (node, ""),
            Error::Node { node, tensor, .. }
            | Error::Shape { node, tensor, .. }
            | Error::Type { node, tensor, .. }
            | Error::Exponent { node, tensor, .. } => (node, tensor),
            _ => ("", ""),
        }
    }
}
