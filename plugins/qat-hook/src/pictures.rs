//! The pictures on their way out: pre-processed inputs and the float network's scores, one picture at a time.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use npyz::{NpyWriter, WriterBuilder};
use octet_plugin_api::sdk::{Error, Host, Pictures, TensorId, Weights};
use serde::Serialize;

use crate::folder::{Folder, cannot_write};
use crate::labels::Labels;
use crate::model::Model;

/// An entry of `pictures.json`.
#[derive(Debug, Serialize)]
struct Entry {
    file: String,
    label: Option<usize>,
}

/// Which `count` of `all` pictures are handed over: evenly spread, since neighbours often show the same class.
pub(crate) fn spread(all: u64, count: u64) -> Vec<u64> {
    let count = count.min(all);
    (0..count).map(|i| i * all / count).collect()
}

/// Writes `pictures.npy` `[n, channels, height, width]`, `scores.npy` `[n, classes]` (the float network's, of the
/// tensor that training compares), `check.npy` `[1, classes]` and `pictures.json`.
pub(crate) fn write(
    host: &mut Host<'_>,
    model: &Model,
    scores: TensorId,
    labels: Option<&Labels>,
    max_pictures: u32,
    folder: &Folder,
) -> Result<(), Error> {
    let chosen = spread(host.pictures(Pictures::Calibration)?, max_pictures.into());
    if chosen.is_empty() {
        return Err(Error::failed(
            "there is no calibration picture to train on; give a folder with --images",
        ));
    }
    let input = model.network.input;
    let classes: usize = model.shape(scores).iter().product();
    let picture_shape = model.shape(input).get(1..).unwrap_or_default();
    let rows = |extents: &[usize]| -> Vec<u64> {
        std::iter::once(chosen.len()).chain(extents.iter().copied()).map(|extent| extent as u64).collect()
    };
    let mut pictures_file = Npy::create(&folder.file("pictures.npy"), &rows(picture_shape))?;
    let mut scores_file = Npy::create(&folder.file("scores.npy"), &rows(&[classes]))?;
    let mut entries = Vec::with_capacity(chosen.len());
    for (done, &picture) in chosen.iter().enumerate() {
        host.progress(0.05 * done as f32 / chosen.len() as f32, "handing the pictures over")?;
        let values = host.run_float(Pictures::Calibration, picture, Weights::Float, &[input, scores])?;
        let [pixels, float_scores] = values[..] else {
            return Err(Error::failed("the host did not return the two tensors that were asked for"));
        };
        pictures_file.add(pixels)?;
        scores_file.add(float_scores)?;
        let file = host.picture_file(Pictures::Calibration, picture)?;
        let label = labels.map(|l| l.of(Path::new(&file))).transpose()?.flatten();
        if let Some(label) = label.filter(|&l| l >= classes) {
            return Err(Error::failed(format!(
                "the network has {classes} classes, and the label of `{file}` is {label}; class indices begin with 0"
            )));
        }
        entries.push(Entry { file, label });
    }
    if labels.is_some() && entries.iter().all(|e| e.label.is_none()) {
        return Err(Error::failed("the table of labels names none of the calibration pictures"));
    }
    pictures_file.finish()?;
    scores_file.finish()?;
    if let Some(&picture) = chosen.first() {
        let mut check = Npy::create(&folder.file("check.npy"), &[1, classes as u64])?;
        let values = host.run_float(Pictures::Calibration, picture, Weights::Quantized, &[scores])?;
        check.add(values.first().copied().unwrap_or_default())?;
        check.finish()?;
    }
    folder.write_json("pictures.json", &entries)
}

/// An `.npy` file of f32 in C order that grows row by row.
struct Npy {
    path: PathBuf,
    writer: NpyWriter<f32, BufWriter<File>>,
}

impl Npy {
    fn create(path: &Path, shape: &[u64]) -> Result<Npy, Error> {
        let failed = |e: std::io::Error| cannot_write(path, e);
        let file = BufWriter::new(File::create(path).map_err(failed)?);
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file);
        Ok(Npy { path: path.to_owned(), writer: options.begin_nd().map_err(failed)? })
    }

    fn add(&mut self, row: &[f32]) -> Result<(), Error> {
        self.writer.extend(row.iter().copied()).map_err(|e| cannot_write(&self.path, e))
    }

    /// Fails when fewer or more values came than the shape says.
    fn finish(self) -> Result<(), Error> {
        self.writer.finish().map_err(|e| cannot_write(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_spread_evenly() {
        assert_eq!(spread(10, 5), [0, 2, 4, 6, 8]);
        assert_eq!(spread(3, 512), [0, 1, 2]);
        assert_eq!(spread(0, 5), [] as [u64; 0]);
        assert_eq!(spread(7, 3), [0, 2, 4]);
    }

    #[test]
    fn rows_make_an_array_that_others_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.npy");
        let mut npy = Npy::create(&path, &[2, 3]).unwrap();
        npy.add(&[1.0, 2.0, 3.0]).unwrap();
        npy.add(&[4.0, 5.0, 6.0]).unwrap();
        npy.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(read.shape(), [2, 3]);
        assert_eq!(read.into_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_missing_row_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.npy");
        let mut npy = Npy::create(&path, &[2, 3]).unwrap();
        npy.add(&[1.0, 2.0, 3.0]).unwrap();
        assert!(npy.finish().is_err());
    }
}
