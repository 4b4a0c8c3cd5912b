//! The chip's own way from a picture to the network's input: nearest resize and a table per channel, by the code
//! that runs on the board.

use std::path::Path;

use octet_runtime::preprocess::{Channels, Frame, PixelFormat, Preparation, Table};
use octet_runtime::{DType, Simulator};

use super::{Answer, Kind, PredictError, Predictor, Values, Workspace};
use crate::pictures::{Preprocessing, Rgb, decode};

/// The runtime's pre-processing for one `.espdl` network.
pub struct ChipPreprocessing {
    preparation: Preparation,
    dtype: DType,
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
        Ok(ChipPreprocessing::of(simulator, preprocessing, [height, width, channels]))
    }

    /// For a network whose input has these extents.
    pub(crate) fn of(
        simulator: &Simulator,
        preprocessing: &Preprocessing,
        height_width_channels: [usize; 3],
    ) -> Self {
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
        ChipPreprocessing { preparation, dtype: input.dtype, height_width_channels }
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
        predictor.simulate(workspace, self.integers(picture)?.as_data())
    }

    /// The network's input (NHWC) of a decoded picture of any size.
    pub(crate) fn integers(&self, picture: &Rgb) -> Result<Values, PredictError> {
        let failed = |reason: String| PredictError::Request(reason);
        let (pixels, format) = (&picture.pixels, PixelFormat::Rgb888);
        let frame =
            Frame::new(pixels, picture.width, picture.height, format).map_err(|e| failed(e.to_string()))?;
        let count: usize = self.height_width_channels.iter().product();
        let mut bytes = vec![0; count * self.dtype.bytes()];
        self.preparation
            .write(&frame, &mut bytes, self.dtype, self.height_width_channels)
            .map_err(|e| failed(e.to_string()))?;
        Ok(match self.dtype {
            DType::I16 => Values::I16(bytes.as_chunks().0.iter().map(|&b| i16::from_le_bytes(b)).collect()),
            _ => Values::I8(bytes.iter().map(|&b| b.cast_signed()).collect()),
        })
    }
}
