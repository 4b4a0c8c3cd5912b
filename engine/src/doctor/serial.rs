//! Serial ports, and whether this user may use them.

use super::command::output;
use super::{Finding, State};
use crate::deploy::{Port, list_ports};

/// Groups that own serial ports: Debian's and Fedora's, Arch's.
const GROUPS: [&str; 2] = ["dialout", "uucp"];

/// The ports as a finding.
pub(super) fn ports() -> Finding {
    let ports = list_ports();
    let boards: Vec<String> = ports
        .iter()
        .filter(|p| p.is_board)
        .map(|p: &Port| format!("{}: {}", p.name, p.description))
        .collect();
    let (state, details) = match (&boards[..], &ports[..]) {
        ([], []) => (State::Missing, "no serial port".to_owned()),
        ([], ports) => {
            let names: Vec<&str> = ports.iter().map(|p| p.name.as_str()).collect();
            (State::Missing, format!("no board; {} other serial ports: {}", ports.len(), names.join(", ")))
        }
        (boards, _) => (State::Present, boards.join("; ")),
    };
    let remedy = (state == State::Missing).then(|| {
        let windows = "; on Windows install the driver of the bridge (CP210x or CH340)";
        format!(
            "plug a board in with a cable that carries data{}{}",
            if cfg!(windows) { windows } else { "" },
            if is_wsl() { "; under WSL2 attach it with `usbipd attach --wsl`" } else { "" }
        )
    });
    Finding { name: "boards", state, details, needed_for: "flashing", remedy }
}

/// Whether the user is in the group that owns serial ports; `None` where systems have no such thing.
pub(super) fn rights() -> Option<Finding> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let groups = output("id", &["-nG"]).unwrap_or_default();
    let is_root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let member = GROUPS.iter().find(|g| groups.split_whitespace().any(|own| own == **g));
    let (state, details) = match member {
        _ if is_root => (State::Present, "this user is root".to_owned()),
        Some(group) => (State::Present, format!("this user is in the group {group}")),
        None => (State::Missing, "this user is in neither of the groups dialout and uucp".to_owned()),
    };
    let remedy = (state == State::Missing).then(|| {
        "`sudo usermod -aG dialout $USER` (uucp on Arch), then log out and in; or a udev rule for the vendor 303a"
            .to_owned()
    });
    Some(Finding { name: "rights to serial ports", state, details, needed_for: "flashing", remedy })
}

/// Inside of Windows a reset through the chip's own USB does not arrive.
pub(super) fn wsl() -> Option<Finding> {
    is_wsl().then(|| Finding {
        name: "WSL2",
        state: State::Problem,
        details: "boards with the chip's own USB cannot be reset from here".to_owned(),
        needed_for: "flashing",
        remedy: Some(
            "hold BOOT, press RESET, and flash with --no-reset; or run Octet on Windows itself".to_owned(),
        ),
    })
}

fn is_wsl() -> bool {
    cfg!(target_os = "linux")
        && std::fs::read_to_string("/proc/version")
            .is_ok_and(|v| v.to_ascii_lowercase().contains("microsoft"))
}
