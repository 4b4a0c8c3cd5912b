//! A running job as the window follows it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use octet_engine::job::{Cancel, Event, Phase};
use octet_engine::strategy::LogLevel;

use super::{Document, State};
use crate::{key, tr};

/// All phases in the order in which they begin, each with its usual share of a job's time in percent, as measured on MobileNetV2.
pub const PHASES: [(Phase, f32); 7] = [
    (Phase::Load, 1.0),
    (Phase::Strategy, 2.0),
    (Phase::Calibrate, 12.0),
    (Phase::Export, 1.0),
    (Phase::Graphwise, 8.0),
    (Phase::Layerwise, 39.0),
    (Phase::Evaluate, 37.0),
];

/// Lines that the log keeps; `log.txt` in the run folder has more.
const MAX_LOG_LINES: usize = 10_000;
/// Lines that are dropped at once when there are too many.
const DROPPED_LOG_LINES: usize = 1_000;

/// A phase in words.
pub fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => key!("loading"),
        Phase::Calibrate => key!("calibrating"),
        Phase::Strategy => key!("strategy"),
        Phase::Export => key!("writing the model"),
        Phase::Graphwise => key!("graphwise errors"),
        Phase::Layerwise => key!("layerwise errors"),
        Phase::Evaluate => key!("accuracy"),
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Severity; `None` for the job's own error.
    pub level: Option<LogLevel>,
    /// Text.
    pub text: String,
}

/// The log of a job that another one followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierLog {
    /// What the job did.
    pub title: String,
    /// Its lines.
    pub lines: Vec<LogLine>,
}

/// Logs that are kept beside the last job's.
const MAX_EARLIER_LOGS: usize = 6;

impl State {
    /// Makes this the job at work; the log of the one before is kept, unless it is a score's that ended well.
    pub fn begin_job(&mut self, job: Job) {
        let Some(old) = self.job.replace(job) else { return };
        let failed = matches!(old.end, Some(JobEnd::Failed(_)));
        if old.log.is_empty() || (old.is_score && !failed) {
            return;
        }
        if self.earlier_logs.len() >= MAX_EARLIER_LOGS {
            self.earlier_logs.pop_front();
        }
        self.earlier_logs.push_back(EarlierLog { title: old.title, lines: old.log });
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// With a run folder.
    Done(PathBuf),
    /// With an error.
    Failed(String),
    /// The user cancelled.
    Cancelled,
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// What it does, e.g. `Int8 for esp32s3`.
    pub title: String,
    /// Raised to end it; there as soon as it has started.
    pub cancel: Option<Cancel>,
    /// The user asked it to end.
    pub cancelling: bool,
    /// The running strategy can stop and keep the best so far.
    pub can_finish: bool,
    /// The user asked it to.
    pub finishing: bool,
    /// When it was asked for.
    pub started: Instant,
    /// The phase at work.
    pub phase: Option<Phase>,
    /// 0..=1 within the phase.
    pub fraction: f32,
    /// What it says about the phase.
    pub message: String,
    /// Its log, without the lines that were dropped.
    pub log: Vec<LogLine>,
    dropped: usize,
    /// 0..=1 over all phases. A strategy goes on after a calibration, and the bar does not go back with it.
    furthest: f32,
    /// Only what takes seconds is measured.
    pub is_score: bool,
    /// It was started after a change, without being asked for.
    pub by_itself: bool,
    /// What it was started from.
    pub document: Document,
    /// Set once it has ended.
    pub end: Option<JobEnd>,
}

impl Job {
    /// A job that was just asked for.
    pub fn new(title: String, started: Instant) -> Self {
        Self {
            title,
            cancel: None,
            cancelling: false,
            can_finish: false,
            finishing: false,
            started,
            phase: None,
            fraction: 0.0,
            message: String::new(),
            log: Vec::new(),
            dropped: 0,
            furthest: 0.0,
            is_score: false,
            by_itself: false,
            document: Document::default(),
            end: None,
        }
    }

    /// Takes note of what the job tells.
    pub fn note(&mut self, event: Event) {
        match event {
            Event::Progress { phase, fraction, message } => {
                self.phase = Some(phase);
                self.fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
                self.message = message;
                self.furthest = self.furthest.max(self.reached());
            }
            Event::Log { level, message } => {
                self.tell(Some(level), &message);
            }
            Event::Warning(finding) => {
                self.tell(Some(LogLevel::Warning), &finding.text);
            }
            Event::Error { message } => {
                self.tell(None, &message);
                let cancelled = self.cancelling;
                self.end = Some(if cancelled { JobEnd::Cancelled } else { JobEnd::Failed(message) });
            }
            Event::CanFinish { can } => {
                self.can_finish = can;
                self.finishing &= can;
            }
            // The report has the curves once the job is done.
            Event::Point { .. } => {}
            Event::Done { run } => self.end = Some(JobEnd::Done(run)),
        }
    }

