//! A job that continues an earlier one's chain does not run its strategies again, and writes the same bytes.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_engine::host::file_sha256;
use octet_engine::job::{Event, Library, QuantizeRequest, Workers, start};
use octet_tests::{octet, plugin, root};
use serde_json::{Value, json};

const EXPAND: &str = "/features/features.3/conv/conv.0/conv.0.0/Conv";

/// What distinguishes jobs of this test.
#[derive(Default, Clone)]
struct Asked<'a> {
    wide: Option<&'a str>,
    observer: Option<&'a str>,
    shift: i32,
}

fn workers() -> Workers {
    Workers::new(octet(), vec!["worker".to_owned()])
}

/// Runs equalization, int8 and, where an operation is to be wide, mixed-precision. Gives the log.
fn run(workers: &Workers, out: &Path, asked: &Asked<'_>) -> Vec<String> {
    let fixture = |name: &str| root().join("tests/fixtures").join(name);
    let strategy = |id: &str, settings: Value| json!({ "id": id, "settings": settings });
    let observer = asked.observer.map_or(json!({}), |o| json!({ "observer": o }));
    let mut strategies = vec![strategy("equalization", json!({})), strategy("int8", observer)];
    let mut packages = vec!["octet-equalization", "octet-int8"];
    if let Some(wide) = asked.wide {
        strategies.push(strategy("mixed-precision", json!({ "layers": wide })));
        packages.push("octet-mixed-precision");
    }
    let library = |package: &str| {
        let path = plugin(package);
        Library { sha256: file_sha256(&path).unwrap(), path }
    };
    let libraries = packages.into_iter().map(library).collect();
    let shifts = if asked.shift == 0 { json!({}) } else { json!({ EXPAND: asked.shift }) };
    let request: QuantizeRequest = serde_json::from_value(json!({
        "model": fixture("models/torchvision_opset11.onnx"),
        "images": [fixture("pictures")],
        "strategies": strategies,
        "target": "esp32p4",
        "out": out,
        "graphwise_pictures": 1,
        "layerwise_pictures": 0,
        "layerwise_outputs": false,
        "keep_clip": false,
        "preprocessing": {},
        "threads": 0,
        "edits": { "weight_shifts": shifts },
    }))
    .unwrap();
    let mut log = Vec::new();
    for event in &start(workers, request, libraries).events {
        match event {
            Event::Done { .. } => return log,
            Event::Error { message } => panic!("{message}"),
            Event::Log { message, .. } => log.push(message),
            _ => {}
        }
    }
    panic!("no result");
}

/// The strategies that a job did not run, as its log tells.
fn not_run(log: &[String]) -> Option<&str> {
    log.iter().find_map(|line| line.strip_suffix(": as in an earlier job, not run again"))
}

fn same_files(a: &Path, b: &Path) {
    for name in ["model.espdl", "model.qdq.onnx", "model.float.onnx", "plan.json", "pipeline.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(a) == read(b), "{name}");
    }
}

#[test]
fn what_leading_strategies_decided_is_taken_over_without_a_change_in_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let kept = workers();
    let plain = Asked::default();
    let cases = [
        ("wide", Asked { wide: Some(EXPAND), ..plain.clone() }, "dev.octet.equalization, dev.octet.int8"),
        ("shifted", Asked { shift: 1, ..plain.clone() }, "dev.octet.equalization, dev.octet.int8"),
        ("observer", Asked { observer: Some("minmax"), ..plain.clone() }, "dev.octet.equalization"),
        (
            "both",
            Asked { wide: Some(EXPAND), shift: 1, ..plain.clone() },
            "dev.octet.equalization, dev.octet.int8, dev.octet.mixed-precision",
        ),
    ];
    assert_eq!(not_run(&run(&kept, &out("first"), &plain)), None);
    for (name, asked, expected) in &cases {
        assert_eq!(not_run(&run(&kept, &out(name), asked)), Some(*expected), "{name}");
        let alone = out(&format!("{name} alone"));
        assert_eq!(not_run(&run(&workers(), &alone, asked)), None, "{name}");
        same_files(&out(name), &alone);
    }
    let report = octet_engine::run::read_report(&out("both")).unwrap();
    assert_eq!(report.strategy.len(), 3);
}
