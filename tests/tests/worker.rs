//! A plugin that crashes, hangs or eats memory ends its job with a message that names it; the app goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use octet_engine::job::{Event, QuantizeRequest, StrategyRequest, Workers, start};
use octet_tests::{octet, plugin, root, run_octet};

/// The library of `tests/plugins/misbehaving.c`, compiled with `switches`.
fn misbehaving(folder: &Path, switches: &[&str]) -> PathBuf {
    let library = folder.join(format!("libmisbehaving{}.so", switches.join("")));
    let status = Command::new("cc")
        .args(["-std=gnu99", "-shared", "-fPIC", "-pthread"])
        .args(switches)
        .arg("-I")
        .arg(root().join("plugin-api/include"))
        .arg("-o")
        .arg(&library)
        .arg(root().join("tests/plugins/misbehaving.c"))
        .arg("-lm")
        .status()
        .unwrap();
    assert!(status.success());
    library
}

fn shared_library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &LIBRARY
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let library = misbehaving(folder.path(), &[]);
            (folder, library)
        })
        .1
}

fn request(out: &Path, settings: &[(&str, &str)]) -> QuantizeRequest {
    let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
    QuantizeRequest {
        model: root().join("tests/fixtures/models/torchvision_opset11.onnx"),
        images: vec![root().join("tests/fixtures/pictures")],
        eval: None,
        labels: None,
        strategies: vec![StrategyRequest { id: "any".to_owned(), settings }],
        target: "esp32p4".to_owned(),
        out: out.to_owned(),
        graphwise_pictures: 1,
        layerwise_pictures: 0,
        layerwise_outputs: false,
        keep_clip: false,
        preprocessing: BTreeMap::new(),
        threads: 0,
    }
}

fn workers() -> Workers {
    Workers::new(octet(), vec!["worker".to_owned()])
}

/// Runs a job to its end: the run folder, or the error.
fn outcome(workers: &Workers, library: &Path, settings: &[(&str, &str)]) -> Result<PathBuf, String> {
    let folder = tempfile::tempdir().unwrap();
    let handle = start(workers, request(folder.path(), settings), vec![library.to_owned()]);
    for event in &handle.events {
        match event {
            Event::Done { run } => return Ok(run),
            Event::Error { message } => return Err(message),
            _ => {}
        }
    }
    Err("no result".to_owned())
}

/// A job with this plugin mode fails with a message that names the plugin and has these words, and the next job,
/// with a plugin that behaves, succeeds.
fn fails_alone(mode: &str, words: &[&str]) {
    let workers = workers();
    let error = outcome(&workers, shared_library(), &[("mode", mode)]).unwrap_err();
    assert!(error.contains("misbehaving"), "{mode}: {error}");
    for word in words {
        assert!(error.contains(word), "{mode}: {error}");
    }
    let next = outcome(&workers, &plugin("octet-int8"), &[]);
    assert!(next.is_ok(), "after {mode}: {next:?}");
}

#[test]
fn a_segmentation_fault_ends_the_job() {
    fails_alone("segfault", &["segmentation fault"]);
}

#[test]
fn an_abort_ends_the_job() {
    fails_alone("abort", &["aborted"]);
}

#[test]
fn an_exit_ends_the_job() {
    fails_alone("exit", &[]);
}

#[test]
fn memory_beyond_the_limit_ends_the_job_touched_or_not() {
    fails_alone("touched", &["exceeded 4 GiB"]);
    fails_alone("untouched", &["exceeded 4 GiB"]);
}

#[test]
fn impossible_decisions_end_the_job() {
    for mode in ["bad-exponent", "bad-count", "bad-tensor", "bad-node", "bad-bits", "nan-weights"] {
        let error = outcome(&workers(), shared_library(), &[("mode", mode)]);
        assert!(error.as_ref().is_err_and(|e| e.contains("misbehaving")), "{mode}: {error:?}");
    }
}

#[test]
fn what_a_plugin_prints_is_logged_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let library = vec![shared_library().to_owned()];
    let handle = start(&workers(), request(folder.path(), &[("mode", "print")]), library);
    let events: Vec<Event> = handle.events.iter().collect();
    assert!(matches!(events.last(), Some(Event::Error { .. } | Event::Done { .. })), "{events:?}");
    assert!(events.iter().any(|e| matches!(e, Event::Log { .. })), "{events:?}");
}

#[test]
fn an_endless_loop_ends_when_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let workers = workers();
    let handle =
        start(&workers, request(folder.path(), &[("mode", "loop")]), vec![shared_library().to_owned()]);
    let mut last = None;
    loop {
        match handle.events.recv_timeout(Duration::from_secs(5)) {
            Ok(event) => last = Some(event),
            // It has been silent for long enough to be in its loop.
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => handle.cancel.cancel(),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let Some(Event::Error { message }) = last else { panic!("{last:?}") };
    assert!(message.contains("cancelled") && message.contains("misbehaving"), "{message}");
    assert!(outcome(&workers, &plugin("octet-int8"), &[]).is_ok());
}

#[test]
fn libraries_that_are_no_plugins_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libnothing.so");
    std::fs::write(&text, "no library").unwrap();
    let cases = [
        (text, "not a dynamic library"),
        (misbehaving(folder.path(), &["-DNO_SYMBOL"]), "no symbol `octet_plugin_entry`"),
        (misbehaving(folder.path(), &["-DWRONG_MAJOR"]), "version"),
        (misbehaving(folder.path(), &["-DNEWER_MINOR"]), "version"),
        (misbehaving(folder.path(), &["-DCRASH_ON_LOAD"]), "crashed"),
    ];
    for (library, words) in cases {
        let name = library.file_name().unwrap().to_str().unwrap().to_owned();
        let error = workers().describe(&library).unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains(words), "{error}");
    }
}

#[test]
fn an_untrusted_plugin_is_listed_as_refused_and_trusted_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let library = misbehaving(folder.path(), &[]);
    let environment = [
        ("OCTET_PLUGIN_PATH", folder.path().to_str().unwrap()),
        ("OCTET_DATA_DIR", data.path().to_str().unwrap()),
    ];
    let ran = run_octet(&["plugin", "list", "--json"], &environment);
    assert!(ran.stdout.contains("refused") && ran.stdout.contains("octet plugin trust"), "{}", ran.stdout);
    let ran = run_octet(&["plugin", "trust", library.to_str().unwrap()], &environment);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = run_octet(&["plugin", "list", "--json"], &environment);
    let list: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let paths = list["loaded"].as_array().unwrap().iter().map(|p| p["path"].as_str().unwrap());
    assert!(paths.into_iter().any(|p| p.ends_with(library.file_name().unwrap().to_str().unwrap())), "{list}");
}
