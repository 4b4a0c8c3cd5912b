//! `octet compare`: runs side by side in text, JSON and HTML; what cannot be compared is said, what is broken is an error.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use octet_engine::report::Prediction;
use octet_engine::run::{read_predictions, read_report, write_json, write_predictions};
use octet_tests::{Ran, root, run_octet};
use serde_json::{Value, json};

/// A report with made-up figures; layers are (name, bits, graphwise, layerwise).
fn report(model: &str, top1: f64, images: usize, layers: &[(&str, u32, f64, Option<f64>)]) -> Value {
    let accuracy = |top1: f64| json!({"top1": top1, "top5": 0.9, "top1_interval95": [top1 - 0.05, top1 + 0.05], "top5_interval95": [0.85, 0.93]});
    let layer = |(name, bits, graphwise, layerwise): &(&str, u32, f64, Option<f64>)| {
        json!({
            "name": name, "op": "Conv", "bits": bits, "weight_exponents": [-7], "output_exponent": -4,
            "graphwise_nsr": graphwise, "layerwise_nsr": layerwise, "layerwise_with_output_nsr": null,
            "layerwise_output_only_nsr": null, "macs": 1000, "weight_bytes": 64, "clipped": 0.0, "latency_us": 10.0
        })
    };
    json!({
        "schema": 1,
        "model": {"path": "/models/m.onnx", "sha256": format!("of {model}"), "name": model, "macs": 1, "parameters": 1},
        "target": "esp32s3",
        "strategy": [{
            "id": "dev.octet.int8", "version": "0.1.0", "sha256": "", "settings": {}, "secs": 1.0, "curves": []
        }],
        "calibration": {"folders": [], "used": [], "skipped": []},
        "preprocessing": {"resize": "96x96"},
        "input": {
            "name": "input", "shape_nhwc": [1, 96, 96, 3], "bits": 8, "output_exponent": -6, "graphwise_nsr": null,
            "layerwise_nsr": null, "clipped": null
        },
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        "final": {"graphwise_nsr": 0.05, "agreement": 0.9},
        "evaluation": {
            "images": images, "skipped": [], "float": accuracy(0.75), "quantized": accuracy(top1), "agreement": 0.9,
            "agreement_interval95": [0.8, 0.95], "output_nsr": 0.0601, "calibration_overlap": 0
        },
        "memory": {"flash_bytes": 1000 + images, "arena_bytes": 416 * 1024, "peak": []},
        "latency": {"estimated_ms": 438.0 * top1, "range_ms": [300.0, 520.0], "inputs": []},
        "accumulators": [], "warnings": [], "timings_secs": {}, "versions": {}
    })
}

/// Answers to pictures `first..first + n`, of which every one in `right` has the right class first.
fn answers(first: usize, n: usize, right: impl Fn(usize) -> bool) -> Vec<Prediction> {
    let picture = |i: usize| Prediction {
        file: format!("{i}.jpg"),
        sha256: format!("{i:064x}"),
        label: Some(3),
        float: 3,
        quantized: if right(i) { 3 } else { 1 },
    };
    (first..first + n).map(picture).collect()
}

/// Writes a run folder.
fn write(folder: &Path, name: &str, report: &Value, predictions: Option<Vec<Prediction>>) -> PathBuf {
    let run = folder.join(name);
    write_json(&run, "report.json", report).unwrap();
    if let Some(predictions) = predictions {
        write_predictions(&run, predictions).unwrap();
    }
    run
}

fn compare(runs: &[&Path], more: &[&str]) -> Ran {
    let runs = runs.iter().map(|r| r.to_str().unwrap());
    run_octet(&["compare"].into_iter().chain(runs).chain(more.iter().copied()).collect::<Vec<_>>(), &[])
}

