//! A firmware project that came with somebody else's run: nothing of it is run without a yes. Everything goes through the
//! command line; the stranger is another data folder.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use octet_tests::{Firmware, Ran, python};
use serde_json::{Value, json};

/// A run with a project of somebody who put more into it.
fn of_a_stranger(python: &Path) -> Firmware {
    let firmware = Firmware::new(python, "esp32c3");
    let data = firmware.beside("a stranger's data");
    let theirs = [("OCTET_DATA_DIR", data.to_str().unwrap())];
    let ran = firmware.octet(&["firmware", "new"], &[], &theirs);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("not written by this Octet"), "{}", ran.stderr);
    std::fs::write(firmware.project().join("CMakeLists.txt"), "execute_process(COMMAND harm)\n").unwrap();
    firmware
}

/// A build that was refused before anything was run.
fn refused(firmware: &Firmware, ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in: {}", ran.stderr);
    }
    assert_eq!(firmware.record(), "", "idf.py was called");
}

fn build(firmware: &Firmware, more: &[&str]) -> Ran {
    firmware.octet(&["firmware", "build"], more, &[])
}

const QUESTION: [&str; 3] = ["was not written by this Octet", "--trust", "--afresh"];

#[test]
fn a_project_that_came_with_a_run_is_built_only_after_a_yes() {
    let Some(python) = python() else { return };
    let firmware = of_a_stranger(&python);
    refused(&firmware, &build(&firmware, &[]), &QUESTION);
    // Octet's files are brought up to date; what is beside them makes it a stranger's still.
    let ran = firmware.octet(&["firmware", "new"], &[], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("building it needs your yes"), "{}", ran.stderr);
    refused(&firmware, &build(&firmware, &[]), &QUESTION);
    // A yes is remembered.
    let ran = build(&firmware, &["--trust"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(build(&firmware, &[]).code, 0);
    assert_eq!(firmware.record().lines().count(), 2);
}

#[test]
fn a_deployment_asks_before_it_does_anything() {
    let Some(python) = python() else { return };
    let firmware = of_a_stranger(&python);
    let record = std::fs::read(firmware.project().join("octet.json")).unwrap();
    let deploy = |more: &[&str]| {
        let port = ["--port", "/dev/no-such-port", "--no-reset", "--json"];
        firmware.octet(&["deploy"], &[&port[..], more].concat(), &[])
    };
    let ran = deploy(&[]);
    refused(&firmware, &ran, &QUESTION);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["step"]), (&json!("error"), &json!("toolchain")));
    assert_eq!(last["cause"], "untrusted");
    assert!(last["help"].as_str().unwrap().contains("--trust"), "{last}");
    assert_eq!(std::fs::read(firmware.project().join("octet.json")).unwrap(), record);
    // The model alone needs no build; here it fails for want of one.
    assert!(!deploy(&["--model-only"]).stderr.contains("not written by this Octet"));
    assert_eq!(firmware.record(), "");
    // With a yes it comes as far as the board that is not there.
    let ran = deploy(&["--trust"]);
    assert!(ran.stderr.contains("/dev/no-such-port"), "{}", ran.stderr);
    assert_eq!(firmware.record().lines().count(), 1);
}

#[test]
fn without_a_board_a_deployment_ends_with_what_was_built() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    let ran = firmware.octet(&["deploy"], &["--build-only", "--json"], &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["event"], "done");
    assert!(events.iter().all(|e| e["step"] != "flash" && e["step"] != "verify"), "{}", ran.stdout);
    assert_eq!(firmware.record().lines().count(), 1, "it was built once");
    assert!(firmware.project().join("build/flasher_args.json").is_file());

    let strangers = of_a_stranger(&python);
    refused(&strangers, &strangers.octet(&["deploy"], &["--build-only"], &[]), &QUESTION);
}

