//! The inner loops of `octet-runtime` on processors without vector units: safe Rust on slices, without a heap.
//!
//! They are a package of their own since they are the only part of the runtime in which a chip spends its time: a firmware
//! compiles them for speed and everything else for size. They know nothing of files and plans; what they are given was
//! checked before. Where lengths do not agree they do less, and never panic.
#![no_std]
#![forbid(unsafe_code)]

pub mod bytes;
pub mod depthwise;
pub mod finish;
pub mod pack;
pub mod products;
pub mod runs;
pub mod tile;

pub use finish::{Finish, Output};
