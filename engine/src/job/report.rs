//! Puts a job's results together as a [`Report`].

use std::collections::BTreeMap;

use octet_runtime::Simulator;

use super::QuantizeRequest;
use crate::analyse::{self, Graphwise, Layerwise};
use crate::draft::Draft;
use crate::network::{Network, NodeId, Op};
use crate::onnx::Opened;
use crate::plan::Plan;
use crate::report::{
    AccumulatorFacts, AnalysedPictures, FinalFacts, Finding, InputFacts, LayerFacts, MemoryFacts, MemoryMaps,
    ModelFacts, PeakTensor, PictureFacts, Report, SCHEMA_VERSION, StrategyFacts,
};
use crate::session::{self, PictureStore};

/// What a report is made of.
pub(super) struct Parts<'a> {
    pub(super) request: &'a QuantizeRequest,
    pub(super) opened: &'a Opened,
    pub(super) draft: &'a Draft,
    pub(super) plan: &'a Plan,
    pub(super) strategies: Vec<StrategyFacts>,
    pub(super) pictures: &'a PictureStore,
    pub(super) simulator: &'a Simulator,
    pub(super) file_bytes: u64,
    pub(super) memory_map: Option<MemoryMaps>,
    pub(super) graphwise: Option<&'a Graphwise>,
    pub(super) layerwise: Option<&'a Layerwise>,
    pub(super) accumulators: Vec<AccumulatorFacts>,
    pub(super) warnings: Vec<String>,
    pub(super) findings: Vec<Finding>,
    pub(super) timings_secs: BTreeMap<String, f64>,
}

pub(super) fn assemble(parts: Parts<'_>) -> Report {
    let (network, plan) = (&parts.opened.network, parts.plan);
    let (latencies, latency) = analyse::estimate(network, plan);
    let layers = network
        .node_ids()
        .filter(|(id, node)| plan.node(*id).activation_of.is_none() && !node.op.is_passive())
        .map(|(id, _)| layer(&parts, id, latencies[id.0].microseconds));
    let parameters: usize =
        network.tensors.iter().filter(|t| t.data.is_some()).map(crate::network::Tensor::len).sum();
    let mut warnings = parts.warnings.clone();
    warn(&parts, &mut warnings);
    Report {
        schema: SCHEMA_VERSION,
        model: ModelFacts {
            path: absolute(&parts.request.model),
            sha256: parts.opened.sha256.clone(),
            name: network.name.clone(),
            macs: network.node_ids().map(|(id, _)| network.macs(id)).sum(),
            parameters: parameters as u64,
        },
        target: plan.target.name.to_owned(),
        calibration: PictureFacts {
            // A run is deployed from other folders too.
            folders: parts
                .request
                .images
                .iter()
                .map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone()).display().to_string())
                .collect(),
            used: parts.pictures.files(),
            skipped: parts.pictures.skipped().to_vec(),
            classes: parts.pictures.classes(),
            findings: parts.findings.clone(),
        },
        analysed: Some(AnalysedPictures {
            graphwise: parts.request.graphwise_pictures.min(parts.pictures.len()),
            layerwise: parts.request.layerwise_pictures.min(parts.pictures.len()),
        }),
        preprocessing: parts.pictures.preprocessing(),
        preprocessing_settings: parts.pictures.preprocessing_settings(),
        input: InputFacts {
            name: network.tensor(network.input).name.clone(),
            shape_nhwc: shape_nhwc(network),
            bits: plan.input.bits.into(),
            output_exponent: plan.input.exponent,
            graphwise_nsr: parts.graphwise.map(|g| g.input_nsr),
            layerwise_nsr: parts.layerwise.map(|l| l.input),
            clipped: parts.graphwise.map(|g| g.input_clipped),
            beyond_range: parts.graphwise.map(|g| g.input_beyond_range),
        },
        layers: layers.collect(),
        r#final: FinalFacts {
            graphwise_nsr: parts.graphwise.map(|g| g.output_nsr),
            agreement: parts.graphwise.map(|g| g.agreement),
        },
        evaluation: None,
        memory: memory(parts.simulator, parts.file_bytes),
        memory_map: parts.memory_map,
        latency,
        accumulators: parts.accumulators,
        warnings,
        advice: Vec::new(),
        timings_secs: parts.timings_secs,
        versions: BTreeMap::from([
            ("octet".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("espdl".to_owned(), "EDL2".to_owned()),
            ("report schema".to_owned(), SCHEMA_VERSION.to_string()),
        ]),
        strategy: parts.strategies,
        edits: parts.request.edits.clone(),
    }
}

