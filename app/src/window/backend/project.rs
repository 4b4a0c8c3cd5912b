//! What the window asks for about projects, recent files and the journal.

/// The part of the [`Backend`](super::Backend) about projects, recent files and the journal. Without an implementation nothing of it is there.
pub trait ProjectBackend {}
