//! The app's side of a job: the worker process, its pipe, its death, and the evaluation that follows.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::group::kill_group;
use super::lines::{Lines, MAX_TELL_BYTES};
use super::protocol::{Ask, Tell};
use super::reading::{Line, MESSAGE_GRACE, Standstill, Unreadable, read_stderr, read_stdout};
use super::{Cancel, Event, Library};
use crate::host::PluginDescription;
use crate::strategy::LogLevel;

/// How long a cancelled job may take to stop by itself.
const CANCEL_GRACE: Duration = Duration::from_millis(1500);
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(50);
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
    /// It said something that is no answer; the text shows it.
    #[error("{0}")]
    Unreadable(String),
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
            other => {
                let text = format!("`{}`: the worker process answered with {}", path.display(), other.kind());
                Err(WorkerError::Unreadable(text))
            }
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
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        // A worker that does not read would hold up whoever writes to it.
        let (asks, to_write) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            for line in to_write {
                // It is dead, and the reader tells.
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        let (sender, lines) = sync_channel(LINES_IN_FLIGHT);
        let from_stdout = sender.clone();
        let stdout = Lines::new(stdout, Some(&nonce));
        let unfinished = stdout.unfinished();
        std::thread::spawn(move || read_stdout(stdout, &from_stdout));
        let tail: Arc<Mutex<Vec<u8>>> = Arc::default();
        let shared = Arc::clone(&tail);
        let stderr = std::thread::spawn(move || read_stderr(stderr, &shared, &sender));
        let (plugin, broken_off, loaded, ended) = (None, None, HashMap::new(), false);
        Ok(Worker { child, asks, lines, unfinished, tail, stderr, plugin, broken_off, loaded, ended })
    }
}

const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Unpredictable enough that a plugin's output is not taken for the worker's.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

#[derive(Debug)]
struct Worker {
    child: Child,
    /// To the thread that writes to its standard input, which is closed together with this.
    asks: Sender<Vec<u8>>,
    lines: Receiver<Line>,
    /// Bytes of the message that is being read.
    unfinished: Arc<AtomicUsize>,
    tail: Arc<Mutex<Vec<u8>>>,
    stderr: std::thread::JoinHandle<()>,
    plugin: Option<String>,
    /// The beginning of a message whose end never came.
    broken_off: Option<String>,
    /// SHA-256 of every library that it was asked to load, by its real path.
    loaded: HashMap<PathBuf, String>,
    ended: bool,
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
        self.asks.send(line).map_err(std::io::Error::other)
    }

    fn ask(
        &mut self,
        ask: &Ask,
        cancel: &Cancel,
        timeout: Option<Duration>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Tell, WorkerError> {
        (self.plugin, self.broken_off) = (None, None);
        if let Ask::Quantize { libraries, .. } = ask {
            self.loaded.extend(libraries.iter().map(|l| (l.real_path(), l.sha256.clone())));
        }
        if self.send(ask).is_err() {
            return Err(self.death(cancel, on_event));
        }
        let started = Instant::now();
        let mut looked = Instant::now();
        let (mut cancelled_at, mut died_at): (Option<Instant>, Option<Instant>) = (None, None);
        let mut standstill = Standstill::default();
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
                Ok(Line::Unreadable(Unreadable { shown, why })) => {
                    return Err(
                        self.unreadable(&format!("sent a message that cannot be read ({why}): `{shown}`"))
                    );
                }
                Ok(Line::BrokenOff(shown)) => self.broken_off = Some(shown),
                Ok(Line::TooLong) => {
                    let limit = MAX_TELL_BYTES >> 20;
                    return Err(self.unreadable(&format!("sent a message of more than {limit} MiB")));
                }
                Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.death(cancel, on_event));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if standstill.is_too_long(self.unfinished.load(Ordering::Relaxed)) {
                        let secs = MESSAGE_GRACE.as_secs();
                        let what = format!("began a message and did not go on with it for {secs} s");
                        return Err(self.unreadable(&what));
                    }
                    continue;
                }
            }
            standstill = Standstill::default();
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

    /// Ends it because of what it said: whatever comes behind that is not to be relied on either.
    fn unreadable(&mut self, what: &str) -> WorkerError {
        self.kill();
        let what = self.named(&format!("{what}; it was ended"));
        WorkerError::Unreadable(format!(
            "{what}. Start the job again; a plugin that writes to standard output from threads of its own may have \
             come between"
        ))
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
        if let Some(shown) = &self.broken_off {
            message.push_str(&format!("; its last message breaks off: `{shown}`"));
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
