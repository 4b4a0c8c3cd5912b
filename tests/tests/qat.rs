//! The hand-over to a training and back, through the program: with a stand-in that needs a shell only, and with
//! PyTorch on the embedded model.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use octet_tests::{Ran, octet, root, run_octet, torch_python};
use serde_json::Value;

fn fixture(name: &str) -> String {
    root().join("tests/fixtures").join(name).to_str().unwrap().to_owned()
}

fn demo_model() -> String {
    root().join("app/assets/demo/mobilenetv2_dogs19_160.onnx").to_str().unwrap().to_owned()
}

/// The photographs without the table of their origins.
fn demo_pictures(folder: &Path) -> Vec<PathBuf> {
    let mut copies = Vec::new();
    for picture in std::fs::read_dir(root().join("app/assets/demo/pictures")).unwrap() {
        let picture = picture.unwrap();
        let copy = folder.join(picture.file_name());
        std::fs::copy(picture.path(), &copy).unwrap();
        copies.push(copy);
    }
    copies.sort();
    copies
}

fn arguments(model: &str, images: &str, target: &str, strategies: &str, out: &Path) -> Vec<String> {
    let words =
        ["quantize", model, "--images", images, "--target", target, "--strategy", strategies, "--out"];
    let mut words: Vec<String> = words.map(str::to_owned).to_vec();
    words.push(out.to_str().unwrap().to_owned());
    words.extend(["--graphwise-pictures", "1", "--layerwise-pictures", "0"].map(str::to_owned));
    words
}

