//! What the window asks for about the chain of strategies and the plugins.

/// The part of the [`Backend`](super::Backend) about the chain of strategies and the plugins. Without an implementation nothing of it is there.
pub trait StrategyBackend {}
