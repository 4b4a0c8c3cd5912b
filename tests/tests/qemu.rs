//! The firmware's main logic on a board in QEMU computes what the desktop computes, tensor by tensor, on a processor
//! with and on one without floating point.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use octet_runtime::preprocess::{Frame, PixelFormat, Preparation, Table};
use octet_runtime::{Data, Model, Simulator, Target};
use octet_tests::{Emulator, root, run_octet, shared};
use serde_json::Value;
use tempfile::TempDir;

const PROCESSORS: [&str; 2] = ["riscv32imc", "riscv32imafc"];

fn board() -> Option<PathBuf> {
    Emulator::script("run")
}

fn run(script: &Path, processor: &str, model: &Path, more: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.arg(script).args(["--target", processor, "--json", "--model"]).arg(model).args(more);
    command.output().unwrap()
}

fn answer(script: &Path, processor: &str, model: &Path, more: &[&str]) -> Value {
    let output = run(script, processor, model, more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the desktop computes: `infer --json`, and `tensors.json` of its dump.
struct Desktop {
    dump: TempDir,
    answer: Value,
    tensors: Value,
}

impl Desktop {
    fn new(model: &Path, input: [&str; 2]) -> Desktop {
        let dump = tempfile::tempdir().unwrap();
        let (model, folder) = (model.to_str().unwrap(), dump.path().to_str().unwrap());
        let ran = run_octet(&["infer", model, input[0], input[1], "--json", "--dump", folder], &[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let answer = serde_json::from_str(&ran.stdout).unwrap();
        let text = std::fs::read_to_string(dump.path().join("tensors.json")).unwrap();
        Desktop { answer, tensors: serde_json::from_str(&text).unwrap(), dump }
    }

    /// The network's input is the first tensor that is written.
    fn input(&self) -> PathBuf {
        self.dump.path().join("000.npy")
    }

    fn equals(&self, board: &Value, what: &str) {
        let tensors = self.tensors.as_object().unwrap();
        assert_eq!(board["tensors"].as_object().unwrap().len(), tensors.len(), "{what}");
        for (name, facts) in tensors {
            assert_eq!(board["tensors"][name], facts["crc32"], "{what}: tensor `{name}`");
        }
        assert_eq!(board["values"], self.answer["output"]["values"], "{what}");
        assert_eq!(board["exponent"], self.answer["output"]["exponent"], "{what}");
    }
}

/// The embedded model, quantized for a chip.
fn embedded(chip: &str, folder: &TempDir) -> PathBuf {
    let demo = root().join("app/assets/demo");
    let (model, pictures) = (demo.join("mobilenetv2_dogs19_160.onnx"), demo.join("pictures"));
    let out = folder.path().join(chip);
    let paths = [&model, &pictures, &out].map(|path| path.to_str().unwrap());
    let settings =
        ["--strategy", "int8", "--layerwise-pictures", "0", "--graphwise-pictures", "1", "--target", chip];
    let files = ["quantize", paths[0], "--images", paths[1], "--out", paths[2]];
    let ran = run_octet(&[&files[..], &settings].concat(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    out.join("model.espdl")
}

fn picture() -> PathBuf {
    let folder = root().join("app/assets/demo/pictures");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.swap_remove(0)
}

#[test]
fn every_tensor_of_the_embedded_model_is_the_desktops() {
    let Some(script) = board() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Both ways to round, blocked and plain layouts, one exponent per channel and per tensor.
    for chip in ["esp32p4", "esp32c3"] {
        let model = embedded(chip, &folder);
        let desktop = Desktop::new(&model, ["--image", picture().to_str().unwrap()]);
        let input = desktop.input();
        for processor in PROCESSORS {
            let what = format!("{chip} on {processor}");
            let arguments = ["--tensors", "--tensor", input.to_str().unwrap()];
            let board = answer(&script, processor, &model, &arguments);
            desktop.equals(&board, &what);
            let layers = board["per_layer"].as_array().unwrap();
            let sum = |key: &str| layers.iter().map(|layer| layer[key].as_u64().unwrap()).sum::<u64>();
            assert_eq!(board["macs"], sum("macs"), "{what}");
            // Going from layer to layer is no layer's, and costs next to nothing.
            let (all, layers) = (board["instructions"].as_u64().unwrap(), sum("instructions"));
            assert!(layers <= all && all - layers <= all / 50, "{what}: {layers} of {all}");
        }
    }
}

#[test]
fn every_tensor_of_espressifs_networks_is_the_desktops() {
    let Some(shared) = shared() else { return };
    let Some(script) = board() else { return };
    for (short, chip) in [("p4", "esp32p4"), ("s3", "esp32s3")] {
        let model = shared.join(format!("models/espressif/imagenet_mobilenetv2_{chip}.espdl"));
        let tensor = shared.join(format!("golden/{short}_281.input.npy"));
        let tensor = tensor.to_str().unwrap();
        let desktop = Desktop::new(&model, ["--tensor", tensor]);
        for processor in PROCESSORS {
            let board = answer(&script, processor, &model, &["--tensors", "--tensor", tensor]);
            desktop.equals(&board, &format!("{chip} on {processor}"));
        }
    }
}

#[test]
fn blocks_that_are_streamed_give_the_same_tensors_in_the_memory_that_is_planned() {
    let Some(script) = board() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = embedded("esp32p4", &folder);
    let desktop = Desktop::new(&model, ["--image", picture().to_str().unwrap()]);
    let input = desktop.input();
    let within = |kib: u64, processor: &str| {
        let (kib, tensor) = (kib.to_string(), input.to_str().unwrap());
        answer(&script, processor, &model, &["--tensors", "--tensor", tensor, "--arena", &kib])
    };
    let loose = within(400, "riscv32imafc");
    desktop.equals(&loose, "within 400 KiB");
    let bytes = loose["arena_bytes"].as_u64().unwrap();
    assert!(bytes <= 400 << 10, "{bytes}");
    // No more memory than the plan says.
    let exact = within(bytes.div_ceil(1024), "riscv32imc");
    desktop.equals(&exact, "within what was planned");
    assert_eq!(exact["arena_bytes"], bytes);
}

#[test]
fn espressifs_networks_streamed_within_416_kib_give_the_desktops_tensors() {
    let Some(shared) = shared() else { return };
    let Some(script) = board() else { return };
    for (short, chip, processor) in [("s3", "esp32s3", "riscv32imc"), ("p4", "esp32p4", "riscv32imafc")] {
        let model = shared.join(format!("models/espressif/imagenet_mobilenetv2_{chip}.espdl"));
        let tensor = shared.join(format!("golden/{short}_281.input.npy"));
        let tensor = tensor.to_str().unwrap();
        let desktop = Desktop::new(&model, ["--tensor", tensor]);
        let board = answer(&script, processor, &model, &["--tensors", "--tensor", tensor, "--arena", "416"]);
        desktop.equals(&board, chip);
        assert!(board["arena_bytes"].as_u64().unwrap() <= 416 << 10, "{chip}");
    }
}

#[test]
fn the_files_own_test_passes_and_memory_that_does_not_suffice_is_told() {
    let Some(script) = board() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = embedded("esp32p4", &folder);
    let board = answer(&script, "riscv32imafc", &model, &[]);
    assert_eq!(board["test"]["passed"], true);
    // Half of what no plan can do without.
    let output = run(&script, "riscv32imafc", &model, &["--arena", "40"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("arena") && message.contains("40960 were given"), "{message}");
}

#[test]
fn a_picture_that_is_sent_is_prepared_as_on_the_desktop() {
    let Some(script) = board() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = embedded("esp32p4", &folder);
    let pixels: Vec<u8> = (0..200 * 90 * 2_u32).map(|i| (i * i / 91 + i * 7) as u8).collect();
    let file = folder.path().join("pixels");
    std::fs::write(&file, &pixels).unwrap();
    let arguments = ["--pixels", file.to_str().unwrap(), "--format", "rgb565be", "--size", "200x90"];
    let board = answer(&script, "riscv32imc", &path, &arguments);

    let bytes = std::fs::read(&path).unwrap();
    let model = Model::parse(&bytes).unwrap();
    let input = model.inputs().next().unwrap();
    let (dtype, shape) = (input.dtype().unwrap(), input.shape().unwrap());
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let table = Table::new(mean, std, input.exponent().unwrap(), dtype, Target::Esp32p4.rounding());
    let frame = Frame::new(&pixels, 200, 90, PixelFormat::Rgb565Be).unwrap();
    let mut prepared = vec![0; shape.elements()];
    let size = [shape.dim(1), shape.dim(2), shape.dim(3)];
    Preparation::new(table).write(&frame, &mut prepared, dtype, size).unwrap();
    let integers: Vec<i8> = prepared.into_iter().map(|b| b as i8).collect();
    let simulator = Simulator::new(bytes.clone().into(), None).unwrap();
    let mut scratch = simulator.scratch();
    let Data::I8(output) = simulator.run(&mut scratch, Data::I8(&integers), None).unwrap().data else {
        panic!("int8 scores")
    };
    assert_eq!(serde_json::from_value::<Vec<i8>>(board["values"].clone()).unwrap(), output);
}

/// What `tests/qemu/inspect` tells of the programs for a processor.
fn inspected(script: &Path, processor: &str) -> Value {
    let inspect = script.with_file_name("inspect");
    let output =
        Command::new("python3").arg(inspect).args(["--json", "--target", processor]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_runtime_with_all_operations_and_messages_takes_at_most_96_kib() {
    let Some(script) = board() else { return };
    for processor in PROCESSORS {
        let inspected = inspected(&script, processor);
        let bytes = inspected["bytes"].as_u64().unwrap();
        assert!(
            (50 << 10..=96 << 10).contains(&bytes),
            "{processor}: {bytes}, largest {}",
            inspected["largest"]
        );
    }
}

#[test]
fn no_function_of_the_runtime_can_panic_on_a_chip_and_no_inner_loop_uses_floats() {
    let Some(script) = board() else { return };
    for processor in PROCESSORS {
        let inspected = inspected(&script, processor);
        let looked_at = |key: &str, name: &str| {
            let found = inspected[key].as_array().unwrap().iter().any(|f| f.as_str().unwrap().contains(name));
            assert!(found, "{processor}: {name} is not in {key}");
        };
        for name in [
            "Plan::run_observed",
            "kernels::conv::Layer::row",
            "octet_kernels::tile::Part::run",
            "plan::lower",
        ] {
            looked_at("panics_of", name);
        }
        for name in ["tile::Part::run", "depthwise::Lines::row"] {
            looked_at("floats_of", name);
        }
        assert_eq!(inspected["panics"], serde_json::json!([]), "{processor}");
        assert_eq!(inspected["floats"], serde_json::json!([]), "{processor}");
    }
}
