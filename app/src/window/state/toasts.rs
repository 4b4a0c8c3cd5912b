//! Short messages that go away by themselves, errors later.

use std::path::PathBuf;

use super::Problem;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// Unique within the session.
    pub id: u64,
    /// One line, in the language in which it was told: it is gone in seconds. The title of a problem, which stays longer, is
    /// translated where it is drawn.
    pub title: String,
    /// The rest, shown on demand; empty when there is none.
    pub detail: String,
    /// Something failed: stays longer.
    pub is_error: bool,
    /// The rest is shown.
    pub shows_detail: bool,
    /// A run that it tells of and that can be shown.
    pub run: Option<PathBuf>,
    /// When it appeared, in egui's seconds; set when it is first drawn.
    pub since_secs: Option<f64>,
}

/// The messages on display, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Toasts {
    /// All of them.
    pub all: Vec<Toast>,
    next: u64,
}

impl Toasts {
    /// More than this many are not kept.
    const MAX: usize = 5;
    /// How long a message that is no error stays.
    pub const STAY_SECS: f64 = 6.0;
    /// How long one of an error or of a run stays, unless its details are open; the step that failed keeps its mark.
    pub const ERROR_STAYS_SECS: f64 = 40.0;

    /// Tells something.
    pub fn info(&mut self, title: impl Into<String>) {
        self.push(title.into(), String::new(), false, None);
    }

    /// Tells of a run that is not on display.
    pub fn run(&mut self, title: impl Into<String>, run: PathBuf) {
        self.push(title.into(), String::new(), false, Some(run));
    }

    /// Tells of a problem.
    pub fn problem(&mut self, problem: &Problem) {
        self.push(problem.title.clone(), problem.detail.clone(), true, None);
    }

    fn push(&mut self, title: String, detail: String, is_error: bool, run: Option<PathBuf>) {
        // The same message again replaces the old one.
        self.all.retain(|t| t.title != title || t.detail != detail);
        if self.all.len() >= Self::MAX {
            self.all.remove(0);
        }
        let id = self.next;
        self.next += 1;
        self.all.push(Toast { id, title, detail, is_error, shows_detail: false, run, since_secs: None });
    }

    /// Takes one away.
    pub fn dismiss(&mut self, id: u64) {
        self.all.retain(|t| t.id != id);
    }

    /// A message by id.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Toast> {
        self.all.iter_mut().find(|t| t.id == id)
    }

    /// Drops what has been there long enough; returns the seconds until the next one goes.
    pub fn expire(&mut self, now_secs: f64) -> Option<f64> {
        for toast in &mut self.all {
            toast.since_secs.get_or_insert(now_secs);
        }
        let left = |t: &Toast| {
            let stay = if t.is_error || t.run.is_some() { Self::ERROR_STAYS_SECS } else { Self::STAY_SECS };
            (!t.shows_detail).then(|| stay - (now_secs - t.since_secs.unwrap_or(now_secs)))
        };
        self.all.retain(|t| left(t).is_none_or(|l| l > 0.0));
        self.all.iter().filter_map(left).min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Place;

    #[test]
    fn errors_stay_longer_than_the_rest() {
        let mut toasts = Toasts::default();
        toasts.info("saved");
        toasts.problem(&Problem::new(Place::Run, "failed", "why"));
        assert_eq!(toasts.expire(10.0), Some(Toasts::STAY_SECS));
        assert_eq!(toasts.expire(17.0), Some(Toasts::ERROR_STAYS_SECS - 7.0));
        assert_eq!(toasts.all.len(), 1);
        assert!(toasts.all[0].is_error);
        let id = toasts.all[0].id;
        toasts.get_mut(id).unwrap().shows_detail = true;
        assert_eq!(toasts.expire(1000.0), None, "whoever reads the details is not interrupted");
        toasts.get_mut(id).unwrap().shows_detail = false;
        toasts.expire(1000.0);
        assert!(toasts.all.is_empty());
    }

    #[test]
    fn a_repeated_message_is_shown_once() {
        let mut toasts = Toasts::default();
        toasts.info("again");
        toasts.info("again");
        assert_eq!(toasts.all.len(), 1);
    }
}
