//! Serial ports, and which of them are boards.

use serde::{Deserialize, Serialize};
use serialport::{SerialPortType, UsbPortInfo};

use super::error::DeployError;

/// A serial port of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// What `--port` takes.
    pub name: String,
    /// What is at the other end, as far as its USB numbers tell.
    pub description: String,
    /// USB vendor.
    pub vid: Option<u16>,
    /// USB product.
    pub pid: Option<u16>,
    /// USB serial number.
    pub serial_number: Option<String>,
    /// Whether boards have this.
    pub is_board: bool,
}

/// Espressif, and the bridges that boards are built with: vendor, product, name.
const KNOWN: [(u16, u16, &str); 15] = [
    (0x303a, 0x1001, "USB-Serial-JTAG of the chip"),
    (0x303a, 0x1002, "ESP-USB-Bridge"),
    (0x303a, 0x0002, "USB of an ESP32-S2 in its boot loader"),
    (0x303a, 0x0009, "USB of an ESP32-S3 in its boot loader"),
    (0x303a, 0x4001, "USB of an ESP32 application"),
    (0x10c4, 0xea60, "CP210x bridge"),
    (0x10c4, 0xea70, "CP2105 bridge"),
    (0x10c4, 0xea71, "CP2108 bridge"),
    (0x1a86, 0x7523, "CH340 bridge"),
    (0x1a86, 0x55d3, "CH343 bridge"),
    (0x1a86, 0x55d4, "CH9102 bridge"),
    (0x0403, 0x6001, "FT232 bridge"),
    (0x0403, 0x6010, "FT2232 bridge (ESP-Prog)"),
    (0x0403, 0x6011, "FT4232 bridge"),
    (0x0403, 0x6015, "FT231X bridge"),
];

impl Port {
    fn new(name: String, kind: &SerialPortType) -> Port {
        let plain = |description: &str, name| Port {
            name,
            description: description.to_owned(),
            vid: None,
            pid: None,
            serial_number: None,
            is_board: false,
        };
        match kind {
            SerialPortType::UsbPort(usb) => Port::of_usb(name, usb),
            SerialPortType::BluetoothPort => plain("Bluetooth", name),
            SerialPortType::PciPort => plain("built in", name),
            SerialPortType::Unknown => plain("unknown", name),
        }
    }

    fn of_usb(name: String, usb: &UsbPortInfo) -> Port {
        let known = KNOWN.iter().find(|(vid, pid, _)| (*vid, *pid) == (usb.vid, usb.pid));
        let described = match (known, &usb.product) {
            (Some((_, _, known)), _) => (*known).to_owned(),
            (None, Some(product)) => product.chars().filter(|c| !c.is_control()).take(80).collect(),
            (None, None) => "USB serial port".to_owned(),
        };
        Port {
            name,
            description: format!("{described} ({:04x}:{:04x})", usb.vid, usb.pid),
            vid: Some(usb.vid),
            pid: Some(usb.pid),
            serial_number: usb.serial_number.clone(),
            is_board: known.is_some() || usb.vid == 0x303a,
        }
    }

    /// What the flasher wants to know about the USB side; zeros for other ports.
    pub(super) fn usb(&self) -> UsbPortInfo {
        UsbPortInfo {
            vid: self.vid.unwrap_or(0),
            pid: self.pid.unwrap_or(0),
            serial_number: self.serial_number.clone(),
            manufacturer: None,
            product: None,
        }
    }
}

/// All ports, boards first. A system that cannot list any has none.
pub fn list_ports() -> Vec<Port> {
    let found = serialport::available_ports().unwrap_or_default();
    let mut ports: Vec<Port> = found
        .into_iter()
        // macOS shows each port twice; the one called `tty` waits for a modem.
        .filter(|p| !p.port_name.starts_with("/dev/tty."))
        .map(|p| Port::new(p.port_name, &p.port_type))
        .collect();
    ports.sort_by(|a, b| (!a.is_board, &a.name).cmp(&(!b.is_board, &b.name)));
    ports
}

/// The port that was asked for, or the only board.
///
/// # Errors
/// There is no board, or more than one.
pub fn choose_port(asked: Option<&str>, ports: &[Port]) -> Result<Port, DeployError> {
    if let Some(name) = asked {
        let listed = ports.iter().find(|p| p.name == name).cloned();
        // A port need not be listed: links made by udev, pseudo-terminals, networked ports are not.
        return Ok(listed.unwrap_or_else(|| Port::new(name.to_owned(), &SerialPortType::Unknown)));
    }
    let boards: Vec<&Port> = ports.iter().filter(|p| p.is_board).collect();
    match boards[..] {
        [board] => Ok(board.clone()),
        [] => Err(DeployError::request(
            "no board was found",
            "plug it in with a cable that carries data, hold BOOT while you do so if it still does not appear, or name \
             the port with `--port`; `octet doctor` lists ports and rights",
        )),
        _ => {
            let names: Vec<String> =
                boards.iter().map(|b| format!("{}: {}", b.name, b.description)).collect();
            Err(DeployError::request(
                format!("there are {} boards: {}", boards.len(), names.join("; ")),
                "choose one with `--port`",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, vid: u16, pid: u16) -> Port {
        let usb = UsbPortInfo { vid, pid, serial_number: None, manufacturer: None, product: None };
        Port::new(name.to_owned(), &SerialPortType::UsbPort(usb))
    }

    #[test]
    fn the_only_board_is_taken_and_several_are_named() {
        let board = port("/dev/ttyACM0", 0x303a, 0x1001);
        let printer = port("/dev/ttyUSB9", 0x1234, 0x1);
        assert!(board.is_board && !printer.is_board);
        assert!(board.description.contains("USB-Serial-JTAG"));
        assert_eq!(choose_port(None, &[printer.clone(), board.clone()]).unwrap(), board);
        let two = [board, port("/dev/ttyUSB0", 0x10c4, 0xea60)];
        let error = choose_port(None, &two).unwrap_err();
        assert!(error.to_string().contains("/dev/ttyACM0") && error.to_string().contains("CP210x"));
        assert_eq!(choose_port(Some("/dev/ttyUSB0"), &two).unwrap().pid, Some(0xea60));
        assert!(choose_port(None, &[printer]).unwrap_err().help().unwrap().contains("BOOT"));
        assert_eq!(choose_port(Some("/dev/pts/3"), &[]).unwrap().usb().pid, 0);
    }
}
