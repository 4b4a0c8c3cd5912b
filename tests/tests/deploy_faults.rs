//! What can go wrong between a run and a board: each ends in a message that names the thing and says what to do, and
//! nothing is claimed that was not done. Everything goes through the command line.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod running;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use octet_tests::{Firmware, MockBoard, Ran, python, root};
use serde_json::{Value, json};

/// The message of a failure that claims nothing.
fn message(firmware: &Firmware, ran: &Ran) -> String {
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &events {
        assert!(event["event"] != "done" && event["event"] != "verified", "{event}");
        let is_end = event["event"] == "step" && event["state"] == "done";
        let is_early = ["toolchain", "generate", "build"].iter().any(|step| event["step"] == *step);
        assert!(!is_end || is_early, "{event}");
    }
    assert!(!firmware.run_folder().join("measured.json").exists());
    let last = events.last().unwrap();
    assert_eq!(last["event"], "error", "{last}");
    let text = |part: &str| last[part].as_str().unwrap_or_else(|| panic!("{part} is not in {last}"));
    // Where, what kind of thing, what was wrong, and what to do.
    assert!(!text("step").is_empty() && !text("cause").is_empty(), "{last}");
    let message = format!("{}; {}", text("message"), text("help"));
    message.replace(&*firmware.beside("").to_string_lossy(), "FOLDER/")
}

/// The message of flashing onto a board, which must stay empty.
fn refused(firmware: &Firmware, board: MockBoard) -> String {
    let port = board.port().to_owned();
    let ran = firmware.octet(&["firmware", "flash"], &["--port", &port, "--no-reset", "--json"], &[]);
    let message = message(firmware, &ran).replace(&port, "PORT");
    assert!(board.flash().iter().all(|b| *b == 0xff), "{message}");
    message
}

/// Changes a file of the project for as long as `look` looks.
fn with_changed<T>(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>, look: impl FnOnce() -> T) -> T {
    let before = std::fs::read(path).unwrap();
    std::fs::write(path, change(before.clone())).unwrap();
    let seen = look();
    std::fs::write(path, before).unwrap();
    seen
}

