//! What the window asks for about pictures, their pre-processing and labels.

use std::path::Path;

use octet_engine::pictures::{Entry, InputPreview, Rgb, Survey, preview, survey, thumbnail};

use crate::window::state::{CheckKey, PreviewKey, Work};

/// Side of a thumbnail in pixels.
const SIDE: usize = 96;

/// The part of the [`Backend`](super::Backend) about pictures, their pre-processing and labels.
pub trait PicturesBackend {
    /// The middle of a picture, small.
    fn thumbnail(&self, file: &Path) -> Result<Rgb, String> {
        thumbnail(file, SIDE)
    }
    /// What the network receives of a picture.
    fn preview(&self, key: &PreviewKey) -> Result<InputPreview, String> {
        preview(&key.file, &key.preprocessing, key.format)
    }
    /// Looks at every calibration picture; `None` when it was stopped.
    fn check_pictures(&self, entries: &[Entry], key: &CheckKey, ticket: &Work) -> Option<Survey> {
        survey(entries, &key.preprocessing, key.classes, ticket.flag(), |done| ticket.reached(done))
    }
}
