//! The command line: every kind of model goes through, results do not depend on threads, mistakes are explained.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_tests::{python, root, run_octet};
use serde_json::Value;

fn fixture(name: &str) -> String {
    root().join("tests/fixtures").join(name).to_str().unwrap().to_owned()
}

fn pictures() -> String {
    root().join("app/assets/demo/pictures").to_str().unwrap().to_owned()
}

fn quantize(model: &str, target: &str, out: &Path, more: &[&str]) -> Value {
    let images = fixture("pictures");
    let mut arguments = vec![
        "quantize",
        model,
        "--images",
        &images,
        "--strategy",
        "int8",
        "--target",
        target,
        "--out",
        out.to_str().unwrap(),
        "--graphwise-pictures",
        "4",
        "--layerwise-pictures",
        "1",
    ];
    arguments.extend(more);
    let ran = run_octet(&arguments, &[]);
    assert_eq!(ran.code, 0, "{model}: {}{}", ran.stdout, ran.stderr);
    serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap()
}

#[test]
fn every_sample_model_is_quantized_for_every_kind_of_target() {
    for name in [
        "torchvision_opset11",
        "torchvision_opset17_batch",
        "torchvision_opset21_initializers",
        "torchvision_unfolded",
        "torchvision_grey_80x112",
        "timm_mobilenetv2_035",
        "keras_opset13",
        "keras_opset18",
        "torchvision_dynamo",
    ] {
        let model = fixture(&format!("models/{name}.onnx"));
        for target in ["esp32p4", "esp32s3", "esp32c3"] {
            let out = tempfile::tempdir().unwrap();
            let report = quantize(&model, target, out.path(), &[]);
            assert_eq!(report["target"], target);
            let nsr = report["final"]["graphwise_nsr"].as_f64().unwrap();
            assert!(nsr.is_finite(), "{name} on {target}: {nsr}");
            // The weights are trained on nothing, which makes scores of mere noise; but the first layers follow.
            for layer in &report["layers"].as_array().unwrap()[..6] {
                let nsr = layer["graphwise_nsr"].as_f64().unwrap();
                assert!(nsr < 0.06, "{name} on {target}: {}: {nsr}", layer["name"]);
            }
            let skipped = report["calibration"]["skipped"].as_array().unwrap();
            assert!(!skipped.is_empty(), "the broken fixtures are reported");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let model = fixture("models/torchvision_opset11.onnx");
    let out = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    quantize(&model, "esp32p4", out[0].path(), &["--threads", "1"]);
    quantize(&model, "esp32p4", out[1].path(), &["--threads", "3"]);
    for file in ["model.espdl", "model.qdq.onnx", "plan.json"] {
        let [a, b] = [0, 1].map(|i: usize| std::fs::read(out[i].path().join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
}

#[test]
fn json_output_is_one_object_a_line_and_ends_with_the_run() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let ran = run_octet(&["demo", "--out", folder, "--json"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events.last().unwrap()["event"], "done");
    assert_eq!(events.last().unwrap()["run"], folder);
    for file in
        ["report.json", "report.html", "report.schema.json", "model.espdl", "model.qdq.onnx", "plan.json"]
    {
        assert!(out.path().join(file).is_file(), "{file}");
    }
    let report: Value =
        serde_json::from_slice(&std::fs::read(out.path().join("report.json")).unwrap()).unwrap();
    assert!(report["evaluation"]["agreement"].as_f64().unwrap() >= 0.5, "{}", report["evaluation"]);
    let model = out.path().join("model.espdl");
    let picture = format!("{}/dog_german_shepherd.jpg", pictures());
    let ran = run_octet(&["infer", model.to_str().unwrap(), "--image", &picture, "--json"], &[]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["top"][0]["index"], 9, "German shepherd: {answer}");
}

#[test]
fn mistakes_are_explained_and_exit_with_two() {
    let model = fixture("models/torchvision_opset11.onnx");
    let images = fixture("pictures");
    let base = ["quantize", &model, "--images", &images];
    for (more, words) in [
        (vec!["--strategy", "int8", "--target", "esp8266"], "esp32p4"),
        (vec!["--strategy", "none-such", "--target", "esp32p4"], "dev.octet.int8"),
        (vec!["--strategy", "int8", "--target", "esp32p4", "--set", "observer"], "key=value"),
        (vec!["--strategy", "int8", "--target", "esp32p4", "--set", "observer=psychic"], "kl"),
        (vec!["--strategy", "int8", "--target", "esp32p4", "--set", "observr=kl"], "there is no setting"),
        (vec!["--strategy", "int8"], "--target"),
    ] {
        let arguments: Vec<&str> = base.iter().copied().chain(more).collect();
        let ran = run_octet(&arguments, &[]);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_mistyped_command_is_no_file_to_open() {
    for arguments in
        [&["quantise"][..], &["quantise", "net.onnx"], &["quantise", "net.onnx", "--target", "esp32"]]
    {
        let ran = run_octet(arguments, &[]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("no command of that name") && ran.stderr.contains("quantize"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(run_octet(&["help"], &[]).code, 0);
}

#[test]
fn bad_input_is_an_error_with_exit_one_that_names_it() {
    let model = fixture("models/torchvision_opset11.onnx");
    let images = fixture("pictures");
    let missing = fixture("models/bad/none-such.onnx");
    let text = fixture("pictures/README.md");
    let out = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    let cases: [(&str, &str, &[&str], &str); 4] = [
        (&missing, &images, &[], "none-such.onnx"),
        (&text, &images, &[], "README.md"),
        (&model, empty.path().to_str().unwrap(), &[], "picture"),
        (&model, &images, &["--mean", "a,b,c"], "mean"),
    ];
    for (model, images, more, words) in cases {
        let mut arguments = vec![
            "quantize",
            model,
            "--images",
            images,
            "--strategy",
            "int8",
            "--target",
            "esp32p4",
            "--out",
            out,
        ];
        arguments.extend(more);
        let ran = run_octet(&arguments, &[]);
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn inspect_lists_all_that_is_unsupported_at_once() {
    let listed = |name: &str| -> Vec<(String, String)> {
        let ran = run_octet(&["inspect", &fixture(&format!("models/bad/{name}.onnx")), "--json"], &[]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        let object: Value = serde_json::from_str(&ran.stdout).unwrap();
        let nodes = object["unsupported"].as_array().unwrap().clone();
        let text =
            |node: &Value, key: &str| node[key].as_str().unwrap_or_else(|| panic!("{node}")).to_owned();
        nodes.iter().map(|node| (text(node, "op"), text(node, "node"))).collect()
    };
    let pair = |op: &str, node: &str| (op.to_owned(), node.to_owned());
    assert_eq!(listed("hard_swish"), [pair("HardSwish", "/odd/HardSwish")]);
    assert_eq!(
        listed("reshape_and_hard_swish"),
        [pair("Reshape", "/odd/Reshape"), pair("HardSwish", "/odd/HardSwish")]
    );
}

#[test]
fn every_bad_model_is_refused_or_listed_by_inspect() {
    for entry in std::fs::read_dir(fixture("models/bad")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "onnx") {
            let ran = run_octet(&["inspect", path.to_str().unwrap(), "--json"], &[]);
            assert!(matches!(ran.code, 0 | 1), "{}: {}", path.display(), ran.stderr);
        }
    }
}

#[test]
fn a_dump_ends_with_the_answer_of_the_same_picture() {
    for model in ["keras_opset13", "torchvision_opset11"] {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().to_str().unwrap();
        let (model, picture) = (fixture(&format!("models/{model}.onnx")), fixture("pictures/scene.png"));
        let ran = run_octet(&["infer", &model, "--image", &picture, "--json", "--dump", folder], &[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
        let index: Value =
            serde_json::from_slice(&std::fs::read(out.path().join("tensors.json")).unwrap()).unwrap();
        let dumped: Vec<Vec<u8>> = index
            .as_object()
            .unwrap()
            .values()
            .map(|t| std::fs::read(out.path().join(t["file"].as_str().unwrap())).unwrap())
            .collect();
        let logits = answer["output"]["values"].as_array().unwrap();
        let bytes: Vec<u8> = logits.iter().flat_map(|v| (v.as_f64().unwrap() as f32).to_le_bytes()).collect();
        assert!(dumped.iter().any(|npy| npy.ends_with(&bytes)), "{model}: no tensor holds the logits");
    }
}

#[test]
fn a_fill_value_of_a_pad_is_simulated_as_it_is() {
    let out = tempfile::tempdir().unwrap();
    let report = quantize(&fixture("models/bad/pad_value.onnx"), "esp32p4", out.path(), &[]);
    let nsr = report["final"]["graphwise_nsr"].as_f64().unwrap();
    assert!(nsr < 0.01, "{nsr}");
}

#[test]
fn onnx_runtime_names_the_same_classes_from_the_qdq_model() {
    let Some(python) = python() else { return };
    let model = root().join("app/assets/demo/mobilenetv2_dogs19_160.onnx");
    let copy = tempfile::tempdir().unwrap();
    for picture in std::fs::read_dir(root().join("app/assets/demo/pictures")).unwrap() {
        let picture = picture.unwrap();
        std::fs::copy(picture.path(), copy.path().join(picture.file_name())).unwrap();
    }
    let photographs = copy.path().to_str().unwrap();
    // The esp32s3 rounds half up, the esp32p4 half to even.
    for target in ["esp32p4", "esp32s3"] {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().to_str().unwrap();
        let ran = run_octet(
            &[
                "quantize",
                model.to_str().unwrap(),
                "--images",
                photographs,
                "--target",
                target,
                "--out",
                folder,
                "--strategy",
                "int8",
                "--layerwise-pictures",
                "0",
            ],
            &[],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let espdl = out.path().join("model.espdl");
        let ran = run_octet(
            &["evaluate", espdl.to_str().unwrap(), "--images", photographs, "--predictions", "--json"],
            &[],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let ours: Value = serde_json::from_str(&ran.stdout).unwrap();
        let script = root().join("tools/onnxruntime_classes.py");
        let output = std::process::Command::new(&python)
            .args([script.as_os_str(), out.path().join("model.qdq.onnx").as_os_str()])
            .arg(photographs)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
        let predictions = ours["predictions"].as_array().unwrap();
        assert!(predictions.len() >= 32);
        let same = predictions.iter().filter(|p| theirs[p["file"].as_str().unwrap()] == p["top5"][0]).count();
        assert_eq!(same, predictions.len(), "{target}: as many classes as pictures are the same");
    }
}

#[test]
fn what_is_wrong_with_the_pictures_is_told_before_the_work_and_remedies_can_be_run() {
    let model = fixture("models/torchvision_opset11.onnx");
    let images = fixture("pictures");
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let base = ["quantize", &model, "--images", &images, "--target", "esp32s3", "--layerwise-pictures", "1"];
    let more = ["--strategy", "int8", "--eval", &images, "--out", folder, "--json"];
    let ran = run_octet(&[&base[..], &more].concat(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let place = |wanted: &dyn Fn(&Value) -> bool| events.iter().position(wanted).unwrap();
    let work = place(&|e| e["phase"] == "calibrate");
    for rule in ["evaluation-overlap", "flat-pictures"] {
        let told = place(&|e| e["event"] == "warning" && e["rule"] == rule);
        assert!(told < work, "{rule}: {told}, {work}");
        assert!(events[told]["text"].is_string() && events[told]["remedy"]["kind"] == "pictures");
    }
    let report: Value =
        serde_json::from_slice(&std::fs::read(out.path().join("report.json")).unwrap()).unwrap();
    let rules = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert!(rules(&report["calibration"]["findings"]).contains(&"evaluation-overlap".to_owned()));
    // The weights are trained on nothing, so the scores are noise.
    let noise = report["advice"].as_array().unwrap().iter().find(|f| f["rule"] == "final-noise").unwrap();
    assert_eq!(noise["remedy"]["kind"], "pipeline");
    let page = std::fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(page.contains("What would help") && page.contains(noise["arguments"].as_str().unwrap()));

    let ran = run_octet(&["advise", folder, "--json"], &[]);
    let again: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(again["advice"], report["advice"]);

    let better = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = noise["arguments"].as_str().unwrap().split(' ').collect();
    let to = ["--out", better.path().to_str().unwrap()];
    let ran = run_octet(&[&base[..], &to, &arguments].concat(), &[]);
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    let pipeline: Value =
        serde_json::from_slice(&std::fs::read(better.path().join("pipeline.json")).unwrap()).unwrap();
    let ids =
        |list: &Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|s| s["id"].clone()).collect() };
    assert_eq!(ids(&pipeline["strategies"]), ids(&noise["remedy"]["strategies"]));
}

#[test]
fn pictures_that_the_advice_leaves_out_are_left_out_by_its_arguments() {
    let model = fixture("models/torchvision_opset11.onnx");
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let picture = Path::new(&pictures()).join("dog_german_shepherd.jpg");
    // The same name in both folders, once with the same content.
    for (folder, name) in [(0, "a_dog.jpg"), (1, "a_dog.jpg"), (1, "other.jpg")] {
        std::fs::copy(&picture, folders[folder].path().join(name)).unwrap();
    }
    let scene = root().join("tests/fixtures/pictures/scene.png");
    std::fs::copy(scene, folders[0].path().join("scene.png")).unwrap();
    let run = |more: &[String]| {
        let out = tempfile::tempdir().unwrap();
        let mut arguments = vec!["quantize", &model, "--target", "esp32s3", "--strategy", "int8"];
        arguments.extend(folders.iter().flat_map(|f| ["--images", f.path().to_str().unwrap()]));
        arguments.extend(["--layerwise-pictures", "0", "--graphwise-pictures", "1"]);
        arguments.extend(["--out", out.path().to_str().unwrap()]);
        arguments.extend(more.iter().map(String::as_str));
        let ran = run_octet(&arguments, &[]);
        let report = std::fs::read(out.path().join("report.json")).ok();
        (ran, report.map_or(Value::Null, |r| serde_json::from_slice(&r).unwrap()))
    };
    let (ran, report) = run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let finding = |report: &Value| {
        let findings = report["calibration"]["findings"].as_array().unwrap();
        findings.iter().find(|f| f["rule"] == "duplicate-pictures").cloned()
    };
    let found = finding(&report).unwrap();
    let arguments = found["arguments"].as_str().unwrap().split(' ').map(str::to_owned);
    let arguments: Vec<String> = arguments.collect();
    assert_eq!(arguments.iter().filter(|a| *a == "--leave-out").count(), 2, "{arguments:?}");
    assert!(ran.stdout.contains("--leave-out other.jpg"), "{}", ran.stdout);

    let (ran, report) = run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(report["calibration"]["used"], serde_json::json!(["a_dog.jpg", "scene.png"]));
    assert_eq!(report["calibration"]["skipped"].as_array().unwrap().len(), 2);
    assert_eq!(finding(&report), None);

    let (ran, report) = run(&["--leave-out".to_owned(), "*dog*".to_owned()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(report["calibration"]["used"], serde_json::json!(["scene.png", "other.jpg"]));

    let (ran, _) = run(&["--leave-out".to_owned(), "dog.jpg".to_owned()]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no calibration picture is called `dog.jpg`"), "{}", ran.stderr);
}

#[test]
fn the_schema_describes_the_report_with_its_advice() {
    let out = tempfile::tempdir().unwrap();
    quantize(&fixture("models/torchvision_opset11.onnx"), "esp32p4", out.path(), &[]);
    let schema: Value =
        serde_json::from_slice(&std::fs::read(out.path().join("report.schema.json")).unwrap()).unwrap();
    assert!(schema["properties"]["advice"].is_object());
    let kinds = schema["$defs"]["Remedy"]["oneOf"].as_array().unwrap();
    let kinds: Vec<&str> = kinds.iter().map(|k| k["properties"]["kind"]["const"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["pipeline", "preprocessing", "pictures"]);
}