    /// Adds what may be several lines: rows of the log's view are of one height.
    pub fn tell(&mut self, level: Option<LogLevel>, text: &str) {
        for line in text.split('\n') {
            self.log_line(LogLine { level, text: line.trim_end_matches('\r').to_owned() });
        }
    }

    /// Adds a line; the oldest ones give way to a note that says how many they were.
    fn log_line(&mut self, line: LogLine) {
        if self.log.len() >= MAX_LOG_LINES {
            // The first line is the note of the last time.
            let noted = usize::from(self.dropped > 0);
            self.log.drain(..DROPPED_LOG_LINES);
            self.dropped += DROPPED_LOG_LINES - noted;
            let text = tr!("(%{n} earlier lines were dropped)", n = self.dropped).into_owned();
            self.log.insert(0, LogLine { level: Some(LogLevel::Info), text });
        }
        self.log.push(line);
    }

    /// 0..=1 over all phases; never less than before.
    pub fn overall(&self) -> f32 {
        self.furthest
    }

    fn reached(&self) -> f32 {
        let Some(phase) = self.phase else { return 0.0 };
        let before: f32 = PHASES.iter().filter(|(p, _)| *p < phase).map(|(_, w)| w).sum();
        let this: f32 = PHASES.iter().filter(|(p, _)| *p == phase).map(|(_, w)| w).sum();
        ((before + this * self.fraction) / 100.0).clamp(0.0, 1.0)
    }

    /// How long it will take from now, once that can be told.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let done = f64::from(self.overall());
        if self.end.is_some() || elapsed < Duration::from_secs(1) || !(0.04..1.0).contains(&done) {
            return None;
        }
        Some(elapsed.mul_f64((1.0 - done) / done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: Phase, fraction: f32) -> Event {
        Event::Progress { phase, fraction, message: String::new() }
    }

    #[test]
    fn the_shares_of_the_phases_are_a_whole() {
        assert_eq!(PHASES.iter().map(|(_, w)| w).sum::<f32>(), 100.0);
        assert!(PHASES.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn the_bar_never_goes_back_and_the_time_left_shrinks() {
        let mut job = Job::new("j".to_owned(), Instant::now());
        let mut last = 0.0;
        for (phase, _) in PHASES {
            for fraction in [0.0, 0.5, 1.0] {
                job.note(progress(phase, fraction));
                assert!(job.overall() >= last);
                last = job.overall();
            }
        }
        assert_eq!(last, 1.0);
        job.note(progress(Phase::Strategy, 0.95));
        assert_eq!(job.overall(), last);
        let mut job = Job::new("j".to_owned(), Instant::now());
        // 24 of 100 parts are done.
        job.note(progress(Phase::Layerwise, 0.0));
        let left = job.left(Duration::from_secs(12)).unwrap();
        assert!((left.as_secs_f64() - 38.0).abs() < 1e-3);
        assert_eq!(job.left(Duration::from_millis(10)), None);
    }

    #[test]
    fn the_log_drops_its_oldest_lines_and_says_how_many() {
        let mut job = Job::new("j".to_owned(), Instant::now());
        for i in 0..25_000_usize {
            job.note(Event::Log { level: LogLevel::Info, message: i.to_string() });
            assert!(job.log.len() <= MAX_LOG_LINES);
        }
        assert_eq!(job.log.last().unwrap().text, "24999");
        let dropped = 25_000 - (job.log.len() - 1);
        assert_eq!(job.log[0].text, format!("({dropped} earlier lines were dropped)"));
        assert_eq!(job.log[1].text, dropped.to_string());
    }

    #[test]
    fn logs_stay_when_another_job_begins() {
        let mut state = State::default();
        let job = |title: &str, is_score, end: Option<JobEnd>| {
            let mut job = Job::new(title.to_owned(), Instant::now());
            (job.is_score, job.end) = (is_score, end);
            job.log_line(LogLine { level: None, text: title.to_owned() });
            job
        };
        let failed = || Some(JobEnd::Failed("why".to_owned()));
        state.begin_job(job("run", false, Some(JobEnd::Cancelled)));
        state.begin_job(job("score", true, Some(JobEnd::Cancelled)));
        state.begin_job(job("failed score", true, failed()));
        state.begin_job(job("last", false, None));
        let titles: Vec<&str> = state.earlier_logs.iter().map(|l| l.title.as_str()).collect();
        assert_eq!(titles, ["run", "failed score"]);
        (0..100).for_each(|_| state.begin_job(job("more", false, failed())));
        assert_eq!(state.earlier_logs.len(), MAX_EARLIER_LOGS);
    }

    #[test]
    fn an_error_after_cancel_is_no_failure() {
        let mut job = Job::new("j".to_owned(), Instant::now());
        job.cancelling = true;
        job.note(Event::Error { message: "cancelled".to_owned() });
        assert_eq!(job.end, Some(JobEnd::Cancelled));
    }
}
