//! A close look at runs that the program made, on a sample model.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use octet_engine::job::Cancel;
use octet_engine::onnx;
use octet_engine::probe::{MAX_POINTS, Probe, ProbeError};
use octet_tests::{root, run_octet};
use serde_json::Value;

fn model() -> PathBuf {
    root().join("tests/fixtures/models/torchvision_opset11.onnx")
}

/// So few pictures that a probe looks at all of them.
fn pictures() -> &'static Path {
    static PICTURES: OnceLock<tempfile::TempDir> = OnceLock::new();
    let fill = || {
        let folder = tempfile::tempdir().unwrap();
        for i in 1..=8 {
            let name = format!("exif_{i}.jpg");
            let from = root().join("tests/fixtures/pictures").join(&name);
            std::fs::copy(from, folder.path().join(name)).unwrap();
        }
        folder
    };
    PICTURES.get_or_init(fill).path()
}

fn quantize(model: &Path, out: &Path, target: &str, strategy: &str) {
    let [model, pictures, out] = [model, pictures(), out].map(|p| p.to_str().unwrap());
    let arguments = ["quantize", model, "--images", pictures, "--target", target, "--out", out];
    let rest = ["--strategy", strategy, "--layerwise-pictures", "0"];
    let ran = run_octet(&[&arguments[..], &rest].concat(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// A run that lasts as long as the tests.
fn run_of(cell: &'static OnceLock<tempfile::TempDir>, target: &str, strategy: &str) -> &'static Path {
    cell.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        quantize(&model(), folder.path(), target, strategy);
        folder
    })
    .path()
}

fn plain() -> &'static Path {
    static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
    run_of(&RUN, "esp32p4", "int8")
}

fn equalized() -> &'static Path {
    static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
    run_of(&RUN, "esp32s3", "equalization,int8")
}

/// The first convolution.
const FIRST: &str = "/features/features.0/features.0.0/Conv";

