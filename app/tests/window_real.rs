//! The binary in a real window under Xvfb: it opens a model, takes a click, and draws.
//! Skipped where Xvfb, xdotool or ImageMagick are missing. `OCTET_TEST_MODEL` names another model, and
//! `OCTET_TEST_SCREENSHOT` a file to keep the picture in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Ends its process when it goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|f| f.join(program).is_file())
}

fn output(display: &str, program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).env("DISPLAY", display).output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn model() -> PathBuf {
    let embedded = "assets/demo/mobilenetv2_dogs19_160.onnx";
    std::env::var_os("OCTET_TEST_MODEL")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(embedded), PathBuf::from)
}

fn display() -> (Running, String) {
    // The server takes a free number and tells it once it can be used.
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    std::io::BufReader::new(server.stdout.take().unwrap()).read_line(&mut told).unwrap();
    let display = format!(":{}", told.trim());
    assert!(told.trim().parse::<u32>().is_ok(), "Xvfb does not start");
    (Running(server), display)
}

#[test]
fn a_real_window_opens_a_model_takes_clicks_and_is_not_blank() {
    for program in ["Xvfb", "xdotool", "import", "identify"] {
        if !is_there(program) {
            println!("skipped: no {program}");
            return;
        }
    }
    let model = model();
    if !model.is_file() {
        println!("skipped: no model at {}", model.display());
        return;
    }
    let (_server, display) = display();
    let home = tempfile::tempdir().unwrap();
    let window = Command::new(env!("CARGO_BIN_EXE_octet"))
        .arg(&model)
        .env("DISPLAY", &display)
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .env("XDG_DATA_HOME", home.path())
        .env_remove("WAYLAND_DISPLAY")
        .spawn()
        .unwrap();
    let mut window = Running(window);

    let started = Instant::now();
    let id = loop {
        assert!(window.0.try_wait().unwrap().is_none(), "the window closed by itself");
        assert!(started.elapsed() < Duration::from_secs(60), "no window appears");
        let ids = output(&display, "xdotool", &["search", "--onlyvisible", "--name", "^Octet$"]);
        if let Some(id) = ids.lines().next() {
            break id.to_owned();
        }
        sleep(Duration::from_millis(100));
    };
    sleep(Duration::from_secs(3));
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before.png");
    output(&display, "import", &["-window", &id, before.to_str().unwrap()]);
    // The second step of the rail.
    output(&display, "xdotool", &["mousemove", "--window", &id, "90", "130", "click", "1"]);
    sleep(Duration::from_secs(2));
    let after = folder.path().join("after.png");
    output(&display, "import", &["-window", &id, after.to_str().unwrap()]);
    if let Some(keep) = std::env::var_os("OCTET_TEST_SCREENSHOT") {
        std::fs::copy(&after, keep).unwrap();
    }
    assert!(window.0.try_wait().unwrap().is_none(), "the window closed by itself");
    for picture in [&before, &after] {
        let colours = output(&display, "identify", &["-format", "%k", picture.to_str().unwrap()]);
        let colours: u32 = colours.trim().parse().unwrap();
        assert!(colours > 200, "the window shows {colours} colours only");
    }
    assert_ne!(std::fs::read(&before).unwrap(), std::fs::read(&after).unwrap(), "the click did nothing");
}
