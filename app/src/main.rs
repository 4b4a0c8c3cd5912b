//! The `octet` binary: a thin shell around the library.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use octet::window::{self, WindowOptions};

fn main() -> ExitCode {
    let started = Instant::now();
    let options = WindowOptions { open: std::env::args_os().nth(1).map(PathBuf::from), started };
    match window::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot open the window: {error:#}");
            ExitCode::FAILURE
        }
    }
}
