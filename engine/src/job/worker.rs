//! The worker: a child process that loads plugins, runs strategies and analyses, and tells the app about it.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::group::kill_group;
use super::lines::shortened;
use super::memory;
use super::pool::in_pool;
use super::protocol::{Ask, Tell};
use super::quantize::{Cache, Progress, quantize};
use super::runner::NONCE_VARIABLE;
use super::{Cancel, Event};
use crate::host;
use crate::strategy::LogLevel;

/// Exit code of a worker that ended itself because of its memory.
const EXIT_MEMORY: i32 = 4;
/// Exit code of a worker that could not understand the app, or make itself understood.
const EXIT_PROTOCOL: i32 = 5;

/// Speaks on standard output; every line begins with the nonce.
#[derive(Clone)]
struct Pipe {
    nonce: Arc<str>,
    plugin: Arc<Mutex<Option<String>>>,
}

impl Pipe {
    fn tell(&self, tell: &Tell) {
        let json = match serde_json::to_string(tell) {
            Ok(json) => json,
            // The app must not wait for what never comes.
            Err(error) => return self.end(&format!("an answer of the worker cannot be written: {error}")),
        };
        // In one piece, so that what a plugin prints meanwhile does not come between.
        let line = format!("{}{json}\n", self.nonce);
        let mut out = std::io::stdout().lock();
        // Nobody listens any more: the app is gone, and so is the reason to go on.
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// Ends the process and tells why.
    fn end(&self, why: &str) {
        // A text can always be written.
        self.tell(&Tell::Fatal { message: why.to_owned() });
        std::process::exit(EXIT_PROTOCOL);
    }

    fn plugin(&self, name: Option<&str>) {
        // The last one stays: memory that it took and gave back is noticed after it returned.
        if let Some(name) = name {
            *self.plugin.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
        }
        self.tell(&Tell::Plugin { name: name.map(str::to_owned) });
    }

    fn error(&self, message: String) {
        self.tell(&Tell::Event(Event::Error { message }));
    }

    fn exceeded(&self, limit_bytes: u64) -> String {
        let plugin = self.plugin.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let who = plugin.map_or_else(|| "the job".to_owned(), |p| format!("plugin `{p}`"));
        let limit = memory::in_words(limit_bytes);
        format!("{who} exceeded {limit} of memory and was ended; the limit is a setting")
    }
}

/// Serves until the app closes the pipe. Returns the exit code.
pub fn serve() -> i32 {
    let Ok(nonce) = std::env::var(NONCE_VARIABLE) else {
        tracing::error!("`octet worker` is started by Octet itself; use `octet quantize`");
        return 2;
    };
    let limit = std::env::var("OCTET_WORKER_MEMORY_LIMIT").ok().and_then(|v| v.parse().ok());
    let limit_bytes = limit.unwrap_or(memory::DEFAULT_MEMORY_LIMIT_BYTES);
    let pipe = Pipe { nonce: nonce.into(), plugin: Arc::default() };
    let watching = pipe.clone();
    let watched = memory::watch(limit_bytes, move || {
        watching.tell(&Tell::Fatal { message: watching.exceeded(limit_bytes) });
        std::process::exit(EXIT_MEMORY);
    });
    if !watched {
        let message = "this system does not say how much memory a process uses: plugins run without a limit";
        pipe.tell(&Tell::Event(Event::Log { level: LogLevel::Warning, message: message.to_owned() }));
    }
    let (sender, asks) = channel();
    let answers = pipe.clone();
    std::thread::spawn(move || read_asks(&sender, &Mutex::default(), &answers));
    serve_asks(&asks, &pipe, limit_bytes);
    0
}

fn read_asks(sender: &Sender<(Ask, Cancel)>, current: &Mutex<Cancel>, pipe: &Pipe) {
    for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
        match serde_json::from_slice::<Ask>(&line) {
            Ok(Ask::Cancel) => current.lock().unwrap_or_else(PoisonError::into_inner).cancel(),
            Ok(Ask::Finish) => current.lock().unwrap_or_else(PoisonError::into_inner).finish_early(),
            Ok(ask) => {
                // Here, so that a cancel that follows at once finds it.
                let token = Cancel::default();
                *current.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
                if sender.send((ask, token)).is_err() {
                    return;
                }
            }
            // Nobody would answer it, and the app would wait.
            Err(error) => {
                let request = shortened(String::from_utf8_lossy(&line).into_owned());
                pipe.end(&format!(
                    "the worker process does not understand `{request}` ({error}); start Octet again, since the \
                     program may have been replaced while it ran"
                ));
            }
        }
    }
    // The app is gone; whatever a plugin still does, here or in a process that it started, is of no use to anybody.
    // An orderly exit would wait for a library that is still being loaded. Without a group of its own it exits alone.
    kill_group(std::process::id());
    std::process::exit(0);
}

fn serve_asks(asks: &Receiver<(Ask, Cancel)>, pipe: &Pipe, limit_bytes: u64) {
    let mut cache = Cache::default();
    for (ask, token) in asks {
        match ask {
            Ask::Describe { path } => describe(pipe, &path),
            Ask::Quantize { request, libraries } => {
                let events = pipe.clone();
                let plugins = pipe.clone();
                let progress = Progress {
                    cancel: token,
                    sink: Arc::new(move |event| events.tell(&Tell::Event(event))),
                    plugin: Box::new(move |name| plugins.plugin(name)),
                };
                match in_pool(request.threads, || quantize(&request, &libraries, &mut cache, &progress)) {
                    // The peak tells of memory that was taken and given back between two looks.
                    _ if memory::exceeds(limit_bytes) => {
                        pipe.tell(&Tell::Fatal { message: pipe.exceeded(limit_bytes) });
                        return;
                    }
                    Ok(report) => pipe.tell(&Tell::Quantized { report: Box::new(report) }),
                    Err(error) => pipe.error(error.to_string()),
                }
            }
            // Taken by the reading thread.
            Ask::Cancel | Ask::Finish => {}
        }
    }
}

fn describe(pipe: &Pipe, path: &Path) {
    pipe.plugin(Some(&name_of(path)));
    match host::describe_library(path) {
        Ok(description) => pipe.tell(&Tell::Described { description: Box::new(description) }),
        Err(error) => pipe.error(error.to_string()),
    }
    pipe.plugin(None);
}

/// What a library is called before it has said so itself.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
