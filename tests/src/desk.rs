//! The real window on a display of its own, used by a script as a person does (`app/tests/desk`).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{root, say};

const TOOLS: [&str; 7] =
    ["Xvfb", "xvfb-run", "openbox", "xdotool", "import", "dbus-run-session", "/usr/bin/python3"];

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_absolute() && Path::new(program).is_file()
        || std::env::split_paths(&folders).any(|f| f.join(program).is_file())
}

/// Whether this machine has what a desk needs; says what is missing.
pub fn desk_is_ready() -> bool {
    if let Some(missing) = TOOLS.iter().find(|t| !is_there(t)) {
        say(&format!("skipped: no {missing}"));
        return false;
    }
    let imports =
        "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi; import Xlib";
    let ready =
        Command::new("/usr/bin/python3").args(["-c", imports]).output().is_ok_and(|o| o.status.success());
    if !ready {
        say("skipped: python3-gi with Atspi, or python3-xlib, is missing");
    }
    ready
}

/// Runs a script of `app/tests/desk` on a display and a session bus of its own.
///
/// # Errors
/// The display cannot be started.
pub fn desk(script: &str, arguments: &[&Path], environment: &[(&str, String)]) -> std::io::Result<Output> {
    let script: PathBuf = root().join("app/tests/desk").join(script);
    let inside = "/usr/libexec/at-spi-bus-launcher --launch-immediately & openbox & sleep 1; exec /usr/bin/python3 \"$@\"";
    Command::new("xvfb-run")
        .args(["-a", "-s", "-screen 0 1440x900x24", "dbus-run-session", "--", "sh", "-c", inside, "desk"])
        .arg(script)
        .args(arguments)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .output()
}
