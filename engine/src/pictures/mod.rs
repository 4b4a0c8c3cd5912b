//! Pictures: folders of them with their classes, decoding, and what makes tensors of them.
//!
//! [`Listing`] finds files and classes, [`Preprocessing`] says how a picture becomes the network's input,
//! [`load`](load()) decodes on all cores. A file that cannot be used is skipped with the reason and stops nothing.

mod decode;
mod folder;
mod leave_out;
pub mod lint;
mod load;
mod preprocess;
mod preview;
mod resample;
mod settings;
mod survey;

pub use decode::{MAX_PIXELS, decode};
pub use folder::{ENDINGS, Entry, FolderError, Listing, MAX_DEPTH, Unlisted};
pub(crate) use leave_out::own_names;
pub use leave_out::{LEFT_OUT, LeaveOutError};
pub use load::{Loaded, load, load_one};
pub use preprocess::{Preprocessing, Resize};
pub use preview::{InputFormat, InputPreview, preview, thumbnail};
pub use settings::SettingError;
pub use survey::{Survey, survey};

/// The places of `count` of `all` pictures: the first one's and others at equal distances.
pub(crate) fn spread(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |i| i * all / count.max(1))
}

/// 8-bit RGB pixels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes, HWC.
    pub pixels: Vec<u8>,
}

/// A picture resized and cropped to the network's input, in bytes: 150 KB at 224 x 224, a quarter of its floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Path relative to its folder, with `/`.
    pub file: String,
    /// Pixels at the network's input size.
    pub rgb: Rgb,
    /// SHA-256 of the file, by which the same picture in two folders is noticed.
    pub sha256: [u8; 32],
    /// Its class, if known.
    pub class: Option<usize>,
}

impl Picture {
    /// The network's input, `[1, channels, height, width]` in C order; see [`Preprocessing::to_nchw`].
    pub fn to_nchw(&self, preprocessing: &Preprocessing) -> Vec<f32> {
        preprocessing.to_nchw(&self.rgb)
    }
}
