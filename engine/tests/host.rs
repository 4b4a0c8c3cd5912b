//! Plugins as the engine loads them: examples that work, libraries that are refused, strategies that misbehave.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod plugins {
    pub(crate) mod build;
    pub(crate) mod fake;
}

use std::path::Path;

use octet_engine::draft::{Bits, Draft, SlotRole};
use octet_engine::host::{HostError, describe_library, run_library, settings};
use octet_engine::strategy::{ExportKind, LogLevel, StrategyHost, WeightsUse};
use octet_engine::target::TargetSpec;
use plugins::build::{c_example, misbehaving, rust_plugin};
use plugins::fake::Fake;
use serde_json::{Value, json};

fn run(library: &Path, user: Value, host: &mut Fake) -> Result<(), HostError> {
    let description = describe_library(library)?;
    let settings = settings(&description, &serde_json::from_value(user).unwrap())?;
    run_library(library, &settings, host)
}

fn draft_of(library: &Path, user: Value, target: &str) -> Draft {
    let mut host = Fake::new(TargetSpec::by_name(target).unwrap());
    run(library, user, &mut host).unwrap();
    assert!(host.open_slots().is_empty(), "left open: {:?}", host.open_slots());
    host.draft
}

#[test]
fn the_rust_example_decides_every_slot() {
    let library = rust_plugin("octet-example-minimal");
    let description = describe_library(&library).unwrap();
    assert_eq!(description.id, "dev.octet.example.minimal");
    assert_eq!(description.fields()[0].key, "shift");
    let draft = draft_of(&library, json!({}), "esp32p4");
    let lower = draft_of(&library, json!({ "shift": "-1" }), "esp32p4");
    for (key, exponent) in &draft.activation_exponents {
        assert_eq!(lower.activation_exponents[key], exponent - 1);
    }
    assert_eq!(lower.weight_exponents, draft.weight_exponents);
}

#[test]
fn the_c_example_decides_as_the_rust_example_does() {
    let Some(c) = c_example() else { return };
    let rust = rust_plugin("octet-example-minimal");
    for target in ["esp32p4", "esp32s3", "esp32c3"] {
        for user in [json!({}), json!({ "shift": 2 }), json!({ "shift": -3 })] {
            assert_eq!(draft_of(&c, user.clone(), target), draft_of(&rust, user, target), "{target}");
        }
    }
}

#[test]
fn int8_takes_statistics_after_the_weights_are_quantized() {
    let library = rust_plugin("octet-int8");
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    run(&library, json!({}), &mut host).unwrap();
    assert!(host.open_slots().is_empty());
    assert!(!host.requests.is_empty());
    for (request, weights_open) in &host.requests {
        assert_eq!(request.weights, WeightsUse::Quantized);
        assert_eq!(*weights_open, 0, "statistics were asked for before the weights had exponents");
    }
    assert_eq!(host.repaired, Some(true));
}

#[test]
fn int8_with_kl_repairs_nothing_and_says_what_it_found() {
    let library = rust_plugin("octet-int8");
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    run(&library, json!({ "observer": "kl" }), &mut host).unwrap();
    assert_eq!(host.repaired, Some(false));
    assert!(host.log.iter().any(|(level, line)| *level == LogLevel::Warning && line.contains("`conv`")));
}

#[test]
fn int8_asks_for_the_bins_of_each_width() {
    let library = rust_plugin("octet-int8");
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    let conv = host.network().find_node("conv").unwrap();
    host.set_bits(conv, Bits::Int16).unwrap();
    run(&library, json!({ "observer": "kl" }), &mut host).unwrap();
    let mut bins: Vec<usize> = host.requests.iter().flat_map(|(request, _)| request.bins.clone()).collect();
    bins.sort_unstable();
    bins.dedup();
    assert_eq!(bins, [4096, 1 << 20]);
    assert!(host.open_slots().is_empty());
}

#[test]
fn int8_never_clips_the_input_unless_kl_was_asked_for() {
    let library = rust_plugin("octet-int8");
    let exponent = |observer: &str| {
        let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
        run(&library, json!({ "observer": observer }), &mut host).unwrap();
        host.draft.activation_exponents[&(host.network().input, Bits::Int8)]
    };
    let unclipped = exponent("minmax");
    assert_eq!(exponent("mse-pot"), unclipped);
    assert_eq!(exponent("percentile"), unclipped);
    assert!(exponent("kl") <= unclipped);
}

