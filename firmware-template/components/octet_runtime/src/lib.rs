//! The firmware's main logic, apart from any board: opens a model where it lies, classifies pictures, and answers on the
//! console (`docs/console.md`).
//!
//! Nothing allocates, and all `unsafe` is in the C boundary (`ffi`; `include/octet.h`). What a board is, the trait
//! [`Platform`] says. The same code runs under ESP-IDF and in the emulator of `tests/qemu`.

#![cfg_attr(not(test), no_std)]

mod base64;
mod checksum;
mod clock;
pub mod command;
mod console;
mod engine;
mod event;
mod failure;
pub mod ffi;
mod input;
mod platform;
mod transfer;
mod watch;

pub use base64::decode as decode_base64;
pub use checksum::Crc32;
pub use clock::Elapsed;
pub use console::Console;
pub use engine::{Engine, Memory, Picture, Setup, sizes};
pub use failure::Failure;
pub use platform::Platform;
pub use watch::Meter;

/// Version of the console protocol; part of the marker of every line.
pub const PROTOCOL: u32 = 1;
