//! The `octet` binary: a thin shell around the library.

use std::process::ExitCode;

use clap::Parser;
use octet::cli::{self, Cli};

fn main() -> ExitCode {
    let arguments = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("OCTET_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tract=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    match arguments.command {
        Some(command) => cli::run(command),
        None => ExitCode::SUCCESS,
    }
}
