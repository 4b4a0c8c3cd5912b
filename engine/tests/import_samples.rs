//! Models as torchvision, timm and Keras export them open, and compute what ONNX Runtime computed when the fixtures
//! were made.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod common;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use common::{reference_input, relative_error, repository};
use octet_engine::float::{FloatExecutor, Tract};
use octet_engine::onnx;

fn samples() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(repository("tests/fixtures/models"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "the sample models are missing");
    files
}

#[test]
fn every_sample_computes_what_onnx_runtime_does() {
    for file in samples() {
        let opened = onnx::open(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        // The same network with its weights in a file beside it has the same answer.
        let inline = PathBuf::from(file.to_string_lossy().replace("_external", ""));
        let recorded = std::fs::read_to_string(inline.with_extension("output.json")).unwrap();
        let recorded: serde_json::Value = serde_json::from_str(&recorded).unwrap();
        let expected: Vec<f32> = serde_json::from_value(recorded["output"]["values"].clone()).unwrap();
        let plan = Tract.scores(&opened.network, &BTreeMap::new()).unwrap();
        let scores = plan.run(&[&reference_input(&opened.network)]).unwrap().remove(0);
        let error = relative_error(&scores, &expected);
        assert!(error < 1e-4, "{}: relative error {error}", file.display());
        assert_eq!(opened.network.tensor(opened.network.output).name, recorded["output"]["name"]);
        assert_eq!(opened.network.tensor(opened.network.input).name, recorded["input"]["name"]);
    }
}

#[test]
fn every_sample_is_simplified_to_the_operations_of_a_mobilenet() {
    let mut listing = String::new();
    for file in samples() {
        let opened = onnx::open(&file).unwrap();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for node in &opened.network.nodes {
            *counts.entry(node.op.onnx_name()).or_default() += 1;
        }
        let name = file.file_stem().unwrap().to_string_lossy();
        listing += &format!("{name} ({:?}): {counts:?}\n", opened.network.input_layout);
        for note in &opened.notes {
            listing += &format!("  {note}\n");
        }
    }
    insta::assert_snapshot!(listing);
}

#[test]
fn names_are_unique_and_no_node_of_the_file_is_forgotten() {
    for file in samples() {
        let opened = onnx::open(&file).unwrap();
        let tensors: HashSet<_> = opened.network.tensors.iter().map(|t| &t.name).collect();
        assert_eq!(tensors.len(), opened.network.tensors.len(), "{}", file.display());
        let nodes: HashSet<_> = opened.network.nodes.iter().map(|n| &n.name).collect();
        assert_eq!(nodes.len(), opened.network.nodes.len(), "{}", file.display());
        assert!(nodes.iter().all(|n| !n.is_empty() && !n.contains('\u{1}')));
    }
}
