//! An estimate of one inference's time on a chip, before any board was run.
//!
//! The numbers were fitted to what Espressif publishes: MobileNetV2 1.0 at 224x224 under ESP-DL 0.4.2 (S3 437.9 ms
//! at 240 MHz, P4 164.6 ms at 360 MHz, one core) and its kernel table for the split between kernels. On chips
//! without vector units the anchors are ESP-NN's generic C (9.5 cycles per MAC) and PULP-NN's RV32IMC baseline
//! (4.06). Each chip's error bar says how far the published points lie from the model.

use octet_runtime::Target;

use crate::draft::Bits;
use crate::network::{Network, NodeId, Op};
use crate::plan::Plan;
use crate::report::LatencyFacts;

/// Cycles and bandwidth of one chip.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Speed {
    clock_mhz: f64,
    pointwise_cycles_per_mac: f64,
    spatial_cycles_per_mac: f64,
    depthwise_cycles_per_mac: f64,
    /// Of operations that touch every element once.
    cycles_per_element: f64,
    /// Of int16 against int8, where multiply-accumulates decide.
    int16_factor: f64,
    /// Where weights stream from: PSRAM on S3 and P4, flash elsewhere.
    weights_mb_per_sec: f64,
    /// The estimate divided and multiplied by this is the range.
    error_factor: f64,
    source: &'static str,
}

fn speed(target: Target) -> Speed {
    let scalar = |clock_mhz: f64| Speed {
        clock_mhz,
        pointwise_cycles_per_mac: 6.0,
        spatial_cycles_per_mac: 6.5,
        depthwise_cycles_per_mac: 9.0,
        cycles_per_element: 8.0,
        int16_factor: 1.3,
        weights_mb_per_sec: 40.0,
        error_factor: 1.7,
        source: "between PULP-NN's RV32IMC baseline (4.06 cycles per MAC) and ESP-NN's generic C (9.5); no board measured",
    };
    let p4 = Speed {
        clock_mhz: 360.0,
        pointwise_cycles_per_mac: 0.164,
        spatial_cycles_per_mac: 0.274,
        depthwise_cycles_per_mac: 0.583,
        cycles_per_element: 0.5,
        int16_factor: 2.0,
        weights_mb_per_sec: 800.0,
        error_factor: 1.35,
        source: "fitted to ESP-DL 0.4.2 on the P4: MobileNetV2 1.0 at 224x224 in 164.6 ms, and its kernel table",
    };
    match target {
        Target::Esp32p4 | Target::Esp32s31 => p4,
        Target::Esp32s3 => Speed {
            clock_mhz: 240.0,
            pointwise_cycles_per_mac: 0.295,
            spatial_cycles_per_mac: 0.25,
            depthwise_cycles_per_mac: 0.92,
            cycles_per_element: 0.6,
            int16_factor: 2.0,
            weights_mb_per_sec: 160.0,
            error_factor: 1.35,
            source: "fitted to ESP-DL 0.4.2 on the S3: MobileNetV2 1.0 at 224x224 in 437.9 ms, and its kernel table",
        },
        Target::Esp32 | Target::Esp32s2 => scalar(240.0),
        Target::Esp32c5 => scalar(240.0),
        Target::Esp32c2 => scalar(120.0),
        Target::Esp32c3 | Target::Esp32c6 => scalar(160.0),
    }
}

/// The estimate of one operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerLatency {
    /// The operation.
    pub node: NodeId,
    /// Microseconds.
    pub microseconds: f64,
}

/// Estimates every operation and their sum; `plan` supplies target and widths.
pub fn estimate(network: &Network, plan: &Plan) -> (Vec<LayerLatency>, LatencyFacts) {
    let speed = speed(plan.target.target);
    let layers: Vec<LayerLatency> = network
        .node_ids()
        .map(|(node, _)| LayerLatency { node, microseconds: of_node(network, plan, node, &speed) })
        .collect();
    let total_ms = layers.iter().map(|l| l.microseconds).sum::<f64>() / 1000.0;
    let facts = LatencyFacts {
        estimated_ms: Some(total_ms),
        range_ms: Some([total_ms / speed.error_factor, total_ms * speed.error_factor]),
        inputs: vec![
            format!("one core at {} MHz", speed.clock_mhz),
            format!(
                "cycles per MAC: 1x1 {}, other convolutions {}, depthwise {}; int16 x{}",
                speed.pointwise_cycles_per_mac,
                speed.spatial_cycles_per_mac,
                speed.depthwise_cycles_per_mac,
                speed.int16_factor
            ),
            format!("weights stream at {} MB/s at least", speed.weights_mb_per_sec),
            speed.source.to_owned(),
        ],
    };
    (layers, facts)
}

fn of_node(network: &Network, plan: &Plan, id: NodeId, speed: &Speed) -> f64 {
    let (node, planned) = (network.node(id), plan.node(id));
    let macs = network.macs(id) as f64;
    let width = if planned.bits == Bits::Int16 { speed.int16_factor } else { 1.0 };
    let (cycles, weight_bytes) = match &node.op {
        Op::Conv(conv) => {
            let per_mac = match (conv.group > 1, conv.window.kernel) {
                (true, _) => speed.depthwise_cycles_per_mac,
                (false, [1, 1]) => speed.pointwise_cycles_per_mac,
                (false, _) => speed.spatial_cycles_per_mac,
            };
            (macs * per_mac * width, weight_bytes(network, id, planned.bits))
        }
        Op::Gemm(_) => {
            (macs * speed.pointwise_cycles_per_mac * width, weight_bytes(network, id, planned.bits))
        }
        // Moves of nothing, or done together with the operation before.
        Op::Flatten { .. } | Op::Reshape => (0.0, 0.0),
        Op::Relu | Op::Clip if planned.activation_of.is_some() => (0.0, 0.0),
        _ => {
            let read: usize = planned.operands.iter().map(|o| network.tensor(o.tensor).len()).sum();
            (read as f64 * speed.cycles_per_element * width, 0.0)
        }
    };
    let requantized = planned.operands.iter().filter(|o| o.stored != o.read);
    let requantize: f64 =
        requantized.map(|o| network.tensor(o.tensor).len() as f64 * speed.cycles_per_element).sum();
    let compute_us = (cycles + requantize) / speed.clock_mhz;
    compute_us.max(weight_bytes / speed.weights_mb_per_sec)
}

fn weight_bytes(network: &Network, id: NodeId, bits: Bits) -> f64 {
    let weights = network.node(id).inputs.get(1).map_or(0, |&t| network.tensor(t).len());
    (weights * u32::from(bits) as usize / 8) as f64
}
