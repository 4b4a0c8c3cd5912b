//! ESP-PPQ's own histograms and the exponents that it chose from them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::path::PathBuf;

use octet_plugin_api::observer::{Histogram, kl, minmax, pot};

#[derive(serde::Deserialize)]
struct Golden {
    idx: usize,
    var: String,
    bits: u32,
    hist_bins: usize,
    hist_scale: f64,
    min: f32,
    max: f32,
    exp: f64,
}

/// The peer's folder for a target, if it is there.
fn peer(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("OCTET_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("peer").join(name);
    if folder.is_dir() {
        Some(folder)
    } else {
        println!("skipped: no ../shared");
        None
    }
}

fn vectors(name: &str) -> Vec<(Golden, Vec<u64>)> {
    let Some(folder) = peer(name) else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join("golden_kl_hist.json")).unwrap();
    let golden: Vec<Golden> = serde_json::from_str(&text).unwrap();
    assert!(!golden.is_empty());
    let mut arrays = common::npz_i32(&std::fs::read(folder.join("golden_kl_hist.npz")).unwrap());
    golden
        .into_iter()
        .map(|g| {
            let counts = arrays.remove(&format!("h{}", g.idx)).unwrap();
            assert_eq!(counts.len(), g.hist_bins);
            (g, counts.into_iter().map(|count| u64::try_from(count).unwrap()).collect())
        })
        .collect()
}

fn histogram<'a>(golden: &Golden, counts: &'a [u64]) -> Histogram<'a> {
    Histogram { counts, bin_width: golden.hist_scale, min: golden.min, max: golden.max }
}

fn kl_exponents_are_the_peers(name: &str) {
    let mut wrong = Vec::new();
    for (golden, counts) in vectors(name) {
        let ours = kl::exponent(histogram(&golden, &counts), golden.bits);
        if ours != Some(golden.exp as i32) {
            wrong.push((golden.var, golden.exp, ours));
        }
    }
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

#[test]
fn kl_exponents_are_the_peers_p4() {
    kl_exponents_are_the_peers("p4_default");
}

#[test]
fn kl_exponents_are_the_peers_s3() {
    kl_exponents_are_the_peers("s3_default");
}

#[test]
fn bin_width_is_the_range_over_the_bins() {
    for (golden, counts) in vectors("p4_default") {
        let range = f64::from(golden.max.abs().max(golden.min.abs()));
        assert_eq!(range / counts.len() as f64, golden.hist_scale, "{}", golden.var);
    }
}

#[test]
fn pot_has_no_larger_squared_error_than_kl_or_minmax() {
    for name in ["p4_default", "s3_default"] {
        for (golden, counts) in vectors(name) {
            let h = histogram(&golden, &counts);
            let error = |e| pot::squared_error(h, e, golden.bits, 1.0);
            let ours = error(pot::exponent(h, golden.bits, 1.0).unwrap());
            assert!(ours <= error(golden.exp as i32), "{}", golden.var);
            assert!(ours <= error(minmax::exponent(golden.min, golden.max, golden.bits)), "{}", golden.var);
        }
    }
}
