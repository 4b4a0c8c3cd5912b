//! The chips, and what of their arithmetic differs.

use crate::error::Error;
use crate::model::Model;

/// How a value between two integers is rounded when it is quantized or requantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest integer, ties to the even one.
    HalfEven,
    /// `floor(x + 0.5)`.
    HalfUp,
}

/// A chip that a network is quantized for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// ESP32-P4.
    Esp32p4,
    /// ESP32-S31, arithmetic as on the P4.
    Esp32s31,
    /// ESP32-S3.
    Esp32s3,
    /// ESP32 (the first one).
    Esp32,
    /// ESP32-S2.
    Esp32s2,
    /// ESP32-C2.
    Esp32c2,
    /// ESP32-C3.
    Esp32c3,
    /// ESP32-C5.
    Esp32c5,
    /// ESP32-C6.
    Esp32c6,
}

impl Target {
    /// Every target, in the order in which they are listed to people.
    pub const ALL: [Target; 9] = [
        Target::Esp32p4,
        Target::Esp32s31,
        Target::Esp32s3,
        Target::Esp32,
        Target::Esp32s2,
        Target::Esp32c2,
        Target::Esp32c3,
        Target::Esp32c5,
        Target::Esp32c6,
    ];

    /// The name used on the command line and in `octet.target`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Target::Esp32p4 => "esp32p4",
            Target::Esp32s31 => "esp32s31",
            Target::Esp32s3 => "esp32s3",
            Target::Esp32 => "esp32",
            Target::Esp32s2 => "esp32s2",
            Target::Esp32c2 => "esp32c2",
            Target::Esp32c3 => "esp32c3",
            Target::Esp32c5 => "esp32c5",
            Target::Esp32c6 => "esp32c6",
        }
    }

    /// Rounding of quantize and requantize (numeric contract, table).
    pub const fn rounding(self) -> Rounding {
        match self {
            Target::Esp32p4 | Target::Esp32s31 => Rounding::HalfEven,
            _ => Rounding::HalfUp,
        }
    }

    /// Whether weights may carry one exponent per output channel.
    pub const fn per_channel(self) -> bool {
        matches!(self, Target::Esp32p4 | Target::Esp32s31)
    }

    /// Whether ESP-DL has vector kernels for it, hence blocked weight layouts.
    pub const fn blocked_weights(self) -> bool {
        matches!(self, Target::Esp32p4 | Target::Esp32s31 | Target::Esp32s3)
    }

    /// The target a file was made for: its metadata `octet.target`, else per-channel exponents mean the P4,
    /// blocked layouts with one exponent the S3, and `NHWC` the C series (represented by the C3).
    ///
    /// # Errors
    /// [`Error::Target`] when `octet.target` is there and names no chip of ours: a newer one may round in
    /// another way, so that a guess would hide wrong results.
    pub fn infer<'a>(model: &Model<'a>) -> Result<Target, Error<'a>> {
        if let Some(name) = model.metadata("octet.target") {
            // A message has room for a name, not for any text.
            let end = name.char_indices().nth(32).map_or(name.len(), |(at, _)| at);
            let name_start = name.get(..end).unwrap_or_default();
            return name.parse().map_err(|UnknownTarget| Error::Target { name: name_start });
        }
        let mut blocked = false;
        for node in model.nodes().filter(|n| matches!(n.op_type(), "Conv" | "Gemm")) {
            let Some(weights) = model.initializer(node.input(1)) else { continue };
            if weights.exponents().len() > 1 {
                return Ok(Target::Esp32p4);
            }
            blocked |= weights.layout().as_bytes().windows(3).any(|part| part == b"(N/");
        }
        Ok(if blocked { Target::Esp32s3 } else { Target::Esp32c3 })
    }
}

impl core::fmt::Display for Target {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a known target: use one of esp32p4, esp32s31, esp32s3, esp32, esp32s2, esp32c2, esp32c3, esp32c5, esp32c6"
)]
pub struct UnknownTarget;

impl core::str::FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        Target::ALL.into_iter().find(|t| t.as_str() == text).ok_or(UnknownTarget)
    }
}
