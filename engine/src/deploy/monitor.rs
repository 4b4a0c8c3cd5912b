//! The board's console: opened, read, decoded, told and kept.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serialport::SerialPort;

use super::console::{ConsoleDecoder, ConsoleLine};
use super::error::DeployError;
use super::event::{Event, Reporter};
use super::inside::fresh_file;
use super::ports::{Port, list_ports};
use crate::strategy::LogLevel;

/// Name of the saved console in the run folder.
pub(super) const CONSOLE_LOG: &str = "console.log";
/// What is kept of a board that writes for days.
const MAX_LOG_BYTES: u64 = 64 << 20;
/// How long one look at the port waits.
const TURN: Duration = Duration::from_millis(50);
/// A USB device of the chip itself goes away while it is reset.
const COMES_BACK: Duration = Duration::from_secs(5);

/// A board that takes no bytes for so long takes none.
const TAKES_BYTES: Duration = Duration::from_secs(5);

/// The serial port, as espflash wants it.
pub(super) type Serial = espflash::connection::Port;

/// What to read.
#[derive(Debug, Clone)]
pub struct MonitorRequest {
    /// The port.
    pub port: Port,
    /// Speed of the console.
    pub baud: u32,
    /// Leave the modem lines alone; otherwise the board is reset first, so that its start is seen.
    pub no_reset: bool,
    /// Ends it; `None`: when the user cancels.
    pub duration: Option<Duration>,
    /// The run folder, which keeps the text in `console.log`.
    pub run: PathBuf,
}

/// Opens a port for this program alone.
///
/// # Errors
/// It does not exist, is in use, or may not be used; with what to do about it.
pub fn open_port(port: &Port, baud: u32) -> Result<Serial, DeployError> {
    let opened = serialport::new(&port.name, baud)
        .flow_control(serialport::FlowControl::None)
        .timeout(Duration::from_secs(3))
        .open_native();
    opened.map_err(|error| {
        let failed = |reason: String, help: &str| DeployError::Port {
            port: port.name.clone(),
            reason,
            help: help.to_owned(),
        };
        match error.kind() {
            // Windows gives the same answer for both.
            serialport::ErrorKind::NoDevice if cfg!(windows) && !is_listed(&port.name) => failed(
                "there is no such port".to_owned(),
                "plug the board in with a cable that carries data; `octet doctor` lists the ports",
            ),
            serialport::ErrorKind::NoDevice => failed(
                format!("it is in use{}", holders(&port.name)),
                "close the other program (a serial monitor, an IDE, another Octet), or wait until it is done",
            ),
            serialport::ErrorKind::Io(ErrorKind::NotFound) => failed(
                "there is no such port".to_owned(),
                "plug the board in with a cable that carries data; `octet doctor` lists the ports",
            ),
            serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => failed(
                "this user may not use it".to_owned(),
                "on Linux: `sudo usermod -aG dialout $USER`, then log out and in; `octet doctor` says more",
            ),
            _ => failed(
                format!("it cannot be opened: {error}"),
                "choose another port with --port; `octet doctor` lists them",
            ),
        }
    })
}

fn is_listed(name: &str) -> bool {
    list_ports().iter().any(|port| port.name.eq_ignore_ascii_case(name))
}

/// Which other programs have the device open, as far as Linux tells.
fn holders(name: &str) -> String {
    let Ok(device) = std::fs::canonicalize(name) else { return String::new() };
    let own = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return String::new() };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let id = process.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        if files.flatten().any(|f| std::fs::read_link(f.path()).is_ok_and(|target| target == device)) {
            let program = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            found.push(format!("`{}` (process {id})", program.trim()));
        }
    }
    if found.is_empty() { String::new() } else { format!(" by {}", found.join(", ")) }
}

/// An open console whose lines are told and kept.
pub(super) struct Console {
    port: Port,
    baud: u32,
    serial: Serial,
    decoder: ConsoleDecoder,
    log: File,
    log_bytes: u64,
    log_path: PathBuf,
}

impl Console {
    /// Opens it. The log file of an earlier session is replaced.
    pub(super) fn open(port: &Port, baud: u32, run: &Path) -> Result<Console, DeployError> {
        let mut serial = open_port(port, baud)?;
        serial.set_timeout(TURN).map_err(|e| broken(port, &e))?;
        let log_path = run.join(CONSOLE_LOG);
        let log = fresh_file(&log_path)?;
        let port = port.clone();
        Ok(Console { port, baud, serial, decoder: ConsoleDecoder::default(), log, log_bytes: 0, log_path })
    }

