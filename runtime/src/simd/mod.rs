//! The only place with `unsafe`: vector instructions behind run-time detection, and views of aligned bytes as
//! numbers. Everything here gives the same integers as the portable kernels.
#![allow(unsafe_code)]

mod cast;

pub(crate) use cast::{AlignedBytes, as_f32, as_i8, as_i16};
