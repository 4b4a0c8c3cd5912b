//! How long it takes until a change of one operation's width is scored: a job in a worker that has done the one before.
//!
//! `cargo bench --workspace --bench rescore` on the model and pictures of ../shared; says so where they are missing.
//! With `OCTET_PHASES` in the environment it prints where the time went, too.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use octet_engine::host::file_sha256;
use octet_engine::job::{Event, Library, QuantizeRequest, StrategyRequest, Workers, start};
use octet_tests::{octet, plugin, shared};

const LAYERS: [&str; 3] = [
    "/features/features.1/conv/conv.0/conv.0.0/Conv",
    "/features/features.0/features.0.0/Conv",
    "/features/features.17/conv/conv.2/Conv",
];

fn main() {
    let Some(shared) = shared() else { return };
    let workers = Workers::new(octet(), vec!["worker".to_owned()]);
    for target in ["esp32p4", "esp32s3"] {
        println!("{target}: first run {:.2} s", seconds(&workers, &shared, target, None));
        for layer in LAYERS {
            println!("{target}: {layer} to int16 {:.2} s", seconds(&workers, &shared, target, Some(layer)));
        }
    }
}

fn seconds(workers: &Workers, shared: &Path, target: &str, wide: Option<&str>) -> f64 {
    let strategy = |id: &str, settings: BTreeMap<String, serde_json::Value>| StrategyRequest {
        id: id.to_owned(),
        settings,
    };
    let mut strategies = vec![strategy("int8", BTreeMap::new())];
    let mut packages = vec!["octet-int8"];
    if let Some(layer) = wide {
        strategies.push(strategy("mixed-precision", [("layers".to_owned(), layer.into())].into()));
        packages.push("octet-mixed-precision");
    }
    let library = |package: &&str| {
        let path = plugin(package);
        Library { sha256: file_sha256(&path).unwrap(), path }
    };
    let out = tempfile::tempdir().unwrap();
    let request = QuantizeRequest {
        model: shared.join("models/mobilenetv2_imagenet_224.onnx"),
        images: vec![shared.join("images/calib")],
        eval: None,
        labels: None,
        strategies,
        target: target.to_owned(),
        out: out.path().to_owned(),
        graphwise_pictures: 32,
        layerwise_pictures: 0,
        layerwise_outputs: false,
        keep_clip: false,
        preprocessing: BTreeMap::new(),
        threads: 0,
        reuse: true,
        leave_out: Vec::new(),
        edits: Default::default(),
    };
    let started = Instant::now();
    let last = start(workers, request, packages.iter().map(library).collect()).events.iter().last();
    assert!(matches!(last, Some(Event::Done { .. })), "{last:?}");
    let seconds = started.elapsed().as_secs_f64();
    if std::env::var_os("OCTET_PHASES").is_some() {
        let report = std::fs::read_to_string(out.path().join("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        println!("  {}", report["timings_secs"]);
    }
    seconds
}
