//! What of the tool chain is on this machine.

mod command;
pub mod idf;
pub mod rust;
mod serial;

use serde::Serialize;

use self::command::first_line;
use self::idf::{Idf, Places};
use self::rust::Rust;
use crate::deploy::{ChipFacts, RustTarget};
use crate::target::TARGETS;

/// Whether a tool is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Found.
    Present,
    /// Not found.
    Missing,
    /// Found, and not good enough.
    Problem,
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
    let mut findings = vec![
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
    ];
    findings.extend(esp_idf());
    findings.push(python());
    findings.push(compilers());
    findings.extend(rust());
    findings.push(serial::ports());
    findings.extend(serial::rights());
    findings.extend(serial::wsl());
    findings
}

const GET_IDF: &str = "install ESP-IDF 5.4.1 or later with Espressif's installer EIM (docs/deploy.md), or clone it with \
                       `git clone --recursive https://github.com/espressif/esp-idf ~/esp/esp-idf && \
                       ~/esp/esp-idf/install.sh all`; then Octet finds it by itself";

/// The installed releases; the first is the one that is used.
fn esp_idf() -> Vec<Finding> {
    let found = idf::find(&Places::of_machine());
    if found.is_empty() {
        return vec![finding("ESP-IDF", None, "building firmware", GET_IDF)];
    }
    found.iter().map(of_idf).collect()
}

fn of_idf(idf: &Idf) -> Finding {
    let problem = idf.problem(idf::MINIMUM, false);
    let broken = idf.problem(idf::MINIMUM, true);
    let (state, remedy) = match (problem, broken) {
        (Some(problem), _) => (State::Problem, Some(format!("{problem}: {GET_IDF}"))),
        (None, Some(broken)) => (State::Problem, Some(format!("{broken}; firmware without PSRAM builds"))),
        (None, None) => (State::Present, None),
    };
    Finding { name: "ESP-IDF", state, details: idf.described(), needed_for: "building firmware", remedy }
}

fn python() -> Finding {
    let name = if cfg!(windows) { "python" } else { "python3" };
    let found = first_line(name, &["--version"]);
    finding("Python", found, "ESP-IDF's own tools; Octet itself needs none", "install Python 3.10 or later")
}

/// The C compilers that ESP-IDF's install script brings.
fn compilers() -> Finding {
    let home = directories::BaseDirs::new().map(|d| d.home_dir().join(".espressif"));
    let folder = std::env::var_os("IDF_TOOLS_PATH").map(std::path::PathBuf::from).or(home);
    let tools = folder.map(|f| f.join("tools")).unwrap_or_default();
    let present: Vec<&str> =
        ["riscv32-esp-elf", "xtensa-esp-elf"].into_iter().filter(|name| tools.join(name).is_dir()).collect();
    let found = (!present.is_empty()).then(|| format!("{} in {}", present.join(", "), tools.display()));
    finding(
        "C compilers",
        found,
        "building firmware",
        "run `install.sh all` (Windows: `install.bat all`) in ESP-IDF's folder, or let EIM install it",
    )
}

/// The compiler, and for each kind of chip its target.
fn rust() -> Vec<Finding> {
    let rust = Rust::of_machine();
    let mut findings =
        vec![finding("Rust", rust.compiler.clone(), "building firmware", "install Rust from rustup.rs")];
    let mut kinds: Vec<(RustTarget, Vec<&str>)> = Vec::new();
    for target in TARGETS {
        let chip = ChipFacts::of(target.target);
        match kinds.iter_mut().find(|(rust, _)| same_tool(*rust, chip.rust)) {
            Some((_, chips)) => chips.push(chip.name),
            None => kinds.push((chip.rust, vec![chip.name])),
        }
    }
    for (target, chips) in kinds {
        let missing = rust.missing_for(target);
        let name = match target {
            RustTarget::Espup(_) => "Rust for Xtensa",
            RustTarget::Rustup("riscv32imafc-unknown-none-elf") => "Rust for riscv32imafc",
            RustTarget::Rustup("riscv32imac-unknown-none-elf") => "Rust for riscv32imac",
            RustTarget::Rustup(_) => "Rust for riscv32imc",
        };
        findings.push(Finding {
            name,
            state: if missing.is_none() { State::Present } else { State::Missing },
            details: chips.join(", "),
            needed_for: "building firmware for these chips",
            remedy: missing,
        });
    }
    findings
}

/// One tool chain brings all targets of Xtensa.
fn same_tool(one: RustTarget, other: RustTarget) -> bool {
    match (one, other) {
        (RustTarget::Espup(_), RustTarget::Espup(_)) => true,
        _ => one == other,
    }
}
