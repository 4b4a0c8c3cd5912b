//! Maps of networks that are written here, and of Espressif's.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("OCTET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: no ../shared");
    }
    None
}

fn espressif(chip: &str) -> Option<Simulator> {
    let path = shared()?.join(format!("models/espressif/imagenet_mobilenetv2_{chip}.espdl"));
    let file: Arc<[u8]> = std::fs::read(path).unwrap().into();
    Some(Simulator::new(file, None).unwrap())
}

#[test]
fn espressifs_network_fits_the_p4_fused_and_smaller_chips_at_smaller_sizes() {
    let Some(simulator) = espressif("esp32p4") else { return };
    let maps = maps(&simulator).unwrap();
    assert_eq!((maps.target.as_str(), maps.input, maps.blocks), ("esp32p4", Some([224, 224]), 17));
    let before = maps.before().unwrap();
    assert_eq!((before.arena_bytes, before.streamed_blocks), (1_216_255, 0));
    let p4 = maps.chip("esp32p4").unwrap();
    let after = maps.after(p4).unwrap();
    assert_eq!((after.arena_bytes, p4.needed_bytes, p4.place), (416_631, 416_631, ActivationPlace::Sram));
    assert_eq!(
        p4.verdict,
        "needs 407 KiB fused (1188 KiB layer by layer): fits the ESP32-P4's SRAM (440 KiB)"
    );
    let c3 = maps.chip("esp32c3").unwrap();
    assert_eq!((c3.place, c3.same_file), (ActivationPlace::Sram, false));
    let s2 = maps.chip("esp32s2").unwrap();
    assert_eq!((s2.place, s2.map, s2.needed_bytes), (ActivationPlace::Psram, 0, 248_233));
    assert_eq!(
        s2.verdict,
        "needs PSRAM at 224 px: about 243 KiB fused do not fit the ESP32-S2's SRAM (176 KiB); SRAM suffices from 160 px down"
    );
    let c2 = maps.chip("esp32c2").unwrap();
    assert_eq!(c2.place, ActivationPlace::Nowhere);
    assert_eq!(c2.fitting, Some(crate::report::FittingInput { size: [160, 160], planned: true }));
    assert!(maps.maps.len() <= maps.chips.len(), "equal maps are kept once");
}

/// What must hold for every map.
fn check(maps: &MemoryMaps) {
    for map in &maps.maps {
        let end = maps.operations.len() - 1;
        assert_eq!(map.stages.first().unwrap().first, 0);
        assert_eq!(map.stages.last().unwrap().last, end);
        assert!(map.stages.windows(2).all(|s| s[0].last + 1 == s[1].first));
        assert_eq!(map.stages.iter().map(|s| s.arena_bytes).max().unwrap(), map.arena_bytes);
        assert_eq!(map.tensors.len(), maps.operations.len() + 1, "every tensor once");
        for tensor in &map.tensors {
            assert!(tensor.first <= tensor.last && tensor.last <= end, "{tensor:?}");
            assert_eq!(tensor.streamed, tensor.held_bytes < tensor.bytes, "{tensor:?}");
            for stage in map.stages.iter().filter(|s| tensor.first <= s.last && s.first <= tensor.last) {
                assert!(tensor.offset + tensor.held_bytes <= stage.arena_bytes, "{tensor:?} {stage:?}");
                assert!(tensor.first <= stage.first && stage.last <= tensor.last, "{tensor:?} {stage:?}");
            }
            // Two tensors share bytes only where one of them says so.
            for other in map.tensors.iter().filter(|o| o.operation < tensor.operation) {
                let together = tensor.first <= other.last && other.first <= tensor.last;
                let [a, b] = [tensor, other].map(|t| (t.offset, t.offset + t.held_bytes));
                let said = tensor.runs_into.as_ref() == Some(&other.name);
                assert!(!together || said || a.1 <= b.0 || b.1 <= a.0, "{tensor:?} {other:?}");
            }
        }
        let peak: u64 = map.during(map.peak_operation).map(|t| t.held_bytes).sum();
        assert!(peak + map.stages.iter().map(|s| s.scratch_bytes).max().unwrap() + 64 * 16 >= map.peak_bytes);
    }
}

#[test]
fn maps_are_whole_and_the_same_every_time() {
    for chip in ["esp32p4", "esp32s3"] {
        let Some(simulator) = espressif(chip) else { return };
        let once = maps(&simulator).unwrap();
        check(&once);
        assert_eq!(once, maps(&simulator).unwrap());
        let json = serde_json::to_string(&once).unwrap();
        assert_eq!(serde_json::from_str::<MemoryMaps>(&json).unwrap(), once);
    }
}

#[test]
fn what_the_firmware_takes_is_what_its_chip_is_said_to_execute() {
    let Some(simulator) = espressif("esp32s3") else { return };
    let maps = maps(&simulator).unwrap();
    for memory in &maps.chips {
        let planned = on_chip(&simulator, ChipFacts::by_name(&memory.chip).unwrap()).unwrap();
        assert_eq!(maps.after(memory).unwrap().arena_bytes, planned.map.arena_bytes as u64);
        assert_eq!(memory.place, planned.place);
        assert_eq!(memory.fitting.is_some(), memory.place != ActivationPlace::Sram);
    }
}
