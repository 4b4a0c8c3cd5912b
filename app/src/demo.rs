//! The embedded model and photographs (see NOTICE for their sources and licences).

use std::path::{Path, PathBuf};

use anyhow::Context;
use include_dir::{Dir, include_dir};

static DEMO: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/demo");

const MODEL: &str = "mobilenetv2_dogs19_160.onnx";

/// Where the demonstration's inputs were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoInputs {
    /// The ONNX file.
    pub model: PathBuf,
    /// Photographs for calibration.
    pub pictures: PathBuf,
    /// Other photographs, for the evaluation.
    pub held_out: PathBuf,
    /// Names of the classes, one a line.
    pub labels: PathBuf,
}

/// Writes the model, its labels and the photographs below `folder`.
pub fn unpack(folder: &Path) -> anyhow::Result<DemoInputs> {
    let inputs = DemoInputs {
        model: folder.join(MODEL),
        pictures: folder.join("calibration"),
        held_out: folder.join("held-out"),
        labels: folder.join("labels.txt"),
    };
    write(&inputs.model, embedded(MODEL)?)?;
    write(&inputs.labels, embedded("labels.txt")?)?;
    let mut list = csv::Reader::from_reader(embedded("pictures.csv")?);
    for photograph in list.deserialize() {
        let Photograph { file, r#use } = photograph.context("the embedded pictures.csv is damaged")?;
        let folder = if r#use == "held-out" { &inputs.held_out } else { &inputs.pictures };
        write(&folder.join(&file), embedded(&format!("pictures/{file}"))?)?;
    }
    Ok(inputs)
}

/// A line of `pictures.csv`; sources and licences follow in further columns.
#[derive(serde::Deserialize)]
struct Photograph {
    file: String,
    r#use: String,
}

fn embedded(name: &str) -> anyhow::Result<&'static [u8]> {
    let file = DEMO.get_file(name).with_context(|| format!("the program does not hold {name}"))?;
    Ok(file.contents())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
