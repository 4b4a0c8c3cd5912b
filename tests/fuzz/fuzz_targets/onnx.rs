//! Any bytes as an ONNX file: opened as a network, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("model.onnx");
    if std::fs::write(&path, data).is_ok() {
        let _ = octet_engine::onnx::open(&path);
    }
});
