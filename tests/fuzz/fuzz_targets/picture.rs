//! Any bytes as a picture.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = octet_engine::pictures::decode(data);
});
