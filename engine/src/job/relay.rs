//! What a job tells on its way to whoever follows it: bounded, and written down for the run folder's `log.txt`.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::{Cancel, Event, Phase};
use crate::run;
use crate::strategy::LogLevel;

/// Events on their way; a job that tells more waits.
pub(super) const EVENTS_IN_FLIGHT: usize = 256;
/// Log lines that are passed on. Whoever follows may keep them all, and a plugin must not fill his memory.
const MAX_PASSED_LINES: usize = 10_000;
/// What `log.txt` may hold; older lines give way.
const MAX_LOG_BYTES: usize = 4 << 20;
/// Progress within a phase is passed on this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(20);
const FULL_WAIT: Duration = Duration::from_millis(5);

/// Passes events on.
pub(super) struct Relay {
    sender: SyncSender<Event>,
    cancel: Cancel,
    notes: Mutex<Notes>,
}

impl Relay {
    pub(super) fn new(sender: SyncSender<Event>, cancel: Cancel) -> Self {
        Relay { sender, cancel, notes: Mutex::new(Notes::new()) }
    }

    /// Passes an event on; waits while there is no room, but not once the job is cancelled.
    pub(super) fn tell(&self, event: Event) {
        let Some(mut event) = self.notes().take(event) else { return };
        while let Err(TrySendError::Full(back)) = self.sender.try_send(event) {
            if self.cancel.is_cancelled() {
                return;
            }
            std::thread::sleep(FULL_WAIT);
            event = back;
        }
    }

    /// Writes the log where there is a run folder, then passes the last event on. `report_before` is when the folder's
    /// report had been written before the job began.
    pub(super) fn finish(&self, folder: &Path, report_before: Option<SystemTime>, last: Event) {
        let log = {
            let mut notes = self.notes();
            if let Event::Error { message } = &last {
                notes.write("error", message);
            }
            notes.text()
        };
        let has_failed = matches!(last, Event::Error { .. });
        let is_as_before = report_before.is_some() && run::report_written(folder) == report_before;
        if folder.is_dir()
            && let Err(error) = run::write_log(folder, &log, has_failed && is_as_before)
        {
            self.tell(Event::Log { level: LogLevel::Warning, message: error.to_string() });
        }
        // Whoever started the job may have lost interest in it.
        let _ = self.sender.send(last);
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was told so far.
struct Notes {
    started: Instant,
    lines: VecDeque<String>,
    bytes: usize,
    dropped: usize,
    passed: usize,
    /// When progress of a phase was last passed on, and its fraction.
    progress: HashMap<Phase, (Instant, f32)>,
}

impl Notes {
    fn new() -> Self {
        let (lines, started) = (VecDeque::new(), Instant::now());
        Notes { started, lines, bytes: 0, dropped: 0, passed: 0, progress: HashMap::new() }
    }

    /// Takes note of an event and returns what is passed on.
    fn take(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Progress { phase, fraction, .. } => {
                let now = Instant::now();
                match self.progress.get(&phase) {
                    None => self.write("phase", &format!("{phase:?}").to_lowercase()),
                    // The end of a phase is told in any case, but once.
                    Some((_, before)) if fraction >= 1.0 && *before < 1.0 => {}
                    Some((at, _)) if now.duration_since(*at) < PROGRESS_INTERVAL => return None,
                    Some(_) => {}
                }
                self.progress.insert(phase, (now, fraction));
                Some(event)
            }
            Event::Log { level, ref message } => {
                let word = match level {
                    LogLevel::Debug => "debug",
                    LogLevel::Info => "info",
                    LogLevel::Warning => "warning",
                };
                self.write(word, message);
                self.passed += 1;
                match self.passed {
                    0..MAX_PASSED_LINES => Some(event),
                    MAX_PASSED_LINES => {
                        let message = format!(
                            "the job has told {MAX_PASSED_LINES} lines; log.txt in the run folder has the last ones"
                        );
                        Some(Event::Log { level: LogLevel::Warning, message })
                    }
                    _ => None,
                }
            }
            Event::Warning(ref finding) => {
                self.write("warning", &finding.text);
                Some(event)
            }
            other => Some(other),
        }
    }

    fn write(&mut self, word: &str, message: &str) {
        let line = format!("{:9.3} s  {word:7}  {message}\n", self.started.elapsed().as_secs_f64());
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > MAX_LOG_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len();
            self.dropped += 1;
        }
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.bytes);
        if self.dropped > 0 {
            text.push_str(&format!("({} earlier lines were dropped)\n", self.dropped));
        }
        text.extend(self.lines.iter().map(String::as_str));
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn log(message: String) -> Event {
        Event::Log { level: LogLevel::Info, message }
    }

    #[test]
    fn the_log_keeps_its_end_and_says_what_it_dropped() {
        let mut notes = Notes::new();
        for i in 0..3 * MAX_LOG_BYTES / 1000 {
            notes.take(log(format!("{i} {}", "x".repeat(1000))));
        }
        notes.write("error", "the last one");
        let text = notes.text();
        assert!(text.len() < MAX_LOG_BYTES + 100);
        assert!(text.starts_with(&format!("({} earlier lines", notes.dropped)));
        assert!(text.ends_with("the last one\n"));
    }

    #[test]
    fn lines_without_end_are_passed_on_up_to_a_limit() {
        let mut notes = Notes::new();
        let passed = (0..2 * MAX_PASSED_LINES).filter_map(|_| notes.take(log("line".to_owned())));
        assert_eq!(passed.count(), MAX_PASSED_LINES);
    }

    #[test]
    fn every_phase_is_told_though_progress_is_thinned_out() {
        let mut notes = Notes::new();
        let mut tell = |phase, fraction| {
            notes.take(Event::Progress { phase, fraction, message: String::new() }).is_some()
        };
        assert!(tell(Phase::Load, 0.0) && tell(Phase::Calibrate, 0.0));
        let passed = (0..1000).filter(|_| tell(Phase::Calibrate, 0.5)).count();
        assert!(passed < 500, "{passed}");
        assert!(tell(Phase::Calibrate, 1.0) && !tell(Phase::Calibrate, 1.0));
    }

    #[test]
    fn a_full_channel_does_not_hold_up_a_cancelled_job() {
        let (sender, events) = sync_channel(1);
        let relay = Relay::new(sender, Cancel::default());
        relay.tell(log("fits".to_owned()));
        relay.cancel.cancel();
        relay.tell(log("does not fit".to_owned()));
        drop(relay);
        assert_eq!(events.iter().count(), 1);
    }
}
