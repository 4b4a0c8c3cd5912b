//! A report with made-up figures that differ from layer to layer.

use octet::window::graph::is_measured;
use octet_engine::network::Network;
use octet_engine::report::{
    Accuracy, EvaluationFacts, FinalFacts, InputFacts, LatencyFacts, LayerFacts, MemoryFacts, ModelFacts,
    PictureFacts, Report, SCHEMA_VERSION, StrategyFacts,
};

/// The report of a run on `network`, which lies at `path`.
pub fn report(network: &Network, path: &str) -> Report {
    let layers = network.node_ids().filter(|(_, n)| is_measured(&n.op)).enumerate();
    let layers = layers.map(|(i, (id, node))| LayerFacts {
        name: node.name.clone(),
        op: node.op.onnx_name().to_owned(),
        bits: 8,
        weight_exponents: if node.op.is_computing() { vec![-7 - (i % 3) as i32, -6] } else { Vec::new() },
        output_exponent: -4,
        graphwise_nsr: Some(0.002 + 0.0015 * i as f64),
        layerwise_nsr: node.op.is_computing().then(|| 0.2 / (1.0 + (i * 37 % 61) as f64).powi(2)),
        layerwise_with_output_nsr: None,
        layerwise_output_only_nsr: None,
        macs: network.macs(id),
        weight_bytes: 64 + 100 * i as u64,
        clipped: Some(0.01),
        beyond_range: Some(0.01),
        weight_range_ratio: node.op.is_computing().then_some(12.5),
        coarse_channels: node.op.is_computing().then_some(0),
        latency_us: Some(1234.0),
    });
    let accuracy = |top1: f64| Accuracy {
        top1,
        top5: 0.9,
        top1_interval95: [top1 - 0.04, top1 + 0.04],
        top5_interval95: [0.87, 0.92],
    };
    Report {
        schema: SCHEMA_VERSION,
        model: ModelFacts {
            path: path.to_owned(),
            sha256: "abc".to_owned(),
            name: network.name.clone(),
            macs: 300_000_000,
            parameters: 3_500_000,
        },
        target: "esp32s3".to_owned(),
        edits: Default::default(),
        strategy: vec![StrategyFacts {
            id: "dev.octet.int8".to_owned(),
            version: "0.1.0".to_owned(),
            sha256: "def".to_owned(),
            settings: serde_json::json!({}),
            requested: Default::default(),
            secs: 1.0,
            curves: Vec::new(),
        }],
        calibration: PictureFacts { used: vec!["1.jpg".to_owned()], ..PictureFacts::default() },
        preprocessing: Default::default(),
        preprocessing_settings: Default::default(),
        input: InputFacts {
            name: "input".to_owned(),
            shape_nhwc: vec![1, 224, 224, 3],
            bits: 8,
            output_exponent: -6,
            graphwise_nsr: Some(0.001),
            layerwise_nsr: Some(0.01),
            clipped: Some(0.07),
            beyond_range: Some(0.06),
        },
        layers: layers.collect(),
        r#final: FinalFacts { graphwise_nsr: Some(0.05), agreement: Some(0.9) },
        evaluation: Some(EvaluationFacts {
            images: 500,
            skipped: Vec::new(),
            float: Some(accuracy(0.702)),
            quantized: Some(accuracy(0.643)),
            agreement: 0.84,
            agreement_interval95: [0.80, 0.87],
            output_nsr: 0.06,
            calibration_overlap: 0,
        }),
        memory: MemoryFacts { flash_bytes: 3_774_873, arena_bytes: 416 * 1024, peak: Vec::new() },
        analysed: None,
        memory_map: None,
        latency: LatencyFacts {
            estimated_ms: Some(438.0),
            range_ms: Some([380.0, 520.0]),
            inputs: Vec::new(),
        },
        accumulators: Vec::new(),
        warnings: vec!["The input clips 7.4 % of its values".to_owned()],
        advice: Vec::new(),
        timings_secs: [("layerwise".to_owned(), 12.0)].into(),
        versions: Default::default(),
    }
}
