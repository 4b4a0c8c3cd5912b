//! What of the tool chain is on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

/// Whether a tool is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Found.
    Present,
    /// Not found.
    Missing,
}

/// One tool.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// There or not.
    pub state: State,
    /// Version or place.
    pub details: String,
    /// What Octet needs it for.
    pub needed_for: &'static str,
    /// How to get it, when missing.
    pub remedy: Option<String>,
}

fn finding(name: &'static str, found: Option<String>, needed_for: &'static str, remedy: &str) -> Finding {
    match found {
        Some(details) => Finding { name, state: State::Present, details, needed_for, remedy: None },
        None => Finding {
            name,
            state: State::Missing,
            details: "not found".to_owned(),
            needed_for,
            remedy: Some(remedy.to_owned()),
        },
    }
}

/// The first line that a program prints for `arguments`.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}

/// ESP-IDF by its variable, or where its installers put it.
fn esp_idf() -> Option<PathBuf> {
    let home = directories::BaseDirs::new().map(|d| d.home_dir().to_owned());
    let by_variable = std::env::var_os("IDF_PATH").map(PathBuf::from);
    let usual = home.map(|h| h.join("esp/esp-idf"));
    by_variable.into_iter().chain(usual).find(|p| p.join("tools/idf.py").is_file())
}

fn idf_version(path: &Path) -> String {
    let version = std::fs::read_to_string(path.join("version.txt")).ok();
    let place = path.display().to_string();
    version.map_or(place.clone(), |v| format!("{} at {place}", v.trim()))
}

fn serial_ports() -> Option<String> {
    let entries = std::fs::read_dir("/dev").ok()?;
    let mut ports: Vec<String> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.starts_with("ttyUSB") || n.starts_with("ttyACM"))
        .collect();
    ports.sort();
    (!ports.is_empty()).then(|| ports.join(", "))
}

fn simd() -> Option<String> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return Some("AVX2".to_owned());
    }
    None
}

/// Looks at everything.
pub fn examine() -> Vec<Finding> {
    let dialog = first_line("zenity", &["--version"]).map(|v| format!("zenity {v}"));
    let portal = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").map(|_| "desktop portal".to_owned());
    vec![
        finding(
            "SIMD",
            simd(),
            "fast simulation",
            "the portable kernels give the same integers, more slowly; nothing to do",
        ),
        finding(
            "file dialogs",
            dialog.or(portal),
            "Open and Choose folder in the window",
            "install zenity, or type paths into the window's path field",
        ),
        finding(
            "ESP-IDF",
            esp_idf().map(|p| idf_version(&p)),
            "building firmware",
            "install ESP-IDF 5.3 or later and set IDF_PATH",
        ),
        finding(
            "rustup",
            first_line("rustup", &["--version"]),
            "building firmware",
            "install rustup, then `rustup target add riscv32imafc-unknown-none-elf` (P4) or use espup (S3)",
        ),
        finding(
            "serial ports",
            serial_ports(),
            "flashing a board",
            "plug a board in; on Linux be in the group dialout",
        ),
    ]
}
