//! A running job, held by whoever started it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use super::Event;

/// A flag that many threads read and anyone may raise once.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks everybody to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// True once somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A job that runs in the background. Dropping the handle does not end it; [`Cancel::cancel`] does.
#[derive(Debug)]
pub struct JobHandle {
    /// What happens; ends after [`Event::Done`] or [`Event::Error`].
    pub events: Receiver<Event>,
    /// Ends the job, including its child process.
    pub cancel: Cancel,
}
