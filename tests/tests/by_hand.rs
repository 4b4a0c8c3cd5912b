//! What can be set by hand for single operations: exponents, and the way of calibration.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_tests::{Ran, root, run_octet};
use serde_json::Value;

/// A pointwise convolution with a fused activation, one whose output an Add reads, and that Add.
const EXPAND: &str = "/features/features.3/conv/conv.0/conv.0.0/Conv";
const PROJECT: &str = "/features/features.3/conv/conv.2/Conv";

fn try_quantize(out: &Path, more: &[&str]) -> Ran {
    let fixture = |name: &str| root().join("tests/fixtures").join(name).display().to_string();
    let (model, pictures) = (fixture("models/torchvision_opset11.onnx"), fixture("pictures"));
    let mut arguments =
        vec!["quantize", &model, "--images", &pictures, "--target", "esp32p4", "--strategy", "int8"];
    arguments.extend([
        "--graphwise-pictures",
        "2",
        "--layerwise-pictures",
        "0",
        "--out",
        out.to_str().unwrap(),
    ]);
    arguments.extend(more);
    run_octet(&arguments, &[])
}

fn quantize(out: &Path, more: &[&str]) -> Value {
    let ran = try_quantize(out, more);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap()
}

/// Output exponents by operation.
fn exponents(report: &Value) -> Vec<(String, i64)> {
    let layers = report["layers"].as_array().unwrap();
    layers
        .iter()
        .map(|l| (l["name"].as_str().unwrap().to_owned(), l["output_exponent"].as_i64().unwrap()))
        .collect()
}

fn changed(before: &Value, after: &Value) -> Vec<String> {
    let pairs = exponents(before).into_iter().zip(exponents(after));
    pairs.filter(|(a, b)| a != b).map(|(a, _)| a.0).collect()
}

#[test]
fn an_exponent_set_by_hand_is_the_files_and_no_other_changes() {
    let (plain, set) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = quantize(plain.path(), &[]);
    let own = exponents(&before).into_iter().find(|(name, _)| name == EXPAND).unwrap().1;
    let wanted = format!("{EXPAND}={}", own + 1);
    let after = quantize(set.path(), &["--exponent", &wanted]);
    assert_eq!(changed(&before, &after), [EXPAND]);
    assert_eq!(after["edits"]["output_exponents"][EXPAND], own + 1);
    let inspected = run_octet(&["inspect", set.path().join("model.espdl").to_str().unwrap(), "--json"], &[]);
    assert_eq!(inspected.code, 0, "{}", inspected.stderr);
}

#[test]
fn an_exponent_that_cannot_be_set_is_refused_by_name() {
    let out = tempfile::tempdir().unwrap();
    for (set, reason) in [
        ("/no/such/Conv=-5".to_owned(), "there is no operation `/no/such/Conv`"),
        (format!("{EXPAND}=99"), "outside of"),
        (format!("{PROJECT}=-1"), "Add or Concat"),
    ] {
        let ran = try_quantize(out.path(), &["--exponent", &set]);
        assert_eq!(ran.code, 1, "{set}");
        assert!(ran.stderr.contains(reason), "{set}: {}", ran.stderr);
    }
    let ran = try_quantize(out.path(), &["--exponent", "nothing"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("OPERATION=EXPONENT"), "{}", ran.stderr);
}

#[test]
fn another_way_of_calibration_for_one_operation_leaves_the_others() {
    let (plain, all, one) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = quantize(plain.path(), &["--set", "observer=minmax"]);
    let everywhere = quantize(all.path(), &["--set", "observer=kl", "--set", "weights_observer=minmax"]);
    let differing = changed(&before, &everywhere);
    let operation =
        differing.iter().find(|name| name.ends_with("Conv")).expect("an exponent that kl chooses otherwise");
    let set = format!("observer_of={operation}=kl");
    let after = quantize(one.path(), &["--set", "observer=minmax", "--set", &set]);
    assert!(changed(&before, &after).iter().all(|name| name == operation), "{:?}", changed(&before, &after));
    let ran = try_quantize(one.path(), &["--set", "observer_of=*none*=kl"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("`*none*`"), "{}", ran.stderr);
}