fn compared(runs: &[&Path], more: &[&str]) -> Value {
    let ran = compare(runs, &[more, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Three runs of one model: `a`, a much better `b`, and `c`, which differs from `a` by chance and has 16-bit layers.
fn three(folder: &Path) -> [PathBuf; 3] {
    let a = report(
        "net",
        0.5,
        100,
        &[("/stem", 8, 0.01, Some(0.002)), ("/body", 8, 0.08, Some(0.03)), ("/head", 8, 0.05, None)],
    );
    let b = report(
        "net",
        0.7,
        100,
        &[("/stem", 8, 0.011, Some(0.002)), ("/body", 16, 0.02, Some(0.001)), ("/head", 8, 0.03, None)],
    );
    let c = report(
        "net",
        0.51,
        100,
        &[("/stem", 8, 0.01, None), ("/extra", 8, 0.2, None), ("/head", 8, 0.06, None)],
    );
    [
        write(folder, "a", &a, Some(answers(0, 100, |i| i < 50))),
        write(folder, "b", &b, Some(answers(0, 100, |i| i < 70))),
        write(folder, "c", &c, Some(answers(0, 100, |i| (20..71).contains(&i)))),
    ]
}

#[test]
fn the_text_tells_figures_verdicts_and_layers() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = three(folder.path());
    let ran = compare(&[&a, &b, &c], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!("three_runs", ran.stdout.replace(folder.path().to_str().unwrap(), "RUNS"));
    let ran = compare(&[&a, &b, &c], &["--reference", b.to_str().unwrap(), "--sort", "change"]);
    insta::assert_snapshot!(
        "biggest_change_first",
        ran.stdout.replace(folder.path().to_str().unwrap(), "RUNS")
    );
}

#[test]
fn json_has_stable_names_and_fractions() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = three(folder.path());
    let json = compared(&[&a, &b, &c], &[]);
    assert_eq!(json["reference"], 0);
    assert_eq!(json["notes"], json!([]));
    for key in ["run", "target", "strategy", "final", "evaluation", "memory", "latency_ms", "layers"] {
        assert!(!json["runs"][0][key].is_null(), "{key} was there before");
    }
    assert!(json["runs"][0]["tests"].is_null() && json["runs"][0]["difference"].is_null());
    let top1 = &json["runs"][1]["tests"]["top1"];
    assert_eq!(top1["verdict"], "better");
    assert_eq!((&top1["only_reference"], &top1["only_run"]), (&json!(0), &json!(20)));
    // 2 / 2^20, and Holm's correction for two tests.
    assert!((top1["p"].as_f64().unwrap() - 2f64.powi(-19)).abs() < 1e-15, "{top1}");
    assert!((top1["p_holm"].as_f64().unwrap() - 2f64.powi(-18)).abs() < 1e-15, "{top1}");
    let difference = json["runs"][1]["difference"]["top1"].as_f64().unwrap();
    assert!((difference - 0.2).abs() < 1e-12, "{difference}");
    let top1 = &json["runs"][2]["tests"]["top1"];
    assert_eq!(top1["verdict"], "no_difference");
    assert_eq!(top1["words"], "no difference that 100 pictures can show (p = 1)");
    let names: Vec<_> =
        json["layers"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["/stem", "/extra", "/body", "/head"]);
    assert_eq!(json["layers"][2]["bits_differ"], true);
    assert!(json["layers"][2]["cells"][2].is_null(), "`c` has no such layer");
}

#[test]
fn a_reference_that_was_not_named_as_a_run_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, _] = three(folder.path());
    let json = compared(&[&a], &["--reference", b.to_str().unwrap()]);
    assert_eq!(json["runs"][0]["run"], b.to_str().unwrap());
    assert_eq!(json["runs"][1]["tests"]["top1"]["verdict"], "worse");
    let same = folder.path().join("a/../b");
    let json = compared(&[&a, &b], &["--reference", same.to_str().unwrap()]);
    assert_eq!((&json["reference"], json["runs"].as_array().unwrap().len()), (&json!(1), 2));
}