#[test]
fn weights_have_as_many_exponents_as_the_chip_takes() {
    let library = rust_plugin("octet-int8");
    for observer in ["auto", "target", "minmax", "mse-pot"] {
        for target in ["esp32p4", "esp32s3"] {
            let spec = TargetSpec::by_name(target).unwrap();
            let mut host = Fake::new(spec);
            run(&library, json!({ "weights_observer": observer }), &mut host).unwrap();
            for slot in host.slots() {
                if let SlotRole::Weights { channels, .. } = slot.role {
                    assert_eq!(host.draft.weight_exponents[&slot.tensor].len(), channels);
                }
            }
        }
    }
}

#[test]
fn a_wrong_setting_is_refused_before_the_plugin_runs() {
    let library = rust_plugin("octet-int8");
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    let error = run(&library, json!({ "observer": "best" }), &mut host).unwrap_err().to_string();
    assert!(error.contains("dev.octet.int8") && error.contains("mse-pot, kl, minmax"), "{error}");
    assert!(host.draft.weight_exponents.is_empty());
}

/// Describing must fail with all these words, and with the name of the file.
fn refused(define: &str, words: &[&str]) {
    let Some(library) = misbehaving(&[define]) else { return };
    let error = describe_library(&library).unwrap_err().to_string();
    let file = library.file_name().unwrap().to_string_lossy().into_owned();
    for word in words.iter().copied().chain([file.as_str()]) {
        assert!(error.contains(word), "{define}: {word:?} is missing in: {error}");
    }
}

#[test]
fn another_major_version_is_refused() {
    refused("WRONG_MAJOR", &["version 2.0", "1.0", "update Octet"]);
}

#[test]
fn a_newer_minor_version_is_refused() {
    refused("NEWER_MINOR", &["version 1.1", "update Octet"]);
}

#[test]
fn a_missing_symbol_is_refused() {
    refused("NO_SYMBOL", &["no symbol `octet_plugin_entry`"]);
}

#[test]
fn a_small_descriptor_is_refused() {
    refused("SMALL_STRUCT", &["its descriptor has", "bytes instead of"]);
}

#[test]
fn a_null_descriptor_is_refused() {
    refused("NULL_DESCRIPTOR", &["returned null"]);
}

#[test]
fn a_null_function_is_refused() {
    refused("NULL_FUNCTION", &["`run` is null"]);
}

#[test]
fn bad_strings_are_refused() {
    refused("BAD_UTF8", &["`name` is not UTF-8"]);
    refused("NULL_STRING", &["`name` has no address"]);
    refused("LONG_STRING", &["`name` has 1152921504606846976 bytes"]);
    refused("BAD_ID", &["`id` is \"dev octet/../bad\""]);
}

#[test]
fn bad_schemas_are_refused() {
    refused("BAD_SCHEMA", &["setting `mode` has the type `array`"]);
    refused("DESCRIBE_FAILS", &["`describe` returned the status 3"]);
}

#[test]
fn what_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libtext.so");
    std::fs::write(&text, "hello").unwrap();
    let error = describe_library(&text).unwrap_err().to_string();
    assert!(error.contains("not a dynamic library") && error.contains("libtext.so"), "{error}");
    let truncated = folder.path().join("libtruncated.so");
    std::fs::write(&truncated, b"\x7FELF\x02\x01\x01").unwrap();
    let error = describe_library(&truncated).unwrap_err().to_string();
    assert!(error.contains("not a dynamic library") && error.contains("libtruncated.so"), "{error}");
    let error = describe_library(&folder.path().join("libmissing.so")).unwrap_err().to_string();
    assert!(error.contains("cannot be read") && error.contains("libmissing.so"), "{error}");
}

#[test]
fn a_plugin_for_other_chips_is_refused() {
    let Some(library) = misbehaving(&["OTHER_TARGET"]) else { return };
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    let error = run(&library, json!({}), &mut host).unwrap_err().to_string();
    assert!(error.contains("not made for esp32p4, only for esp32c3"), "{error}");
}

