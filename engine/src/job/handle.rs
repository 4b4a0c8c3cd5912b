//! A running job, held by whoever started it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use super::Event;

/// What the user asks of a running job: to be given up, or to come to an end with what it has. Many threads read it.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    cancelled: Arc<AtomicBool>,
    finish: Arc<AtomicBool>,
}

impl Cancel {
    /// Asks everybody to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
    /// True once somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
    /// Asks the running strategy to keep the best so far and return. It has an effect between two
    /// [`Event::CanFinish`].
    pub fn finish_early(&self) {
        self.finish.store(true, Ordering::Relaxed);
    }
    /// True while that is asked.
    pub fn asks_to_finish(&self) -> bool {
        self.finish.load(Ordering::Relaxed)
    }
    /// Takes the question back; true when it was asked.
    pub(crate) fn take_finish(&self) -> bool {
        self.finish.swap(false, Ordering::Relaxed)
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
