//! The app's side of a job: the worker process, its pipe, its death, and the evaluation that follows.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::protocol::{Ask, Tell};
use super::{Cancel, Event};
use crate::host::PluginDescription;
use crate::strategy::LogLevel;

/// How long a cancelled job may take to stop by itself.
const CANCEL_GRACE: Duration = Duration::from_millis(1500);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The worker's last words that go into an error message.
const STDERR_TAIL_BYTES: usize = 4096;
/// Longest line the worker may send; a longer one ends it.
const MAX_LINE_BYTES: u64 = 256 << 20;

/// Environment variable that carries the nonce; the worker removes it before any plugin is loaded.
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
        let alive = idle.and_then(|mut worker| worker.is_alive().then_some(worker));
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
        let mut child = Command::new(&self.program)
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
        let (sender, lines) = channel();
        let from_stdout = sender.clone();
        std::thread::spawn(move || read_stdout(stdout, &nonce, &from_stdout));
        let tail: Arc<Mutex<Vec<u8>>> = Arc::default();
        let shared = Arc::clone(&tail);
        let stderr = std::thread::spawn(move || read_stderr(stderr, &shared, &sender));
        Ok(Worker { child, stdin, lines, tail, stderr: Some(stderr), plugin: None })
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
    End,
}

fn read_stdout(stdout: impl Read, nonce: &str, sender: &Sender<Line>) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        // A plugin may leave an unfinished line of its own in front.
        let parsed = text.split_once(nonce).and_then(|(before, json)| {
            let tell = serde_json::from_str::<Tell>(json.trim()).ok()?;
            Some((before.trim().to_owned(), tell))
        });
        let sent = match parsed {
            Some((before, tell)) => {
                if !before.is_empty() && sender.send(Line::Text(before)).is_err() {
                    return;
                }
                sender.send(Line::Tell(Box::new(tell)))
            }
            None => sender.send(Line::Text(text.trim_end().to_owned())),
        };
        if sent.is_err() {
            return;
        }
    }
    // The receiver may be gone, and then nobody has to know.
    let _ = sender.send(Line::End);
}

fn read_stderr(stderr: impl Read, tail: &Mutex<Vec<u8>>, sender: &Sender<Line>) {
    for line in BufReader::new(stderr.take(u64::MAX)).split(b'\n').map_while(Result::ok) {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(&line[..line.len().min(STDERR_TAIL_BYTES)]);
        tail.push(b'\n');
        let excess = tail.len().saturating_sub(STDERR_TAIL_BYTES);
        tail.drain(..excess);
        drop(tail);
        if sender.send(Line::Text(String::from_utf8_lossy(&line).into_owned())).is_err() {
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
    stderr: Option<std::thread::JoinHandle<()>>,
    plugin: Option<String>,
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
        if self.send(ask).is_err() {
            return Err(self.death());
        }
        let started = Instant::now();
        let mut cancelled_at: Option<Instant> = None;
        loop {
            if cancel.is_cancelled() && cancelled_at.is_none() {
                cancelled_at = Some(Instant::now());
                // A worker that no longer reads is ended below.
                let _ = self.send(&Ask::Cancel);
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
            match self.lines.recv_timeout(POLL_INTERVAL) {
                Ok(Line::Tell(tell)) => match *tell {
                    Tell::Plugin { name } => self.plugin = name,
                    Tell::Event(Event::Error { message }) if cancelled_at.is_some() => {
                        return Err(WorkerError::Cancelled(message));
                    }
                    Tell::Event(Event::Error { message }) => return Err(WorkerError::Failed(message)),
                    Tell::Event(event) => on_event(event),
                    answer => return Ok(answer),
                },
                Ok(Line::Text(text)) if text.is_empty() => {}
                Ok(Line::Text(text)) => on_event(Event::Log { level: LogLevel::Info, message: text }),
                Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => return Err(self.death()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn kill(&mut self) {
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

    fn death(&mut self) -> WorkerError {
        let status = self.child.wait();
        if let Some(stderr) = self.stderr.take() {
            // Its last lines name the panic or the failed allocation; the thread ends with the pipe.
            let _ = stderr.join();
        }
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = String::from_utf8_lossy(&tail).into_owned();
        let mut message = self.named(&match status {
            Ok(status) => how_it_died(status),
            Err(error) => format!("ended, nobody knows how ({error})"),
        });
        if tail.contains("memory allocation of") {
            message.push_str(", because an allocation exceeded the memory limit");
        }
        let last_words = tail.trim();
        if !last_words.is_empty() {
            message.push_str(&format!("; its last words: {last_words}"));
        }
        WorkerError::Died(message)
    }
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