#[test]
fn every_fault_has_its_message_and_leaves_the_flash_alone() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    std::fs::write(firmware.beside("secret.bin"), [0xe9; 64]).unwrap();
    let board = || MockBoard::new(&python, "esp32c3", &[]);
    let build = firmware.project().join("build");
    let args = build.join("flasher_args.json");
    let table = build.join("partition_table/partition-table.bin");
    let edited = |change: &dyn Fn(&mut Value)| {
        let edit = |bytes: Vec<u8>| {
            let mut value: Value = serde_json::from_slice(&bytes).unwrap();
            change(&mut value);
            value.to_string().into_bytes()
        };
        with_changed(&args, edit, || refused(&firmware, board()))
    };

    let mut told: Vec<(&str, String)> = Vec::new();
    told.push(("wrong chip", refused(&firmware, MockBoard::new(&python, "esp32c6", &[]))));
    let small = MockBoard::new(&python, "esp32c3", &["--flash-mib", "2"]);
    told.push(("too small flash", refused(&firmware, small)));
    let busy = board();
    let held = serialport::new(busy.port(), 115_200).open_native().unwrap();
    let in_use = refused(&firmware, busy);
    let (before, rest) = in_use.split_once(" by ").unwrap();
    let (who, after) = rest.split_once(");").unwrap();
    assert!(who.contains(&std::process::id().to_string()), "{in_use}");
    told.push(("busy port", format!("{before} by PROGRAM;{after}")));
    drop(held);
    let absent = ["--port", "/dev/no-such-port", "--json"];
    told.push(("no such port", message(&firmware, &firmware.octet(&["firmware", "flash"], &absent, &[]))));
    let moved = |mut bytes: Vec<u8>| {
        // The model's partition, the fourth, into the application's.
        bytes[3 * 32 + 4..3 * 32 + 8].copy_from_slice(&0x20000u32.to_le_bytes());
        bytes
    };
    told.push(("overlapping partitions", with_changed(&table, moved, || refused(&firmware, board()))));
    told.push((
        "overlapping files",
        edited(&|args| {
            let mut files = args["flash_files"].as_object().unwrap().clone();
            files.insert("0x1000".to_owned(), json!("app.bin"));
            args["flash_files"] = files.into();
        }),
    ));
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    told.push(("corrupt flasher_args.json", with_changed(&args, cut, || refused(&firmware, board()))));
    told.push((
        "a path that leaves the project",
        edited(&|args| args["flash_files"]["0x10000"] = json!("../../../secret.bin")),
    ));
    std::os::unix::fs::symlink(firmware.beside("secret.bin"), build.join("link.bin")).unwrap();
    told.push((
        "a link that leaves the project",
        edited(&|args| args["flash_files"]["0x10000"] = json!("link.bin")),
    ));
    let other_model = |mut bytes: Vec<u8>| {
        bytes[100] ^= 1;
        bytes
    };
    let model = firmware.project().join("model.espdl");
    told.push(("another model", with_changed(&model, other_model, || refused(&firmware, board()))));
    std::fs::remove_file(&args).unwrap();
    told.push(("not built", refused(&firmware, board())));

    // What is wrong, and what to do.
    let expected: [(&str, &[&str]); 11] = [
        ("wrong chip", &["is an esp32c6, and this firmware is for esp32c3", "--port", "--target esp32c6"]),
        ("too small flash", &["has 2 MB of flash", "laid out for 4 MB", "a board with more flash"]),
        ("busy port", &["PORT: it is in use by PROGRAM; close the other program"]),
        ("no such port", &["/dev/no-such-port: there is no such port", "octet doctor"]),
        (
            "overlapping partitions",
            &["partition-table.bin`: partitions `factory`", "and `model`", "overlap; build the project anew"],
        ),
        (
            "overlapping files",
            &["flasher_args.json`: ", "bootloader.bin` (0x0..", "overlap; build the project anew"],
        ),
        ("corrupt flasher_args.json", &["flasher_args.json`: it is damaged", "build the project anew"]),
        (
            "a path that leaves the project",
            &[
                "it names `../../../secret.bin`, which leaves the project",
                "files outside of the project are never",
            ],
        ),
        (
            "a link that leaves the project",
            &["it names `link.bin`, which leaves the project", "never flashed"],
        ),
        (
            "another model",
            &["model.espdl`: it is not the model of the run", "octet firmware new FOLDER/a run"],
        ),
        ("not built", &["is not built", "flasher_args.json` is missing", "octet firmware build"]),
    ];
    assert_eq!(told.len(), expected.len());
    for ((fault, message), (name, words)) in told.iter().zip(expected) {
        assert_eq!(*fault, name);
        for word in words {
            assert!(message.contains(word), "{fault}: `{word}` is not in: {message}");
        }
    }
}

#[test]
fn a_board_that_is_unplugged_while_it_is_written_is_not_done() {
    let Some(python) = python() else { return };
    for chip in ["esp32c3", "esp32s3", "esp32p4", "esp32c6"] {
        let firmware = Firmware::new(&python, chip);
        firmware.build();
        let mib = match chip {
            "esp32p4" => "16",
            "esp32s3" => "8",
            _ => "4",
        };
        let board = MockBoard::new(&python, chip, &["--flash-mib", mib, "--unplug-after", "150000"]);
        let port = board.port().to_owned();
        let ran = firmware.octet(&["firmware", "flash"], &["--port", &port, "--no-reset", "--json"], &[]);
        let message = message(&firmware, &ran);
        for words in [port.as_str(), "the board was unplugged", " bytes", "what is on it is incomplete"] {
            assert!(message.contains(words), "{chip}: `{words}` is not in: {message}");
        }
    }
}

