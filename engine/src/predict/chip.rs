//! The chip's own way from a picture to the network's input: nearest resize and a table per channel.

use std::path::Path;

use octet_runtime::preprocess::{Table, resize_nearest};
use octet_runtime::{DType, Data};

use super::{Answer, Kind, PredictError, Predictor, Workspace};
use crate::pictures::{Preprocessing, Rgb, decode};

/// The runtime's pre-processing for one `.espdl` network.
pub struct ChipPreprocessing {
    table: Table,
    height: usize,
    width: usize,
    bgr: bool,
}

impl ChipPreprocessing {
    /// Mean and standard deviation are those of `preprocessing`; its resize and crop are the desktop's alone.
    pub fn new(predictor: &Predictor, preprocessing: &Preprocessing) -> Result<Self, PredictError> {
        let Kind::Quantized { simulator, .. } = &predictor.kind else {
            return Err(PredictError::Request(
                "--preprocess chip needs an .espdl file; a float network has no input integers".to_owned(),
            ));
        };
        let (channels, height, width) = predictor.input_chw()?;
        if channels != 3 || preprocessing.grey {
            return Err(PredictError::Request(
                "--preprocess chip needs a colour input; this model's is grey".to_owned(),
            ));
        }
        let input = simulator.input();
        let (mean, std) = (preprocessing.mean, preprocessing.std);
        let exponent = input.exponent.unwrap_or(0);
        let table = Table::new(mean, std, exponent, input.dtype, simulator.target().rounding());
        Ok(ChipPreprocessing { table, height, width, bgr: preprocessing.bgr })
    }

    /// Decodes a file and asks.
    pub fn predict(
        &self,
        predictor: &Predictor,
        workspace: &mut Workspace,
        file: &Path,
    ) -> Result<Answer, PredictError> {
        let bytes = super::read_file(file)?;
        let picture = decode(&bytes)
            .map_err(|reason| PredictError::Request(format!("`{}`: {reason}", file.display())))?;
        self.predict_rgb(predictor, workspace, &picture)
    }

    /// Asks with a decoded picture of any size.
    pub fn predict_rgb(
        &self,
        predictor: &Predictor,
        workspace: &mut Workspace,
        picture: &Rgb,
    ) -> Result<Answer, PredictError> {
        let Kind::Quantized { simulator, .. } = &predictor.kind else {
            return Err(PredictError::Request("this pre-processing belongs to an .espdl file".to_owned()));
        };
        let (source, destination) = ([picture.height, picture.width], [self.height, self.width]);
        let mut integers = vec![0i16; self.height * self.width * 3];
        resize_nearest(&picture.pixels, source, &mut integers, destination, &self.table, |q| q)
            .map_err(|e| PredictError::Request(e.to_string()))?;
        if self.bgr {
            integers.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        }
        match simulator.input().dtype {
            DType::I16 => predictor.simulate(workspace, Data::I16(&integers)),
            _ => {
                let narrow: Vec<i8> = integers.iter().map(|&q| q as i8).collect();
                predictor.simulate(workspace, Data::I8(&narrow))
            }
        }
    }
}
