//! A close look at the selection, and the picture that was tried: what was asked of the engine, and its answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use octet_engine::probe::{ActivationFigures, FeatureMaps, Scatter, TriedPicture, WeightFigures};
use octet_engine::report::Report;

use super::Problem;
use crate::key;

/// Feature maps of one page.
pub const MAPS_PER_PAGE: usize = 16;
/// Told when a picture is dropped while there is nothing to try it on.
pub const NOTHING_TO_TRY: &str =
    key!("A picture can be tried once a run is shown; to calibrate, drop the folder it is in");

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The run's folder.
    pub run: PathBuf,
    /// Name of the operation.
    pub name: String,
    /// It has weights.
    pub has_weights: bool,
}

/// A question's number. A later question of the same kind makes it obsolete, also on the thread that works on it.
#[derive(Debug, Clone)]
pub struct Ticket {
    id: u64,
    latest: Arc<AtomicU64>,
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.latest, &other.latest)
    }
}

impl Ticket {
    /// True once another question took its place.
    pub fn is_obsolete(&self) -> bool {
        self.latest.load(Ordering::Relaxed) != self.id
    }
}

/// What the engine answers to one kind of question.
#[derive(Debug)]
pub struct Answer<T> {
    latest: Arc<AtomicU64>,
    /// The last answer; a new one to the same subject replaces it when it is there.
    pub value: Option<Result<Arc<T>, Problem>>,
    /// Something was asked and is not answered yet.
    pub waiting: bool,
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self { latest: Arc::default(), value: None, waiting: false }
    }
}

impl<T> Answer<T> {
    /// Makes earlier questions obsolete.
    pub fn ask(&mut self) -> Ticket {
        self.waiting = true;
        Ticket { id: self.latest.fetch_add(1, Ordering::Relaxed) + 1, latest: Arc::clone(&self.latest) }
    }

    /// Forgets the answer, and that something was asked.
    pub fn clear(&mut self) {
        self.latest.fetch_add(1, Ordering::Relaxed);
        self.value = None;
        self.waiting = false;
    }

    /// Takes an answer, unless it is obsolete.
    pub fn take(&mut self, ticket: &Ticket, result: Result<T, Problem>) {
        if !ticket.is_obsolete() {
            self.value = Some(result.map(Arc::new));
            self.waiting = false;
        }
    }

    /// The answer, if it is a good one.
    pub fn here(&self) -> Option<&Arc<T>> {
        self.value.as_ref()?.as_ref().ok()
    }
}

/// Which side of feature maps the small pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapKind {
    /// The float network's.
    Float,
    /// What the integers stand for.
    #[default]
    Quantized,
    /// Quantized minus float.
    Difference,
}

impl MapKind {
    /// All, from left to right.
    pub const ALL: [MapKind; 3] = [MapKind::Float, MapKind::Quantized, MapKind::Difference];

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            MapKind::Float => key!("float"),
            MapKind::Quantized => key!("quantized"),
            MapKind::Difference => key!("difference"),
        }
    }
}

/// The picture that was tried.
#[derive(Debug)]
pub struct Tried {
    /// The file.
    pub path: PathBuf,
    /// The run that it was tried on.
    pub run: PathBuf,
}

/// Everything about a close look.
#[derive(Debug)]
pub struct Inspect {
    /// What the answers are about.
    pub subject: Option<Subject>,
    /// Weights of the subject.
    pub weights: Answer<WeightFigures>,
    /// The output channel whose weights the histogram counts; `None` for all.
    pub channel: Option<usize>,
    /// Activations of the subject.
    pub activations: Answer<ActivationFigures>,
    /// Histograms have logarithmic heights.
    pub logarithmic: bool,
    /// Pictures that can be chosen.
    pub pictures: Answer<Vec<PathBuf>>,
    /// The report whose run all answers are about.
    pub report: Option<Arc<Report>>,
    /// The chosen picture; the first of the run until somebody chooses.
    pub picture: Option<PathBuf>,
    /// Float against quantized on the picture.
    pub scatter: Answer<Scatter>,
    /// Feature maps on the picture.
    pub maps: Answer<FeatureMaps>,
    /// First channel of the page of maps.
    pub first_map: usize,
    /// The channel that is shown large; the one with the largest error of the page until somebody chooses.
    pub map: Option<usize>,
    /// What the small maps show.
    pub map_kind: MapKind,
    /// The picture that was tried last.
    pub tried: Option<Tried>,
    /// What both networks say to it.
    pub answer: Answer<TriedPicture>,
}

impl Default for Inspect {
    fn default() -> Self {
        Self {
            subject: None,
            weights: Answer::default(),
            channel: None,
            activations: Answer::default(),
            logarithmic: true,
            pictures: Answer::default(),
            report: None,
            picture: None,
            scatter: Answer::default(),
            maps: Answer::default(),
            first_map: 0,
            map: None,
            map_kind: MapKind::default(),
            tried: None,
            answer: Answer::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Place;

    #[test]
    fn an_answer_to_an_older_question_is_not_taken() {
        let mut answer: Answer<u32> = Answer::default();
        let first = answer.ask();
        let second = answer.ask();
        answer.take(&first, Ok(1));
        assert!(first.is_obsolete() && answer.value.is_none() && answer.waiting);
        answer.take(&second, Ok(2));
        assert!(answer.here().is_some_and(|v| **v == 2) && !answer.waiting);
        answer.clear();
        answer.take(&second, Err(Problem::new(Place::Run, "late", "")));
        assert!(answer.value.is_none());
    }
}
