//! What the window asks for about pictures, their pre-processing and labels.

/// The part of the [`Backend`](super::Backend) about pictures, their pre-processing and labels. Without an implementation nothing of it is there.
pub trait PicturesBackend {}
