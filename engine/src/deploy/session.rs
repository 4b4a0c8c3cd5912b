//! A talk with a board's firmware: finding out who is there, and waiting for what it tells.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use super::console::{BoardEvent, command_line};
use super::error::DeployError;
use super::event::Reporter;
use super::monitor::Console;
use super::ports::Port;
use super::project::Project;
use crate::strategy::LogLevel;

/// How often `hello` is said until the board answers.
const HELLO_EVERY: Duration = Duration::from_secs(1);
/// A firmware that runs answers within this; one that does not is started anew.
const RUNS_ALREADY: Duration = Duration::from_secs(3);
/// The last words of a board that does not answer.
const LAST_LINES: usize = 5;

/// An open console with what was heard on it.
pub(super) struct Session {
    console: Console,
    port: String,
    /// A board that tells no event for so long has failed. Other lines do not count: one that crashes over and over
    /// writes many.
    patience: Duration,
    heard: Instant,
    waiting: VecDeque<BoardEvent>,
    last_lines: VecDeque<String>,
}

impl Session {
    /// Opens the console; the run folder keeps its text.
    ///
    /// # Errors
    /// The port cannot be opened.
    pub(super) fn open(port: &Port, baud: u32, run: &Path, patience: Duration) -> Result<Self, DeployError> {
        Ok(Session {
            console: Console::open(port, baud, run)?,
            port: port.name.clone(),
            patience,
            heard: Instant::now(),
            waiting: VecDeque::new(),
            last_lines: VecDeque::new(),
        })
    }

    /// Starts the board anew.
    pub(super) fn reset(&mut self, reporter: &mut Reporter<'_>) {
        self.console.reset(reporter);
    }

    /// Writes a command; the board's time to answer begins.
    pub(super) fn send(&mut self, line: &str, reporter: &Reporter<'_>) -> Result<(), DeployError> {
        self.console.send(line, reporter)?;
        self.heard = Instant::now();
        Ok(())
    }

    /// The next event, if one comes within a short while.
    ///
    /// # Errors
    /// The user cancelled, the board went away, or it has been silent for too long.
    pub(super) fn event(&mut self, reporter: &mut Reporter<'_>) -> Result<Option<BoardEvent>, DeployError> {
        let event = self.look(reporter)?;
        if event.is_none() && self.is_silent() {
            return Err(self.silent());
        }
        Ok(event)
    }

    /// True once the board has said nothing for too long.
    pub(super) fn is_silent(&self) -> bool {
        self.heard.elapsed() > self.patience
    }

    /// True for what a board answers to a command that it could not read.
    pub(super) fn is_misread(event: &BoardEvent) -> bool {
        event.event == "error" && event.text("code") == Some("command") && event.number("id").is_none()
    }

    /// As [`Session::event`], however long it has been silent. Other lines are remembered for the message that a silence
    /// ends in.
    fn look(&mut self, reporter: &mut Reporter<'_>) -> Result<Option<BoardEvent>, DeployError> {
        reporter.check()?;
        if self.waiting.is_empty() {
            for line in self.console.lines(reporter)? {
                match line.message {
                    Some(event) => {
                        self.heard = Instant::now();
                        self.waiting.push_back(event);
                    }
                    None => {
                        self.last_lines.push_back(line.text);
                        if self.last_lines.len() > LAST_LINES {
                            self.last_lines.pop_front();
                        }
                    }
                }
            }
        }
        Ok(self.waiting.pop_front())
    }

    /// An event that somebody else will want.
    pub(super) fn put_back(&mut self, event: BoardEvent) {
        self.waiting.push_front(event);
    }

    /// Says hello until the board answers, and looks who it is.
    ///
    /// # Errors
    /// Nobody answers, or the board has another firmware or model than the project.
    pub(super) fn greet(
        &mut self,
        project: &Project,
        reporter: &mut Reporter<'_>,
    ) -> Result<BoardEvent, DeployError> {
        let patience = self.patience;
        let hello = self.hello_within(patience, reporter)?.ok_or_else(|| self.silent())?;
        self.check_hello(&hello, project).map(|()| hello)
    }

    /// As [`Session::greet`], and a board that says nothing is started anew unless that is not wanted.
    pub(super) fn greet_or_reset(
        &mut self,
        project: &Project,
        no_reset: bool,
        reporter: &mut Reporter<'_>,
    ) -> Result<BoardEvent, DeployError> {
        if !no_reset {
            let within = RUNS_ALREADY.min(self.patience);
            if let Some(hello) = self.hello_within(within, reporter)? {
                return self.check_hello(&hello, project).map(|()| hello);
            }
            reporter.log(LogLevel::Info, "the board says nothing; it is started anew");
            self.reset(reporter);
        }
        self.greet(project, reporter)
    }

