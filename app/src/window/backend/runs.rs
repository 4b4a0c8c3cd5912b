//! What the window asks for about the list of runs and their comparison.

/// The part of the [`Backend`](super::Backend) about the list of runs and their comparison. Without an implementation nothing of it is there.
pub trait RunsBackend {}
