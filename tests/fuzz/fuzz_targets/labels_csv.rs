//! Any bytes as a CSV of classes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let csv = folder.path().join("labels.csv");
    if std::fs::write(&csv, data).is_ok() {
        let _ = octet_engine::pictures::Listing::of_folder(folder.path(), Some(&csv));
    }
});
