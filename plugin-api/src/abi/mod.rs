//! The binary interface between Octet and a strategy, as C sees it.
//!
//! Everything here is `#[repr(C)]` and appears in `include/octet_plugin.h`, which cbindgen makes from these files
//! (`cargo test -p octet-plugin-api` compares the two, and `OCTET_BLESS=1` rewrites the header). The rules that
//! hold for all of it are in that header's introduction; `cbindgen.toml` has its text.

mod graph;
mod host;
mod numbers;
mod plugin;
mod value;

pub use graph::{OctetNetworkInfo, OctetNodeInfo, OctetSlot, OctetTargetInfo, OctetTensorInfo};
pub use host::OctetHost;
pub use numbers::{OctetCost, OctetScore, OctetStatistics, OctetStatisticsRequest};
pub use plugin::{OctetPluginDescriptor, OctetPluginEntry};
pub use value::*;
