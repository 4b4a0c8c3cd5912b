//! Espressif's own files, integer for integer. Needs `../shared` (or `OCTET_SHARED`).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use octet_runtime::{Data, Kernels, Model, Simulator, Target};

fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("OCTET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no ../shared");
    None
}

fn npy_i8(path: &Path) -> Vec<i8> {
    let bytes = std::fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].iter().map(|&b| b as i8).collect()
}

fn crc(data: Data<'_>) -> u32 {
    let bytes: Vec<u8> = match data {
        Data::I8(v) => v.iter().map(|&x| x as u8).collect(),
        Data::I16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    crc32fast::hash(&bytes)
}

/// Crc and exponent of every tensor.
type Seen = BTreeMap<String, (u32, Option<i32>)>;

/// Runs with and without an observer; returns what it saw, and the output.
fn run(simulator: &Simulator, input: &[i8]) -> (Seen, Vec<i8>) {
    let mut seen = BTreeMap::new();
    let mut observe = |t: octet_runtime::TensorView<'_>| {
        assert_eq!(t.data.len(), t.shape.iter().product::<usize>(), "{}", t.name);
        seen.insert(t.name.to_owned(), (crc(t.data), t.exponent));
    };
    let mut scratch = simulator.scratch();
    let output = simulator.run(&mut scratch, Data::I8(input), Some(&mut observe)).unwrap();
    let Data::I8(values) = output.data else { panic!("output is not int8") };
    let values = values.to_vec();
    let mut scratch = simulator.scratch();
    let again = simulator.run(&mut scratch, Data::I8(input), None).unwrap();
    assert_eq!(again.data, Data::I8(&values), "without an observer");
    (seen, values)
}

fn espressif(model: &str, case: &str, json: &str, target: Target) {
    let Some(shared) = shared() else { return };
    let file: Arc<[u8]> = std::fs::read(shared.join("models/espressif").join(model)).unwrap().into();
    let input = npy_i8(&shared.join(format!("golden/{case}.input.npy")));
    let logits = npy_i8(&shared.join(format!("golden/{case}.logits.npy")));
    let text = std::fs::read_to_string(shared.join("golden").join(json)).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    for kernels in [Kernels::Portable, Kernels::Fastest] {
        let simulator = Simulator::new(file.clone(), None).unwrap().with_kernels(kernels);
        assert_eq!(simulator.target(), target);
        let (seen, output) = run(&simulator, &input);
        let mut compared = 0;
        for (name, expected) in golden[case]["tensors"].as_object().unwrap() {
            let (crc, exponent) = seen[name];
            assert_eq!(u64::from(crc), expected["crc32"].as_u64().unwrap(), "{kernels:?} {name}");
            assert_eq!(exponent.map(i64::from), expected["exponent"].as_i64(), "{name}");
            compared += 1;
        }
        assert_eq!(compared, seen.len(), "every tensor is compared");
        assert_eq!(output, logits, "{kernels:?}");
    }
}

const P4: &str = "imagenet_mobilenetv2_esp32p4.espdl";
const S3: &str = "imagenet_mobilenetv2_esp32s3.espdl";

#[test]
fn p4_picture_207_equals_every_golden_tensor() {
    espressif(P4, "p4_207", "p4.json", Target::Esp32p4);
}

#[test]
fn p4_picture_281_equals_every_golden_tensor() {
    espressif(P4, "p4_281", "p4.json", Target::Esp32p4);
}

#[test]
fn s3_picture_207_equals_every_golden_tensor() {
    espressif(S3, "s3_207", "s3.json", Target::Esp32s3);
}

#[test]
fn s3_picture_281_equals_every_golden_tensor() {
    espressif(S3, "s3_281", "s3.json", Target::Esp32s3);
}

#[test]
fn exports_with_test_vectors_give_their_own_output() {
    let Some(shared) = shared() else { return };
    let mut checked = 0;
    for entry in std::fs::read_dir(shared.join("peer")).unwrap() {
        let path = entry.unwrap().path().join("model.espdl");
        let Ok(file) = std::fs::read(&path) else { continue };
        let file: Arc<[u8]> = file.into();
        let model = Model::parse(&file).unwrap();
        let (Some(input), Some(output)) =
            (model.test_inputs_value().next(), model.test_outputs_value().next())
        else {
            continue;
        };
        let input: Vec<i8> = input.data().iter().map(|&b| b as i8).collect();
        let expected: Vec<i8> = output.data().iter().map(|&b| b as i8).collect();
        for kernels in [Kernels::Portable, Kernels::Fastest] {
            let simulator = Simulator::new(file.clone(), None).unwrap().with_kernels(kernels);
            assert_eq!(run(&simulator, &input).1, expected, "{kernels:?} {}", path.display());
        }
        checked += 1;
    }
    assert!(checked > 0);
}

/// `fixtures/gesture_crc.txt` was written by `../shared/tools/espdl_reference.py` on the input below.
#[test]
fn gesture_model_equals_the_reference() {
    let Some(shared) = shared() else { return };
    let name = "models/espressif/gesture_mobilenetv2_esp32p4.espdl";
    let file: Arc<[u8]> = std::fs::read(shared.join(name)).unwrap().into();
    let mut state = 12345u32;
    let input: Vec<i8> = (0..128 * 128 * 3)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i8
        })
        .collect();
    let expected: Vec<u32> =
        include_str!("fixtures/gesture_crc.txt").lines().map(|l| l.trim().parse().unwrap()).collect();
    for kernels in [Kernels::Portable, Kernels::Fastest] {
        let simulator = Simulator::new(file.clone(), None).unwrap().with_kernels(kernels);
        let mut seen = Vec::new();
        let mut scratch = simulator.scratch();
        simulator.run(&mut scratch, Data::I8(&input), Some(&mut |t| seen.push(crc(t.data)))).unwrap();
        assert_eq!(seen, expected, "{kernels:?}");
    }
}
