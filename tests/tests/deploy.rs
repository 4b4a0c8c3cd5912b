//! From a run to the bytes in a board's flash: through the command line, with a stand-in for `idf.py` and boards on
//! pseudo-terminals. Every way in which it can go wrong ends in a message, before anything is written where that is possible.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_tests::{Firmware, MockBoard, Ran, python};
use serde_json::{Value, json};

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect()
}

fn args_of(project: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(project.join("build/flasher_args.json")).unwrap()).unwrap()
}

/// Every file of the build at its place, and nothing else.
fn expected_flash(project: &Path, size: usize) -> Vec<u8> {
    let mut flash = vec![0xff; size];
    for (offset, file) in args_of(project)["flash_files"].as_object().unwrap() {
        let at = usize::from_str_radix(offset.trim_start_matches("0x"), 16).unwrap();
        let bytes = std::fs::read(project.join("build").join(file.as_str().unwrap())).unwrap();
        flash[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    flash
}

fn flash_of(firmware: &Firmware, board: &MockBoard, more: &[&str]) -> Ran {
    let arguments = [&["--port", board.port(), "--no-reset"][..], more].concat();
    firmware.octet(&["firmware", "flash"], &arguments, &[])
}

/// A refusal: exit code 1, the message on standard error, and an untouched board.
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in: {}", ran.stderr);
    }
}

fn arrives_byte_for_byte(target: &str) {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, target);
    firmware.build();
    let mib = if target == "esp32p4" {
        16
    } else if target == "esp32s3" {
        8
    } else {
        4
    };
    let board = MockBoard::new(&python, target, &["--flash-mib", &mib.to_string()]);
    let ran = flash_of(&firmware, &board, &["--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);

    let events = lines(&ran);
    assert_eq!(events.last().unwrap()["event"], "done");
    let device = events.iter().find(|e| e["event"] == "device").unwrap();
    assert_eq!((&device["chip"], &device["flash_bytes"]), (&json!(target), &json!(mib << 20)));
    let done: Vec<u64> =
        events.iter().filter_map(|e| e["bytes"].as_array()).map(|b| b[0].as_u64().unwrap()).collect();
    let all = events.iter().find_map(|e| e["bytes"][1].as_u64()).unwrap();
    assert!(done.len() > 20 && done.is_sorted(), "{done:?}");
    assert_eq!(done.last(), Some(&all));

    // The model alone: only its partition is written, and the same bytes are not written twice.
    let ran = flash_of(&firmware, &board, &["--json", "--model-only"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("were there already"), "{}", ran.stdout);
    let model = std::fs::read(firmware.run_folder().join("model.espdl")).unwrap();
    let all = lines(&ran).iter().find_map(|e| e["bytes"][1].as_u64()).unwrap();
    assert_eq!(all, model.len() as u64);

    let flash = board.flash();
    let expected = expected_flash(&firmware.project(), flash.len());
    let differing = flash.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(differing, None, "the flash differs");
    let at = args_of(&firmware.project())["model"]["offset"].as_str().unwrap().to_owned();
    let at = usize::from_str_radix(at.trim_start_matches("0x"), 16).unwrap();
    assert!(flash[at..].starts_with(&model), "the run's model is not in the flash");
}

#[test]
fn an_esp32c3_gets_every_byte() {
    arrives_byte_for_byte("esp32c3");
}

#[test]
fn an_esp32c6_gets_every_byte() {
    arrives_byte_for_byte("esp32c6");
}

#[test]
fn an_esp32s3_gets_every_byte() {
    arrives_byte_for_byte("esp32s3");
}

#[test]
fn an_esp32p4_gets_every_byte() {
    arrives_byte_for_byte("esp32p4");
}

#[test]
fn a_build_is_called_as_it_should_and_its_log_is_read() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let ran = firmware.octet(&["firmware", "build"], &["--json"], &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let record: Value = serde_json::from_str(firmware.record().lines().next().unwrap()).unwrap();
    assert_eq!(record["arguments"], json!(["-B", "build", "-DIDF_TARGET=esp32c3", "build"]));
    assert_eq!(Path::new(record["cwd"].as_str().unwrap()), firmware.project().canonicalize().unwrap());
    let events = lines(&ran);
    let fractions: Vec<f64> = events
        .iter()
        .filter(|e| e["event"] == "progress" && e["message"] != "built")
        .map(|e| e["fraction"].as_f64().unwrap())
        .collect();
    assert_eq!(fractions, [0.25, 0.5, 0.75, 1.0]);
    let warning = events.iter().find(|e| e["event"] == "diagnostic").unwrap();
    assert_eq!((&warning["severity"], &warning["line"]), (&json!("warning"), &json!(3)));
    let log = std::fs::read_to_string(firmware.run_folder().join("build.log")).unwrap();
    assert!(log.contains("[4/4]"), "{log}");

    let ran = firmware.octet(&["firmware", "build"], &[], &[("OCTET_RECORDER", "fail")]);
    refused(&ran, &["main.c:12", "no_such_name", "build.log"]);
}

#[test]
fn the_wrong_chip_is_refused() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c6", &[]);
    refused(&flash_of(&firmware, &board, &[]), &["esp32c6", "esp32c3", "nothing was written"]);
    refused(&flash_of(&firmware, &board, &["--chip-check"]), &["esp32c6", "esp32c3"]);
    assert!(board.flash().iter().all(|b| *b == 0xff));
}

#[test]
fn the_right_chip_is_checked_without_writing() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c3", &[]);
    let ran = flash_of(&firmware, &board, &["--chip-check"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(board.flash().iter().all(|b| *b == 0xff));
}

#[test]
fn too_small_a_flash_is_refused() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c3", &["--flash-mib", "2"]);
    refused(&flash_of(&firmware, &board, &[]), &["2 MB of flash", "4 MB", "nothing was written"]);
    assert!(board.flash().iter().all(|b| *b == 0xff));
}

#[test]
fn a_port_in_use_is_named() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c3", &[]);
    let held = serialport::new(board.port(), 115_200).open_native().unwrap();
    let process = std::process::id().to_string();
    refused(&flash_of(&firmware, &board, &[]), &[board.port(), "in use", &process]);
    drop(held);
    assert_eq!(flash_of(&firmware, &board, &["--chip-check"]).code, 0);
}

