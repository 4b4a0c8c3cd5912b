//! A board as its USB side tells it.

use octet_engine::deploy::Port;
use serde::{Deserialize, Serialize};

/// What tells a board from others. Names of ports change with the order in which boards are plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsbBoard {
    /// USB vendor.
    pub vid: u16,
    /// USB product.
    pub pid: u16,
    /// USB serial number; some bridges have none.
    pub serial_number: Option<String>,
}

impl UsbBoard {
    /// The board at a port; `None` where it is no USB device.
    pub fn of(port: &Port) -> Option<Self> {
        Some(Self { vid: port.vid?, pid: port.pid?, serial_number: port.serial_number.clone() })
    }

    /// Whether it is at this port, or one just like it.
    pub fn is_at(&self, port: &Port) -> bool {
        Self::of(port).as_ref() == Some(self)
    }
}
