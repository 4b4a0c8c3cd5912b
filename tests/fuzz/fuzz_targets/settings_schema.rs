//! Any JSON as a plugin's settings schema.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(schema) = serde_json::from_slice(data) {
        let _ = octet_engine::host::setting_fields(&schema);
    }
});
