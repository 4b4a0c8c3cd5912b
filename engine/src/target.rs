//! The chips as data: how each rounds, which exponents it takes, how wide its biases are.

pub use octet_runtime::Target;

/// How a tie between two integers is decided when a value is quantized or requantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the even neighbour.
    HalfEven,
    /// `floor(x + 0.5)`.
    HalfUp,
}

/// Whether the weights of a layer share one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// One exponent per output channel.
    PerChannel,
    /// One exponent per tensor.
    PerTensor,
}

/// The order in which weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightLayout {
    /// Blocks of 16 (i8) or 8 (i16) output channels innermost.
    Blocked,
    /// `NHWC`, depthwise `HWCN`.
    Plain,
}

/// What quantization has to know about a chip (numeric contract, table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct TargetSpec {
    /// The chip.
    #[serde(skip)]
    pub target: Target,
    /// Its name on the command line.
    pub name: &'static str,
    /// Ties.
    pub rounding: Rounding,
    /// Exponents of Conv and Gemm weights.
    pub weights: Granularity,
    /// Bits of the biases of int8 layers; sums must stay inside.
    pub bias_bits_int8: u32,
    /// Bits of the biases of int16 layers.
    pub bias_bits_int16: u32,
    /// How weights are stored.
    pub layout: WeightLayout,
    /// Width in bits of one accumulator lane of the vector unit under ESP-DL, for int8 layers.
    pub accumulator_bits_int8: u32,
}

const P4: TargetSpec = TargetSpec {
    target: Target::Esp32p4,
    name: "esp32p4",
    rounding: Rounding::HalfEven,
    weights: Granularity::PerChannel,
    bias_bits_int8: 32,
    bias_bits_int16: 40,
    layout: WeightLayout::Blocked,
    accumulator_bits_int8: 32,
};
const S3: TargetSpec = TargetSpec {
    target: Target::Esp32s3,
    name: "esp32s3",
    rounding: Rounding::HalfUp,
    weights: Granularity::PerTensor,
    bias_bits_int8: 20,
    bias_bits_int16: 40,
    layout: WeightLayout::Blocked,
    accumulator_bits_int8: 20,
};
const SCALAR: TargetSpec = TargetSpec {
    target: Target::Esp32,
    name: "esp32",
    rounding: Rounding::HalfUp,
    weights: Granularity::PerTensor,
    bias_bits_int8: 32,
    bias_bits_int16: 64,
    layout: WeightLayout::Plain,
    accumulator_bits_int8: 32,
};

/// Every chip that Octet knows, in the order of its menus.
pub const TARGETS: [TargetSpec; 9] = [
    P4,
    TargetSpec { target: Target::Esp32s31, name: "esp32s31", ..P4 },
    S3,
    SCALAR,
    TargetSpec { target: Target::Esp32s2, name: "esp32s2", ..SCALAR },
    TargetSpec { target: Target::Esp32c2, name: "esp32c2", ..SCALAR },
    TargetSpec { target: Target::Esp32c3, name: "esp32c3", ..SCALAR },
    TargetSpec { target: Target::Esp32c5, name: "esp32c5", ..SCALAR },
    TargetSpec { target: Target::Esp32c6, name: "esp32c6", ..SCALAR },
];

impl TargetSpec {
    /// The data of a chip.
    pub fn of(target: Target) -> &'static TargetSpec {
        TARGETS.iter().find(|t| t.target == target).unwrap_or(&TARGETS[0])
    }
    /// Looks a chip up by its command line name.
    pub fn by_name(name: &str) -> Option<&'static TargetSpec> {
        let name = name.to_ascii_lowercase().replace('-', "");
        TARGETS.iter().find(|t| t.name == name)
    }
}
