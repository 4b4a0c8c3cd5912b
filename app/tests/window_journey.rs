//! A person's first session in the real window, driven by mouse, keys and drag-and-drop through the names that a screen
//! reader hears: `desk/journey.py` does it, in a display and on a session bus of its own. Skipped where the tools are
//! missing; `OCTET_TEST_SCREENSHOTS` names a folder to keep the pictures in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

const TOOLS: [&str; 7] =
    ["Xvfb", "xvfb-run", "openbox", "xdotool", "import", "dbus-run-session", "/usr/bin/python3"];

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_absolute() && Path::new(program).is_file()
        || std::env::split_paths(&folders).any(|f| f.join(program).is_file())
}

/// Python's side: the tree of names, and the X protocol.
fn python_is_ready() -> bool {
    let imports =
        "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi; import Xlib";
    Command::new("/usr/bin/python3").args(["-c", imports]).output().is_ok_and(|o| o.status.success())
}

/// Where a plugin of this build lies; building the workspace makes it.
fn plugin(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_octet")).parent().unwrap();
    folder.join(format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
}

#[test]
fn a_first_session_goes_from_a_dropped_model_to_a_better_network_and_survives_a_crash() {
    if let Some(missing) = TOOLS.iter().find(|t| !is_there(t)) {
        println!("skipped: no {missing}");
        return;
    }
    if !python_is_ready() {
        println!("skipped: python3-gi with Atspi, or python3-xlib, is missing");
        return;
    }
    let octet = Path::new(env!("CARGO_BIN_EXE_octet"));
    let dir = tempfile::tempdir().unwrap();
    let folder =
        std::env::var_os("OCTET_TEST_SCREENSHOTS").map_or_else(|| dir.path().to_owned(), PathBuf::from);
    let work = dir.path().join("work");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(&work).unwrap();
    let plugins = ["octet_int8", "octet_mixed_precision", "octet_equalization"].map(plugin);
    for plugin in &plugins {
        assert!(plugin.is_file(), "{} is missing: build the workspace first", plugin.display());
        let trusted = Command::new(octet)
            .args(["plugin", "trust"])
            .arg(plugin)
            .env("OCTET_DATA_DIR", work.join("data"))
            .output()
            .unwrap();
        assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stderr));
    }
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let pictures = demo.join("pictures");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/desk/journey.py");
    let inside = format!(
        "/usr/libexec/at-spi-bus-launcher --launch-immediately & openbox & sleep 1; exec /usr/bin/python3 {} {} {} {} {}",
        script.display(),
        octet.display(),
        demo.join("mobilenetv2_dogs19_160.onnx").display(),
        pictures.display(),
        work.display(),
    );
    let out = Command::new("xvfb-run")
        .args(["-a", "-s", "-screen 0 1440x900x24", "dbus-run-session", "--", "sh", "-c", &inside])
        .env("OCTET_PLUGIN_PATH", plugins[0].parent().unwrap())
        .output()
        .unwrap();
    for shot in std::fs::read_dir(&work).unwrap().filter_map(|e| Some(e.ok()?.path())) {
        if shot.extension().is_some_and(|e| e == "png") && work != folder {
            std::fs::copy(&shot, folder.join(shot.file_name().unwrap())).unwrap();
        }
    }
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let log = std::fs::read_to_string(work.join("octet.log")).unwrap_or_default();
    assert!(out.status.success(), "{said}\n{complained}\n{log}");
    assert!(said.trim_end().ends_with("done"), "{said}");
}
