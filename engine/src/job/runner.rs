//! The app's side of a job: the worker process, its pipe, its death, and the evaluation that follows.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::group::kill_group;
use super::lines::{Lines, MAX_TELL_BYTES, RawLine, shortened};
use super::protocol::{Ask, Tell};
use super::{Cancel, Event, Library};
use crate::host::PluginDescription;
use crate::strategy::LogLevel;

/// How long a cancelled job may take to stop by itself.
const CANCEL_GRACE: Duration = Duration::from_millis(1500);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The worker's last words that go into an error message.
const STDERR_TAIL_BYTES: usize = 4096;
/// How long a dead worker's last lines are waited for.
const DEATH_GRACE: Duration = Duration::from_millis(500);
/// Lines that were read and not yet looked at.
const LINES_IN_FLIGHT: usize = 256;

/// Environment variable that carries the nonce. A plugin can read it too: the nonce keeps what is printed by accident
/// apart, not what is forged.
pub(super) const NONCE_VARIABLE: &str = "OCTET_WORKER_NONCE";

/// Why the worker gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It could not be started.
    #[error("cannot start the worker process `{path}`: {source}", path = .path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It died; the text names the plugin if one was running.
    #[error("{0}")]
    Died(String),
    /// The user cancelled.
    #[error("{0}")]
    Cancelled(String),
    /// It reported an error.
    #[error("{0}")]
    Failed(String),
}

impl WorkerError {
    /// The job was cancelled, and this is what the worker had to say then.
    fn cancelled_with(message: String) -> Self {
        let says_so = message.contains("cancelled");
        WorkerError::Cancelled(if says_so { message } else { format!("cancelled; meanwhile {message}") })
    }
}

/// Starts workers and keeps one alive between jobs, with what it has computed.
#[derive(Debug, Clone)]
pub struct Workers {
    program: PathBuf,
    arguments: Vec<String>,
    memory_limit_bytes: u64,
    idle: Arc<Mutex<Option<Worker>>>,
}

