//! The command line: the same engine as the window, scriptable.
//!
//! Exit codes: 0 done, 1 the job failed, 2 wrong arguments, 130 cancelled by Ctrl-C. Ctrl-C is how the board's console is
//! left, so `octet firmware monitor` is done then.

mod advise;
mod args;
mod bar;
mod classify;
mod compare;
mod demo;
mod deploy;
mod deploy_output;
mod doctor;
mod evaluate;
mod firmware;
mod firmware_args;
mod infer;
mod inspect;
mod memory;
mod output;
mod plugins;
mod preprocessing;
mod quantize;
mod step_failed;
mod summary;
mod table;

pub use args::{Cli, Command};

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;

use octet_engine::target::{TARGETS, TargetSpec};

use step_failed::StepFailed;

/// A mistake in the arguments, which exits with 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The user ended the job, which exits with 130 as shells have it after Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cancelled(pub String);

/// Runs a command.
pub fn run(command: Command) -> ExitCode {
    let json = wants_json(&command);
    let result = match command {
        Command::Quantize(args) => quantize::run(&args),
        Command::Infer(args) => infer::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Advise(args) => advise::run(&args),
        Command::Plugin(command) => plugins::run(&command),
        Command::Firmware(command) => firmware::run(&command),
        Command::Deploy(args) => deploy::run(&args),
        Command::Doctor { json } => doctor::run(json),
        Command::Demo(args) => demo::run(&args),
        Command::Worker => return ExitCode::from(octet_engine::job::serve() as u8),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = describe(&error);
            if json {
                output::print_line(&error_line(&error, &message));
            }
            tracing::error!("{message}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// The error of a word that is neither a file to open nor a command, such as a command that was mistyped.
pub fn neither_file_nor_command(name: &Path) -> Option<clap::Error> {
    let is_option = name.as_os_str().as_encoded_bytes().starts_with(b"-");
    // The window tells of a file that is gone, also to those who have no terminal.
    let is_a_word = name.components().count() == 1 && name.extension().is_none() && !is_option;
    let mut cli = Cli::command();
    cli.build();
    let is_command = |name: &Path| name.to_str().is_some_and(|name| cli.find_subcommand(name).is_some());
    if !is_a_word || is_command(name) || name.try_exists().unwrap_or(true) {
        return None;
    }
    let commands: Vec<String> = cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .map(|command| command.get_name().to_owned())
        .collect();
    let message = format!(
        "there is no file `{}` to open, and no command of that name; the commands are {}",
        name.display(),
        commands.join(", ")
    );
    Some(cli.error(clap::error::ErrorKind::InvalidSubcommand, message))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error {
        e if e.is::<UsageError>() => 2,
        e if e.is::<Cancelled>() => 130,
        e if e.downcast_ref::<StepFailed>().is_some_and(StepFailed::is_cancelled) => 130,
        _ => 1,
    }
}

/// An error for programs: a step of a deployment also tells which it was, what kind of thing it is, and what to do.
fn error_line(error: &anyhow::Error, message: &str) -> String {
    let of_step =
        error.downcast_ref::<StepFailed>().and_then(|failed| serde_json::to_string(&failed.event()).ok());
    of_step.unwrap_or_else(|| serde_json::json!({"event": "error", "message": message}).to_string())
}

/// An error and its causes in one line. A cause that is told already is not told twice.
fn describe(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.contains(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

fn wants_json(command: &Command) -> bool {
    match command {
        Command::Quantize(args) => args.json,
        Command::Demo(args) => args.json,
        Command::Firmware(command) => command.wants_json(),
        Command::Deploy(args) => args.json,
        _ => false,
    }
}

/// Looks a target up, or lists what there is.
fn target(name: &str) -> anyhow::Result<&'static TargetSpec> {
    TargetSpec::by_name(name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
        UsageError(format!("there is no target `{name}`; choose one of {}", names.join(", "))).into()
    })
}
