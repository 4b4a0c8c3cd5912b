//! What a board is asked with a picture, and what the desktop computes of the same bytes.

use std::path::{Path, PathBuf};

use octet_runtime::Data;
use octet_runtime::preprocess::PixelFormat;

use super::assets;
use super::classify::{ClassifyRequest, PreparedBy};
use super::desktop::{Computed, Desktop};
use super::error::DeployError;
use super::project::Project;
use crate::analyse::to_nhwc;
use crate::pictures::{Entry, Preprocessing, load_one};
use crate::predict::{ChipPreprocessing, Values};
use crate::run;

/// Makes of pictures what is sent, and what must come back.
pub(super) struct Studio {
    pub(super) desktop: Desktop,
    preprocessing: Preprocessing,
    /// The board's own pre-processing, where the board does it.
    chip: Option<ChipPreprocessing>,
    names: Vec<String>,
}

/// What the board is asked, and the desktop's answer.
pub(super) struct Question {
    /// The file.
    pub(super) picture: PathBuf,
    /// Who makes the integers of it.
    pub(super) prepared_by: PreparedBy,
    /// `picture` or `tensor`.
    pub(super) word: &'static str,
    /// What describes it.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The bytes.
    pub(super) sent: Vec<u8>,
    /// The desktop's answer.
    pub(super) computed: Computed,
    /// The values of the output, which the board must tell.
    pub(super) values: Vec<i64>,
}

impl Studio {
    pub(super) fn new(project: &Project, request: &ClassifyRequest) -> Result<Studio, DeployError> {
        let preprocessing = assets::preprocessing(&run::read_report(&project.run)?)?;
        let desktop = Desktop::open(project)?;
        let chip = match request.prepared_by {
            PreparedBy::Desktop => None,
            PreparedBy::Board => {
                let (width, height) = preprocessing.input;
                let extents = [height, width, preprocessing.channels];
                Some(ChipPreprocessing::of(desktop.simulator(), &preprocessing, extents))
            }
        };
        Ok(Studio { desktop, preprocessing, chip, names: assets::written_labels(project) })
    }

    pub(super) fn question(&self, picture: &Path) -> Result<Question, DeployError> {
        let entry = Entry { file: picture.display().to_string(), path: picture.to_owned(), class: None };
        let loaded = load_one(&entry, &self.preprocessing).map_err(|s| unusable(picture, &s.reason))?;
        let (width, height) = self.preprocessing.input;
        let (prepared_by, word, facts, sent, computed) = match &self.chip {
            None => {
                let shape = [1, self.preprocessing.channels, height, width];
                let nhwc = to_nhwc(&loaded.to_nchw(&self.preprocessing), &shape);
                let computed = self.desktop.compute(Data::F32(&nhwc))?;
                (PreparedBy::Desktop, "tensor", Vec::new(), computed.input.clone(), computed)
            }
            Some(chip) => {
                let integers = chip.integers(&loaded.rgb).map_err(|e| unusable(picture, &e.to_string()))?;
                let computed = self.desktop.compute(integers.as_data())?;
                let facts = vec![
                    ("format", PixelFormat::Rgb888.as_str().to_owned()),
                    ("width", width.to_string()),
                    ("height", height.to_string()),
                ];
                (PreparedBy::Board, "picture", facts, loaded.rgb.pixels, computed)
            }
        };
        let values = integers(&computed.output);
        Ok(Question { picture: picture.to_owned(), prepared_by, word, facts, sent, computed, values })
    }

    /// The name of a class, as the firmware has it.
    pub(super) fn name(&self, index: u32) -> Option<String> {
        self.names.get(index as usize).filter(|name| !name.is_empty()).cloned()
    }
}

/// A picture that cannot be asked with.
pub(super) fn unusable(picture: &Path, reason: &str) -> DeployError {
    DeployError::request(
        format!("`{}`: {reason}", picture.display()),
        "give JPEG, PNG, WebP or BMP files that can be read",
    )
}

/// The output as the board tells it: integers, or the bits of floats.
fn integers(values: &Values) -> Vec<i64> {
    match values {
        Values::I8(v) => v.iter().map(|&q| i64::from(q)).collect(),
        Values::I16(v) => v.iter().map(|&q| i64::from(q)).collect(),
        Values::F32(v) => v.iter().map(|q| i64::from(q.to_bits())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_compared_by_their_bits() {
        assert_eq!(integers(&Values::F32(vec![-0.0, 1.0])), [0x8000_0000, 0x3f80_0000]);
        assert_eq!(integers(&Values::I8(vec![-1])), [-1]);
    }
}
