//! Asking programs about themselves.

use std::process::{Command, Stdio};

/// What a program prints for `arguments`; `None` when it is missing or fails.
pub(super) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Its first line.
pub(super) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    output(program, arguments)?.lines().next().map(|line| line.trim().to_owned())
}
