//! A scripted engine, a generator of MobileNetV2 networks, and a window under test.
#![allow(dead_code, unreachable_pub)]

pub mod backend;
pub mod board;
pub mod inspect;
pub mod memory;
pub mod network;
pub mod pictures;
pub mod report;
pub mod session;
pub mod window;
