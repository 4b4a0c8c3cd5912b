//! The progress bar of long work, where standard error is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use octet_engine::strategy::LogLevel;

/// Parts of the bar.
const PARTS: f32 = 1000.0;

/// The bar, or nothing.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    /// A bar where it is wanted and somebody can see it.
    pub(super) fn new(is_wanted: bool) -> Self {
        let bar = (is_wanted && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(PARTS as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{prefix:>10} {bar:32} {percent:>3} %  {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Bar { bar }
    }

    /// Whether it is there.
    pub(super) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Says what goes on, in one word.
    pub(super) fn name(&self, word: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(word);
        }
    }

    /// Shows how far it is, 0..=1, and a few words.
    pub(super) fn reach(&self, fraction: f32, message: String) {
        if let Some(bar) = &self.bar {
            bar.set_position((fraction * PARTS) as u64);
            bar.set_message(message);
        }
    }

    /// Writes to standard error without tearing the bar.
    pub(super) fn beside(&self, tell: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(tell),
            None => tell(),
        }
    }

    /// Writes a line of a log.
    pub(super) fn log(&self, level: LogLevel, message: &str) {
        self.beside(|| match level {
            LogLevel::Warning => tracing::warn!("{message}"),
            LogLevel::Info => tracing::info!("{message}"),
            LogLevel::Debug => tracing::debug!("{message}"),
        });
    }

    /// Takes it away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
