//! A plugin that crashes, hangs or eats memory ends its job with a message that names it; the app goes on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use octet_engine::host::file_sha256;
use octet_engine::job::{Event, Library, QuantizeRequest, StrategyRequest, Workers, start};
use octet_engine::run;
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
        reuse: false,
        leave_out: Vec::new(),
        edits: Default::default(),
    }
}

fn workers() -> Workers {
    Workers::new(octet(), vec!["worker".to_owned()])
}

fn found(library: &Path) -> Vec<Library> {
    vec![Library { path: library.to_owned(), sha256: file_sha256(library).unwrap() }]
}

/// The largest resident set that this process had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
}

/// Runs a job to its end: the run folder, or the error.
fn outcome(workers: &Workers, library: &Path, settings: &[(&str, &str)]) -> Result<PathBuf, String> {
    let folder = tempfile::tempdir().unwrap();
    run_to_end(workers, request(folder.path(), settings), found(library))
}

fn run_to_end(
    workers: &Workers,
    request: QuantizeRequest,
    libraries: Vec<Library>,
) -> Result<PathBuf, String> {
    let handle = start(workers, request, libraries);
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
    let handle = start(&workers(), request(folder.path(), &[("mode", "print")]), found(shared_library()));
    let events: Vec<Event> = handle.events.iter().collect();
    assert!(matches!(events.last(), Some(Event::Error { .. } | Event::Done { .. })), "{events:?}");
    assert!(events.iter().any(|e| matches!(e, Event::Log { .. })), "{events:?}");
}

#[test]
fn an_endless_loop_ends_when_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let workers = workers();
    let handle = start(&workers, request(folder.path(), &[("mode", "loop")]), found(shared_library()));
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
fn a_strategy_that_is_asked_to_finish_early_keeps_its_place_in_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), &[("mode", "finish-early")]);
    request.strategies.push(StrategyRequest { id: "int8".to_owned(), settings: BTreeMap::new() });
    let libraries = [found(shared_library()), found(&plugin("octet-int8"))].concat();
    let handle = start(&workers(), request, libraries);
    let (mut can_finish, mut points, mut last) = (Vec::new(), 0, None);
    for event in &handle.events {
        match event {
            Event::CanFinish { can } => can_finish.push(can),
            Event::Point { .. } => {
                points += 1;
                if points == 3 {
                    handle.cancel.finish_early();
                }
            }
            other => last = Some(other),
        }
    }
    assert!(matches!(last, Some(Event::Done { .. })), "{last:?}");
    assert_eq!(can_finish, [true, false]);
    let report = run::read_report(folder.path()).unwrap();
    let curve = &report.strategy[0].curves[0];
    assert!(curve.name == "loss" && curve.points.len() == points && points >= 3, "{curve:?}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("<polyline") && page.contains("dev.octet.test.misbehaving"));
}

#[test]
fn a_strategy_finds_no_trace_of_the_evaluation_folder_in_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let evaluation = folder.path().join("held-back-evaluation");
    std::fs::create_dir(&evaluation).unwrap();
    let picture = root().join("tests/fixtures/pictures/scene.png");
    std::fs::copy(picture, evaluation.join("scene.png")).unwrap();
    let run = |images: &Path, eval: Option<&Path>| {
        let mut request = request(&folder.path().join("run"), &[("mode", "snoop")]);
        request.images = vec![images.to_owned()];
        request.eval = eval.map(Path::to_owned);
        request.strategies.push(StrategyRequest { id: "int8".to_owned(), settings: BTreeMap::new() });
        let libraries = [found(shared_library()), found(&plugin("octet-int8"))].concat();
        start(&workers(), request, libraries).events.iter().last()
    };
    let pictures = root().join("tests/fixtures/pictures");
    let done = run(&pictures, Some(&evaluation));
    assert!(matches!(done, Some(Event::Done { .. })), "{done:?}");
    assert!(run::read_report(&folder.path().join("run")).unwrap().evaluation.is_some());
    // The search does find a folder that the worker was told.
    let Some(Event::Error { message }) = run(&evaluation, None) else { panic!("it found nothing") };
    assert!(message.contains("the memory"), "{message}");
}

#[test]
fn a_text_without_lines_takes_no_memory() {
    let before = peak_memory();
    let error = outcome(&workers(), shared_library(), &[("mode", "no-newline")]).unwrap_err();
    assert!(error.contains("told 512 MiB"), "{error}");
    let grown = peak_memory() - before;
    assert!(grown < 64 << 20, "{grown}");
}