#[test]
fn what_cannot_be_compared_is_a_note_and_no_test() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [("/stem", 8, 0.01, None)];
    let at = |name: &str, report: Value, answers| write(folder.path(), name, &report, answers);
    let ours = at("ours", report("net", 0.5, 10, &layers), Some(answers(0, 10, |i| i < 5)));
    let old = at("old", report("net", 0.5, 10, &layers), None);
    let mut none = report("net", 0.5, 10, &layers);
    none["evaluation"] = Value::Null;
    let none = at("none", none, None);
    let other = at("other", report("other", 0.5, 10, &layers), Some(answers(0, 10, |i| i < 5)));
    let elsewhere = at("elsewhere", report("net", 0.5, 10, &layers), Some(answers(90, 10, |_| true)));
    for (run, words) in [
        (
            &old,
            "B was evaluated by a program that kept no answers per picture: quantize again with evaluation pictures (--eval)",
        ),
        (&none, "B was not evaluated: quantize again with evaluation pictures (--eval)"),
        (&other, "A and B are runs of different models (`net` and `other`)"),
        (&elsewhere, "A and B were evaluated on different pictures"),
    ] {
        let json = compared(&[&ours, run], &[]);
        assert!(json["runs"][1]["tests"].is_null(), "{}", run.display());
        let notes = json["notes"].as_array().unwrap();
        assert!(notes.len() == 1 && notes[0].as_str().unwrap().contains(words), "{notes:?}");
        let text = compare(&[&ours, run], &[]).stdout;
        assert!(text.contains(words) && !text.contains("McNemar"), "{text}");
    }
}

#[test]
fn runs_of_one_strategy_are_told_apart_by_their_settings() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, _] = three(folder.path());
    let mut report: Value = serde_json::from_slice(&std::fs::read(b.join("report.json")).unwrap()).unwrap();
    report["strategy"][0]["requested"] = json!({"observer": "kl", "clip_weight": 0.5});
    write_json(&b, "report.json", &report).unwrap();
    let json = compared(&[&a, &b], &[]);
    assert_eq!(json["runs"][0]["settings"], json!([]));
    assert_eq!(json["runs"][1]["settings"], json!(["int8.clip_weight=0.5", "int8.observer=kl"]));
    let page = folder.path().join("page.html");
    let text = compare(&[&a, &b], &["--html", page.to_str().unwrap()]).stdout;
    assert!(text.contains("\n    int8.observer=kl\n"), "{text}");
    assert!(std::fs::read_to_string(&page).unwrap().contains("<code>int8.observer=kl</code>"));
}

#[test]
fn figures_that_are_against_something_else_are_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, _] = three(folder.path());
    std::fs::write(b.join("model.float.onnx"), "").unwrap();
    let mut report: Value = serde_json::from_slice(&std::fs::read(b.join("report.json")).unwrap()).unwrap();
    report["calibration"]["used"] = json!(["1.jpg"]);
    write_json(&b, "report.json", &report).unwrap();
    let json = compared(&[&a, &b], &[]);
    let notes: Vec<&str> = json["notes"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("A and B were calibrated on different pictures"), "{notes:?}");
    assert!(notes[1].contains("B's strategies changed the float network"), "{notes:?}");
    assert!(!json["runs"][1]["tests"].is_null(), "the answers are tested in spite of that");
}

#[test]
fn errors_of_layers_on_different_numbers_of_pictures_are_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, _] = three(folder.path());
    let analysed = |run: &Path, graphwise: usize, layerwise: usize| {
        let mut report: Value =
            serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap();
        report["analysed"] = json!({"graphwise": graphwise, "layerwise": layerwise});
        write_json(run, "report.json", &report).unwrap();
    };
    let notes = || compared(&[&a, &b], &[])["notes"].clone();
    assert_eq!(notes(), json!([]), "older reports do not say it");
    analysed(&a, 32, 8);
    analysed(&b, 4, 0);
    let notes_of_a_short_run = notes();
    assert_eq!(notes_of_a_short_run.as_array().unwrap().len(), 1, "what was not measured is not compared");
    let note = notes_of_a_short_run[0].as_str().unwrap();
    assert!(note.starts_with("the graphwise errors of A are of 32 pictures and those of B of 4"), "{note}");
    analysed(&b, 32, 8);
    assert_eq!(notes(), json!([]));
}

