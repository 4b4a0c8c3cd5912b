//! What the end-to-end tests share: where things are, and running the program.

mod board;
mod desk;
mod workshop;

pub use board::{Emulator, Firmware, MockBoard};
pub use desk::{desk, desk_is_ready};
pub use workshop::Workshop;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The folder with research models, pictures and expected results beside the repository, or `None` with a line that
/// says so. `OCTET_SHARED` names it elsewhere.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("OCTET_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    say("skipped: no ../shared");
    None
}

/// A Python with the packages of `tools/requirements-test.txt`, or `None` with a line that says so.
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("OCTET_PYTHON").map(PathBuf::from);
    if python.is_none() {
        say("skipped: no OCTET_PYTHON");
    }
    python
}

/// A Python with PyTorch, numpy and safetensors, or `None` with a line that says so.
pub fn torch_python() -> Option<PathBuf> {
    let python = std::env::var_os("OCTET_TORCH_PYTHON").map(PathBuf::from);
    if python.is_none() {
        say("skipped: no OCTET_TORCH_PYTHON");
    }
    python
}

#[allow(clippy::print_stderr)]
fn say(text: &str) {
    eprintln!("{text}");
}

/// The folder in which cargo put the program, its plugins and this test.
pub fn build_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// The built program.
pub fn octet() -> PathBuf {
    let path = build_folder().join(format!("octet{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not there: run `cargo build --workspace` first", path.display());
    path
}

/// The library of a plugin package.
pub fn plugin(package: &str) -> PathBuf {
    let name = format!(
        "{}{}{}",
        std::env::consts::DLL_PREFIX,
        package.replace('-', "_"),
        std::env::consts::DLL_SUFFIX
    );
    let path = build_folder().join(name);
    assert!(path.is_file(), "{} is not there: run `cargo build --workspace` first", path.display());
    path
}

/// What a run of the program left behind.
pub struct Ran {
    /// Exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the program with a data folder of its own, so that nobody's trust list counts.
pub fn run_octet(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let data = root().join("target/test-data");
    let mut command = Command::new(octet());
    command.args(arguments).env("OCTET_DATA_DIR", &data).env_remove("DISPLAY");
    command.envs(environment.iter().copied());
    match command.output() {
        Ok(output) => text_of(output),
        Err(error) => panic_with(&format!("octet does not start: {error}")),
    }
}

fn text_of(Output { status, stdout, stderr }: Output) -> Ran {
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

#[allow(clippy::panic)]
fn panic_with(text: &str) -> ! {
    panic!("{text}")
}