#[test]
fn a_board_that_is_unplugged_while_it_computes_or_receives_is_not_done() {
    let scene = root().join("tests/fixtures/pictures/scene.png");
    for (word, more, until) in
        [("verify", None, "\"start\""), ("classify", Some(scene.to_str().unwrap()), "\"next\"")]
    {
        let told = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&told);
        let cable = move |line: &str| {
            if line.contains(until) {
                seen.store(true, Ordering::Relaxed);
            }
            (!seen.load(Ordering::Relaxed)).then(|| line.to_owned())
        };
        let Some((firmware, board)) = running::set_up("", Box::new(cable), Box::new(Some)) else { return };
        let port = board.port.clone();
        let arguments: Vec<&str> =
            more.into_iter().chain(["--port", &port, "--no-reset", "--json"]).collect();
        let ran = std::thread::scope(|scope| {
            let talking = scope.spawn(|| firmware.octet(&["firmware", word], &arguments, &[]));
            while !told.load(Ordering::Relaxed) {
                assert!(!talking.is_finished());
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            drop(board);
            talking.join().unwrap()
        });
        let message = message(&firmware, &ran);
        assert!(message.contains(&port) && message.contains("the board went away"), "{word}: {message}");
        assert!(!ran.stdout.contains("\"classified\""), "{}", ran.stdout);
    }
}

#[test]
fn the_whole_way_ends_with_done_or_with_the_step_that_failed() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    let steps = |ran: &Ran| -> Vec<String> {
        let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ends = events.filter(|e| e["event"] == "step" && e["state"] != "started");
        ends.map(|e| format!("{} {}", e["step"].as_str().unwrap(), e["state"].as_str().unwrap())).collect()
    };
    let board = MockBoard::new(&python, "esp32c3", &[]);
    let port = ["--port", board.port(), "--no-reset", "--json"];
    let ran = firmware.octet(&["deploy"], &[&port[..], &["--no-verify"]].concat(), &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(steps(&ran), ["toolchain done", "generate done", "build done", "flash done"]);
    assert!(ran.stdout.trim_end().lines().last().unwrap().contains("\"done\""), "{}", ran.stdout);
    // A board in its boot loader computes nothing: all is on it, and nothing is verified.
    let ran = firmware.octet(&["deploy"], &[&port[..], &["--model-only", "--patience", "1"]].concat(), &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(steps(&ran), ["toolchain done", "generate done", "flash done", "verify failed"]);
    assert!(!ran.stdout.contains("\"event\":\"done\""), "{}", ran.stdout);
    assert!(ran.stderr.contains("says nothing") && ran.stderr.contains("RESET"), "{}", ran.stderr);
    assert!(!firmware.run_folder().join("measured.json").exists());
    drop(board);

    let other = MockBoard::new(&python, "esp32c6", &[]);
    let port = ["--port", other.port(), "--no-reset", "--json"];
    let ran = firmware.octet(&["deploy"], &port, &[]);
    assert_eq!(steps(&ran), ["toolchain done", "generate done", "build done", "flash failed"]);
    assert!(message(&firmware, &ran).contains("is an esp32c6"), "{}", ran.stdout);
    assert!(other.flash().iter().all(|b| *b == 0xff));
}

#[test]
fn a_build_that_leaves_something_running_ends() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let ran = firmware.octet(&["firmware", "build"], &[], &[("OCTET_RECORDER", "linger")]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let left = std::fs::read_to_string(firmware.beside("record.child")).unwrap();
    let ended = std::process::Command::new("kill").args(["-KILL", &left]).status().unwrap();
    assert!(ended.success(), "it was to outlive the build");
}

#[test]
fn links_in_a_run_folder_lead_nowhere() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    firmware.build();
    let elsewhere = firmware.beside("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let main = firmware.project().join("main");
    std::fs::remove_dir_all(&main).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &main).unwrap();
    let ran = firmware.octet(&["firmware", "new"], &["--json"], &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("leads out of the project"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);

    std::fs::remove_file(&main).unwrap();
    std::fs::write(firmware.beside("mine"), "mine").unwrap();
    std::fs::remove_file(firmware.run_folder().join("build.log")).unwrap();
    std::os::unix::fs::symlink(firmware.beside("mine"), firmware.run_folder().join("build.log")).unwrap();
    firmware.build();
    assert_eq!(std::fs::read_to_string(firmware.beside("mine")).unwrap(), "mine");
    assert!(std::fs::read_to_string(firmware.run_folder().join("build.log")).unwrap().contains("[4/4]"));
}