    fn hello_within(
        &mut self,
        time: Duration,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<BoardEvent>, DeployError> {
        let began = Instant::now();
        let mut asked: Option<Instant> = None;
        while began.elapsed() < time {
            if asked.is_none_or(|at| at.elapsed() > HELLO_EVERY) {
                self.send(&command_line("hello", &[]), reporter)?;
                asked = Some(Instant::now());
            }
            let Some(event) = self.look(reporter)? else { continue };
            match event.event.as_str() {
                "hello" => return Ok(Some(event)),
                // About a line that was cut by a reset, or about what another program had begun.
                "error" if matches!(event.text("code"), Some("command" | "transfer" | "picture")) => {}
                "error" => return Err(self.told_error(&event)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Looks whether the board has the project's firmware and model.
    ///
    /// # Errors
    /// It has others.
    pub(super) fn check_hello(&self, hello: &BoardEvent, project: &Project) -> Result<(), DeployError> {
        let wrong = |what: String, help: &str| DeployError::Console {
            message: format!("{}: {what}", self.port),
            help: help.to_owned(),
        };
        if hello.number("protocol") != Some(1) {
            return Err(wrong(
                "the firmware speaks another protocol".to_owned(),
                "write, build and flash it anew",
            ));
        }
        let target = hello.text("target").unwrap_or("nothing");
        if target != project.target {
            return Err(wrong(
                format!("the firmware is for {target}, and this project for {}", project.target),
                "choose the other board with --port, or flash this one",
            ));
        }
        let crc = hello.crc32("model_crc32");
        if crc != Some(project.model_crc32) {
            let crc = crc.map_or_else(|| "unknown".to_owned(), |crc| format!("{crc:08x}"));
            return Err(wrong(
                format!(
                    "the board has another model (CRC32 {crc}, the run's is {:08x})",
                    project.model_crc32
                ),
                "flash it; with `--model-only` that takes seconds",
            ));
        }
        Ok(())
    }

    /// The board said nothing for too long.
    pub(super) fn silent(&self) -> DeployError {
        let message = match self.said() {
            None => format!("{}: the board says nothing", self.port),
            Some(said) => format!("{}: the board does not answer; the last it said is: {said}", self.port),
        };
        DeployError::Console { message, help: self.cure().to_owned() }
    }

    /// An event that only a board tells which has just started.
    pub(super) fn is_restart(event: &BoardEvent) -> bool {
        event.event == "hello" && event.seq == 0
    }

    /// The board started anew instead of answering.
    pub(super) fn restarted(&self) -> DeployError {
        let said = self.said().map_or_else(String::new, |said| format!("; the last it said is: {said}"));
        DeployError::Console {
            message: format!("{}: the board started anew instead of answering{said}", self.port),
            help: format!("{}; a brownout needs more current or a shorter cable", self.cure()),
        }
    }

    /// The board told an error.
    pub(super) fn told_error(&self, event: &BoardEvent) -> DeployError {
        let message = event.text("message").unwrap_or("no reason was given");
        let help = match event.text("code") {
            Some("arena" | "workspace") => "take a smaller input, or a board with PSRAM",
            Some("model") => "flash the model anew; it was damaged or only written in part",
            Some("picture") => "send it prepared by the desktop, with `--preprocess model`",
            _ => "look into console.log in the run folder",
        };
        self.failed(&format!("the board says: {message}"), help)
    }

    /// Something about this board.
    pub(super) fn failed(&self, what: &str, help: &str) -> DeployError {
        DeployError::Console { message: format!("{}: {what}", self.port), help: help.to_owned() }
    }

    fn said(&self) -> Option<String> {
        let said = self.last_lines.iter().cloned().collect::<Vec<_>>().join(" | ");
        (!said.is_empty()).then_some(said)
    }

    fn cure(&self) -> &'static str {
        let has = |words: &str| self.last_lines.iter().any(|line| line.contains(words));
        if has("Guru Meditation") || has("abort()") {
            "the firmware crashed; console.log in the run folder has the registers"
        } else if has("memory for the activations") {
            "the activations do not fit: take a smaller input, or a board with PSRAM"
        } else if has("waiting for download") {
            "the board is in its boot loader: press RESET without BOOT"
        } else {
            "press RESET; look whether this port is the one of the console (boards with two USB sockets have two), and \
             whether the firmware was flashed"
        }
    }
}
