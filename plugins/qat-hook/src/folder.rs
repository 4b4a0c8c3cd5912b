//! The hand-over folder: what is in it, and writing it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use octet_plugin_api::sdk::Error;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Serialize;

use crate::model::Model;
use crate::plan_file::PlanFile;

/// The ready script.
pub(crate) const SCRIPT: &str = include_str!("../python/train.py");
/// The format's description.
const README: &str = include_str!("../../../docs/qat.md");

/// The file whose appearance asks a training to finish early.
const STOP: &str = "stop";

/// An existing folder, by its absolute path.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Folder {
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file of the folder lies.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the files that follow from the model alone: `plan.json`, `weights.safetensors`, the script and the
    /// description.
    pub(crate) fn write_model(&self, model: &Model) -> Result<(), Error> {
        self.write_json("plan.json", &PlanFile::new(model)?)?;
        self.write_weights(model)?;
        self.write("train.py", SCRIPT.as_bytes())?;
        self.write("README.md", README.as_bytes())
    }

    /// Weights and biases in the shapes of the file.
    fn write_weights(&self, model: &Model) -> Result<(), Error> {
        let path = self.file("weights.safetensors");
        let failed = |e: safetensors::SafeTensorError| cannot_write(&path, e);
        let trainable = model.trainable();
        let bytes: Vec<_> = trainable.iter().map(|(&id, values)| (id, to_bytes(values))).collect();
        let views = bytes.iter().map(|(id, bytes)| {
            let view = TensorView::new(Dtype::F32, model.shape(*id).to_vec(), bytes).map_err(failed)?;
            Ok((model.name(*id), view))
        });
        let views = views.collect::<Result<Vec<_>, Error>>()?;
        safetensors::serialize_to_file(views, None, &path).map_err(failed)
    }

    /// Asks the training to finish.
    pub(crate) fn ask_to_stop(&self) -> Result<(), Error> {
        self.write(STOP, b"")
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let path = self.file(name);
        let file = File::create(&path).map_err(|e| cannot_write(&path, e))?;
        let mut writer = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut writer, value).map_err(|e| cannot_write(&path, e))?;
        writer.flush().map_err(|e| cannot_write(&path, e))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.file(name);
        std::fs::write(&path, bytes).map_err(|e| cannot_write(&path, e))
    }
}

/// Little endian.
pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

pub(crate) fn cannot_write(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::failed(format!("cannot write the file: {error}: `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_model::model;

    #[test]
    fn the_folder_holds_what_the_page_promises() {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::new(path.path().to_owned());
        let model = model();
        folder.write_model(&model).unwrap();
        for file in ["plan.json", "weights.safetensors", "train.py", "README.md"] {
            assert!(folder.file(file).is_file(), "{file}");
            assert!(README.contains(&format!("`{file}`")), "{file} is not described");
        }
        let bytes = std::fs::read(folder.file("weights.safetensors")).unwrap();
        let weights = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut names = weights.names();
        names.sort();
        assert_eq!(names, ["b0", "b7", "w0", "w2", "w3", "w7"]);
        assert_eq!(weights.tensor("w0").unwrap().shape(), [3, 2, 1, 1]);
        assert_eq!(weights.tensor("b7").unwrap().data(), to_bytes(&[-0.125, -0.0625]));
        let described = format!("it describes schema {}", crate::plan_file::SCHEMA);
        assert!(README.contains(&described));
        assert!(SCRIPT.contains(&format!("SCHEMA = {}", crate::plan_file::SCHEMA)));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = Folder::new("/no/such/folder".into());
        let error = folder.write_model(&model()).unwrap_err().to_string();
        assert!(error.contains("/no/such/folder/plan.json"), "{error}");
    }
}