impl Workers {
    /// Workers are `program` started with `arguments`.
    pub fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        let memory_limit_bytes = super::DEFAULT_MEMORY_LIMIT_BYTES;
        Workers { program, arguments, memory_limit_bytes, idle: Arc::default() }
    }

    /// The running program itself, which becomes a worker when its first argument is `worker`.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Workers::new(std::env::current_exe()?, vec!["worker".to_owned()]))
    }

    /// Another memory limit than 4 GiB.
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit_bytes = bytes;
        self
    }

    /// Loads a library in a worker of its own and returns what it says of itself.
    pub fn describe(&self, path: &Path) -> Result<PluginDescription, WorkerError> {
        let mut worker = self.start()?;
        let ask = Ask::Describe { path: path.to_owned() };
        match worker.ask(&ask, &Cancel::default(), Some(DESCRIBE_TIMEOUT), &mut |_| {})? {
            Tell::Described { description } => Ok(*description),
            other => Err(WorkerError::Failed(format!("the worker answered {other:?} to `describe`"))),
        }
    }

    /// Asks the idle worker, or a new one. It is kept unless it died.
    pub(super) fn ask(
        &self,
        ask: &Ask,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Tell, WorkerError> {
        let idle = self.lock_idle().take();
        let libraries: &[Library] = match ask {
            Ask::Quantize { libraries, .. } => libraries,
            _ => &[],
        };
        let usable = |worker: &mut Worker| worker.is_alive() && !worker.has_older(libraries);
        let alive = idle.and_then(|mut worker| usable(&mut worker).then_some(worker));
        let mut worker = match alive {
            Some(worker) => worker,
            None => self.start()?,
        };
        let answer = worker.ask(ask, cancel, None, on_event);
        if worker.is_alive() {
            *self.lock_idle() = Some(worker);
        }
        answer
    }

    /// Ends the idle worker, for instance after a plugin file changed.
    pub fn restart(&self) {
        self.lock_idle().take();
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Option<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Result<Worker, WorkerError> {
        let failed = |source| WorkerError::Start { path: self.program.clone(), source };
        let nonce = format!("octet-{:016x}{:016x}", random(), random());
        let mut command = Command::new(&self.program);
        // A terminal's Ctrl-C is meant for the app, which then asks the worker to stop; and what a plugin starts can
        // be ended together with the worker.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .args(&self.arguments)
            .env(NONCE_VARIABLE, &nonce)
            .env("OCTET_WORKER_MEMORY_LIMIT", self.memory_limit_bytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let missing = || failed(std::io::Error::other("its pipes are missing"));
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (sender, lines) = sync_channel(LINES_IN_FLIGHT);
        let from_stdout = sender.clone();
        std::thread::spawn(move || read_stdout(stdout, &nonce, &from_stdout));
        let tail: Arc<Mutex<Vec<u8>>> = Arc::default();
        let shared = Arc::clone(&tail);
        let stderr = std::thread::spawn(move || read_stderr(stderr, &shared, &sender));
        Ok(Worker { child, stdin, lines, tail, stderr, plugin: None, loaded: HashMap::new(), ended: false })
    }
}

const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Unpredictable enough that a plugin's output is not taken for the worker's.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

enum Line {
    Tell(Box<Tell>),
    Text(String),
    TooLong,
    End,
}

/// Both readers block while the channel is full, and so does the worker in the end.
fn read_stdout(stdout: impl Read, nonce: &str, sender: &SyncSender<Line>) {
    let mut lines = Lines::new(stdout, Some(nonce));
    let end = loop {
        let RawLine { mut text, tell } = match lines.next() {
            Ok(Some(line)) => line,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => break Line::TooLong,
            Ok(None) | Err(_) => break Line::End,
        };
        let parsed = tell.as_ref().and_then(|json| serde_json::from_slice::<Tell>(json).ok());
        if let (Some(json), None) = (&tell, &parsed) {
            text = shortened(format!("{text}{}", String::from_utf8_lossy(json).trim()));
        }
        // A plugin may leave an unfinished line of its own in front.
        if !text.is_empty() && sender.send(Line::Text(text)).is_err() {
            return;
        }
        if let Some(tell) = parsed
            && sender.send(Line::Tell(Box::new(tell.shortened()))).is_err()
        {
            return;
        }
    };
    // The receiver may be gone, and then nobody has to know.
    let _ = sender.send(end);
}

fn read_stderr(stderr: impl Read, tail: &Mutex<Vec<u8>>, sender: &SyncSender<Line>) {
    let mut lines = Lines::new(stderr, None);
    while let Ok(Some(RawLine { text, .. })) = lines.next() {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(text.as_bytes());
        tail.push(b'\n');
        let excess = tail.len().saturating_sub(STDERR_TAIL_BYTES);
        tail.drain(..excess);
        drop(tail);
        if !text.is_empty() && sender.send(Line::Text(text)).is_err() {
            return;
        }
    }
}

#[derive(Debug)]
struct Worker {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Line>,
    tail: Arc<Mutex<Vec<u8>>>,
    stderr: std::thread::JoinHandle<()>,
    plugin: Option<String>,
    /// SHA-256 of every library that it was asked to load, by its real path.
    loaded: HashMap<PathBuf, String>,
    ended: bool,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl Worker {
    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether a library's path was loaded with other contents; the loader would hand out the old ones again.
    fn has_older(&self, libraries: &[Library]) -> bool {
        libraries.iter().any(|l| self.loaded.get(&l.real_path()).is_some_and(|known| *known != l.sha256))
    }

    fn send(&mut self, ask: &Ask) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        self.stdin.write_all(&line)?;
        self.stdin.flush()
    }

    fn ask(
        &mut self,
        ask: &Ask,
        cancel: &Cancel,
        timeout: Option<Duration>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Tell, WorkerError> {
        self.plugin = None;
        if let Ask::Quantize { libraries, .. } = ask {
            self.loaded.extend(libraries.iter().map(|l| (l.real_path(), l.sha256.clone())));
        }
        if self.send(ask).is_err() {
            return Err(self.death(cancel, on_event));
        }
        let started = Instant::now();
        let mut looked = Instant::now();
        let (mut cancelled_at, mut died_at): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            if cancel.is_cancelled() && cancelled_at.is_none() {
                cancelled_at = Some(Instant::now());
                // A worker that no longer reads is ended below.
                let _ = self.send(&Ask::Cancel);
            }
            if cancelled_at.is_none() && cancel.take_finish() {
                // As above.
                let _ = self.send(&Ask::Finish);
            }
            if cancelled_at.is_some_and(|at| at.elapsed() > CANCEL_GRACE) {
                self.kill();
                return Err(WorkerError::Cancelled(
                    self.named("cancelled, and did not stop by itself: it was ended"),
                ));
            }
            if timeout.is_some_and(|t| started.elapsed() > t) {
                self.kill();
                return Err(WorkerError::Died(self.named("did not answer in time and was ended")));
            }
            // The pipes do not tell of its death while a process that a plugin started holds them too.
            if died_at.is_none() && looked.elapsed() > POLL_INTERVAL {
                looked = Instant::now();
                died_at = (!self.is_alive()).then_some(looked);
            }
            if died_at.is_some_and(|at| at.elapsed() > DEATH_GRACE) {
                return Err(self.death(cancel, on_event));
            }
            match self.lines.recv_timeout(POLL_INTERVAL) {
                Ok(Line::Tell(tell)) => match *tell {
                    Tell::Plugin { name } => self.plugin = name,
                    Tell::Fatal { message } => {
                        self.kill();
                        return Err(WorkerError::Died(message));
                    }
                    Tell::Event(Event::Error { message }) if cancelled_at.is_some() => {
                        return Err(WorkerError::cancelled_with(message));
                    }
                    Tell::Event(Event::Error { message }) => return Err(WorkerError::Failed(message)),
                    Tell::Event(event) => on_event(event),
                    answer => return Ok(answer),
                },
                Ok(Line::Text(text)) => on_event(log(text)),
                Ok(Line::TooLong) => {
                    self.kill();
                    let limit = MAX_TELL_BYTES >> 20;
                    let what = format!("sent a message of more than {limit} MiB and was ended");
                    return Err(WorkerError::Died(self.named(&what)));
                }
                Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.death(cancel, on_event));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Ends it and whatever its plugins started, once: later its number may belong to somebody else.
    fn kill(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        kill_group(self.child.id());
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn named(&self, what: &str) -> String {
        match &self.plugin {
            Some(plugin) => format!("plugin `{plugin}`: {what}"),
            None => format!("the worker process: {what}"),
        }
    }

    fn death(&mut self, cancel: &Cancel, on_event: &mut dyn FnMut(Event)) -> WorkerError {
        let how = match self.status() {
            Ok(Some(status)) => how_it_died(status),
            Ok(None) => "closed its pipe and was ended".to_owned(),
            Err(error) => format!("ended, nobody knows how ({error})"),
        };
        self.kill();
        self.last_lines(on_event);
        let mut message = self.named(&how);
        if cancel.is_cancelled() {
            return WorkerError::cancelled_with(message);
        }
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = String::from_utf8_lossy(&tail).into_owned();
        if tail.contains("memory allocation of") {
            message.push_str(", because an allocation exceeded the memory limit");
        }
        let last_words = tail.trim();
        if !last_words.is_empty() {
            message.push_str(&format!("; its last words: {last_words}"));
        }
        WorkerError::Died(message)
    }

    /// How it ended; `None` when it closed its pipe and lives on.
    fn status(&mut self) -> std::io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + DEATH_GRACE;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its last lines name the panic or the failed allocation. A process that left the group may hold the pipe for
    /// as long as it likes, so there is a deadline.
    fn last_lines(&self, on_event: &mut dyn FnMut(Event)) {
        let deadline = Instant::now() + DEATH_GRACE;
        while !self.stderr.is_finished() && Instant::now() < deadline {
            if let Ok(Line::Text(text)) = self.lines.recv_timeout(Duration::from_millis(2)) {
                on_event(log(text));
            }
        }
        for line in self.lines.try_iter().take(LINES_IN_FLIGHT) {
            if let Line::Text(text) = line {
                on_event(log(text));
            }
        }
    }
}

fn log(message: String) -> Event {
    Event::Log { level: LogLevel::Info, message }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(unix)]
fn how_it_died(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(11) => "crashed (segmentation fault)".to_owned(),
        Some(6) => "aborted".to_owned(),
        Some(7) => "crashed (bus error)".to_owned(),
        Some(9) => "was killed".to_owned(),
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("ended with {status}"),
    }
}

#[cfg(not(unix))]
fn how_it_died(status: ExitStatus) -> String {
    format!("ended with {status}")
}
