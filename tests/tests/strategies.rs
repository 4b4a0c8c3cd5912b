//! Chains of strategies through the program, on sample models with random weights.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_tests::{root, run_octet};
use serde_json::Value;

const WIDE_LAYER: &str = "layers=*features.1/conv/conv.0/conv.0.0/Conv";

fn fixture(name: &str) -> String {
    root().join("tests/fixtures").join(name).display().to_string()
}

/// Runs `octet quantize` on few pictures and returns the report.
fn quantize(model: &str, target: &str, out: &Path, more: &[&str]) -> Value {
    let (model, pictures) = (fixture(&format!("models/{model}.onnx")), fixture("pictures"));
    let mut arguments = vec!["quantize", &model, "--images", &pictures, "--target", target, "--out"];
    arguments.push(out.to_str().unwrap());
    arguments.extend(["--graphwise-pictures", "2", "--layerwise-pictures", "0"]);
    arguments.extend(more);
    let ran = run_octet(&arguments, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap()
}

fn wide_layers(report: &Value) -> Vec<String> {
    let layers = report["layers"].as_array().unwrap();
    let wide = layers.iter().filter(|l| l["bits"] == 16);
    wide.map(|l| l["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_layer_named_by_a_pattern_is_exported_in_16_bits_and_the_rest_in_8() {
    for target in ["esp32p4", "esp32s3", "esp32c3"] {
        let out = tempfile::tempdir().unwrap();
        let chain = ["--strategy", "int8,mixed-precision", "--set"];
        let set = format!("mixed-precision.{WIDE_LAYER}");
        let report =
            quantize("torchvision_opset11", target, out.path(), &[&chain[..], &[set.as_str()]].concat());
        assert_eq!(wide_layers(&report), ["/features/features.1/conv/conv.0/conv.0.0/Conv"], "{target}");
        let model = out.path().join("model.espdl");
        let inspected = run_octet(&["inspect", model.to_str().unwrap(), "--json"], &[]);
        let requantized = inspected.stdout.matches("\"RequantizeLinear\"").count();
        assert!(requantized >= 2, "{target}: {requantized} RequantizeLinear where widths meet");
    }
}

#[test]
fn every_operation_has_16_bits_where_all_are_asked_for() {
    for (model, target) in
        [("keras_opset13", "esp32p4"), ("keras_opset13", "esp32s3"), ("torchvision_opset11", "esp32c3")]
    {
        let out = tempfile::tempdir().unwrap();
        let chain =
            ["--strategy", "int8,mixed-precision", "--set", "mixed-precision.layers=*", "--keep-clip"];
        let report = quantize(model, target, out.path(), &chain);
        let layers = report["layers"].as_array().unwrap();
        assert_eq!(wide_layers(&report).len(), layers.iter().filter(|l| l["op"] != "Softmax").count());
        let noise = report["final"]["graphwise_nsr"].as_f64().unwrap();
        // In 8 bits it is from 10 % on.
        assert!(noise < 0.005, "{model} on {target}: {noise}");
    }
}

#[test]
fn the_search_stays_within_its_budget_and_tells_what_it_found() {
    let out = tempfile::tempdir().unwrap();
    let narrow = tempfile::tempdir().unwrap();
    let before = quantize("torchvision_opset11", "esp32s3", narrow.path(), &["--strategy", "int8"]);
    let set = ["--strategy", "int8,mixed-precision", "--set", "mixed-precision.max_extra_time_percent=10"];
    let few = ["--set", "mixed-precision.pictures=1", "--set", "mixed-precision.except=*features.1?/*"];
    let report = quantize("torchvision_opset11", "esp32s3", out.path(), &[&set[..], &few].concat());
    let time = |report: &Value| report["latency"]["estimated_ms"].as_f64().unwrap();
    assert!(time(&report) <= 1.1001 * time(&before), "{} {}", time(&report), time(&before));
    let wide = wide_layers(&report);
    assert!(wide.iter().all(|name| !name.contains("features.1") || name.contains("features.1/")), "{wide:?}");
    let log = std::fs::read_to_string(out.path().join("log.txt")).unwrap();
    assert!(log.contains("the search: noise:signal"), "{log}");
}

#[test]
fn a_pipeline_file_repeats_a_run_byte_for_byte() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let set = format!("mixed-precision.{WIDE_LAYER}");
    let chain = ["--strategy", "int8,mixed-precision", "--set", &set, "--set", "int8.observer=kl"];
    quantize("torchvision_opset11", "esp32p4", first.path(), &chain);
    let pipeline = first.path().join("pipeline.json");
    quantize("torchvision_opset11", "esp32p4", second.path(), &["--pipeline", pipeline.to_str().unwrap()]);
    for file in ["model.espdl", "plan.json", "pipeline.json"] {
        let [a, b] = [&first, &second].map(|run| std::fs::read(run.path().join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
}

#[test]
fn a_setting_goes_to_every_strategy_of_its_id_or_to_one_place_of_the_chain() {
    let out = tempfile::tempdir().unwrap();
    let chain = ["--strategy", "int8,mixed-precision,mixed-precision"];
    let layers = ["--set", "mixed-precision.layers=*features.1/conv/conv.0/conv.0.0/Conv"];
    let last = ["--set", "3.layers=*features.2/conv/conv.2/Conv"];
    let report =
        quantize("torchvision_opset11", "esp32p4", out.path(), &[&chain[..], &layers, &last].concat());
    let of = |place: usize| report["strategy"][place]["settings"]["layers"].as_str().unwrap();
    assert_eq!(of(1), "*features.1/conv/conv.0/conv.0.0/Conv");
    assert_eq!(of(2), "*features.2/conv/conv.2/Conv");

    quantize("torchvision_opset11", "esp32p4", out.path(), &[&chain[..], &layers].concat());
    let report: Value =
        serde_json::from_slice(&std::fs::read(out.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["strategy"][1]["settings"], report["strategy"][2]["settings"]);
}

#[test]
fn the_flash_of_a_promotion_is_what_the_file_grows_by() {
    // The first layer, whose promotion also widens the picture that a file brings to be tested with.
    let (narrow, wide) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    quantize("torchvision_opset11", "esp32p4", narrow.path(), &["--strategy", "int8"]);
    let layers = "mixed-precision.layers=*features.0/features.0.0/Conv";
    let chain = ["--strategy", "int8,mixed-precision", "--set", layers];
    quantize("torchvision_opset11", "esp32p4", wide.path(), &chain);
    let [before, after] =
        [&narrow, &wide].map(|run| std::fs::metadata(run.path().join("model.espdl")).unwrap().len() as f64);
    let log = std::fs::read_to_string(wide.path().join("log.txt")).unwrap();
    let flash = log.split("flash ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let grown: f64 = flash.parse().unwrap();
    // The file's own text, such as the list of what was decided, is not a matter of the network.
    assert!((grown - (after - before) / 1024.0).abs() < 1.0, "{flash} KiB told, {before} to {after} bytes");
    assert!(grown > 5.0, "{flash}");
}

#[test]
fn a_strategy_that_cannot_run_alone_says_who_should_stand_beside_it() {
    let out = tempfile::tempdir().unwrap();
    let (model, pictures) = (fixture("models/torchvision_opset11.onnx"), fixture("pictures"));
    let arguments = ["quantize", &model, "--images", &pictures, "--target", "esp32p4", "--out"];
    for (strategy, example) in [
        ("mixed-precision", "--strategy int8,mixed-precision"),
        ("qat-hook", "--strategy int8,qat-hook"),
        ("equalization", "--strategy equalization,int8"),
    ] {
        let strategy = ["--strategy", strategy];
        let ran = run_octet(&[&arguments[..], &[out.path().to_str().unwrap()], &strategy].concat(), &[]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(example), "{}", ran.stderr);
        assert!(std::fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was begun");
    }
}

const SAMPLES: [&str; 9] = [
    "torchvision_opset11",
    "torchvision_opset17_batch",
    "torchvision_opset21_initializers",
    "torchvision_unfolded",
    "torchvision_grey_80x112",
    "timm_mobilenetv2_035",
    "keras_opset13",
    "keras_opset18",
    "torchvision_dynamo",
];

#[test]
fn every_sample_model_is_equalized_and_quantized() {
    for model in SAMPLES {
        for target in ["esp32p4", "esp32s3"] {
            let out = tempfile::tempdir().unwrap();
            let report = quantize(model, target, out.path(), &["--strategy", "equalization,int8"]);
            let nsr = report["final"]["graphwise_nsr"].as_f64().unwrap();
            assert!(nsr.is_finite(), "{model} on {target}: {nsr}");
            let inspected =
                run_octet(&["inspect", out.path().join("model.espdl").to_str().unwrap(), "--json"], &[]);
            assert_eq!(inspected.code, 0, "{}", inspected.stderr);
            let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap();
            assert_eq!(inspected["unsupported"].as_array().map(Vec::len), Some(0), "{model} on {target}");
            let log = std::fs::read_to_string(out.path().join("log.txt")).unwrap();
            assert!(log.contains("groups of layers balanced"), "{model}: {log}");
            assert!(log.contains("the float network "), "{model}: {log}");
        }
    }
}

/// Agreement with the float network, of a chain on the embedded model and the photographs that come with it.
fn agreement_of_the_embedded_model(chain: &[&str]) -> f64 {
    let demo = root().join("app/assets/demo");
    let out = tempfile::tempdir().unwrap();
    let [model, pictures] =
        ["mobilenetv2_dogs19_160.onnx", "pictures"].map(|n| demo.join(n).display().to_string());
    let folder = out.path().to_str().unwrap();
    let arguments = ["quantize", &model, "--images", &pictures, "--eval", &pictures, "--target", "esp32s3"];
    let rest = ["--graphwise-pictures", "1", "--layerwise-pictures", "0", "--out", folder, "--strategy"];
    let ran = run_octet(&[&arguments[..], &rest, chain].concat(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value =
        serde_json::from_slice(&std::fs::read(out.path().join("report.json")).unwrap()).unwrap();
    report["evaluation"]["agreement"].as_f64().unwrap()
}

#[test]
fn one_channel_with_large_weights_no_longer_ruins_a_chip_with_one_exponent_per_layer() {
    let before = agreement_of_the_embedded_model(&["int8"]);
    let after = agreement_of_the_embedded_model(&["equalization,int8"]);
    assert!(after > before + 0.2, "{before} {after}");
}

#[test]
fn equalization_behind_int8_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let (model, pictures) = (fixture("models/torchvision_dynamo.onnx"), fixture("pictures"));
    let arguments = ["quantize", &model, "--images", &pictures, "--target", "esp32s3", "--out"];
    let strategy = ["--strategy", "int8,equalization"];
    let ran = run_octet(&[&arguments[..], &[out.path().to_str().unwrap()], &strategy].concat(), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--strategy equalization,int8"), "{}", ran.stderr);
}

#[test]
fn layers_of_interest_are_named_or_refused() {
    let equalize = |set: &[&str]| -> (i32, String) {
        let out = tempfile::tempdir().unwrap();
        let (model, pictures) = (fixture("models/torchvision_opset11.onnx"), fixture("pictures"));
        let arguments = ["quantize", &model, "--images", &pictures, "--target", "esp32s3", "--out"];
        let rest =
            ["--graphwise-pictures", "1", "--layerwise-pictures", "0", "--strategy", "equalization,int8"];
        let set = &[set, &["--set", "equalization.mode=classic"]].concat()[..];
        let ran = run_octet(&[&arguments[..], &[out.path().to_str().unwrap()], &rest, set].concat(), &[]);
        (ran.code, ran.stderr + &std::fs::read_to_string(out.path().join("log.txt")).unwrap_or_default())
    };
    let first =
        "equalization.interested_layers=*features.0.0/Conv,/features/features.1/conv/conv.0/conv.0.0/Conv";
    let (code, log) = equalize(&["--set", first]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("2 pairs of layers to equalize") && log.contains("2 ReLU6 are ReLU now"), "{log}");
    let (code, log) = equalize(&["--set", first, "--set", "equalization.except=*features.0.0/Conv"]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("1 pairs of layers to equalize"), "{log}");
    let (code, log) = equalize(&["--set", "equalization.interested_layers=nobody"]);
    assert!(code == 1 && log.contains("no Conv or Gemm is called `nobody`"), "{log}");
}
