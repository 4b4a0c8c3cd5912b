//! Monitor and verify against the firmware's own main logic, which runs here behind a pseudo-terminal.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod running;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use octet_tests::{Firmware, Ran, python};
use running::{Cable, Running, falsified, fine};
use serde_json::Value;
use serialport::{SerialPort, TTYPort};

fn set_up(cable: Cable) -> Option<(Firmware, Running)> {
    running::set_up("", cable, Box::new(Some))
}

fn verify(firmware: &Firmware, board: &Running, more: &[&str]) -> Ran {
    let arguments = [&["--port", board.port.as_str(), "--no-reset"][..], more].concat();
    firmware.octet(&["firmware", "verify"], &arguments, &[])
}

#[test]
fn every_tensor_is_equal_and_the_times_go_into_the_run() {
    let Some((firmware, board)) = set_up(fine()) else { return };
    let ran = verify(&firmware, &board, &["--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let verified = events.iter().find(|e| e["event"] == "verified").unwrap();
    assert_eq!((&verified["first_difference"], &verified["output_matches"]), (&Value::Null, &true.into()));
    assert_eq!(verified["untold"], 0);
    let tensors = verified["tensors"].as_u64().unwrap();
    assert!(tensors > 20, "{verified}");

    let measured = std::fs::read(firmware.run_folder().join("measured.json")).unwrap();
    let measured: Value = serde_json::from_slice(&measured).unwrap();
    assert_eq!(measured["layers"].as_array().unwrap().len() as u64 + 1, tensors);
    assert!(measured["network_us"].as_u64().unwrap() > 0);
    let kept = std::fs::read_to_string(firmware.run_folder().join("console.log")).unwrap();
    assert!(kept.contains("@octet1") && kept.contains("\"hello\""), "{kept}");
}

#[test]
fn what_cannot_be_kept_is_not_told_as_verified() {
    let Some((firmware, board)) = set_up(fine()) else { return };
    std::fs::create_dir_all(firmware.run_folder().join("measured.json/in the way")).unwrap();
    let ran = verify(&firmware, &board, &["--json"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("measured.json"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("\"verified\""), "{}", ran.stdout);
}

#[test]
fn the_first_tensor_that_differs_is_named() {
    let cable = Box::new(|line: &str| Some(falsified(&falsified(line, 9), 7)));
    let Some((firmware, board)) = set_up(cable) else { return };
    let ran = verify(&firmware, &board, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("number 7") && ran.stderr.contains("00000000"), "{}", ran.stderr);
    assert!(!firmware.run_folder().join("measured.json").exists(), "what differs is no measurement");
}

#[test]
fn lines_that_are_lost_each_time_are_no_verification() {
    let cable = |line: &str| {
        let is_lost = line.contains("\"tensor\"") && line.contains("\"index\":4,");
        (!is_lost).then(|| line.to_owned())
    };
    let Some((firmware, board)) = set_up(Box::new(cable)) else { return };
    let ran = verify(&firmware, &board, &["--json"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("1 lines were lost on the way; take a shorter cable"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("\"verified\"") && !ran.stdout.contains("\"done\""), "{}", ran.stdout);
    assert!(!firmware.run_folder().join("measured.json").exists());
}

#[test]
fn a_board_that_starts_anew_in_its_self_test_has_failed() {
    let cable = |line: &str| {
        if !line.contains("\"start\"") {
            return Some(line.to_owned());
        }
        let hello = r#"{"seq":0,"event":"hello"}"#;
        Some(format!(
            "Guru Meditation Error: Core 0 panic'ed (Stack protection fault)\n@octet1 {:08x} {hello}\n",
            crc32fast::hash(hello.as_bytes())
        ))
    };
    let Some((firmware, board)) = set_up(Box::new(cable)) else { return };
    let ran = verify(&firmware, &board, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("started anew") && ran.stderr.contains("Guru"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the firmware crashed; console.log"), "{}", ran.stderr);
}

#[test]
fn lines_that_were_lost_or_damaged_are_asked_for_again() {
    let (mut lost, mut damaged) = (false, false);
    let cable = move |line: &str| {
        let is_tensor =
            |index: u64| line.contains("\"tensor\"") && line.contains(&format!("\"index\":{index},"));
        if is_tensor(3) && !std::mem::replace(&mut lost, true) {
            return None;
        }
        if is_tensor(5) && !std::mem::replace(&mut damaged, true) {
            return Some(line.replace("crc32", "crc#2"));
        }
        if is_tensor(6) {
            return Some(format!("wifi: half a line {line}"));
        }
        Some(line.to_owned())
    };
    let Some((firmware, board)) = set_up(Box::new(cable)) else { return };
    let ran = verify(&firmware, &board, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("2 lines were lost"), "{}", ran.stderr);
}

#[test]
fn a_self_test_without_its_end_and_one_that_was_misread_are_asked_for_again() {
    let (mut lost, mut damaged) = (false, false);
    let cable = move |line: &str| {
        let is_lost = line.contains("\"event\":\"test\"") && !std::mem::replace(&mut lost, true);
        (!is_lost).then(|| line.to_owned())
    };
    let noise = move |line: String| {
        let is_damaged = line.contains("selftest") && !std::mem::replace(&mut damaged, true);
        Some(if is_damaged { line.replace("layers=1", "layers=1 layers=1") } else { line })
    };
    let Some((firmware, board)) = running::set_up("", Box::new(cable), Box::new(noise)) else { return };
    let ran = verify(&firmware, &board, &["--patience", "5"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stderr.matches("asking again").count(), 2, "{}", ran.stderr);
}

#[test]
fn another_model_and_a_silent_board_are_told_apart() {
    let Some((firmware, board)) = set_up(fine()) else { return };
    let path = firmware.run_folder().join("model.espdl");
    let mut model = std::fs::read(&path).unwrap();
    model.extend([0; 16]);
    std::fs::write(&path, &model).unwrap();
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let ran = verify(&firmware, &board, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("another model") && ran.stderr.contains("--model-only"), "{}", ran.stderr);
    drop(board);

    let (_line, silent) = TTYPort::pair().unwrap();
    let arguments = ["--port", &silent.name().unwrap(), "--no-reset", "--patience", "1"];
    let ran = firmware.octet(&["firmware", "verify"], &arguments, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("says nothing") && ran.stderr.contains("RESET"), "{}", ran.stderr);
}

#[test]
fn a_board_that_says_why_it_cannot_is_quoted() {
    let Some((firmware, board)) = set_up(Box::new(|_| {
        Some("E (90) octet: no memory for the activations; take a smaller input\n".to_owned())
    })) else {
        return;
    };
    let ran = verify(&firmware, &board, &["--patience", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(
        ran.stderr.contains("no memory for the activations") && ran.stderr.contains("PSRAM"),
        "{}",
        ran.stderr
    );
}

/// What `octet firmware verify` makes of a board that starts over and over, telling these events.
fn verify_esp_dl(firmware: &Firmware, events: &[String]) -> Ran {
    let (mut line, other_end) = TTYPort::pair().unwrap();
    let port = other_end.name().unwrap();
    let lines: String =
        events.iter().map(|e| format!("@octet1 {:08x} {e}\n", crc32fast::hash(e.as_bytes()))).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    line.set_timeout(Duration::from_millis(50)).unwrap();
    let thread = std::thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            // Nobody may be there to read.
            let _ = line.write_all(lines.as_bytes());
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let arguments = ["--flavour", "esp-dl", "--port", &port, "--no-reset", "--patience", "5"];
    let ran = firmware.octet(&["firmware", "verify"], &arguments, &[]);
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    ran
}

#[test]
fn the_time_of_esp_dl_counts_for_the_projects_model_and_chip_alone() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32s3");
    assert_eq!(firmware.octet(&["firmware", "new"], &["--flavour", "esp-dl"], &[]).code, 0);
    let model = std::fs::read(firmware.run_folder().join("model.espdl")).unwrap();
    let crc = crc32fast::hash(&model);
    let measured = firmware.run_folder().join("measured-esp-dl.json");
    let hello = |target: &str, crc: u32| {
        format!(r#"{{"seq":0,"event":"hello","protocol":1,"target":"{target}","model_crc32":"{crc:08x}"}}"#)
    };
    let passed = r#"{"seq":1,"event":"test","id":0,"passed":true}"#.to_owned();
    let result = |micros: &str| format!(r#"{{"seq":2,"event":"result","id":0,"micros":{{{micros}}}}}"#);
    let (time, bye) = (r#""network":1200"#, r#"{"seq":3,"event":"bye"}"#.to_owned());
    for (events, words) in [
        (vec![hello("esp32p4", crc), passed.clone(), result(time)], "the firmware is for esp32p4"),
        (vec![hello("esp32s3", crc ^ 1), passed.clone(), result(time)], "another model"),
        (vec![hello("esp32s3", crc), passed.clone(), result("")], "no time of the network"),
        (vec![passed.clone(), result(time), bye.clone()], "which model it runs"),
    ] {
        let ran = verify_esp_dl(&firmware, &events);
        assert_eq!(ran.code, 1, "{words}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert!(!measured.exists(), "{words}");
    }
    let ran = verify_esp_dl(&firmware, &[hello("esp32s3", crc), passed, result(time), bye]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let measured: Value = serde_json::from_slice(&std::fs::read(measured).unwrap()).unwrap();
    assert_eq!((&measured["network_us"], &measured["model_crc32"]), (&1200.into(), &crc.into()));
}

#[test]
fn the_monitor_shows_lines_without_colours_and_keeps_them() {
    let Some((firmware, board)) = set_up(fine()) else { return };
    let arguments = ["--port", &board.port, "--no-reset", "--secs", "2"];
    let ran = firmware.octet(&["firmware", "monitor"], &arguments, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("I (31) boot: ESP-IDF\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("hello: test on esp32c3"), "{}", ran.stdout);
    let kept = std::fs::read_to_string(firmware.run_folder().join("console.log")).unwrap();
    assert!(kept.starts_with("I (31) boot: ESP-IDF\n"), "{kept}");
}

#[test]
fn ctrl_c_is_how_the_console_is_left() {
    let Some((firmware, board)) = set_up(fine()) else { return };
    let kept = firmware.run_folder().join("console.log");
    let arguments = ["--port", board.port.as_str(), "--no-reset", "--json"];
    let ran = std::thread::scope(|scope| {
        let watching = scope.spawn(|| firmware.octet(&["firmware", "monitor"], &arguments, &[]));
        while !std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("@octet1")) {
            assert!(!watching.is_finished());
            std::thread::sleep(Duration::from_millis(20));
        }
        firmware.interrupt("monitor");
        watching.join().unwrap()
    });
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "done");
}

#[test]
fn an_error_in_json_has_its_step_its_help_and_its_cause() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    let last = |word: &str, more: &[&str]| -> (String, String, String) {
        let ran = firmware.octet(&["firmware", word], &[&["--json"][..], more].concat(), &[]);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "error");
        assert!(!last["message"].as_str().unwrap().is_empty(), "{last}");
        let part = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
        (part("step"), part("cause"), part("help"))
    };
    // Before the first step has begun, and in it.
    let (step, cause, help) = last("monitor", &["--port", "/dev/no-such-port"]);
    assert_eq!((step.as_str(), cause.as_str()), ("monitor", "request"));
    assert!(help.contains("octet firmware new"), "{help}");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let (step, cause, help) = last("monitor", &["--port", "/dev/no-such-port"]);
    assert_eq!((step.as_str(), cause.as_str()), ("monitor", "port"));
    assert!(help.contains("octet doctor"), "{help}");
    let (step, cause, _) = last("flash", &["--port", "/dev/no-such-port"]);
    assert_eq!((step.as_str(), cause.as_str()), ("flash", "request"));
}
