//! What is seen of the logs of jobs: all lines, or those of a level and with a text.

use octet_engine::strategy::LogLevel;

use super::{LogLine, State};

/// The least level of the lines that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLeast {
    /// All of them.
    #[default]
    Debug,
    /// Without what is for authors of plugins.
    Info,
    /// Warnings and errors.
    Warning,
    /// Errors alone.
    Error,
}

impl LogLeast {
    /// All, the one that shows most first.
    pub const ALL: [LogLeast; 4] = [LogLeast::Debug, LogLeast::Info, LogLeast::Warning, LogLeast::Error];

    /// For the switch.
    pub fn words(self) -> &'static str {
        match self {
            LogLeast::Debug => "All lines",
            LogLeast::Info => "Without details",
            LogLeast::Warning => "Warnings and errors",
            LogLeast::Error => "Errors only",
        }
    }

    /// True for lines that are shown; the job's own error has no level.
    fn shows(self, level: Option<LogLevel>) -> bool {
        match self {
            LogLeast::Debug => true,
            LogLeast::Info => level != Some(LogLevel::Debug),
            LogLeast::Warning => matches!(level, None | Some(LogLevel::Warning)),
            LogLeast::Error => level.is_none(),
        }
    }
}

/// How the log is seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogView {
    /// Only lines with this text are shown.
    pub filter: String,
    /// Only lines from this level on are shown.
    pub least: LogLeast,
}

impl LogView {
    /// Some lines may not be shown.
    pub fn leaves_out(&self) -> bool {
        self.least != LogLeast::default() || !self.filter.trim().is_empty()
    }
}

/// A row of the log's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRow<'a> {
    /// What the job did whose lines follow.
    Title(&'a str),
    /// A line.
    Line(&'a LogLine),
}

impl<'a> LogRow<'a> {
    /// Its text.
    pub fn text(self) -> &'a str {
        match self {
            LogRow::Title(title) => title,
            LogRow::Line(line) => &line.text,
        }
    }
}

/// Whether a text has these small letters, in any case. Most texts are ASCII, and there may be very many.
fn has_text(text: &str, wanted: &str) -> bool {
    if wanted.is_empty() {
        return true;
    }
    match text.is_ascii() {
        true => {
            text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
        }
        false => text.to_lowercase().contains(wanted),
    }
}

impl State {
    /// Lines of all logs that are kept.
    pub fn log_lines(&self) -> usize {
        let earlier: usize = self.earlier_logs.iter().map(|log| log.lines.len()).sum();
        earlier + self.job.as_ref().map_or(0, |job| job.log.len())
    }

    /// The rows that are shown, oldest first. A job of which no line is shown has no title either, nor has an only job.
    pub fn log_rows(&self) -> Vec<LogRow<'_>> {
        let wanted = self.log.filter.trim().to_lowercase();
        let shows = |line: &&LogLine| {
            let has_text = || has_text(&line.text, &wanted);
            self.log.least.shows(line.level) && has_text()
        };
        let earlier = self.earlier_logs.iter().map(|log| (log.title.as_str(), log.lines.as_slice()));
        let last = self.job.iter().map(|job| (job.title.as_str(), job.log.as_slice()));
        let mut rows = Vec::new();
        for (title, lines) in earlier.chain(last) {
            let mut lines = lines.iter().filter(shows).peekable();
            if lines.peek().is_some() && !self.earlier_logs.is_empty() {
                rows.push(LogRow::Title(title));
            }
            rows.extend(lines.map(LogRow::Line));
        }
        rows
    }

    /// The same as text.
    pub fn log_text(&self) -> String {
        self.log_rows().into_iter().map(LogRow::text).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use octet_engine::job::Event;

    use super::*;
    use crate::window::state::Job;

    /// A job that told one line of each level.
    fn job(title: &str) -> Job {
        let mut job = Job::new(title.to_owned(), Instant::now());
        for (level, text) in
            [(LogLevel::Debug, "bins"), (LogLevel::Info, "Größe 3"), (LogLevel::Warning, "grey pictures")]
        {
            job.note(Event::Log { level, message: format!("{text} of {title}") });
        }
        job.note(Event::Error { message: format!("{title} crashed\nwith signal 11") });
        job
    }

    #[test]
    fn levels_and_a_text_in_any_case_leave_lines_out() {
        let mut state = State { job: Some(job("a")), ..State::default() };
        let count = |state: &State| state.log_rows().len();
        assert_eq!((count(&state), state.log_lines()), (5, 5), "an error of two lines has two");
        for (least, lines) in LogLeast::ALL.into_iter().zip([5, 4, 3, 2]) {
            state.log.least = least;
            assert_eq!(count(&state), lines, "{least:?}");
        }
        assert_eq!(state.log_text(), "a crashed\nwith signal 11");
        state.log = LogView { filter: " GRÖSSE".to_owned(), least: LogLeast::Debug };
        assert_eq!(count(&state), 0, "ß and SS differ");
        state.log.filter = "größe".to_owned();
        assert_eq!(state.log_text(), "Größe 3 of a");
        state.log.least = LogLeast::Warning;
        assert_eq!(count(&state), 0, "both have to fit");
    }

    #[test]
    fn lines_of_several_jobs_stand_under_their_titles() {
        let mut state = State::default();
        state.begin_job(job("a"));
        state.begin_job(job("b"));
        state.log.filter = "grey".to_owned();
        assert_eq!(state.log_text(), "a\ngrey pictures of a\nb\ngrey pictures of b");
        state.log.filter = "of b".to_owned();
        state.log.least = LogLeast::Warning;
        assert_eq!(state.log_text(), "b\ngrey pictures of b", "no title without lines");
    }
}
