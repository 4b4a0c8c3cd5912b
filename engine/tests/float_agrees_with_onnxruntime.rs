//! Every activation of the float network equals ONNX Runtime's. Needs a Python with onnx and onnxruntime, named by
//! `OCTET_PYTHON`; models are those embedded and the samples, or the ones in `OCTET_MODELS` (separated by `:`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{reference_input, relative_error, repository};
use octet_engine::float::{FloatExecutor, Tract, cut_after};
use octet_engine::network::{InputLayout, TensorId};
use octet_engine::onnx;

fn models() -> Vec<PathBuf> {
    if let Ok(list) = std::env::var("OCTET_MODELS") {
        return std::env::split_paths(&list).collect();
    }
    let folders = ["tests/fixtures/models", "app/assets"];
    let files = folders.iter().filter_map(|f| std::fs::read_dir(repository(f)).ok()).flatten();
    let mut files: Vec<_> =
        files.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "onnx")).collect();
    files.sort();
    files
}

/// Runs the reference and returns every tensor that it wrote, with its shape.
fn reference(python: &str, model: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new(python)
        .arg(repository("tools/onnxruntime_reference.py"))
        .arg(model)
        .arg("--seed")
        .arg("--out")
        .arg(dir.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the reference failed for {}", model.display());
    let index = std::fs::read_to_string(dir.path().join("tensors.json")).unwrap();
    let index: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&index).unwrap();
    index
        .into_iter()
        .filter_map(|(name, entry)| {
            let bytes = std::fs::read(dir.path().join(entry["file"].as_str().unwrap())).unwrap();
            let npy = npyz::NpyFile::new(&bytes[..]).unwrap();
            let shape = npy.shape().iter().map(|&d| usize::try_from(d).unwrap()).collect();
            // Integer tensors belong to arithmetic on shapes, which import has folded.
            Some((name, (shape, npy.into_vec::<f32>().ok()?)))
        })
        .collect()
}

/// The NHWC reference of an activation that Octet has as NCHW.
fn to_nchw(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let (h, w, c) = (shape[1], shape[2], shape[3]);
    (0..c).flat_map(|k| (0..h * w).map(move |p| values[p * c + k])).collect()
}

#[test]
fn every_named_activation_agrees() {
    let Ok(python) = std::env::var("OCTET_PYTHON") else {
        eprintln!("skipped: no OCTET_PYTHON");
        return;
    };
    for model in models() {
        let network = onnx::open(&model).unwrap().network;
        let expected = reference(&python, &model);
        let wanted: Vec<TensorId> = network.nodes.iter().map(octet_engine::network::Node::output).collect();
        let none = BTreeMap::new();
        let plan = Tract.outputs(&network, &wanted, &none).unwrap();
        let input = reference_input(&network);
        let outputs = plan.run(&[&input]).unwrap();
        let (mut compared, mut worst) = (0, 0.0_f32);
        for (&id, values) in wanted.iter().zip(&outputs) {
            let tensor = network.tensor(id);
            let Some((shape, reference)) = expected.get(&tensor.name) else { continue };
            let turned =
                network.input_layout == InputLayout::Nhwc && shape.len() == 4 && *shape != tensor.shape;
            let error = if turned {
                relative_error(values, &to_nchw(shape, reference))
            } else {
                relative_error(values, reference)
            };
            assert!(error < 1e-4, "{}: `{}` differs by {error}", model.display(), tensor.name);
            compared += 1;
            worst = worst.max(error);
        }
        // Only what a pass inserted has no counterpart: a pool in front of the Flatten that a mean became.
        assert!(compared + 1 >= wanted.len(), "{}: {compared} of {}", model.display(), wanted.len());
        println!("{}: {compared} of {} activations, worst {worst:e}", model.display(), wanted.len());

        // From any cut on the scores are the same.
        let scores = outputs.last().unwrap();
        for (i, &id) in wanted.iter().enumerate().step_by(9) {
            let cut = cut_after(&network, id);
            let given: Vec<&[f32]> = cut
                .iter()
                .map(|c| match wanted.iter().position(|w| w == c) {
                    Some(at) => &outputs[at][..],
                    None => &input[..],
                })
                .collect();
            let from_cut = Tract.suffix(&network, &cut, &none).unwrap().run(&given).unwrap().remove(0);
            let error = relative_error(&from_cut, scores);
            assert!(error < 1e-5, "{}: from node {i} on the scores differ by {error}", model.display());
        }
    }
}
