//! Pictures to a board over lines that lose and damage what they carry. The board is the firmware's own main logic.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod running;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use octet_tests::{Firmware, Ran, root, run_octet};
use running::{Cable, Noise, Running, changed, fine};
use serde_json::{Value, json};
use serialport::{SerialPort, TTYPort};

const LABELS: &str = "tench\ngold\u{1b}fish\nshark\n";

fn picture(name: &str) -> String {
    root().join("tests/fixtures/pictures").join(name).to_str().unwrap().to_owned()
}

fn classify(firmware: &Firmware, board: &Running, more: &[&str]) -> Ran {
    let scene = picture("scene.png");
    let arguments = [&[scene.as_str(), "--port", &board.port, "--no-reset"][..], more].concat();
    firmware.octet(&["firmware", "classify"], &arguments, &[])
}

fn set_up(cable: Cable, noise: Noise) -> Option<(Firmware, Running)> {
    running::set_up(LABELS, cable, noise)
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"))).collect()
}

fn classified(ran: &Ran) -> Vec<Value> {
    lines(ran).into_iter().filter(|e| e["event"] == "classified").collect()
}

/// A failure: nothing is claimed, and the message says what to do.
fn failed(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in: {}", ran.stderr);
    }
    assert!(!ran.stdout.contains("\"done\"") && !ran.stdout.contains("equal: all"), "{}", ran.stdout);
}

#[test]
fn the_board_answers_as_the_desktop_whoever_prepares_the_picture() {
    let Some((firmware, board)) = set_up(fine(), Box::new(Some)) else { return };
    for (preprocess, prepared_by) in [("model", "desktop"), ("chip", "board")] {
        let second = picture("exif_6.jpg");
        let ran = classify(&firmware, &board, &[&second, "--json", "--preprocess", preprocess, "--top", "3"]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let told = classified(&ran);
        assert_eq!(told.len(), 2);
        for (told, file) in told.iter().zip(["scene.png", "exif_6.jpg"]) {
            assert!(told["picture"].as_str().unwrap().ends_with(file), "{told}");
            assert_eq!((&told["differing"], &told["first_difference"]), (&json!(0), &Value::Null));
            assert_eq!(told["prepared_by"], prepared_by);
            let (board, desktop) = (told["board"].as_array().unwrap(), told["desktop"].as_array().unwrap());
            assert_eq!((board.len(), desktop.len()), (3, 3));
            for (on_board, here) in board.iter().zip(desktop) {
                assert_eq!(on_board["index"], here["index"]);
                let difference = on_board["score"].as_f64().unwrap() - here["score"].as_f64().unwrap();
                assert!(difference.abs() < 1e-6, "{told}");
                let name = on_board["name"].as_str().unwrap_or_default();
                assert!(!name.chars().any(char::is_control), "{name:?}");
            }
            assert!(told["network_us"].as_u64().unwrap() > 0);
        }
        // Progress in bytes, over all pictures, never going back.
        let events = lines(&ran);
        let done: Vec<[u64; 2]> =
            events.iter().filter_map(|e| serde_json::from_value(e["bytes"].clone()).ok()).collect();
        assert!(done.len() > 4 && done.is_sorted(), "{done:?}");
        assert_eq!(done.last().map(|[done, all]| done == all), Some(true));
        assert_eq!(events.last().unwrap()["event"], "done");
    }
}

#[test]
fn the_desktops_answer_is_that_of_infer() {
    let Some((firmware, board)) = set_up(fine(), Box::new(Some)) else { return };
    let told = classified(&classify(&firmware, &board, &["--json", "--top", "1"])).remove(0);
    let model = firmware.run_folder().join("model.espdl");
    let scene = picture("scene.png");
    let ran = run_octet(&["infer", model.to_str().unwrap(), "--image", &scene, "--json"], &[]);
    let infer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["desktop"][0]["index"], infer["top"][0]["index"], "{}", ran.stderr);
    assert_eq!(told["values"], infer["output"]["values"].as_array().unwrap().len());
}