    /// Starts the board anew through the modem lines, as every board's circuit takes them.
    pub(super) fn reset(&mut self, reporter: &mut Reporter<'_>) {
        let mut pulse = || -> serialport::Result<()> {
            self.serial.write_data_terminal_ready(false)?;
            self.serial.write_request_to_send(true)?;
            std::thread::sleep(Duration::from_millis(100));
            // What it said before would be taken for an answer.
            self.serial.clear(serialport::ClearBuffer::Input)?;
            self.decoder = ConsoleDecoder::default();
            self.serial.write_request_to_send(false)
        };
        if let Err(error) = pulse() {
            let message = format!("the board could not be reset ({error}); press RESET on it");
            reporter.log(LogLevel::Warning, message);
        }
    }

    /// Writes a command. It does not wait until the last byte is on the line: a board that takes none would hold the
    /// program up for ever.
    pub(super) fn send(&mut self, line: &str, reporter: &Reporter<'_>) -> Result<(), DeployError> {
        let until = Instant::now() + TAKES_BYTES;
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.serial.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                Err(error) => return Err(broken(&self.port, &error)),
            }
            if !rest.is_empty() {
                reporter.check()?;
                if Instant::now() > until {
                    return Err(DeployError::Port {
                        port: self.port.name.clone(),
                        reason: "the board takes no bytes".to_owned(),
                        help: "press RESET on it; look whether this port is the one of the console"
                            .to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// What has arrived, after a wait of [`TURN`] at most.
    pub(super) fn lines(&mut self, reporter: &mut Reporter<'_>) -> Result<Vec<ConsoleLine>, DeployError> {
        let mut bytes = [0; 4096];
        let count = match self.serial.read(&mut bytes) {
            // A silent port times out; this one is closed.
            Ok(0) => {
                self.come_back(&ErrorKind::UnexpectedEof.into(), reporter)?;
                0
            }
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => 0,
            Err(error) => {
                self.come_back(&error, reporter)?;
                0
            }
        };
        let lines = self.decoder.take(&bytes[..count]);
        for line in &lines {
            self.keep(line)?;
            reporter.tell(Event::Console(line.clone()));
        }
        Ok(lines)
    }

    /// After a reset the chip's own USB device appears anew.
    fn come_back(&mut self, error: &std::io::Error, reporter: &mut Reporter<'_>) -> Result<(), DeployError> {
        let until = Instant::now() + COMES_BACK;
        while Instant::now() < until {
            reporter.check()?;
            std::thread::sleep(TURN);
            if let Ok(mut serial) = open_port(&self.port, self.baud)
                && serial.set_timeout(TURN).is_ok()
            {
                self.serial = serial;
                return Ok(());
            }
        }
        Err(broken(&self.port, error))
    }

    fn keep(&mut self, line: &ConsoleLine) -> Result<(), DeployError> {
        if self.log_bytes > MAX_LOG_BYTES {
            return Ok(());
        }
        self.log_bytes += line.text.len() as u64 + 1;
        writeln!(self.log, "{}", line.text).map_err(DeployError::file(&self.log_path))
    }
}

fn broken(port: &Port, error: &dyn std::fmt::Display) -> DeployError {
    DeployError::Port {
        port: port.name.clone(),
        reason: format!("the board went away: {error}"),
        help: "plug it in again; a board that resets itself over and over may need more current".to_owned(),
    }
}

/// Reads the console until the user cancels, which is its usual end, or the time is over.
///
/// # Errors
/// The port cannot be opened, or the board went away.
pub fn monitor(request: &MonitorRequest, reporter: &mut Reporter<'_>) -> Result<PathBuf, DeployError> {
    let mut console = Console::open(&request.port, request.baud, &request.run)?;
    let kept = console.log_path.clone();
    reporter.log(LogLevel::Info, format!("the console is kept in `{}`", kept.display()));
    if !request.no_reset {
        console.reset(reporter);
    }
    let began = Instant::now();
    while !reporter.cancel().is_cancelled() && request.duration.is_none_or(|time| began.elapsed() < time) {
        match console.lines(reporter) {
            // A board that is away is waited for, and the user need not wait for it.
            Err(error) if error.is_cancelled() => break,
            lines => drop(lines?),
        }
    }
    Ok(kept)
}
