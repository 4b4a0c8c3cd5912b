//! What comes back is checked: every lie is refused and named.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::answer::Answer;
use crate::folder::{Folder, to_bytes};
use crate::model::Model;
use crate::test_model::model;

/// An answer that changes nothing, and its parts to be changed.
struct Fixture {
    model: Model,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    exponents: serde_json::Value,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        let model = model();
        let tensors = model.trainable();
        let tensors = tensors.iter().map(|(&id, values)| {
            (model.name(id).to_owned(), Dtype::F32, model.shape(id).to_vec(), to_bytes(values))
        });
        let slots = model.slots.iter().map(|s| {
            let tensor = model.name(s.slot.tensor);
            serde_json::json!({ "tensor": tensor, "bits": s.slot.bits, "exponents": s.exponents })
        });
        let exponents = serde_json::json!({ "schema": 1, "exponents": slots.collect::<Vec<_>>() });
        Fixture { tensors: tensors.collect(), exponents, folder: tempfile::tempdir().unwrap(), model }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self) {
        let views = self.tensors.iter().map(|(name, dtype, shape, bytes)| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &self.path().join("trained.safetensors")).unwrap();
        std::fs::write(self.path().join("trained.json"), self.exponents.to_string()).unwrap();
    }

    fn read(&self) -> Result<Answer, String> {
        Answer::read(&Folder::new(self.path().to_owned()), &self.model).map_err(|e| e.to_string())
    }

    fn error(&self) -> String {
        self.write();
        self.read().unwrap_err()
    }

    fn slot(&mut self, index: usize) -> &mut serde_json::Value {
        &mut self.exponents["exponents"][index]
    }
}

#[test]
fn the_same_values_change_nothing() {
    let fixture = Fixture::new();
    fixture.write();
    assert!(fixture.read().unwrap().is_empty());
}

#[test]
fn changes_are_found_and_nothing_else() {
    let mut fixture = Fixture::new();
    fixture.tensors[1].3[0..4].copy_from_slice(&1.5f32.to_le_bytes());
    fixture.slot(4)["exponents"] = serde_json::json!([-3]);
    fixture.write();
    let answer = fixture.read().unwrap();
    assert_eq!(answer.weights.len(), 1);
    assert_eq!(answer.weights.values().next().unwrap()[0], 1.5);
    assert_eq!(answer.exponents, [(4, vec![-3])].into());
}

#[test]
fn slots_may_be_left_out_and_tensors_may_not() {
    let mut fixture = Fixture::new();
    fixture.exponents["exponents"] = serde_json::json!([]);
    fixture.write();
    assert!(fixture.read().unwrap().is_empty());
    let (name, ..) = fixture.tensors.remove(2);
    let error = fixture.error();
    assert!(error.contains(&name) && error.contains("missing"), "{error}");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let mut fixture = Fixture::new();
    fixture.tensors[0].2.reverse();
    let error = fixture.error();
    assert!(error.contains("`w0`") && error.contains("shape"), "{error}");

    let mut fixture = Fixture::new();
    fixture.tensors[0].1 = Dtype::I32;
    assert!(fixture.error().contains("float32"));

    for bad in [f32::NAN, f32::INFINITY] {
        let mut fixture = Fixture::new();
        fixture.tensors[3].3[4..8].copy_from_slice(&bad.to_le_bytes());
        let error = fixture.error();
        assert!(error.contains("value 1") && error.contains("learning rate"), "{error}");
    }

    let mut fixture = Fixture::new();
    fixture.tensors.push(("stray".to_owned(), Dtype::F32, vec![1], vec![0; 4]));
    assert!(fixture.error().contains("`stray`"));
}

#[test]
fn exponents_that_do_not_fit_are_named() {
    let errors: [(serde_json::Value, &str); 9] = [
        (serde_json::json!([31]), "outside -40..=30"),
        (serde_json::json!([-41]), "outside -40..=30"),
        (serde_json::json!([-4, -4]), "takes 1 exponents, not 2"),
        (serde_json::json!([]), "takes 1 exponents, not 0"),
        (serde_json::json!([-4.5]), "trained.json"),
        (serde_json::json!([99999999999i64]), "trained.json"),
        (serde_json::json!(["-4"]), "trained.json"),
        (serde_json::json!(null), "trained.json"),
        (serde_json::json!(-4), "trained.json"),
    ];
    for (exponents, words) in errors {
        let mut fixture = Fixture::new();
        fixture.slot(5)["exponents"] = exponents.clone();
        let error = fixture.error();
        assert!(error.contains(words), "{exponents}: {error}");
    }
}

#[test]
fn slots_that_are_not_there_or_there_twice_are_named() {
    let mut fixture = Fixture::new();
    fixture.slot(5)["bits"] = 16.into();
    assert!(fixture.error().contains("16 bits"));
    let mut fixture = Fixture::new();
    let copy = fixture.slot(5).clone();
    *fixture.slot(6) = copy;
    assert!(fixture.error().contains("twice"));
}

#[test]
fn another_schema_and_unknown_fields_are_refused() {
    let mut fixture = Fixture::new();
    fixture.exponents["schema"] = 2.into();
    assert!(fixture.error().contains("schema 2"));
    let mut fixture = Fixture::new();
    fixture.exponents["exponent"] = 2.into();
    assert!(fixture.error().contains("exponent"));
}

#[test]
fn files_that_are_not_there_or_no_files_are_refused() {
    let fixture = Fixture::new();
    assert!(fixture.read().unwrap_err().contains("did not write it"));
    fixture.write();
    let weights = fixture.path().join("trained.safetensors");
    std::fs::write(&weights, b"").unwrap();
    assert!(fixture.read().unwrap_err().contains("trained.safetensors"));
    std::fs::write(&weights, [0xff; 100]).unwrap();
    assert!(fixture.read().unwrap_err().contains("no safetensors file"));
    std::fs::remove_file(&weights).unwrap();
    std::fs::create_dir(&weights).unwrap();
    assert!(fixture.read().unwrap_err().contains("no plain file"));
    fixture.write_elsewhere_and_link();
    assert!(fixture.read().unwrap_err().contains("no plain file"));
}

impl Fixture {
    /// The weights lie outside the folder, and a link leads there.
    fn write_elsewhere_and_link(&self) {
        let (weights, outside) = (self.path().join("trained.safetensors"), self.path().join("outside"));
        std::fs::remove_dir(&weights).unwrap();
        self.write();
        std::fs::rename(&weights, &outside).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&outside, &weights).unwrap();
    }
}

#[test]
fn files_that_are_too_large_are_refused_before_they_are_read() {
    for name in ["trained.safetensors", "trained.json"] {
        let fixture = Fixture::new();
        fixture.write();
        // Sparse: it takes no space.
        std::fs::File::create(fixture.path().join(name)).unwrap().set_len(1 << 40).unwrap();
        let error = fixture.read().unwrap_err();
        assert!(error.contains(name) && error.contains("at most"), "{error}");
    }
}

#[test]
fn a_header_that_promises_too_much_is_refused() {
    let fixture = Fixture::new();
    fixture.write();
    let path = fixture.path().join("trained.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(fixture.read().is_err());
    // Offsets beyond the end, and a cut file.
    fixture.write();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    assert!(fixture.read().is_err());
}