#[test]
fn a_port_that_is_not_there_is_named() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let ran = firmware.octet(&["firmware", "flash"], &["--port", "/dev/no-such-port"], &[]);
    refused(&ran, &["/dev/no-such-port", "no such port", "octet doctor"]);
}

#[test]
fn a_board_that_is_unplugged_leaves_a_message() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c3", &["--unplug-after", "200000"]);
    let ran = flash_of(&firmware, &board, &[]);
    refused(&ran, &["unplugged", "bytes", "incomplete"]);
    assert!(!ran.stderr.contains("flash done"), "{}", ran.stderr);
}

#[test]
fn a_bridge_that_bears_no_high_speed_is_tried_at_a_lower_one() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c3", &["--max-baud", "460800"]);
    let ran = flash_of(&firmware, &board, &["--baud", "921600"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("trying again at 460800 baud"), "{}", ran.stderr);
    let flash = board.flash();
    assert!(flash == expected_flash(&firmware.project(), flash.len()), "the flash differs");
}

#[test]
fn the_model_alone_needs_the_projects_partition_table_on_the_board() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let board = MockBoard::new(&python, "esp32c3", &[]);
    refused(&flash_of(&firmware, &board, &["--model-only"]), &["partition table", "nothing was written"]);
    assert!(board.flash().iter().all(|b| *b == 0xff));
}

/// Changes `flasher_args.json` and flashes onto a board that must stay empty.
fn refused_when(python: &Path, firmware: &Firmware, change: impl FnOnce(&mut Value), words: &[&str]) {
    let path = firmware.project().join("build/flasher_args.json");
    let before = std::fs::read(&path).unwrap();
    let mut args: Value = serde_json::from_slice(&before).unwrap();
    change(&mut args);
    std::fs::write(&path, args.to_string()).unwrap();
    let board = MockBoard::new(python, "esp32c3", &[]);
    refused(&flash_of(firmware, &board, &[]), words);
    assert!(board.flash().iter().all(|b| *b == 0xff), "{words:?}");
    std::fs::write(&path, before).unwrap();
}

