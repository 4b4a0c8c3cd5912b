//! The Deploy sheet of the real window, against a stand-in for ESP-IDF and boards on pseudo-terminals: one in its boot
//! loader, one that runs the model, one that computes something else. `OCTET_TEST_SCREENSHOTS` names a folder to keep the
//! pictures in.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod running;

use std::path::{Path, PathBuf};

use octet_tests::{Firmware, MockBoard, desk, desk_is_ready, octet, python};
use running::{Running, falsified, fine};
use serde_json::Value;

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_person_deploys_a_run_compares_the_board_and_finds_the_layer_that_differs() {
    let Some(python) = python() else { return };
    if !desk_is_ready() {
        return;
    }
    let firmware = Firmware::new(&python, "esp32c3");
    // Whatever a run's folder is called.
    let run = firmware.beside("größe 猫");
    std::fs::rename(firmware.run_folder(), &run).unwrap();
    let model = std::fs::read(run.join("model.espdl")).unwrap();
    let boot_loader = MockBoard::new(&python, "esp32c3", &[]);
    let right = Running::new(model.clone(), "", fine(), Box::new(Some));
    let wrong = Running::new(model.clone(), "", Box::new(|line| Some(falsified(line, 7))), Box::new(Some));
    let work = firmware.beside("work");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::create_dir_all(firmware.beside("home")).unwrap();
    let mut environment = firmware.environment();
    environment.push(("OCTET_DATA_DIR", text(&work.join("data"))));
    let ports = [boot_loader.port(), &right.port, &wrong.port].map(PathBuf::from);
    let program = octet();
    let before = [program.as_path(), &run, &work];
    let arguments: Vec<&Path> = before.into_iter().chain(ports.iter().map(PathBuf::as_path)).collect();
    let out = desk("deploy.py", &arguments, &environment).unwrap();
    if let Some(kept) = std::env::var_os("OCTET_TEST_SCREENSHOTS").map(PathBuf::from) {
        std::fs::create_dir_all(&kept).unwrap();
        for shot in std::fs::read_dir(&work).unwrap().filter_map(|e| Some(e.ok()?.path())) {
            if shot.extension().is_some_and(|e| e == "png") {
                std::fs::copy(&shot, kept.join(shot.file_name().unwrap())).unwrap();
            }
        }
    }
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let log = std::fs::read_to_string(work.join("octet.log")).unwrap_or_default();
    assert!(out.status.success(), "{said}\n{complained}\n{log}");
    assert!(said.trim_end().ends_with("done"), "{said}");

    // What the person saw is what happened: the model is on the board, at the place of its partition.
    let project = run.join("firmware");
    let args: Value =
        serde_json::from_slice(&std::fs::read(project.join("build/flasher_args.json")).unwrap()).unwrap();
    let flash = boot_loader.flash();
    for (offset, file) in args["flash_files"].as_object().unwrap() {
        let at = usize::from_str_radix(offset.trim_start_matches("0x"), 16).unwrap();
        let bytes = std::fs::read(project.join("build").join(file.as_str().unwrap())).unwrap();
        assert!(flash[at..].starts_with(&bytes), "{file} is not at {offset}");
    }
    let at = args["model"]["offset"].as_str().unwrap().trim_start_matches("0x").to_owned();
    assert!(flash[usize::from_str_radix(&at, 16).unwrap()..].starts_with(&model));
    let record: Value = serde_json::from_str(firmware.record().lines().next().unwrap()).unwrap();
    assert_eq!(Path::new(record["cwd"].as_str().unwrap()), project.canonicalize().unwrap());
    let measured: Value = serde_json::from_slice(&std::fs::read(run.join("measured.json")).unwrap()).unwrap();
    assert_eq!(measured["model_crc32"], crc32fast::hash(&model));
    assert!(std::fs::read_to_string(run.join("console.log")).unwrap().contains("@octet1"));
}