#[test]
fn figures_of_single_pictures_average_to_the_reports() {
    for run in [plain(), equalized()] {
        let probe = Probe::open(run).unwrap();
        assert_eq!(probe.pictures().len(), probe.report().calibration.used.len());
        let tried: Vec<_> = probe.pictures().iter().map(|p| probe.try_picture(p, None).unwrap()).collect();
        let layers = &probe.report().layers;
        assert_eq!(tried[0].depth.len(), layers.len() + 1);
        for (i, layer) in layers.iter().enumerate() {
            assert_eq!(tried[0].depth[i + 1].name, layer.name);
            let mean = tried.iter().map(|t| t.depth[i + 1].nsr).sum::<f64>() / tried.len() as f64;
            let told = layer.graphwise_nsr.unwrap();
            assert!((mean - told).abs() <= 1e-9 + 1e-4 * told, "{}: {mean} {told}", layer.name);
        }
        let agreeing = tried.iter().filter(|t| t.agrees).count() as f64 / tried.len() as f64;
        assert_eq!(Some(agreeing), probe.report().r#final.agreement);
    }
}

#[test]
fn what_the_grid_clips_is_what_the_report_counts() {
    for run in [plain(), equalized()] {
        let probe = Probe::open(run).unwrap();
        for layer in &probe.report().layers {
            let figures = probe.activations(&layer.name, &Cancel::default()).unwrap();
            let told = layer.beyond_range.unwrap();
            assert!((figures.clipped - told).abs() < 1e-4, "{}: {} {told}", layer.name, figures.clipped);
            assert_eq!(figures.grid.unwrap().exponent, layer.output_exponent);
            assert_eq!(figures.histogram.not_finite, 0);
        }
        let input = probe.report().input.name.clone();
        let figures = probe.activations(&input, &Cancel::default()).unwrap();
        assert!((figures.clipped - probe.report().input.beyond_range.unwrap()).abs() < 1e-4);
    }
}

#[test]
fn weights_are_those_of_the_file_on_the_plans_grid() {
    let probe = Probe::open(plain()).unwrap();
    let network = onnx::open(&model()).unwrap().network;
    let node = network.node(network.find_node(FIRST).unwrap());
    let tensor = network.tensor(node.inputs[1]);
    let values = tensor.data.as_deref().unwrap();
    let figures = probe.weights(FIRST, None).unwrap();
    let layer = probe.report().layers.iter().find(|l| l.name == FIRST).unwrap();
    assert_eq!((figures.channels.len(), figures.tensor.as_str()), (tensor.shape[0], tensor.name.as_str()));
    let exponents: Vec<i32> = figures.channels.iter().map(|c| c.grid.exponent).collect();
    assert_eq!(exponents, layer.weight_exponents);
    let inner = values.len() / tensor.shape[0];
    for (channel, values) in figures.channels.iter().zip(values.chunks(inner)) {
        assert_eq!(channel.max, values.iter().copied().fold(f32::MIN, f32::max));
        assert_eq!(channel.min, values.iter().copied().fold(f32::MAX, f32::min));
        assert!(channel.min <= channel.quarter && channel.quarter <= channel.median);
        assert!(channel.median <= channel.three_quarters && channel.three_quarters <= channel.max);
        // Rounding a value inside of the grid moves it by half a step at most.
        let bound = 0.25 * f64::from(channel.grid.step).powi(2) * inner as f64;
        let signal: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
        assert!(channel.clipped > 0.0 || channel.nsr <= bound / signal, "{channel:?}");
    }
    assert_eq!(figures.histogram.total(), values.len() as u64);
    let one = probe.weights(FIRST, Some(0)).unwrap();
    assert_eq!(one.histogram.total(), inner as u64);
    assert!(matches!(probe.weights(FIRST, Some(10_000)), Err(ProbeError::Unknown(_))));
}

#[test]
fn quantized_values_of_a_scatter_lie_on_the_grid() {
    let probe = Probe::open(plain()).unwrap();
    let picture = &probe.pictures()[0];
    let scatter = probe.scatter(FIRST, picture).unwrap();
    let grid = scatter.grid.unwrap();
    assert!(
        scatter.points.len() <= MAX_POINTS + 3 && scatter.points.len() >= MAX_POINTS.min(scatter.elements)
    );
    assert!(scatter.points.iter().all(|[_, q]| (q / grid.step).fract() == 0.0 && *q <= grid.high));
    let error = scatter.points.iter().map(|[f, q]| (q - f).abs()).fold(0.0, f32::max);
    assert_eq!(error, scatter.largest_error, "the largest difference is among the points");
    assert_eq!(scatter, probe.scatter(FIRST, picture).unwrap());
    let depth = probe.try_picture(picture, None).unwrap().depth;
    assert_eq!(depth.iter().find(|d| d.name == FIRST).unwrap().nsr, scatter.nsr);
}

#[test]
fn maps_show_both_sides_on_one_scale() {
    let probe = Probe::open(plain()).unwrap();
    let picture = &probe.pictures()[0];
    let maps = probe.maps(FIRST, picture, 1..3).unwrap();
    let shape = &probe.report().layers[0];
    assert_eq!(shape.name, FIRST);
    assert_eq!(maps.maps.iter().map(|m| m.channel).collect::<Vec<_>>(), [1, 2]);
    let value = |byte: u8| maps.low + f32::from(byte) / 255.0 * (maps.high - maps.low);
    let resolution = (maps.high - maps.low) / 255.0;
    for map in &maps.maps {
        assert_eq!(map.float.len(), maps.height * maps.width);
        for ((f, q), d) in map.float.iter().zip(&map.quantized).zip(&map.difference) {
            let told = (f32::from(*d) - 128.0) / 127.0 * maps.largest_difference;
            let seen = value(*q) - value(*f);
            assert!((told - seen).abs() <= resolution + maps.largest_difference / 127.0);
        }
    }
    assert!(probe.maps(FIRST, picture, 5000..6000).unwrap().maps.is_empty());
}

#[test]
fn scores_are_those_of_infer() {
    let probe = Probe::open(plain()).unwrap();
    let picture = probe.pictures()[0].clone();
    let tried = probe.try_picture(&picture, None).unwrap();
    let espdl = plain().join("model.espdl");
    for (file, scores) in [(model(), &tried.float), (espdl, &tried.quantized)] {
        let arguments = ["infer", file.to_str().unwrap(), "--image", picture.to_str().unwrap(), "--json"];
        let ran = run_octet(&arguments, &[]);
        let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
        let expected = answer["top"].as_array().unwrap();
        assert_eq!(expected.len(), scores.len());
        for (e, s) in expected.iter().zip(scores) {
            assert_eq!(e["index"], s.class);
            assert!((e["score"].as_f64().unwrap() - f64::from(s.probability)).abs() < 1e-6);
        }
    }
    let names: Vec<String> = (0..2000).map(|i| format!("class {i}")).collect();
    let named = probe.try_picture(&picture, Some(&names)).unwrap();
    assert_eq!(named.float[0].label, Some(format!("class {}", named.float[0].class)));
}

#[test]
fn the_float_network_is_kept_where_a_strategy_changed_it_and_only_there() {
    assert!(!plain().join("model.float.onnx").exists());
    assert!(equalized().join("model.float.onnx").exists());
    let again = tempfile::tempdir().unwrap();
    std::fs::write(again.path().join("model.float.onnx"), b"of an older run").unwrap();
    quantize(&model(), again.path(), "esp32p4", "int8");
    assert!(!again.path().join("model.float.onnx").exists());
    let file = equalized().join("model.float.onnx");
    let (kept, original) = (onnx::open(&file).unwrap().network, onnx::open(&model()).unwrap().network);
    let names = |n: &octet_engine::network::Network| {
        let nodes: Vec<String> = n.nodes.iter().map(|n| n.name.clone()).collect();
        let tensors: Vec<String> = n.nodes.iter().map(|x| n.tensor(x.output()).name.clone()).collect();
        (nodes, tensors)
    };
    assert_eq!(names(&kept), names(&original));
}

/// A copy of a run folder without some of its files.
fn copy_of(run: &Path, without: &[&str]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(run).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !without.contains(&name) && path.is_file() {
            std::fs::copy(&path, copy.path().join(name)).unwrap();
        }
    }
    copy
}