#[test]
fn a_project_is_moved_aside_and_written_anew() {
    let Some(python) = python() else { return };
    let firmware = of_a_stranger(&python);
    let ran = firmware.octet(&["firmware", "new"], &["--afresh"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("firmware.aside-1"), "{}", ran.stderr);
    let aside = firmware.run_folder().join("firmware.aside-1/CMakeLists.txt");
    assert!(std::fs::read_to_string(aside).unwrap().contains("harm"));
    let written = std::fs::read_to_string(firmware.project().join("CMakeLists.txt")).unwrap();
    assert!(!written.contains("harm"), "{written}");
    assert_eq!(build(&firmware, &[]).code, 0);
}

#[test]
fn what_the_user_adds_to_a_project_of_octet_is_the_users() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    std::fs::write(firmware.project().join("sdkconfig.user"), "CONFIG_LOG_DEFAULT_LEVEL_DEBUG=y\n").unwrap();
    std::fs::write(firmware.project().join("CMakeLists.txt"), "# mine\n").unwrap();
    let ran = build(&firmware, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    // git, which ESP-IDF asks for a version, looks for no repository around the run.
    let call: Value = serde_json::from_str(firmware.record().lines().last().unwrap()).unwrap();
    let run = firmware.run_folder().canonicalize().unwrap();
    assert_eq!(call["git_ceiling"], json!(run.parent().unwrap().to_str().unwrap()));
    // Written once more it is Octet's still.
    assert_eq!(firmware.octet(&["firmware", "new"], &["--pictures", "1"], &[]).code, 0);
    assert_eq!(build(&firmware, &[]).code, 0);
    // Another project in its place is not.
    let record = firmware.project().join("octet.json");
    let mut other: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    other["name"] = json!("octet_another");
    std::fs::write(&record, other.to_string()).unwrap();
    let ran = build(&firmware, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("was not written by this Octet"), "{}", ran.stderr);
}

#[test]
fn settings_of_cargo_that_came_with_a_run_are_not_obeyed_in_silence() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    assert_eq!(firmware.octet(&["firmware", "new"], &[], &[]).code, 0);
    let cargo = firmware.run_folder().join(".cargo");
    std::fs::create_dir(&cargo).unwrap();
    std::fs::write(cargo.join("config.toml"), "[build]\nrustc-wrapper = \"harm\"\n").unwrap();
    refused(&firmware, &build(&firmware, &[]), &[".cargo", "which programs the build runs", "--trust"]);
    std::fs::remove_dir_all(&cargo).unwrap();
    assert_eq!(build(&firmware, &[]).code, 0);
}

#[test]
fn settings_around_a_collection_of_runs_are_asked_about_before_anything_is_written() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    std::fs::write(firmware.beside("rust-toolchain.toml"), "[toolchain]\npath = \"harm\"\n").unwrap();
    let deploy = |more: &[&str]| {
        let port = ["--port", "/dev/no-such-port", "--no-reset", "--json"];
        firmware.octet(&["deploy"], &[&port[..], more].concat(), &[])
    };
    let questions: [&[&str]; 2] = [&[], &["--afresh"]];
    for more in questions {
        let ran = deploy(more);
        refused(&firmware, &ran, &["rust-toolchain.toml", "which programs the build runs", "--trust"]);
        let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        assert_eq!((&last["step"], &last["cause"]), (&json!("toolchain"), &json!("foreign_settings")));
        assert!(!firmware.project().exists(), "{more:?}");
    }
    let ran = deploy(&["--trust"]);
    assert!(ran.stderr.contains("/dev/no-such-port"), "{}", ran.stderr);
    assert_eq!(firmware.record().lines().count(), 1);
}

#[test]
fn a_link_that_came_with_a_run_does_not_choose_the_projects_place() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    let elsewhere = firmware.beside("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink("../elsewhere", firmware.project()).unwrap();
    let ran = firmware.octet(&["firmware", "new"], &[], &[]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("leads out of the run") && ran.stderr.contains("--out"), "{}", ran.stderr);
    assert!(std::fs::read_dir(&elsewhere).unwrap().next().is_none());
    // Whoever names the folder has chosen it.
    let link = firmware.project();
    let ran = firmware.octet(&["firmware", "new"], &["--out", link.to_str().unwrap()], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(elsewhere.join("octet.json").is_file());
}

#[test]
fn where_no_note_can_be_kept_a_deployment_builds_what_it_wrote_itself() {
    let Some(python) = python() else { return };
    let firmware = Firmware::new(&python, "esp32c3");
    let data = firmware.beside("no folder");
    std::fs::write(&data, "").unwrap();
    let nowhere = [("OCTET_DATA_DIR", data.to_str().unwrap())];
    let deploy = |more: &[&str]| {
        let port = ["--port", "/dev/no-such-port", "--no-reset"];
        firmware.octet(&["deploy"], &[&port[..], more].concat(), &nowhere)
    };
    let ran = deploy(&[]);
    assert!(ran.stderr.contains("cannot be remembered"), "{}", ran.stderr);
    assert!(ran.stderr.contains("/dev/no-such-port"), "{}", ran.stderr);
    assert_eq!(firmware.record().lines().count(), 1);
    // Nothing tells the next one, and each answer leads to a build.
    assert!(deploy(&[]).stderr.contains("was not written by this Octet"));
    for (more, builds) in [("--afresh", 2), ("--trust", 3)] {
        deploy(&[more]);
        assert_eq!(firmware.record().lines().count(), builds, "{more}");
    }
}
