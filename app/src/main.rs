//! The `octet` binary: a thin shell around the library.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use octet::cli::{self, Cli};
use octet::window::{self, START_TARGET, WindowOptions};

fn main() -> ExitCode {
    let started = Instant::now();
    // Before clap, which would take a command that was mistyped for a file with arguments.
    let first = std::env::args_os().nth(1).map(PathBuf::from);
    if let Some(error) = first.as_deref().and_then(cli::neither_file_nor_command) {
        error.exit();
    }
    let arguments = Cli::parse();
    let traces_start = std::env::var_os("OCTET_TRACE_START").is_some_and(|v| v == "1");
    let default =
        if traces_start { format!("warn,{START_TARGET}=info") } else { "info,tract=warn".to_owned() };
    let filter = tracing_subscriber::EnvFilter::try_from_env("OCTET_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        // Whoever closed standard error does not want to hear that it is closed.
        .log_internal_errors(false)
        .init();
    if let Some(command) = arguments.command {
        return cli::run(command);
    }
    match window::run(WindowOptions { open: arguments.file, started }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot open the window: {error:#}");
            ExitCode::FAILURE
        }
    }
}
