//! Memory maps with made-up figures.

use octet::window::graph::is_measured;
use octet_engine::network::Network;
use octet_engine::report::{
    ActivationPlace, ChipMemory, FittingInput, MemoryMap, MemoryMaps, MemoryStage, PlacedTensor,
};

const KIB: u64 = 1024;

/// A map of `count` operations in stages of so many, with tensors that each live for two stages.
fn map(names: &[String], together: usize, kib: u64) -> MemoryMap {
    let end = names.len() - 1;
    let stages = (0..names.len()).step_by(together).map(|first| MemoryStage {
        first,
        last: (first + together - 1).min(end),
        streamed: together > 1,
        arena_bytes: kib * KIB,
        scratch_bytes: if together > 1 { 2 * KIB } else { 0 },
    });
    let half = kib / 2 * KIB;
    let tensors = (0..names.len()).map(|i| {
        let first = i / together * together;
        PlacedTensor {
            name: format!("{} out", names[i]),
            operation: Some(i),
            bytes: half,
            offset: if (i / together).is_multiple_of(2) { 0 } else { half - KIB },
            held_bytes: half - 4 * KIB,
            first,
            last: (first + 2 * together - 1).min(end),
            streamed: together > 1 && i % together == 0,
            in_place_of: (i % 7 == 3).then(|| names[i - 1].clone()),
            runs_into: (i % 5 == 4).then(|| names[i - 1].clone()),
        }
    });
    MemoryMap {
        arena_bytes: kib * KIB,
        peak_bytes: (kib - 1) * KIB,
        peak_operation: end / 2,
        streamed_blocks: if together > 1 { 17 } else { 0 },
        stages: stages.collect(),
        tensors: tensors.collect(),
    }
}

/// The maps of a run on `network` for the ESP32-S3.
pub fn maps(network: &Network) -> MemoryMaps {
    let measured = network.node_ids().filter(|(_, n)| is_measured(&n.op));
    let mut names: Vec<String> = measured.map(|(_, n)| n.name.clone()).collect();
    // An operation that the file has and the model has not.
    names.push("requantize".to_owned());
    let chip = |chip: &str, sram_kib: u64, map: usize, place, fitting| ChipMemory {
        chip: chip.to_owned(),
        sram_bytes: sram_kib * KIB,
        same_file: chip == "esp32s3",
        map,
        place,
        needed_bytes: 244 * KIB,
        fitting,
        verdict: format!("verdict of {chip}"),
    };
    let fitting = Some(FittingInput { size: [160, 160], planned: true });
    MemoryMaps {
        target: "esp32s3".to_owned(),
        input: Some([224, 224]),
        blocks: 17,
        maps: vec![map(&names, 1, 1188), map(&names, 3, 244)],
        operations: names,
        chips: vec![
            chip("esp32s3", 256, 1, ActivationPlace::Sram, None),
            chip("esp32s2", 176, 0, ActivationPlace::Psram, fitting),
            chip("esp32c2", 144, 1, ActivationPlace::Nowhere, None),
        ],
    }
}
