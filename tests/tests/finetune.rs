//! Finetuning through the program, on sample models and few pictures.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_tests::{Ran, root, run_octet};
use serde_json::Value;

fn fixture(name: &str) -> String {
    root().join("tests/fixtures").join(name).display().to_string()
}

/// A short training; `more` are further arguments.
fn finetune(
    model: &str,
    target: &str,
    chain: &str,
    out: &Path,
    more: &[&str],
    environment: &[(&str, &str)],
) -> Ran {
    let (model, pictures) = (fixture(&format!("models/{model}.onnx")), fixture("pictures"));
    let mut arguments =
        vec!["quantize", &model, "--images", &pictures, "--target", target, "--strategy", chain];
    arguments.extend([
        "--out",
        out.to_str().unwrap(),
        "--graphwise-pictures",
        "2",
        "--layerwise-pictures",
        "0",
    ]);
    arguments.extend(["--set", "finetune.steps=12"]);
    arguments.extend(more);
    run_octet(&arguments, environment)
}

fn report(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap()
}

#[test]
fn every_sample_model_is_trained_and_none_becomes_worse() {
    let models = [
        "torchvision_opset11",
        "timm_mobilenetv2_035",
        "keras_opset13",
        "torchvision_grey_80x112",
        "torchvision_unfolded",
    ];
    for model in models {
        for target in ["esp32p4", "esp32s3"] {
            let out = tempfile::tempdir().unwrap();
            let ran = finetune(model, target, "finetune", out.path(), &[], &[]);
            assert_eq!(ran.code, 0, "{model} {target}: {}", ran.stderr);
            let log = std::fs::read_to_string(out.path().join("log.txt")).unwrap();
            assert!(!log.contains("not trained up to"), "{model} {target}: {log}");
            assert!(log.contains("training: noise:signal") || log.contains("was taken back"), "{log}");
        }
    }
}

#[test]
fn a_chain_of_four_strategies_ends_in_a_valid_plan() {
    let out = tempfile::tempdir().unwrap();
    let set = ["--set", "mixed-precision.layers=*features.1/conv/conv.0/conv.0.0/Conv"];
    let chain = "equalization,int8,finetune,mixed-precision";
    let ran = finetune("torchvision_opset11", "esp32s3", chain, out.path(), &set, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = report(out.path());
    assert_eq!(report["strategy"].as_array().unwrap().len(), 4);
    let wide = report["layers"].as_array().unwrap().iter().filter(|l| l["bits"] == 16).count();
    assert_eq!(wide, 1);
}

#[test]
fn a_second_finetune_starts_from_the_float_weights_and_makes_nothing_worse() {
    let noise = |chain: &str| {
        let out = tempfile::tempdir().unwrap();
        let ran = finetune("torchvision_opset11", "esp32s3", chain, out.path(), &[], &[]);
        assert_eq!(ran.code, 0, "{chain}: {}", ran.stderr);
        let log = std::fs::read_to_string(out.path().join("log.txt")).unwrap();
        (report(out.path())["final"]["graphwise_nsr"].as_f64().unwrap(), log)
    };
    let (once, log) = noise("int8,finetune");
    assert!(!log.contains("trained again from the float weights"), "int8 rounds no weights: {log}");
    let (twice, log) = noise("int8,finetune,finetune");
    assert_eq!(log.matches("trained again from the float weights").count(), 1, "{log}");
    assert!(!log.contains("are not the float network's rounded"), "{log}");
    // Held-out pictures decide, and the report is about all.
    assert!(twice <= once * 1.1, "{once} {twice}");
}

#[test]
fn wide_layers_are_left_alone_and_told() {
    let out = tempfile::tempdir().unwrap();
    let set = ["--set", "mixed-precision.layers=*features.1/conv/conv.0/conv.0.0/Conv"];
    let ran =
        finetune("torchvision_opset11", "esp32p4", "int8,mixed-precision,finetune", out.path(), &set, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let log = std::fs::read_to_string(out.path().join("log.txt")).unwrap();
    assert!(log.contains("has another width than its neighbours"), "{log}");
}

#[test]
fn the_same_pictures_give_the_same_bytes_whatever_the_number_of_threads() {
    let runs = ["1", "3"].map(|threads| {
        let out = tempfile::tempdir().unwrap();
        let more = ["--threads", threads];
        let environment = [("RAYON_NUM_THREADS", threads)];
        let ran = finetune("torchvision_opset11", "esp32p4", "finetune", out.path(), &more, &environment);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        std::fs::read(out.path().join("model.espdl")).unwrap()
    });
    assert!(runs[0] == runs[1], "the models differ");
}

#[test]
fn curves_of_trained_and_held_out_pictures_are_in_the_report() {
    let out = tempfile::tempdir().unwrap();
    let ran = finetune("torchvision_opset11", "esp32p4", "finetune", out.path(), &[], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = report(out.path());
    let names: Vec<&str> = report["strategy"][0]["curves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|curve| curve["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].contains("trained pictures") && names[1].contains("held-out pictures"), "{names:?}");
}
