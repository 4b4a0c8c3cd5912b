//! The memory map of the embedded model: in the report, on the page, on the command line.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_engine::report::{ActivationPlace, MemoryMaps, Report};
use octet_engine::run::{read_report, to_html};
use octet_tests::{root, run_octet, shared};
use serde_json::Value;

fn quantized(target: &str, out: &Path) -> Report {
    let demo = root().join("app/assets/demo");
    let (model, pictures) = (demo.join("mobilenetv2_dogs19_160.onnx"), demo.join("pictures"));
    let arguments = [
        "quantize",
        model.to_str().unwrap(),
        "--images",
        pictures.to_str().unwrap(),
        "--strategy",
        "int8",
        "--target",
        target,
        "--out",
        out.to_str().unwrap(),
        "--graphwise-pictures",
        "1",
        "--layerwise-pictures",
        "0",
    ];
    let ran = run_octet(&arguments, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let report = read_report(out).unwrap();
    let maps = report.memory_map.as_ref().unwrap();
    let verdict = &maps.chip(target).unwrap().verdict;
    assert!(ran.stdout.contains(verdict.as_str()), "the summary tells it: {}", ran.stdout);
    report
}

fn inspected(model: &Path, more: &[&str]) -> String {
    let arguments: Vec<&str> =
        ["inspect", model.to_str().unwrap(), "--memory"].into_iter().chain(more.iter().copied()).collect();
    let ran = run_octet(&arguments, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[test]
fn the_embedded_model_is_planned_before_it_is_flashed() {
    let out = tempfile::tempdir().unwrap();
    let report = quantized("esp32p4", out.path());
    let maps = report.memory_map.clone().unwrap();
    assert_eq!(maps.before().unwrap().arena_bytes, report.memory.arena_bytes);
    let model = out.path().join("model.espdl");
    insta::assert_snapshot!(inspected(&model, &[]));

    // The same from the file alone, and the same after reading the report again.
    let json: Value = serde_json::from_str(&inspected(&model, &["--json"])).unwrap();
    let of_file: MemoryMaps = serde_json::from_value(json["memory_map"].clone()).unwrap();
    assert_eq!(of_file, maps);
    let again: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again.memory_map, report.memory_map);

    let page = to_html(&report).unwrap();
    assert_eq!(page, std::fs::read_to_string(out.path().join("report.html")).unwrap());
    assert_eq!(page.matches("<svg viewBox=\"0 0 560 300\"").count(), 2, "before beside after");
    for chip in &maps.chips {
        let verdict = chip.verdict.replace('\'', "&#x27;");
        assert!(page.contains(&verdict), "{verdict}");
    }
}

#[test]
fn a_report_of_before_there_were_maps_is_read_and_shown() {
    let out = tempfile::tempdir().unwrap();
    quantized("esp32c3", out.path());
    let file = out.path().join("report.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    report.as_object_mut().unwrap().remove("memory_map").unwrap();
    std::fs::write(&file, report.to_string()).unwrap();
    let old = read_report(out.path()).unwrap();
    assert_eq!(old.memory_map, None);
    let page = to_html(&old).unwrap();
    assert!(page.contains("Memory at the peak") && !page.contains("Memory map"));
}

#[test]
fn a_file_is_looked_at_for_the_chip_that_is_named() {
    let Some(shared) = shared() else { return };
    let model = shared.join("models/espressif/imagenet_mobilenetv2_esp32p4.espdl");
    let json: Value = serde_json::from_str(&inspected(&model, &["--json", "--target", "esp32s31"])).unwrap();
    let maps: MemoryMaps = serde_json::from_value(json["memory_map"].clone()).unwrap();
    let s31 = maps.chip("esp32s31").unwrap();
    assert_eq!((maps.target.as_str(), s31.same_file, s31.place), ("esp32s31", true, ActivationPlace::Sram));
    assert!(inspected(&model, &[]).contains("416631 bytes, of which "));
    let plain = run_octet(&["inspect", model.to_str().unwrap(), "--json"], &[]);
    assert!(!plain.stdout.contains("memory_map"), "only when it is asked for");
}

#[test]
fn a_model_that_is_not_planned_yet_says_what_to_do() {
    let model = root().join("app/assets/demo/mobilenetv2_dogs19_160.onnx");
    let ran = run_octet(&["inspect", model.to_str().unwrap(), "--memory"], &[]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("quantize it") && ran.stderr.contains("mobilenetv2_dogs19_160"),
        "{}",
        ran.stderr
    );
}