#[test]
fn files_of_the_build_that_would_do_harm_are_refused() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    std::fs::write(firmware.beside("secret.bin"), [0xe9; 64]).unwrap();
    let secret = firmware.beside("secret.bin").to_str().unwrap().to_owned();
    let refused = |words: &[&str], change: &dyn Fn(&mut Value)| {
        refused_when(&python, &firmware, |args| change(args), words);
    };
    let files = |args: &mut Value| args["flash_files"].as_object_mut().unwrap().clone();
    refused(&["flasher_args.json", "leaves the project"], &|args| {
        args["flash_files"]["0x10000"] = json!("../../../secret.bin");
    });
    refused(&["flasher_args.json", "leaves the project"], &|args| {
        args["flash_files"]["0x10000"] = json!(secret)
    });
    refused(&["flasher_args.json", "leaves the project"], &|args| {
        args["flash_files"]["0x10000"] = json!("../../../../../../../../etc/none");
    });
    refused(&["none.bin", "cannot be read"], &|args| args["flash_files"]["0x10000"] = json!("none.bin"));
    refused(&["overlap"], &|args| {
        let mut changed = files(args);
        changed.insert("0x1000".to_owned(), json!("app.bin"));
        args["flash_files"] = changed.into();
    });
    refused(&["0x8001", "multiple"], &|args| {
        let mut changed = files(args);
        changed.insert("0x8001".to_owned(), json!("app.bin"));
        args["flash_files"] = changed.into();
    });
    refused(&["-4096"], &|args| {
        let mut changed = files(args);
        changed.insert("-4096".to_owned(), json!("app.bin"));
        args["flash_files"] = changed.into();
    });
    refused(&["it does not name the model"], &|args| {
        let place = args["model"]["offset"].as_str().unwrap().to_owned();
        args["flash_files"].as_object_mut().unwrap().remove(&place);
    });
    refused(&["it names no application"], &|args| {
        args["flash_files"].as_object_mut().unwrap().remove("0x10000");
    });
    refused(&["no flash size"], &|args| args["flash_settings"]["flash_size"] = json!("many"));
    refused(&["behind the flash"], &|args| args["flash_settings"]["flash_size"] = json!("1MB"));
    refused(&["esp32s3", "esp32c3"], &|args| args["extra_esptool_args"]["chip"] = json!("esp32s3"));
    refused(&["encrypted"], &|args| args["app"]["encrypted"] = json!("true"));
    refused(&["damaged"], &|args| *args = json!([1, 2, 3]));
    refused(&["damaged"], &|args| args["flash_files"] = json!({"0x0": 7}));

    // The table itself, the images, the model.
    let build = firmware.project().join("build");
    let with = |file: &str, change: &dyn Fn(&mut Vec<u8>), words: &[&str]| {
        let path = build.join(file);
        let before = std::fs::read(&path).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        refused_when(&python, &firmware, |_| {}, words);
        std::fs::write(&path, before).unwrap();
    };
    let table = "partition_table/partition-table.bin";
    // The model's partition, the fourth, moved into the application's.
    with(
        table,
        &|bytes| bytes[3 * 32 + 4..3 * 32 + 8].copy_from_slice(&0x20000u32.to_le_bytes()),
        &["overlap"],
    );
    with(table, &|bytes| bytes.truncate(40), &["partition-table.bin"]);
    with(table, &|bytes| bytes[0] = 0, &["partition-table.bin"]);
    with("app.bin", &|bytes| bytes.resize(3 << 20, 0), &["app.bin"]);
    with("app.bin", &|bytes| bytes[12] = 9, &["app.bin", "esp32s3"]);
    with("bootloader/bootloader.bin", &|bytes| bytes[0] = 0, &["bootloader.bin", "no program image"]);
    with(
        "bootloader/bootloader.bin",
        &|bytes| bytes[15..17].copy_from_slice(&300u16.to_le_bytes()),
        &["revision", "3.0"],
    );
    with("../model.espdl", &|bytes| bytes[100] ^= 1, &["model.espdl", "not the model of the run"]);
    with(
        "project_description.json",
        &|bytes| *bytes = b"{".to_vec(),
        &["project_description.json", "damaged"],
    );
}

#[test]
fn a_cancelled_build_ends_with_all_that_it_started() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let child_file = firmware.beside("record.child");
    let ran = std::thread::scope(|scope| {
        let building =
            scope.spawn(|| firmware.octet(&["firmware", "build"], &[], &[("OCTET_RECORDER", "hang")]));
        while !child_file.is_file() {
            assert!(!building.is_finished());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        firmware.interrupt("build");
        building.join().unwrap()
    });
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let child = std::fs::read_to_string(child_file).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(" Z "), "{stat}");
}

#[test]
fn what_the_user_changed_stays_and_a_new_model_is_taken_over() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let main = firmware.project().join("main/main.c");
    std::fs::write(&main, "/* mine */\n").unwrap();
    let model = firmware.run_folder().join("model.espdl");
    let mut bytes = std::fs::read(&model).unwrap();
    bytes.extend([0; 16]);
    std::fs::write(&model, &bytes).unwrap();
    let board = MockBoard::new(&python, "esp32c3", &[]);
    refused(&flash_of(&firmware, &board, &[]), &["model.espdl", "octet firmware new"]);
    let ran = firmware.octet(&["firmware", "new"], &[], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("main/main.c"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&main).unwrap(), "/* mine */\n");
    assert_eq!(std::fs::read(firmware.project().join("model.espdl")).unwrap(), bytes);
    // The application was made of another main.c.
    refused(&flash_of(&firmware, &board, &[]), &["main/main.c", "octet firmware build"]);
    assert_eq!(firmware.octet(&["firmware", "build"], &[], &[]).code, 0);
    assert_eq!(flash_of(&firmware, &board, &[]).code, 0);
}

