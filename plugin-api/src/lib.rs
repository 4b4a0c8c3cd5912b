//! The interface between Octet and its quantization strategies.
//!
//! - [`abi`]: the C interface; its header is `include/octet_plugin.h`.
//! - [`sdk`]: the safe Rust side of it: implement [`sdk::Strategy`], call [`export_strategy!`].
//! - [`observer`]: how exponents are chosen from values, minima, percentiles and histograms, as pure functions.

#[allow(unsafe_code)]
pub mod abi;
pub mod observer;
#[allow(unsafe_code)]
pub mod sdk;

pub use sdk::{Error, Host, Info, Strategy};