#[test]
fn wrong_requests_are_refused_with_the_reason() {
    let Some(library) = misbehaving(&[]) else { return };
    for (mode, words) in [
        ("bad-exponent", "1000000 is no exponent"),
        ("bad-count", "1152921504606846976 exponents; at most"),
        ("bad-tensor", "there is no tensor 1073741824"),
        ("bad-node", "there is no node 1073741824"),
        ("bad-bits", "7 bits: only 8 and 16"),
        ("nan-weights", "infinite or not a number"),
        ("few-weights", "values for `conv.weight`"),
        ("bad-enum", "there is no set 77 of pictures"),
        ("null-out", "null or not aligned"),
        ("small-out", "struct_size is 12"),
        ("huge-request", "2305843009213693952 tensors; at most"),
        ("bad-text", "not UTF-8"),
        ("other-thread", "refused on another thread"),
        ("unknown-status", "status -77"),
        ("fail", "this strategy never works"),
        ("fail-silently", "`run` returned the status 3"),
    ] {
        let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
        let error = run(&library, json!({ "mode": mode }), &mut host).unwrap_err().to_string();
        assert!(error.contains("dev.octet.test.misbehaving"), "{mode}: {error}");
        assert!(error.contains(words), "{mode}: {error}");
        assert_eq!(host.draft, Draft::default(), "{mode} changed the draft");
    }
}

#[test]
fn a_cancelled_strategy_is_no_failure() {
    let Some(library) = misbehaving(&[]) else { return };
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    let error = run(&library, json!({ "mode": "cancelled" }), &mut host).unwrap_err();
    assert!(matches!(error, HostError::Cancelled { .. }), "{error}");

    host.cancelled = true;
    let error = run(&rust_plugin("octet-int8"), json!({}), &mut host).unwrap_err();
    assert!(matches!(error, HostError::Cancelled { .. }), "{error}");
}

#[test]
fn a_plugin_that_calls_back_late_does_no_harm() {
    let Some(library) = misbehaving(&[]) else { return };
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    run(&library, json!({ "mode": "late-call" }), &mut host).unwrap();
    run(&library, json!({ "mode": "nothing" }), &mut host).unwrap();
}

#[test]
fn a_panic_is_a_failure_with_its_message() {
    let library = rust_plugin("octet-test-panics");
    for (mode, words) in [
        ("text", "panicked: a plain panic"),
        ("formatted", "panicked: a panic with "),
        ("payload", "panicked: no message"),
    ] {
        let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
        let error = run(&library, json!({ "mode": mode }), &mut host).unwrap_err().to_string();
        assert!(error.contains("dev.octet.test.panics") && error.contains(words), "{mode}: {error}");
    }
    // What panics while it is dropped has done its work before.
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    run(&library, json!({ "mode": "drop" }), &mut host).unwrap();
}

#[test]
fn a_panic_of_the_engine_does_not_reach_the_plugin() {
    let library = rust_plugin("octet-int8");
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    host.panics_in_statistics = true;
    let error = run(&library, json!({}), &mut host).unwrap_err().to_string();
    assert!(error.contains("the engine panicked"), "{error}");
}

#[test]
fn what_version_1_1_appended_reaches_the_engine() {
    let Some(library) = misbehaving(&[]) else { return };
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    host.finish_early = true;
    run(&library, json!({ "mode": "since-1.1" }), &mut host).unwrap();
    let mut draft = std::mem::take(&mut host.draft);
    assert_eq!(std::mem::take(&mut draft.corrected_weights).len(), 1);
    assert_eq!(draft, Draft::default(), "the snapshot was not put back");
    assert_eq!(host.exported, [(ExportKind::Qdq, "a.onnx".to_owned())]);
    assert_eq!(host.points, [("loss".to_owned(), 1.0, 0.5)]);
    let lines: Vec<&str> = host.log.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(lines, ["/pictures/0.png", "/models/fake.onnx", "/runs/1/strategies/1-fake"]);
}

#[test]
fn a_plugin_of_version_1_0_still_runs() {
    let Some(library) = misbehaving(&["OLDER_MINOR"]) else { return };
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    run(&library, json!({ "mode": "well" }), &mut host).unwrap();
}

#[test]
fn mixed_precision_widens_what_is_named_with_its_activation() {
    let mut host = Fake::new(TargetSpec::by_name("esp32p4").unwrap());
    let library = rust_plugin("octet-mixed-precision");
    let error = run(&library, json!({ "layers": "conv" }), &mut host).unwrap_err().to_string();
    assert!(error.contains("put int8"), "{error}");
    run(&rust_plugin("octet-int8"), json!({}), &mut host).unwrap();
    run(&library, json!({ "layers": "conv" }), &mut host).unwrap();
    assert_eq!(host.draft.bits.keys().map(|id| id.0).collect::<Vec<_>>(), [0, 1]);
    assert!(host.open_slots().is_empty(), "left open: {:?}", host.open_slots());
    let error = run(&library, json!({ "layers": "cnov" }), &mut host).unwrap_err().to_string();
    assert!(error.contains("no operation is called `cnov`"), "{error}");
}
