//! Any bytes as what a build or a board hands over: a partition table, an image, a console, a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octet_engine::deploy::{BuildLog, ConsoleDecoder, ImageHeader, read_table};

fuzz_target!(|data: &[u8]| {
    let _ = read_table(data);
    let _ = ImageHeader::read(data);
    let mut decoder = ConsoleDecoder::default();
    let mut lines = decoder.take(data);
    lines.extend(decoder.finish());
    let mut log = BuildLog::default();
    for line in &lines {
        let _ = log.take(&line.text);
    }
    let _ = log.finish();
});