#[test]
fn only_the_pictures_that_both_have_are_tested() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(folder.path(), "a", &report("net", 0.5, 10, &[]), Some(answers(0, 10, |_| true)));
    let b = write(folder.path(), "b", &report("net", 0.5, 8, &[]), Some(answers(6, 8, |_| false)));
    let json = compared(&[&a, &b], &[]);
    let tests = &json["runs"][1]["tests"];
    assert_eq!((&tests["pictures"], &tests["top1"]["only_reference"]), (&json!(4), &json!(4)));
    let note = json["notes"][0].as_str().unwrap();
    assert!(
        note.contains("A has 10 evaluation pictures and B 8; the test is on the 4 that both have"),
        "{note}"
    );
}

#[test]
fn the_page_stands_alone_and_text_cannot_break_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [("<script>alert(1)</script>", 8, 0.01, Some(0.1)), ("/b", 8, 0.2, None)];
    let [a, b, _] = three(folder.path());
    let odd = write(folder.path(), "odd", &report("\u{1b}[31m<b>net", 0.5, 10, &layers), None);
    let page = folder.path().join("new/page.html");
    let ran = compare(&[&a, &b, &odd], &["--html", page.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stdout.contains('\u{1b}'), "a file's text does not command the terminal");
    let html = std::fs::read_to_string(&page).unwrap();
    for part in ["better (p &lt; 0.001)", "different models", "body</code>", "&lt;script&gt;"] {
        assert!(html.contains(part), "{part}");
    }
    for part in ["<script", "<b>net", "src=", "href=", "url("] {
        assert!(!html.contains(part), "{part}");
    }
}

#[test]
fn what_is_no_run_is_told_from_one_that_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let [a, ..] = three(folder.path());
    let (empty, model) = (folder.path().join("empty"), folder.path().join("net.espdl"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(&model, "EDL2").unwrap();
    for (other, words) in [(&empty, "is no run folder"), (&model, "is a model and no run")] {
        let ran = compare(&[&a, other], &[]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn broken_run_folders_are_errors_that_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, _] = three(folder.path());
    let text = std::fs::read_to_string(b.join("report.json")).unwrap();
    let answers = std::fs::read_to_string(b.join("predictions.json")).unwrap();
    let deep = text.replace("\"settings\": {}", &format!("\"settings\": {}", "[".repeat(100_000)));
    let huge = text.replace("0.0601", "1e999");
    let cases = [
        ("report.json", &text[..text.len() / 2], "EOF"),
        ("report.json", "", "EOF"),
        ("report.json", "null", "invalid type"),
        ("report.json", deep.as_str(), "recursion"),
        ("report.json", huge.as_str(), "out of range"),
        ("predictions.json", &answers[..answers.len() / 2], "EOF"),
        (
            "predictions.json",
            "{\"schema\":1,\"predictions\":[]}",
            "answers to 0 pictures, and the report counts 100",
        ),
        ("predictions.json", "{\"schema\":9,\"predictions\":[]}", "its schema is 9"),
        ("predictions.json", "{\"schema\":1,\"predictions\":[{\"file\":1}]}", "invalid type"),
    ];
    for (file, content, words) in cases {
        let path = b.join(file);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, content).unwrap();
        let ran = compare(&[&a, &b], &[]);
        assert_eq!(ran.code, 1, "{words}: {}", ran.stdout);
        assert!(ran.stderr.contains(words) && ran.stderr.contains(file), "{words}: {}", ran.stderr);
        std::fs::write(&path, before).unwrap();
    }
    let missing = folder.path().join("none-such");
    let ran = compare(&[&a, &missing], &[]);
    assert!(ran.code == 1 && ran.stderr.contains("none-such"), "{}", ran.stderr);
}

#[test]
fn wrong_arguments_exit_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, _] = three(folder.path());
    let (path, directory) = (a.to_str().unwrap(), folder.path().to_str().unwrap());
    let own = b.join("report.json");
    for (more, words) in [
        (&[][..], "second run folder"),
        (&["--reference", path], "second run folder"),
        (&["--sort", "size"], "graph"),
        (&[b.to_str().unwrap(), "--html", directory], "name of a file"),
        (&[b.to_str().unwrap(), "--html", own.to_str().unwrap()], "belongs to a run"),
    ] {
        let ran = compare(&[&a], more);
        assert_eq!(ran.code, 2, "{more:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{more:?}: {}", ran.stderr);
    }
}

