//! The chip's own way from a picture to the network's input: nearest resize and a table per channel, by the code
//! that runs on the board.

use std::path::Path;

use octet_runtime::preprocess::{Channels, Frame, PixelFormat, Preparation, Table};
use octet_runtime::{DType, Data};

use super::{Answer, Kind, PredictError, Predictor, Workspace};
use crate::pictures::{Preprocessing, Rgb, decode};

/// The runtime's pre-processing for one `.espdl` network.
pub struct ChipPreprocessing {
    preparation: Preparation,
    height_width_channels: [usize; 3],
}

impl ChipPreprocessing {
    /// Mean, standard deviation and what the channels are come from `preprocessing`; its resize and crop are the
    /// desktop's alone.
    pub fn new(predictor: &Predictor, preprocessing: &Preprocessing) -> Result<Self, PredictError> {
        let Kind::Quantized { simulator, .. } = &predictor.kind else {
            return Err(PredictError::Request(
                "--preprocess chip needs an .espdl file; a float network has no input integers".to_owned(),
            ));
        };
        let (channels, height, width) = predictor.input_chw()?;
        let input = simulator.input();
        let (mean, std) = (preprocessing.mean, preprocessing.std);
        let exponent = input.exponent.unwrap_or(0);
        let table = Table::new(mean, std, exponent, input.dtype, simulator.target().rounding());
        let order = match preprocessing {
            Preprocessing { grey: true, .. } => Channels::Grey,
            Preprocessing { bgr: true, .. } => Channels::Bgr,
            _ => Channels::Rgb,
        };
        let preparation = Preparation { channels: order, ..Preparation::new(table) };
        Ok(ChipPreprocessing { preparation, height_width_channels: [height, width, channels] })
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
        let failed = |reason: String| PredictError::Request(reason);
        let (pixels, format) = (&picture.pixels, PixelFormat::Rgb888);
        let frame =
            Frame::new(pixels, picture.width, picture.height, format).map_err(|e| failed(e.to_string()))?;
        let dtype = simulator.input().dtype;
        let count: usize = self.height_width_channels.iter().product();
        let mut bytes = vec![0; count * dtype.bytes()];
        self.preparation
            .write(&frame, &mut bytes, dtype, self.height_width_channels)
            .map_err(|e| failed(e.to_string()))?;
        match dtype {
            DType::I16 => {
                let integers = bytes.as_chunks().0.iter().map(|&b| i16::from_le_bytes(b));
                predictor.simulate(workspace, Data::I16(&integers.collect::<Vec<i16>>()))
            }
            _ => {
                let integers: Vec<i8> = bytes.iter().map(|&b| b as i8).collect();
                predictor.simulate(workspace, Data::I8(&integers))
            }
        }
    }
}
