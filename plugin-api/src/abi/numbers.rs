//! What the host measures for a strategy.

use super::graph::empty;
use super::value::{OctetCounts, OctetDoubles, OctetIds};

/// Which numbers of which activations are wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetStatisticsRequest {
    /// sizeof(OctetStatisticsRequest).
    pub struct_size: u64,
    /// Activations; each at most once.
    pub tensors: OctetIds,
    /// Number of histogram bins, parallel to `tensors`; 0 for none.
    pub bins: OctetCounts,
    /// OCTET_WEIGHTS_...
    pub weights: i32,
    /// 1 to also take the percentiles.
    pub want_percentiles: u32,
    /// A quantile above 0.5 and at most 1, e.g. 0.9999.
    pub percentile: f64,
}

/// The numbers of one activation over all calibration pictures.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetStatistics {
    /// sizeof(OctetStatistics), set by the caller.
    pub struct_size: u64,
    /// Counts of |x|; bin i holds [i, i + 1) * bin_width, the last one its upper bound too.
    pub histogram: OctetCounts,
    /// max(|min|, |max|) / bins.
    pub bin_width: f64,
    /// Number of values seen.
    pub count: u64,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean over batches of the lowest value at the quantile; valid with `has_percentiles`.
    pub low: f32,
    /// Mean over batches of the highest value at the quantile; valid with `has_percentiles`.
    pub high: f32,
    /// 1 when `low` and `high` are valid.
    pub has_percentiles: u32,
    /// Zero.
    pub reserved: u32,
}

/// How the draft fares when the chip's own arithmetic executes it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetScore {
    /// sizeof(OctetScore), set by the caller.
    pub struct_size: u64,
    /// Noise:signal of the network's output, a fraction.
    pub output_nsr: f64,
    /// Fraction of pictures with the float network's top-1 class.
    pub agreement: f64,
    /// Pictures scored.
    pub pictures: u64,
    /// Computing nodes.
    pub nodes: OctetIds,
    /// Noise:signal of each of them: of its output (graphwise), or of the network's output (layerwise).
    pub node_nsr: OctetDoubles,
}

/// What the draft costs on the chip. Since 1.1.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OctetCost {
    /// sizeof(OctetCost), set by the caller.
    pub struct_size: u64,
    /// Estimated milliseconds of one inference.
    pub latency_ms: f64,
    /// Bytes of the model file.
    pub flash_bytes: u64,
    /// Bytes of the activation arena.
    pub arena_bytes: u64,
}

empty!(OctetStatisticsRequest, OctetStatistics, OctetScore, OctetCost);