#[test]
fn quantized_runs_keep_their_answers_and_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = root().join("app/assets/demo/pictures");
    let mut files: Vec<String> = std::fs::read_dir(&pictures)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    files.sort();
    let lines: Vec<String> =
        files.iter().enumerate().map(|(i, file)| format!("{file},{}\n", i % 5)).collect();
    let labels = folder.path().join("labels.csv");
    std::fs::write(&labels, lines.concat()).unwrap();
    let quantize = |name: &str, model: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let model = root().join("tests/fixtures/models").join(model);
        let images = root().join("tests/fixtures/pictures");
        let arguments = [
            "quantize",
            model.to_str().unwrap(),
            "--images",
            images.to_str().unwrap(),
            "--eval",
            pictures.to_str().unwrap(),
            "--labels",
            labels.to_str().unwrap(),
            "--strategy",
            "int8",
            "--out",
            out.to_str().unwrap(),
            "--graphwise-pictures",
            "4",
            "--layerwise-pictures",
            "1",
        ];
        let ran = run_octet(&[&arguments[..], more].concat(), &[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        out
    };
    let p4 = quantize("p4", "torchvision_opset11.onnx", &["--target", "esp32p4"]);
    let s3 = quantize("s3", "torchvision_opset11.onnx", &["--target", "esp32s3"]);
    let timm = quantize("timm", "timm_mobilenetv2_035.onnx", &["--target", "esp32p4"]);

    let facts = read_report(&s3).unwrap();
    let answers = read_predictions(&s3, &facts).unwrap().unwrap();
    let evaluation = facts.evaluation.unwrap();
    let right = answers.iter().filter(|a| Some(a.quantized) == a.label).count();
    assert_eq!(right as f64 / answers.len() as f64, evaluation.quantized.unwrap().top1);
    let agreeing = answers.iter().filter(|a| a.quantized == a.float).count();
    assert_eq!(agreeing as f64 / answers.len() as f64, evaluation.agreement);
    assert!(answers.iter().map(|a| &a.file).eq(&files), "in the order of evaluation");
    assert!(s3.join("predictions.schema.json").is_file());

    let json = compared(&[&p4, &s3, &timm], &[]);
    let tests = &json["runs"][1]["tests"];
    assert_eq!(tests["pictures"], files.len());
    let p = tests["agreement"]["p"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&p), "{p}");
    assert!(json["runs"][2]["tests"].is_null());
    assert!(json["notes"][0].as_str().unwrap().contains("different models"), "{}", json["notes"]);
    let text = compare(&[&p4, &s3], &[]).stdout;
    assert!(text.contains("against A (exact McNemar test)"), "{text}");

    // A new run into the folder without an evaluation leaves no answers of the old one.
    let ran = run_octet(
        &[
            "quantize",
            root().join("tests/fixtures/models/torchvision_opset11.onnx").to_str().unwrap(),
            "--images",
            root().join("tests/fixtures/pictures").to_str().unwrap(),
            "--strategy",
            "int8",
            "--target",
            "esp32s3",
            "--out",
            s3.to_str().unwrap(),
            "--graphwise-pictures",
            "0",
            "--layerwise-pictures",
            "0",
        ],
        &[],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!s3.join("predictions.json").exists());
}
