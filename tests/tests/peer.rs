//! With its observer and its options, Octet decides and exports what ESP-PPQ does, and measures the same errors.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use octet_engine::analyse::{Ticker, graphwise_with, noise_to_signal};
use octet_engine::float::Tract;
use octet_engine::job::Cancel;
use octet_engine::network::{Network, NodeId};
use octet_engine::pictures::Preprocessing;
use octet_engine::plan::Plan;
use octet_engine::session::{PictureStore, Session, StatisticsCache, list_folders, plan_draft, simulator};
use octet_engine::target::TargetSpec;
use octet_engine::{host, onnx};
use octet_tests::{plugin, run_octet, shared};
use serde_json::Value;

const TARGETS: [(&str, &str); 2] = [("esp32p4", "p4_default"), ("esp32s3", "s3_default")];

/// One run per target, shared by the tests of this file's process.
fn run_folder(shared: &Path, target: &str) -> PathBuf {
    static P4: OnceLock<tempfile::TempDir> = OnceLock::new();
    static S3: OnceLock<tempfile::TempDir> = OnceLock::new();
    let cell = if target == "esp32p4" { &P4 } else { &S3 };
    let folder = cell.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let model = shared.join("models/mobilenetv2_imagenet_224.onnx");
        let images = shared.join("images/calib");
        let arguments = [
            "quantize",
            model.to_str().unwrap(),
            "--images",
            images.to_str().unwrap(),
            "--strategy",
            "int8",
            "--set",
            "observer=kl",
            "--target",
            target,
            "--keep-clip",
            "--out",
            folder.path().to_str().unwrap(),
            "--graphwise-pictures",
            "0",
        ];
        let ran = run_octet(&arguments, &[]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
        folder
    });
    folder.path().to_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn exponents(row: &Value) -> Vec<i64> {
    row["exp"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap() as i64).collect()
}

#[test]
fn every_exponent_equals_the_peers() {
    let Some(shared) = shared() else { return };
    for (target, peer) in TARGETS {
        let plan = json(&run_folder(&shared, target).join("plan.json"));
        let nodes: BTreeMap<&str, &Value> =
            plan["nodes"].as_array().unwrap().iter().map(|n| (n["name"].as_str().unwrap(), n)).collect();
        let rows = json(&shared.join("peer").join(peer).join("exponents.json"));
        let mut compared = 0;
        for row in rows.as_array().unwrap() {
            let (op, slot) = (row["op"].as_str().unwrap(), row["slot"].as_str().unwrap());
            let node = nodes.get(op).unwrap_or_else(|| panic!("no node `{op}`"));
            let one = |format: &Value| vec![format["exponent"].as_i64().unwrap()];
            let position: usize = slot[2..].parse().unwrap_or(0);
            let found = match (slot.starts_with("out"), row["type"].as_str().unwrap()) {
                (true, _) => one(&node["output"]),
                (false, "Clip") if position > 0 => one(&node["output"]),
                (false, _) if row["param"] == true => {
                    let of = &node["constants"][row["var"].as_str().unwrap()];
                    of.as_array().unwrap().iter().map(|e| e.as_i64().unwrap()).collect()
                }
                (false, _) => one(&node["inputs"][position]["read"]),
            };
            assert_eq!(found, exponents(row), "{target}: `{op}` {slot}");
            compared += 1;
        }
        assert!(compared > 300, "{target}: only {compared} rows");
    }
}

#[test]
fn weights_biases_and_layouts_are_the_peers_byte_for_byte() {
    let Some(shared) = shared() else { return };
    for (target, peer) in TARGETS {
        let ours = std::fs::read(run_folder(&shared, target).join("model.espdl")).unwrap();
        let theirs = std::fs::read(shared.join("peer").join(peer).join("model.espdl")).unwrap();
        let (ours, theirs) =
            (octet_runtime::Model::parse(&ours).unwrap(), octet_runtime::Model::parse(&theirs).unwrap());
        let mut compared = 0;
        for expected in
            theirs.initializers().filter(|t| t.name().ends_with("weight") || t.name().ends_with("bias"))
        {
            let name = expected.name();
            let found = ours.initializer(name).unwrap_or_else(|| panic!("{target}: no `{name}`"));
            assert_eq!(found.layout(), expected.layout(), "{target}: layout of `{name}`");
            assert_eq!(found.dtype(), expected.dtype(), "{target}: type of `{name}`");
            assert!(found.shape().iter().eq(expected.shape().iter()), "{target}: dims of `{name}`");
            assert!(
                found.exponents().iter().eq(expected.exponents().iter()),
                "{target}: exponents of `{name}`"
            );
            assert!(found.data() == expected.data(), "{target}: bytes of `{name}`");
            compared += 1;
        }
        assert_eq!(compared, 106, "{target}");
    }
}