#[test]
fn files_that_are_missing_or_do_not_belong_together_are_told_by_name() {
    let error = |run: &Path| Probe::open(run).unwrap_err().to_string();
    for file in ["report.json", "plan.json", "model.espdl"] {
        let broken = copy_of(plain(), &[file]);
        assert!(error(broken.path()).contains(file), "{file}");
        std::fs::write(broken.path().join(file), b"{\"nonsense\": [").unwrap();
        assert!(error(broken.path()).contains(file), "{file}");
    }
    let without = copy_of(equalized(), &["model.float.onnx"]);
    assert!(error(without.path()).contains("model.float.onnx"));

    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("net.onnx");
    std::fs::copy(model(), &moved).unwrap();
    let run = folder.path().join("run");
    quantize(&moved, &run, "esp32p4", "int8");
    std::fs::copy(root().join("tests/fixtures/models/timm_mobilenetv2_035.onnx"), &moved).unwrap();
    assert!(matches!(Probe::open(&run), Err(ProbeError::ModelChanged { .. })));
    std::fs::remove_file(&moved).unwrap();
    assert!(error(&run).contains("net.onnx"));
    // The plan of another network.
    std::fs::copy(
        root().join("tests/fixtures/models/timm_mobilenetv2_035.onnx"),
        run.join("model.float.onnx"),
    )
    .unwrap();
    assert!(matches!(Probe::open(&run), Err(ProbeError::Mismatch(_))));
}

#[test]
fn questions_without_an_answer_are_refused_by_name() {
    let probe = Probe::open(plain()).unwrap();
    let picture = probe.pictures()[0].clone();
    let text = |r: Result<(), ProbeError>| r.unwrap_err().to_string();
    assert!(text(probe.weights("größe/ä", None).map(drop)).contains("größe/ä"));
    assert!(text(probe.scatter("größe/ä", &picture).map(drop)).contains("größe/ä"));
    let pool = probe.report().layers.iter().find(|l| l.op == "GlobalAveragePool").unwrap().name.clone();
    assert!(matches!(probe.weights(&pool, None), Err(ProbeError::NoWeights(_))));
    assert!(probe.maps(&pool, &picture, 0..1).unwrap().height == 1);
    let broken = tempfile::NamedTempFile::with_suffix(".jpg").unwrap();
    std::fs::write(broken.path(), b"no picture").unwrap();
    assert!(matches!(probe.try_picture(broken.path(), None), Err(ProbeError::Picture { .. })));
    let cancel = Cancel::default();
    cancel.cancel();
    assert!(matches!(probe.activations(&pool, &cancel), Err(ProbeError::Cancelled)));
    assert!(probe.activations(&pool, &Cancel::default()).is_ok(), "cancelling leaves nothing behind");
}

#[test]
fn a_run_whose_pictures_are_gone_says_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    std::fs::copy(root().join("tests/fixtures/pictures/scene.png"), pictures.join("scene.png")).unwrap();
    let run = folder.path().join("run");
    let [m, p, r] = [&model(), &pictures, &run].map(|p| p.to_str().unwrap().to_owned());
    let arguments =
        ["quantize", &m, "--images", &p, "--target", "esp32p4", "--out", &r, "--strategy", "int8"];
    let ran = run_octet(&[&arguments[..], &["--layerwise-pictures", "0"]].concat(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    std::fs::remove_dir_all(&pictures).unwrap();
    let probe = Probe::open(&run).unwrap();
    let error = probe.activations(FIRST, &Cancel::default()).unwrap_err().to_string();
    assert!(error.contains(&p), "{error}");
    let elsewhere = root().join("tests/fixtures/pictures/scene.png");
    assert!(probe.try_picture(&elsewhere, None).is_ok());
}
