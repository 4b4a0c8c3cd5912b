//! Damaged, hostile and unsuitable models end in a message that names the cause; none crashes, hangs, reads outside
//! its folder or allocates what a header claims.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod common;

use common::repository;
use octet_engine::onnx;

#[test]
fn every_bad_model_ends_in_a_message() {
    let mut listing = String::new();
    let mut files: Vec<_> = std::fs::read_dir(repository("tests/fixtures/models/bad"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = match onnx::open(&file) {
            Ok(opened) => format!("opens; {}", opened.notes.join("; ")),
            Err(e) => e.to_string(),
        };
        let folder = file.parent().unwrap().to_string_lossy().into_owned();
        listing += &format!("{name}: {}\n", text.replace(&folder, "bad"));
    }
    insta::assert_snapshot!(listing);
}

#[test]
fn a_missing_file_is_an_error_with_its_path() {
    let error = onnx::open(&repository("tests/fixtures/models/none.onnx")).unwrap_err();
    assert!(error.to_string().contains("none.onnx"));
}

#[test]
fn no_truncation_of_a_model_panics() {
    let whole = std::fs::read(repository("tests/fixtures/models/bad/unnamed_nodes.onnx")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("m.onnx");
    for length in 0..whole.len() {
        std::fs::write(&file, &whole[..length]).unwrap();
        let _ = onnx::open(&file);
    }
}

#[test]
fn no_flipped_byte_of_a_model_panics() {
    let whole = std::fs::read(repository("tests/fixtures/models/bad/conv_auto_pad.onnx")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("m.onnx");
    for at in 0..whole.len() {
        for flip in [0x01, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            std::fs::write(&file, &bytes).unwrap();
            let _ = onnx::open(&file);
        }
    }
}
