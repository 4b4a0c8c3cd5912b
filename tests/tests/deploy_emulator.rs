//! From the flash of a board to the integers of a processor: what arrives at the boot loader is what the emulator executes,
//! and it computes what the desktop computes. Both ends are driven through the command line.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use octet_tests::{Emulator, Firmware, MockBoard, python, root};
use serde_json::Value;

fn picture(name: &str) -> String {
    root().join("tests/fixtures/pictures").join(name).to_str().unwrap().to_owned()
}

/// Flashes a board of that chip and takes out what is in its partition `model`, all of it.
fn flashed(chip: &str, mib: &str) -> Option<(Firmware, PathBuf)> {
    let python = python()?;
    Emulator::script("serve")?;
    let firmware = Firmware::new(&python, chip);
    firmware.build();
    let board = MockBoard::new(&python, chip, &["--flash-mib", mib]);
    let ran = firmware.octet(&["firmware", "flash"], &["--port", board.port(), "--no-reset"], &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let flash = board.flash();
    let table = octet_engine::deploy::read_table(&flash[0x8000..0x8c00]).unwrap();
    let partition = table.iter().find(|p| p.name == "model").unwrap();
    let model = &flash[partition.offset as usize..partition.end() as usize];
    let path = firmware.beside("partition");
    std::fs::write(&path, model).unwrap();
    Some((firmware, path))
}

/// The first event of that name.
fn event(text: &str, name: &str) -> Value {
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut events = events.filter(|event| event["event"] == name);
    events.next().unwrap_or_else(|| panic!("{name} is not in {text}"))
}

fn what_arrives_is_what_is_executed(chip: &str, mib: &str, processor: &str) {
    let Some((firmware, model)) = flashed(chip, mib) else { return };
    let Some(board) = Emulator::new(processor, &model) else { return };
    let port = ["--port", board.port(), "--no-reset", "--json"];
    let ran = firmware.octet(&["firmware", "verify"], &port, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let verified = event(&ran.stdout, "verified");
    assert_eq!((&verified["untold"], &verified["output_matches"]), (&0.into(), &true.into()), "{verified}");
    assert!(verified["tensors"].as_u64().unwrap() > 20, "{verified}");
    assert!(firmware.run_folder().join("measured.json").is_file());

    for preprocess in ["model", "chip"] {
        let (scene, turned) = (picture("scene.png"), picture("exif_6.jpg"));
        let arguments = [&[&scene, &turned, "--preprocess", preprocess][..], &port].concat();
        let ran = firmware.octet(&["firmware", "classify"], &arguments, &[]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let told = event(&ran.stdout, "classified");
        assert_eq!(told["differing"], 0, "{told}");
        assert_eq!(told["board"][0]["index"], told["desktop"][0]["index"], "{told}");
        assert_eq!(ran.stdout.matches("\"classified\"").count(), 2);
    }
}

#[test]
fn an_esp32p4_executes_what_arrived() {
    what_arrives_is_what_is_executed("esp32p4", "16", "riscv32imafc");
}

#[test]
fn an_esp32c3_executes_what_arrived() {
    what_arrives_is_what_is_executed("esp32c3", "4", "riscv32imc");
}

#[test]
fn a_flash_that_lost_a_bit_is_noticed() {
    let Some((firmware, model)) = flashed("esp32c3", "4") else { return };
    let mut bytes = std::fs::read(&model).unwrap();
    // In a weight: the file can still be read.
    let at = std::fs::metadata(firmware.run_folder().join("model.espdl")).unwrap().len() as usize / 2;
    bytes[at] ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let Some(board) = Emulator::new("riscv32imc", &model) else { return };
    let scene = picture("scene.png");
    for (word, more) in [("verify", &[][..]), ("classify", &[scene.as_str()])] {
        let arguments = [more, &["--port", board.port(), "--no-reset", "--json"]].concat();
        let ran = firmware.octet(&["firmware", word], &arguments, &[]);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains("another model") && ran.stderr.contains("--model-only"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stdout.contains("\"done\"") && !ran.stdout.contains("\"verified\""), "{}", ran.stdout);
        assert!(!firmware.run_folder().join("measured.json").exists());
    }
}