#[test]
fn an_application_that_is_older_than_its_project_is_not_flashed() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    let board = MockBoard::new(&python, "esp32c3", &[]);
    firmware.build();
    assert_eq!(flash_of(&firmware, &board, &[]).code, 0);
    let labels = firmware.beside("labels.txt");
    std::fs::write(&labels, "tench\ngoldfish\n").unwrap();
    let ran = firmware.octet(&["firmware", "new"], &["--names", labels.to_str().unwrap()], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    refused(&flash_of(&firmware, &board, &[]), &["main/assets/labels.txt", "octet firmware build"]);
    // The model alone can be: what is older is told.
    let ran = flash_of(&firmware, &board, &["--model-only"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("main/assets/labels.txt"), "{}", ran.stderr);

    // In the application the model is one of the things that it was made of.
    let rodata = ["--model-in", "rodata"];
    assert_eq!(firmware.octet(&["firmware", "new"], &rodata, &[]).code, 0);
    assert_eq!(firmware.octet(&["firmware", "build"], &[], &[]).code, 0);
    let model = firmware.run_folder().join("model.espdl");
    let mut bytes = std::fs::read(&model).unwrap();
    bytes.extend([0; 16]);
    std::fs::write(&model, &bytes).unwrap();
    refused(&flash_of(&firmware, &board, &[]), &["model.espdl", "octet firmware new"]);
    assert_eq!(firmware.octet(&["firmware", "new"], &rodata, &[]).code, 0);
    refused(&flash_of(&firmware, &board, &[]), &["model.espdl", "octet firmware build"]);
}

#[test]
fn a_project_that_does_without_psram_is_flashed_whatever_its_activations_need() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32s3");
    firmware.build();
    let record = firmware.project().join("octet.json");
    let mut project: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(project["psram"], false);
    project["arena_bytes"] = json!(64 << 20);
    std::fs::write(&record, project.to_string()).unwrap();
    let board = MockBoard::new(&python, "esp32s3", &["--flash-mib", "8"]);
    let ran = flash_of(&firmware, &board, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // One that is made for it needs a build with it.
    project["psram"] = json!(true);
    std::fs::write(&record, project.to_string()).unwrap();
    refused(&flash_of(&firmware, &board, &[]), &["CONFIG_SPIRAM is not set"]);
}

#[test]
fn wrong_arguments_exit_with_2() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    for (words, more) in [
        (["firmware", "new"], &["--target", "esp33"][..]),
        (["firmware", "new"], &["--chip-revision", "new"][..]),
        (["firmware", "flash"], &["--baud", "7"][..]),
        (["firmware", "flash"], &["--model-only", "--chip-check"][..]),
    ] {
        let ran = firmware.octet(&words, more, &[]);
        assert_eq!(ran.code, 2, "{words:?} {more:?}: {}", ran.stderr);
    }
    refused(&firmware.octet(&["firmware", "build"], &[], &[]), &["octet firmware new"]);
    refused(
        &firmware.octet(&["firmware", "new"], &["--target", "esp32p4"], &[]),
        &["esp32c3", "--target esp32p4"],
    );
    refused(&firmware.octet(&["firmware", "new"], &["--flavour", "esp-dl"], &[]), &["ESP-DL", "esp32c3"]);
    let names = firmware.beside("names.txt");
    std::fs::write(&names, "background\n".repeat(1001)).unwrap();
    refused(
        &firmware.octet(&["firmware", "new"], &["--names", names.to_str().unwrap()], &[]),
        &["names.txt", "names 1001 classes", "has 5"],
    );
}

#[test]
fn an_esp_idf_that_is_missing_or_too_old_is_named() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let version = firmware.beside("idf/tools/cmake/version.cmake");
    std::fs::write(version, "set(IDF_VERSION_MAJOR 5)\nset(IDF_VERSION_MINOR 2)\nset(IDF_VERSION_PATCH 3)\n")
        .unwrap();
    refused(&firmware.octet(&["firmware", "build"], &[], &[]), &["5.2.3", "5.3"]);
    let nowhere = firmware.beside("nowhere");
    let more = ["--idf", nowhere.to_str().unwrap()];
    refused(&firmware.octet(&["firmware", "build"], &more, &[]), &["nowhere", "octet doctor"]);
}
