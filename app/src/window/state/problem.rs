//! What went wrong, and where.

/// The part of the window that a problem belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Opening models.
    Model,
    /// Pictures.
    Pictures,
    /// Plugins and their settings.
    Strategy,
    /// Jobs and runs.
    Run,
    /// Boards.
    Deploy,
}

/// A problem, told to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is shown.
    pub place: Place,
    /// One line.
    pub title: String,
    /// The rest: what is named, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: Place, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { place, title: title.into(), detail: detail.into() }
    }
}