fn run(mut arguments: Vec<String>, settings: &[(&str, &str)]) -> Ran {
    for (key, value) in settings {
        arguments.extend(["--set".to_owned(), format!("qat-hook.{key}={value}")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_octet(&arguments, &[])
}

/// A training that needs nothing but a shell, in one of its modes.
fn stand_in_command(mode: &str) -> String {
    format!("sh '{}' {mode}", root().join("tests/plugins/training.sh").display())
}

/// A small model, and the stand-in.
fn stand_in(mode: &str, out: &Path) -> (Vec<String>, String) {
    let (model, pictures) = (fixture("models/torchvision_opset21_initializers.onnx"), fixture("pictures"));
    let arguments = arguments(&model, &pictures, "esp32p4", "int8,qat-hook", out);
    (arguments, stand_in_command(mode))
}

fn with_stand_in(mode: &str, out: &Path) -> Ran {
    let (arguments, command) = stand_in(mode, out);
    run(arguments, &[("command", &command)])
}

fn plan(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("plan.json")).unwrap()).unwrap()
}

/// The folder that was handed over.
fn hand_over(out: &Path) -> PathBuf {
    let folders = std::fs::read_dir(out.join("strategies")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|f| f.unwrap().path()).collect();
    folders.retain(|f| f.to_string_lossy().contains("qat-hook"));
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

#[test]
fn an_answer_without_changes_leaves_every_byte_as_it_was() {
    let out = tempfile::tempdir().unwrap();
    let (before, after) = (out.path().join("before"), out.path().join("after"));
    let (model, pictures) = (fixture("models/torchvision_opset21_initializers.onnx"), fixture("pictures"));
    let ran = run(arguments(&model, &pictures, "esp32p4", "int8", &before), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = with_stand_in("well", &after);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for file in ["plan.json", "model.espdl", "model.qdq.onnx"] {
        let [a, b] = [&before, &after].map(|out| std::fs::read(out.join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
    for file in [
        "plan.json",
        "weights.safetensors",
        "pictures.npy",
        "scores.npy",
        "check.npy",
        "pictures.json",
        "model.float.onnx",
        "model.qdq.onnx",
        "train.py",
        "README.md",
        "output.log",
    ] {
        assert!(hand_over(&after).join(file).is_file(), "{file}");
    }
}

#[test]
fn the_formats_that_are_handed_over_are_those_of_the_plan() {
    for model in ["keras_opset13", "torchvision_dynamo"] {
        for target in ["esp32p4", "esp32c3"] {
            let out = tempfile::tempdir().unwrap();
            let model = fixture(&format!("models/{model}.onnx"));
            let command = stand_in_command("well");
            let arguments = arguments(&model, &fixture("pictures"), target, "int8,qat-hook", out.path());
            let ran = run(arguments, &[("command", &command)]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            compare_formats(&plan(out.path()), &plan(&hand_over(out.path())));
        }
    }
}

/// Holds every format of the engine's plan against that of the plan that was handed over.
fn compare_formats(engine: &Value, handed: &Value) {
    let format = |slot: &Value| {
        let slot = &handed["slots"][slot.as_u64().unwrap() as usize];
        serde_json::json!({ "bits": slot["bits"], "exponent": slot["exponents"][0] })
    };
    assert_eq!(engine["input"], format(&handed["input"]["slot"]));
    let nodes = engine["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), handed["nodes"].as_array().unwrap().len());
    for (ours, theirs) in nodes.iter().zip(handed["nodes"].as_array().unwrap()) {
        assert_eq!(ours["name"], theirs["name"]);
        let fused = !ours["activation"].is_null();
        match &theirs["output"]["slot"] {
            Value::Null => assert!(fused || ours["output"].is_null(), "{ours}"),
            slot => assert_eq!(ours["output"], format(slot), "{ours}"),
        }
        for (i, input) in theirs["inputs"].as_array().unwrap().iter().enumerate() {
            assert_eq!(ours["inputs"][i]["tensor"], input["tensor"]);
            if !input["slot"].is_null() {
                assert_eq!(ours["inputs"][i]["read"], format(&input["slot"]), "{ours}");
            }
        }
        if let Some(slot) = theirs["weights"]["slot"].as_u64() {
            let exponents = &handed["slots"][slot as usize]["exponents"];
            assert_eq!(
                &ours["constants"][theirs["weights"]["tensor"].as_str().unwrap()],
                exponents,
                "{ours}"
            );
        }
    }
}

#[test]
fn a_trained_value_ends_in_the_plan() {
    let out = tempfile::tempdir().unwrap();
    let ran = with_stand_in("changed", out.path());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("the training changed 1 of"), "{}", ran.stderr);
    let count = |kind: &str| plan(out.path())[kind].as_array().unwrap().len();
    // The float network stays the measure.
    assert_eq!(count("changed_weights"), 0);
    assert!(count("corrected_weights") > 0);
}

#[test]
fn whatever_a_training_does_wrong_fails_the_job_with_a_reason() {
    let link = "no plain file";
    for (mode, words) in [
        ("crash", ["signal 11", "about to crash"]),
        ("fails", ["status 5", "no way to train this"]),
        ("nothing", ["trained.safetensors", "did not write it"]),
        ("nan", ["NaN", "learning rate"]),
        ("cut", ["trained.safetensors", "no safetensors file"]),
        ("stray", ["`stray`", "plan.json"]),
        ("schema", ["schema 7", "trained.json"]),
        ("huge", ["trained.json", "at most"]),
        ("link", ["trained.json", link]),
        ("flood", ["status 1", "a flood"]),
    ] {
        let out = tempfile::tempdir().unwrap();
        let ran = with_stand_in(mode, out.path());
        assert_eq!(ran.code, 1, "{mode}: {}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{mode}: {}", ran.stderr);
        }
        assert!(ran.stderr.len() < 1 << 20, "{mode}: {} bytes", ran.stderr.len());
    }
}

#[test]
fn without_a_plan_to_start_from_it_says_what_to_put_before_it() {
    let out = tempfile::tempdir().unwrap();
    let (model, pictures) = (fixture("models/torchvision_opset21_initializers.onnx"), fixture("pictures"));
    let ran = run(arguments(&model, &pictures, "esp32p4", "qat-hook", out.path()), &[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("int8,qat-hook"), "{}", ran.stderr);
}

#[test]
fn labels_are_found_by_the_pictures_paths() {
    let out = tempfile::tempdir().unwrap();
    let csv = out.path().join("labels.csv");
    std::fs::write(&csv, "file,class_index\nscene.png,3\npictures/scene.jpg,4\nnone.jpg,1\n").unwrap();
    let (arguments, command) = stand_in("well", &out.path().join("run"));
    let ran = run(arguments, &[("command", &command), ("labels", csv.to_str().unwrap())]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let entries = std::fs::read(hand_over(&out.path().join("run")).join("pictures.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_slice(&entries).unwrap();
    let label = |name: &str| {
        let found = entries.iter().find(|e| e["file"].as_str().unwrap().ends_with(name));
        found.unwrap()["label"].clone()
    };
    assert_eq!((label("/scene.png"), label("/scene.jpg")), (3.into(), 4.into()));
    assert_eq!(label("/grey.jpg"), Value::Null);
}

/// True while a process with this number is there and not merely waits to be reaped.
fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|s| !s.is_empty() && !s.trim_start().starts_with('Z'))
}

/// Starts a job with a stand-in that writes its processes' numbers, waits until Ctrl-C means to finish early, sends
/// the signals to the program, half a second apart, and returns its exit code and whether a report is there.
fn interrupted(mode: &str, signals: &[&str]) -> (Option<i32>, bool) {
    let out = tempfile::tempdir().unwrap();
    let [pids, log] = ["pids", "log"].map(|name| out.path().join(name));
    let run = out.path().join("run");
    let (arguments, command) = stand_in(&format!("{mode} '{}'", pids.display()), &run);
    let mut child = Command::new(octet())
        .args(arguments)
        .args(["--set", &format!("qat-hook.command={command}")])
        .env("OCTET_DATA_DIR", root().join("target/test-data"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let ready = || read(&pids).ends_with('\n') && read(&log).contains("Ctrl-C stops this strategy");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !ready() && child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(ready(), "{}", read(&log));
    for signal in signals {
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        std::thread::sleep(Duration::from_millis(500));
    }
    let code = child.wait().unwrap().code();
    for pid in read(&pids).split_whitespace() {
        let deadline = Instant::now() + Duration::from_secs(5);
        while lives(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!lives(pid), "{pid} lives on after {signals:?}");
    }
    (code, run.join("report.json").is_file())
}

#[test]
fn nothing_of_a_training_survives_the_death_of_the_program() {
    assert_eq!(interrupted("hang", &["KILL"]), (None, false));
}

#[test]
fn cancelling_ends_a_training_that_does_not_listen() {
    assert_eq!(interrupted("hang", &["INT", "INT"]), (Some(130), false));
}

#[test]
fn a_training_that_is_asked_to_finish_early_ends_in_a_plan() {
    assert_eq!(interrupted("heeds", &["INT"]), (Some(0), true));
}

/// Runs the ready script with PyTorch on the demo photographs.
fn train(python: &Path, target: &str, options: &str, out: &Path) -> (Ran, Vec<PathBuf>) {
    let photographs = out.join("photographs");
    std::fs::create_dir_all(&photographs).unwrap();
    let copies = demo_pictures(&photographs);
    let images = photographs.to_str().unwrap();
    let arguments = arguments(&demo_model(), images, target, "int8,qat-hook", &out.join("run"));
    let command = format!("'{}' train.py {options}", python.display());
    (run(arguments, &[("command", &command), ("max_pictures", "12"), ("steps", "0")]), copies)
}

#[test]
fn pytorch_computes_the_integers_of_the_runtime() {
    let Some(python) = torch_python() else { return };
    for target in ["esp32p4", "esp32s3"] {
        let out = tempfile::tempdir().unwrap();
        let (ran, _) = train(&python, target, "--scores-out scores-quantized.npy", out.path());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let run = out.path().join("run");
        assert!(ran.stderr.contains("the training changed nothing"), "{}", ran.stderr);
        let handed = hand_over(&run);
        let bytes = std::fs::read(handed.join("scores-quantized.npy")).unwrap();
        let scores = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec::<f32>().unwrap();
        let entries = std::fs::read(handed.join("pictures.json")).unwrap();
        let entries: Vec<Value> = serde_json::from_slice(&entries).unwrap();
        let classes = scores.len() / entries.len();
        let model = run.join("model.espdl");
        for (entry, theirs) in entries.iter().zip(scores.chunks(classes)) {
            let picture = entry["file"].as_str().unwrap();
            let ran = run_octet(&["infer", model.to_str().unwrap(), "--image", picture, "--json"], &[]);
            let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
            let step = (answer["output"]["exponent"].as_f64().unwrap()).exp2();
            let values = answer["output"]["values"].as_array().unwrap();
            let ours: Vec<f32> = values.iter().map(|v| (v.as_f64().unwrap() * step) as f32).collect();
            assert_eq!(ours, theirs, "{picture} on {target}");
        }
    }
}

#[test]
fn a_few_steps_of_pytorch_bring_the_plan_nearer_to_the_float_network() {
    let Some(python) = torch_python() else { return };
    let out = tempfile::tempdir().unwrap();
    // Trained on all pictures and judged by them.
    let options = "--steps 4 --batch-size 4 --held-out 0 --learning-rate 1e-5 --evaluations 2";
    let (ran, _) = train(&python, "esp32s3", options, out.path());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let run = out.path().join("run");
    assert!(ran.stderr.contains("the training changed 1"), "{}", ran.stderr);
    let told = std::fs::read_to_string(hand_over(&run).join("output.log")).unwrap();
    let losses: Vec<f64> = told
        .lines()
        .filter_map(|line| line.strip_prefix("octet-point held-out ")?.split_once(' ')?.1.parse().ok())
        .collect();
    assert_eq!(losses.len(), 3, "{told}");
    assert!(losses[1..].iter().any(|&loss| loss < losses[0]), "{losses:?}");
}
