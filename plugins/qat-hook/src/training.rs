//! Running the command: its output streamed, its time limited, its end explained.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use octet_plugin_api::sdk::Error;

use crate::command::CommandLine;
use crate::folder::Folder;
use crate::output;
use crate::protocol::Message;
use crate::tree::Tree;

/// How often the user's wishes are looked at.
const POLL: Duration = Duration::from_millis(50);
/// How long the last lines of a command that ended are waited for; a process that left the group may hold the pipes.
const LAST_LINES: Duration = Duration::from_millis(500);
/// Lines that an error message repeats.
const TAIL_LINES: usize = 20;
/// Lines that go to the job's log.
const MAX_LOGGED_LINES: usize = 2000;
/// What `output.log` may hold.
const MAX_FILE_BYTES: usize = 16 << 20;

/// Whoever follows a training: the host, or a test.
pub(crate) trait Follower {
    /// `Err(Cancelled)` once the user cancelled.
    fn cancelled(&mut self) -> Result<(), Error>;
    /// True once the user asked to keep the best so far.
    fn finish_early(&mut self) -> Result<bool, Error>;
    /// Progress of the training, 0..=1.
    fn progress(&mut self, fraction: f32, words: &str) -> Result<(), Error>;
    /// A point of a curve.
    fn point(&mut self, curve: &str, x: f64, y: f64);
    /// A line for the log.
    fn line(&mut self, text: &str);
    /// Something to look at.
    fn warning(&mut self, text: &str);
}

/// How long a training may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// After this it is asked to stop.
    pub(crate) limit: Duration,
    /// After this much more it is ended. Also how long it may take to stop when the user asks.
    pub(crate) grace: Duration,
}

/// Runs the command in the folder until it ends by itself with success.
///
/// # Errors
/// The user cancelled; the command cannot be started, failed, or did not stop in time. Whatever happens, nothing that
/// it started in its group runs on.
pub(crate) fn run(
    line: &CommandLine,
    folder: &Folder,
    patience: Patience,
    follower: &mut dyn Follower,
) -> Result<(), Error> {
    let (mut tree, streams) = Tree::start(line)?;
    let lines = output::lines(streams);
    let mut told = Told::new(folder)?;
    let mut limit = Limit { started: Instant::now(), stop_asked: None, patience };
    let mut open = true;
    let status = loop {
        follower.cancelled()?;
        if limit.check(folder, follower)? == Verdict::Over {
            return Err(told.explain(&limit.complaint()));
        }
        if let Some(status) = tree.status()? {
            break status;
        }
        if open {
            open = listen(&lines, Instant::now() + POLL, &mut told, follower)?;
        } else {
            // It closed its outputs and lives on.
            std::thread::sleep(POLL);
        }
    };
    // What it left behind would go on working, and holds the pipes.
    tree.end();
    let deadline = Instant::now() + LAST_LINES;
    while open && Instant::now() < deadline {
        open = listen(&lines, deadline, &mut told, follower)?;
    }
    told.finish(follower);
    if status.success() { Ok(()) } else { Err(told.explain(&how_it_ended(line, status))) }
}

/// Takes lines until `deadline`; false when there will be no more.
fn listen(
    lines: &Receiver<String>,
    deadline: Instant,
    told: &mut Told,
    follower: &mut dyn Follower,
) -> Result<bool, Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(true);
        }
        match lines.recv_timeout(left) {
            Ok(line) => told.take(line, follower)?,
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
}

struct Limit {
    started: Instant,
    stop_asked: Option<Instant>,
    patience: Patience,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    GoOn,
    Over,
}

impl Limit {
    /// Asks the training to stop when it is time.
    fn check(&mut self, folder: &Folder, follower: &mut dyn Follower) -> Result<Verdict, Error> {
        if let Some(asked) = self.stop_asked {
            return Ok(if asked.elapsed() > self.patience.grace { Verdict::Over } else { Verdict::GoOn });
        }
        let too_long = self.started.elapsed() > self.patience.limit;
        if too_long {
            let limit = in_words(self.patience.limit);
            follower.warning(&format!("the training took {limit}, its time limit, and was asked to stop"));
        } else if follower.finish_early()? {
            follower.line("the training was asked to stop and keep the best so far");
        } else {
            return Ok(Verdict::GoOn);
        }
        folder.ask_to_stop()?;
        self.stop_asked = Some(Instant::now());
        Ok(Verdict::GoOn)
    }

    fn complaint(&self) -> String {
        format!(
            "the training did not stop within {} and was ended: a command should look for the file `stop` in its \
             folder, and raising `timeout_minutes` gives it more time",
            in_words(self.patience.grace)
        )
    }
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 120 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn how_it_ended(line: &CommandLine, status: ExitStatus) -> String {
    let program = line.program();
    match (status.code(), signal(status)) {
        // What a shell says of a program that it does not find, or may not run.
        (Some(126 | 127), _) => format!(
            "`{program}` cannot be started (status {}); is it installed? The settings `python` and `command` name it",
            status.code().unwrap_or_default()
        ),
        (Some(code), _) => format!("the training `{}` failed with status {code}", line.shown()),
        (None, Some(signal)) => format!("the training `{}` was ended by signal {signal}", line.shown()),
        (None, None) => format!("the training `{}` failed", line.shown()),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// What the training said, within bounds: all of it in `output.log`, its beginning in the job's log, its end in an
/// error message.
struct Told {
    file: BufWriter<File>,
    file_bytes: usize,
    tail: VecDeque<String>,
    logged: usize,
}

impl Told {
    fn new(folder: &Folder) -> Result<Told, Error> {
        let path = folder.file("output.log");
        let file = File::create(&path).map_err(|e| crate::folder::cannot_write(&path, e))?;
        Ok(Told { file: BufWriter::new(file), file_bytes: 0, tail: VecDeque::new(), logged: 0 })
    }

    fn take(&mut self, line: String, follower: &mut dyn Follower) -> Result<(), Error> {
        self.write(&line);
        match Message::parse(&line) {
            Message::Progress { fraction, words } => follower.progress(fraction, &words),
            Message::Point { curve, x, y } => {
                follower.point(&curve, x, y);
                Ok(())
            }
            Message::Text(text) => {
                self.logged += 1;
                match self.logged {
                    0..MAX_LOGGED_LINES => follower.line(&text),
                    MAX_LOGGED_LINES => follower.warning(&format!(
                        "the training has said {MAX_LOGGED_LINES} lines; more are in output.log of its folder"
                    )),
                    _ => {}
                }
                if self.tail.len() == TAIL_LINES {
                    self.tail.pop_front();
                }
                self.tail.push_back(line);
                Ok(())
            }
        }
    }

    /// The file is for reading later: a full disk must not end a training.
    fn write(&mut self, line: &str) {
        self.file_bytes += line.len() + 1;
        if self.file_bytes <= MAX_FILE_BYTES {
            let _ = writeln!(self.file, "{line}");
        }
    }

    fn finish(&mut self, follower: &mut dyn Follower) {
        if self.file_bytes > MAX_FILE_BYTES {
            let mib = MAX_FILE_BYTES >> 20;
            follower.warning(&format!("output.log holds the first {mib} MiB of what the training said"));
        }
        let _ = self.file.flush();
    }

    /// An error with the last lines.
    fn explain(&self, what: &str) -> Error {
        if self.tail.is_empty() {
            return Error::failed(format!("{what}; it said nothing"));
        }
        let lines: Vec<&str> = self.tail.iter().map(String::as_str).collect();
        Error::failed(format!("{what}; its last lines:\n{}", lines.join("\n")))
    }
}
