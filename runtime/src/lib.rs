//! Integer inference of `.espdl` networks.
#![cfg_attr(not(feature = "std"), no_std)]

/// A chip family member whose arithmetic the runtime reproduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// ESP32-P4.
    Esp32p4,
    /// ESP32-S31.
    Esp32s31,
    /// ESP32-S3.
    Esp32s3,
    /// ESP32.
    Esp32,
    /// ESP32-S2.
    Esp32s2,
    /// ESP32-C2.
    Esp32c2,
    /// ESP32-C3.
    Esp32c3,
    /// ESP32-C5.
    Esp32c5,
    /// ESP32-C6.
    Esp32c6,
}
