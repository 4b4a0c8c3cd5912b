//! Asking programs about themselves.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// A program that has not answered by then does not answer; tool chains on slow disks take seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// More is no answer.
const MAX_BYTES: u64 = 1 << 20;

/// What a program prints for `arguments`; `None` when it is missing, fails, or does not end.
pub(super) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let (sender, answer) = channel();
    if let Some(pipe) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = pipe.take(MAX_BYTES).read_to_end(&mut bytes);
            // Nobody waits any more when this fails.
            let _ = sender.send(read.map(|_| bytes));
        });
    }
    let bytes = answer.recv_timeout(PATIENCE);
    if bytes.is_err() {
        // An error means that it has ended.
        let _ = child.kill();
    }
    let status = child.wait().ok()?;
    let bytes = bytes.ok()?.ok()?;
    status.success().then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Its first line.
pub(super) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    output(program, arguments)?.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_asked_and_a_failure_is_no_answer() {
        assert_eq!(first_line("sh", &["-c", "echo ' one '; echo two"]), Some("one".to_owned()));
        assert_eq!(first_line("sh", &["-c", "echo one; exit 1"]), None);
        assert_eq!(first_line("no-such-program-at-all", &[]), None);
    }

    #[test]
    fn an_endless_answer_is_cut() {
        assert_eq!(output("sh", &["-c", "yes"]), None);
    }
}