fn shape_nhwc(network: &Network) -> Vec<usize> {
    match network.tensor(network.input).shape[..] {
        [n, c, h, w] => vec![n, h, w, c],
        ref other => other.to_vec(),
    }
}

fn layer(parts: &Parts<'_>, id: NodeId, latency_us: f64) -> LayerFacts {
    let network = &parts.opened.network;
    let (node, planned) = (network.node(id), parts.plan.node(id));
    let graphwise = parts.graphwise.and_then(|g| g.nodes.iter().find(|n| n.node == id));
    let layerwise = parts.layerwise.and_then(|l| l.nodes.iter().find(|n| n.0 == id)).map(|n| n.1);
    let constant_bytes = |plan: &crate::plan::ConstantPlan| {
        let element = if plan.bits > 32 {
            64
        } else if plan.bits > 16 {
            32
        } else {
            plan.bits
        };
        (network.tensor(plan.tensor).len() * element as usize / 8) as u64
    };
    let ranges = planned.weights.as_ref().and_then(|plan| {
        let values = session::weights::values(network, parts.draft, plan.tensor);
        analyse::weight_ranges(&node.op, values, &network.tensor(plan.tensor).shape, plan)
    });
    let op = match &node.op {
        Op::Conv(conv) if conv.group > 1 => "DepthwiseConv",
        op => op.onnx_name(),
    };
    LayerFacts {
        name: node.name.clone(),
        op: op.to_owned(),
        bits: planned.bits.into(),
        weight_exponents: planned.weights.as_ref().map(|w| w.exponents.clone()).unwrap_or_default(),
        output_exponent: planned.output.map_or(0, |f| f.exponent),
        graphwise_nsr: graphwise.map(|g| g.nsr),
        layerwise_nsr: layerwise.map(|l| l.own),
        layerwise_with_output_nsr: layerwise.and_then(|l| l.with_output),
        layerwise_output_only_nsr: layerwise.and_then(|l| l.output_only),
        macs: network.macs(id),
        weight_bytes: planned.weights.iter().chain(&planned.bias).map(constant_bytes).sum(),
        clipped: graphwise.map(|g| g.clipped),
        beyond_range: graphwise.map(|g| g.beyond_range),
        weight_range_ratio: ranges.map(|r| r.ratio),
        coarse_channels: ranges.map(|r| r.coarse_channels),
        latency_us: Some(latency_us),
    }
}

fn memory(simulator: &Simulator, file_bytes: u64) -> MemoryFacts {
    let plan = simulator.memory();
    MemoryFacts {
        flash_bytes: file_bytes,
        arena_bytes: plan.arena_bytes as u64,
        peak: plan.peak.iter().map(|t| PeakTensor { name: t.name.clone(), bytes: t.bytes as u64 }).collect(),
    }
}

fn warn(parts: &Parts<'_>, warnings: &mut Vec<String>) {
    let changed = parts.draft.changed_weights.len();
    if changed > 0 {
        warnings.push(format!(
            "the strategies rescaled {changed} weights, biases and bounds; errors per layer are against the rescaled float \
             network, errors of the scores on evaluation pictures against the file's"
        ));
    }
}

/// The path from the root, so that a run can be opened from anywhere; as it is where the system knows no root.
fn absolute(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}