#[test]
fn people_see_both_answers_side_by_side() {
    let Some((firmware, board)) = set_up(fine(), Box::new(Some)) else { return };
    let ran = classify(&firmware, &board, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for words in ["scene.png", "board", "desktop", "on the board", "equal: all"] {
        assert!(ran.stdout.contains(words), "`{words}` is not in: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
}

#[test]
fn parts_that_are_lost_or_damaged_on_either_way_are_sent_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let chunks = Arc::clone(&count);
    // To the board: one part vanishes, one is damaged inside, one in its words.
    let noise = move |line: String| {
        if !line.contains(" chunk ") {
            return Some(line);
        }
        match chunks.fetch_add(1, Ordering::Relaxed) {
            3 => None,
            6 => Some(line.replacen("data=", "data=A", 1)),
            9 => Some(line.replace("offset=", "off=")),
            _ => Some(line),
        }
    };
    // From the board: an answer vanishes, and one is damaged.
    let mut answers = 0;
    let cable = move |line: &str| {
        if !line.contains("\"next\"") {
            return Some(line.to_owned());
        }
        answers += 1;
        match answers {
            5 => None,
            12 => Some(line.replace("offset", "0ffset")),
            _ => Some(line.to_owned()),
        }
    };
    let Some((firmware, board)) = set_up(Box::new(cable), Box::new(noise)) else { return };
    let ran = classify(&firmware, &board, &["--json", "--preprocess", "chip"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let told = classified(&ran).remove(0);
    assert_eq!(told["differing"], 0);
    // Five troubles cost a few parts, not a second transfer.
    let parts = told["sent_bytes"].as_u64().unwrap().div_ceil(768) as usize;
    let sent = count.load(Ordering::Relaxed);
    assert!((parts..parts + 12).contains(&sent), "{sent} for {parts}");
    assert!(!ran.stdout.contains("sending it again"), "{}", ran.stdout);
}

#[test]
fn answers_that_are_lost_let_the_picture_be_sent_again() {
    // In the middle, and the last one.
    for event in ["values", "result"] {
        let words = format!("\"event\":\"{event}\"");
        let mut lost = false;
        let cable = move |line: &str| {
            let is_lost = line.contains(&words) && !std::mem::replace(&mut lost, true);
            (!is_lost).then(|| line.to_owned())
        };
        let Some((firmware, board)) = set_up(Box::new(cable), Box::new(Some)) else { return };
        let ran = classify(&firmware, &board, &["--json", "--patience", "5"]);
        assert_eq!(ran.code, 0, "{event}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("sending it again"), "{event}: {}", ran.stdout);
        assert_eq!(classified(&ran)[0]["differing"], 0);
    }
}

#[test]
fn the_first_tensor_that_differs_is_named_and_nothing_is_claimed() {
    let cable = |line: &str| {
        Some(changed(line, |event| {
            if event["event"] == "values" {
                let first = event["values"][0].as_i64().unwrap();
                event["values"][0] = (first ^ 1).into();
            }
            if event["event"] == "tensor" && event["index"].as_u64() >= Some(5) {
                event["crc32"] = "00000000".into();
            }
        }))
    };
    let Some((firmware, board)) = set_up(Box::new(cable), Box::new(Some)) else { return };
    let ran = classify(&firmware, &board, &["--json"]);
    failed(&ran, &["scene.png", "differ first in tensor", "number 5", "report it"]);
    let told = classified(&ran).remove(0);
    assert_eq!((&told["differing"], &told["first_difference"]["index"]), (&json!(1), &json!(5)));
    failed(&classify(&firmware, &board, &[]), &["number 5"]);
}

#[test]
fn a_board_that_takes_nothing_or_starts_anew_is_told() {
    // It answers hello, and never what is sent.
    let deaf: Noise = Box::new(|line| (!line.contains(" tensor ")).then_some(line));
    let Some((firmware, board)) = set_up(fine(), deaf) else { return };
    failed(&classify(&firmware, &board, &["--json"]), &["sending `scene.png` stopped after 0 of", "RESET"]);
    drop(board);

    // It crashes whenever a network runs.
    let crash = |line: &str| {
        let hello = r#"{"seq":0,"event":"hello"}"#;
        let anew = format!(
            "Brownout detector was triggered\n@octet1 {:08x} {hello}\n",
            crc32fast::hash(hello.as_bytes())
        );
        if line.contains("\"start\"") { Some(anew) } else { Some(line.to_owned()) }
    };
    let model = std::fs::read(firmware.run_folder().join("model.espdl")).unwrap();
    let board = Running::new(model, LABELS, Box::new(crash), Box::new(Some));
    failed(&classify(&firmware, &board, &["--json"]), &["started anew", "Brownout", "needs more current"]);
}

#[test]
fn what_cannot_be_asked_is_refused_before_the_port_is_opened() {
    let Some((firmware, board)) = set_up(fine(), Box::new(Some)) else { return };
    failed(&classify(&firmware, &board, &["none.png"]), &["none.png", "no such file"]);
    let text = root().join("README.md");
    let arguments = [text.to_str().unwrap(), "--port", &board.port, "--no-reset"];
    failed(
        &firmware.octet(&["firmware", "classify"], &arguments, &[]),
        &["README.md", "JPEG, PNG, WebP or BMP"],
    );
    for wrong in [&["--top", "0"][..], &["--top", "11"], &["--baud", "1"]] {
        assert_eq!(classify(&firmware, &board, wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(firmware.octet(&["firmware", "classify"], &[], &[]).code, 2);
    drop(board);

    let (_line, silent) = TTYPort::pair().unwrap();
    let scene = picture("scene.png");
    let arguments = [scene.as_str(), "--port", &silent.name().unwrap(), "--patience", "1", "--no-reset"];
    failed(&firmware.octet(&["firmware", "classify"], &arguments, &[]), &["says nothing", "RESET"]);

    let path = firmware.run_folder().join("model.espdl");
    let mut model = std::fs::read(&path).unwrap();
    model.extend([0; 16]);
    std::fs::write(&path, &model).unwrap();
    failed(
        &firmware.octet(&["firmware", "classify"], &arguments, &[]),
        &["newer than the firmware project", "octet firmware new"],
    );
}

#[test]
fn a_transfer_can_be_cancelled() {
    // Answers stop, so that the transfer does not end by itself.
    let mut answers = 0;
    let cable = move |line: &str| {
        answers += usize::from(line.contains("\"next\""));
        (answers < 4 || !line.contains("\"next\"")).then(|| line.to_owned())
    };
    let cancelled = Arc::new(AtomicUsize::new(0));
    let (seen, chunks) = (Arc::clone(&cancelled), Arc::new(AtomicUsize::new(0)));
    let sent = Arc::clone(&chunks);
    let noise = move |line: String| {
        seen.fetch_add(usize::from(line.contains(" cancel")), Ordering::Relaxed);
        sent.fetch_add(usize::from(line.contains(" chunk ")), Ordering::Relaxed);
        Some(line)
    };
    let Some((firmware, board)) = set_up(Box::new(cable), Box::new(noise)) else { return };
    let ran = std::thread::scope(|scope| {
        let sending = scope.spawn(|| classify(&firmware, &board, &["--json"]));
        while chunks.load(Ordering::Relaxed) < 3 {
            assert!(!sending.is_finished());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        firmware.interrupt("classify");
        sending.join().unwrap()
    });
    assert_eq!(ran.code, 130, "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("\"done\"") && !ran.stdout.contains("classified"), "{}", ran.stdout);
    // The board's end of the line may still be reading it.
    for _ in 0..100 {
        if cancelled.load(Ordering::Relaxed) > 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the board was not told");
}
