//! What the window asks for about the inspector and the picture that is tried.

/// The part of the [`Backend`](super::Backend) about the inspector and the picture that is tried. Without an implementation nothing of it is there.
pub trait InspectBackend {}