/// (graphwise, layerwise) of `tables.txt`, in per cent.
fn tables(shared: &Path, peer: &str) -> [BTreeMap<String, f64>; 2] {
    let text = std::fs::read_to_string(shared.join("peer").join(peer).join("tables.txt")).unwrap();
    let mut tables = [BTreeMap::new(), BTreeMap::new()];
    let mut current = 0;
    for line in text.lines() {
        if line.starts_with("Layer") {
            current += 1;
        } else if let [name, _, figure] = line.split('|').collect::<Vec<_>>()[..] {
            let name = name.trim().trim_end_matches(':').to_owned();
            tables[current - 1].insert(name, figure.trim().trim_end_matches('%').parse().unwrap());
        }
    }
    tables
}

#[test]
fn layerwise_figures_are_the_peers() {
    let Some(shared) = shared() else { return };
    for (target, peer) in TARGETS {
        let report = json(&run_folder(&shared, target).join("report.json"));
        let [_, expected] = tables(&shared, peer);
        assert_eq!(expected.len(), 53);
        let mut compared = 0;
        for layer in report["layers"].as_array().unwrap() {
            let Some(&theirs) = expected.get(layer["name"].as_str().unwrap()) else { continue };
            compared += 1;
            let ours = layer["layerwise_nsr"].as_f64().unwrap() * 100.0;
            let tolerance = (theirs * 0.01).max(0.0006);
            assert!(
                (ours - theirs).abs() <= tolerance,
                "{target}: {}: {ours} against {theirs}",
                layer["name"]
            );
        }
        assert_eq!(compared, 53, "{target}");
    }
}

/// ESP-PPQ compares 4096 elements of each tensor (`utils/fetch.py`).
fn sampled(quantized: &[f32], float: &[f32]) -> f64 {
    let mut seed: u64 = 10086;
    let indices: Vec<usize> = (0..4096)
        .map(|_| {
            let index = (seed % float.len() as u64) as usize;
            seed = (0x343FD * seed + 0x269EC3) % (1 << 32);
            index
        })
        .collect();
    let floats: Vec<f32> = indices.iter().map(|&i| float[i]).collect();
    noise_to_signal(indices.iter().map(|&i| quantized[i]), &floats)
}

#[test]
fn graphwise_figures_of_linear_operations_are_the_peers() {
    let Some(shared) = shared() else { return };
    for (target, peer) in TARGETS {
        let (network, draft, plan, inputs) = quantized_in_process(&shared, target);
        let simulator = simulator(&network, &draft, &plan).unwrap();
        let cancel = Cancel::default();
        let ticker = Ticker::new(&cancel, &|_, _| {});
        let figure = |_: Option<NodeId>, quantized: &[f32], float: &[f32]| sampled(quantized, float);
        let graphwise =
            graphwise_with(&network, &draft, &plan, &simulator, &Tract, &inputs, &ticker, &figure).unwrap();
        let [expected, _] = tables(&shared, peer);
        let mut compared = 0;
        for node in &graphwise.nodes {
            let (planned, of) = (plan.node(node.node), network.node(node.node));
            if !of.op.is_computing() || planned.activation.is_some() {
                continue;
            }
            let (ours, theirs) = (node.nsr * 100.0, expected[&of.name]);
            assert!((ours - theirs).abs() <= 0.01, "{target}: {}: {ours} against {theirs}", of.name);
            compared += 1;
        }
        assert_eq!(compared, 18);
    }
}

type Quantized = (Arc<Network>, octet_engine::draft::Draft, Plan, Vec<Vec<f32>>);

fn quantized_in_process(shared: &Path, target: &str) -> Quantized {
    let target = TargetSpec::by_name(target).unwrap();
    let opened = onnx::open(&shared.join("models/mobilenetv2_imagenet_224.onnx")).unwrap();
    let network = Arc::new(opened.network);
    let preprocessing = Preprocessing::of_network(&network, &BTreeMap::new()).unwrap();
    let listing = list_folders(&[shared.join("images/calib")]).unwrap();
    let cancel = Cancel::default();
    let pictures = Arc::new(PictureStore::load(&listing, preprocessing, &cancel, &|_| {}));
    let statistics = Arc::<StatisticsCache>::default();
    let (store, sink) = (Arc::clone(&pictures), Arc::new(|_| {}));
    let mut session =
        Session::new(Arc::clone(&network), target, Arc::new(Tract), store, statistics, cancel, sink);
    let library = plugin("octet-int8");
    let description = host::describe_library(&library).unwrap();
    let observer = BTreeMap::from([("observer".to_owned(), Value::from("kl"))]);
    let settings = host::settings(&description, &observer).unwrap();
    host::run_library(&library, &settings, &mut session).unwrap();
    let mut draft = session.into_draft();
    let (plan, _) = plan_draft(&network, &mut draft, target, false).unwrap();
    let inputs = (0..pictures.len()).map(|i| pictures.input(i).unwrap()).collect();
    (network, draft, plan, inputs)
}