#[test]
fn lines_without_end_take_no_memory_and_can_be_cancelled_though_nobody_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let before = peak_memory();
    let handle = start(&workers(), request(folder.path(), &[("mode", "chatter")]), found(shared_library()));
    // The first events tell that the plugin runs; after them, nobody looks for a while.
    assert!(handle.events.iter().any(|e| matches!(e, Event::Log { .. })));
    std::thread::sleep(Duration::from_secs(2));
    handle.cancel.cancel();
    let last = handle.events.iter().last();
    let Some(Event::Error { message }) = last else { panic!("{last:?}") };
    assert!(message.contains("cancelled"), "{message}");
    let grown = peak_memory() - before;
    assert!(grown < 64 << 20, "{grown}");
    let log = std::fs::read_to_string(folder.path().join("log.txt")).unwrap();
    assert!(log.contains("a line that nobody asked for") && log.contains(&message), "{log}");
}

#[test]
fn a_death_is_noticed_while_a_process_of_the_plugin_lives_on_and_that_one_ends_too() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let handle = start(&workers(), request(folder.path(), &[("mode", "fork")]), found(shared_library()));
    let (mut child, mut last) = (None, None);
    for event in &handle.events {
        if let Event::Log { message, .. } = &event
            && let Some(id) = message.strip_prefix("the child is ")
        {
            child = Some(id.to_owned());
        }
        last = Some(event);
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let Some(Event::Error { message }) = last else { panic!("{last:?}") };
    assert!(message.contains("aborted") && message.contains("misbehaving"), "{message}");
    let state = PathBuf::from(format!("/proc/{}/stat", child.unwrap()));
    let gone = || !std::fs::read_to_string(&state).is_ok_and(|s| !s.contains(") Z "));
    let deadline = Instant::now() + Duration::from_secs(5);
    while !gone() {
        assert!(Instant::now() < deadline, "the plugin's process lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_from_the_terminal_is_a_cancelled_job() {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::process::CommandExt;
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = misbehaving(folder.path(), &[]);
    let data_dir = data.path().to_str().unwrap();
    let ran = run_octet(&["plugin", "trust", library.to_str().unwrap()], &[("OCTET_DATA_DIR", data_dir)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let out = folder.path().join("run");
    let request = request(&out, &[]);
    let mut child = Command::new(octet())
        .arg("quantize")
        .arg(&request.model)
        .arg("--images")
        .arg(&request.images[0])
        .args([
            "--target",
            "esp32p4",
            "--strategy",
            "misbehaving",
            "--set",
            "mode=chatter",
            "--json",
            "--out",
        ])
        .arg(&out)
        .env("OCTET_DATA_DIR", data.path())
        .env("OCTET_PLUGIN_PATH", folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.any(|line| line.contains("nobody asked for"));
    if !told {
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        panic!("{stderr}");
    }
    // As a terminal does: the signal goes to the whole group.
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let last = lines.last().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    assert!(last.contains("\"error\"") && last.contains("cancelled"), "{last}");
    assert!(stderr.contains("cancelled") && !stderr.contains("signal"), "{stderr}");
}

#[test]
fn a_plugin_that_changed_after_it_was_found_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let library = misbehaving(folder.path(), &[]);
    let before = found(&library);
    std::fs::rename(misbehaving(folder.path(), &["-DCRASH_ON_LOAD"]), &library).unwrap();
    let request = request(folder.path(), &[]);
    let error = run_to_end(&workers(), request, before).unwrap_err();
    let name = library.file_name().unwrap().to_str().unwrap();
    assert!(error.contains("changed since") && error.contains(name), "{error}");
}

#[test]
fn a_plugin_that_was_rebuilt_replaces_the_loaded_one() {
    let folder = tempfile::tempdir().unwrap();
    let workers = workers();
    let library = misbehaving(folder.path(), &[]);
    let failing = [("mode", "fail")];
    let error = outcome(&workers, &library, &failing).unwrap_err();
    assert!(error.contains("never works"), "{error}");
    std::fs::rename(misbehaving(folder.path(), &["-DOTHER_TARGET"]), &library).unwrap();
    let error = outcome(&workers, &library, &failing).unwrap_err();
    assert!(error.contains("not made for esp32p4"), "{error}");
}

#[test]
fn a_failed_evaluation_leaves_the_analysis_and_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (out, eval) = (folder.path().join("run"), folder.path().join("evaluation"));
    std::fs::create_dir(&eval).unwrap();
    std::fs::write(eval.join("broken.jpg"), "no picture").unwrap();
    let request = QuantizeRequest { eval: Some(eval.clone()), ..request(&out, &[]) };
    let error = run_to_end(&workers(), request, found(&plugin("octet-int8"))).unwrap_err();
    let named = format!("in `{}`", eval.display());
    assert!(error.contains(&named) && error.contains("report without evaluation"), "{error}");
    let report = run::read_report(&out).unwrap();
    assert!(report.evaluation.is_none() && report.r#final.graphwise_nsr.is_some());
    let log = std::fs::read_to_string(out.join("log.txt")).unwrap();
    assert!(log.contains("phase    export") && log.contains(&error), "{log}");
}

#[test]
fn labels_of_another_network_are_told_before_anything_of_an_older_run_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (out, eval) = (folder.path().join("run"), folder.path().join("evaluation"));
    std::fs::create_dir_all(&out).unwrap();
    for old in ["report.json", "log.txt"] {
        std::fs::write(out.join(old), "of an older run").unwrap();
    }
    std::fs::create_dir_all(&eval).unwrap();
    std::fs::write(eval.join("a.jpg"), "whatever").unwrap();
    let labels = folder.path().join("labels.csv");
    std::fs::write(&labels, "file,class\na.jpg,99999\n").unwrap();
    let wrong = QuantizeRequest { eval: Some(eval), labels: Some(labels), ..request(&out, &[]) };
    let error = run_to_end(&workers(), wrong, found(&plugin("octet-int8"))).unwrap_err();
    assert!(error.contains("has class 99999"), "{error}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert_eq!([read("report.json"), read("log.txt")], ["of an older run"; 2]);
    assert!(read("log.failed.txt").contains(&error) && !out.join("model.espdl").exists());

    run_to_end(&workers(), request(&out, &[]), found(&plugin("octet-int8"))).unwrap();
    assert!(read("log.txt").contains("phase") && !out.join("log.failed.txt").exists());
}

#[test]
fn strategies_that_need_others_refuse_to_run_alone_whoever_asks() {
    // The command line and the window check the order before; a caller of the library may not.
    for (name, words) in [
        ("octet-mixed-precision", "--strategy int8,mixed-precision"),
        ("octet-qat-hook", "needs a complete plan"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let error = run_to_end(&workers(), request(out.path(), &[]), found(&plugin(name))).unwrap_err();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn a_job_that_fails_while_it_writes_leaves_no_older_report() {
    let folder = tempfile::tempdir().unwrap();
    for old in ["report.json", "report.html"] {
        std::fs::write(folder.path().join(old), "of another model").unwrap();
    }
    // A folder of that name is in the way of the second file.
    std::fs::create_dir(folder.path().join("model.qdq.onnx")).unwrap();
    let error =
        run_to_end(&workers(), request(folder.path(), &[]), found(&plugin("octet-int8"))).unwrap_err();
    assert!(error.contains("model.qdq.onnx"), "{error}");
    let left = |name: &str| folder.path().join(name).exists();
    assert!(left("model.espdl") && left("log.txt") && !left("report.json") && !left("report.html"));
}

#[test]
fn what_a_strategy_decided_when_it_was_ended_early_is_taken_for_scores_alone() {
    let workers = workers();
    let run = |reuse: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut request = QuantizeRequest { reuse, ..request(folder.path(), &[("mode", "finish-early")]) };
        request.strategies.push(StrategyRequest { id: "int8".to_owned(), settings: BTreeMap::new() });
        let libraries = [found(shared_library()), found(&plugin("octet-int8"))].concat();
        let handle = start(&workers, request, libraries);
        let (mut was_taken, mut last) = (false, None);
        for event in &handle.events {
            match event {
                Event::Point { .. } => handle.cancel.finish_early(),
                Event::Log { message, .. } => was_taken |= message.contains("not run again"),
                other => last = Some(other),
            }
        }
        assert!(matches!(last, Some(Event::Done { .. })), "{last:?}");
        was_taken
    };
    assert!(!run(true), "nothing is known yet");
    assert!(run(true));
    assert!(!run(false), "a run trains to its end, if nobody ends it");
}

#[test]
fn the_phases_come_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let request = QuantizeRequest {
        eval: Some(root().join("tests/fixtures/pictures")),
        layerwise_pictures: 1,
        ..request(folder.path(), &[])
    };
    let handle = start(&workers(), request, found(&plugin("octet-int8")));
    let mut phases = Vec::new();
    for event in &handle.events {
        if let Event::Progress { phase, .. } = event
            && !phases.contains(&phase)
        {
            phases.push(phase);
        }
        assert!(!matches!(event, Event::Error { .. }), "{event:?}");
    }
    assert!(phases.contains(&octet_engine::job::Phase::Export), "{phases:?}");
    assert!(phases.is_sorted(), "{phases:?}");
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
        (misbehaving(folder.path(), &["-DCRASH_ON_LOAD"]), "aborted"),
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
