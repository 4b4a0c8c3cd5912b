//! The tests of the rooms that hold `unsafe`, once more under the address sanitizer: the plugin host with real
//! libraries, the SIMD kernels against the portable ones.

#[path = "../../../engine/tests/host.rs"]
mod host;

#[path = "../../../runtime/tests/convolution.rs"]
mod convolution;

#[path = "../../../runtime/tests/operations.rs"]
mod operations;
