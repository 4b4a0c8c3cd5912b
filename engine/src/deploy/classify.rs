//! Pictures to the board: its answers beside those of the desktop for the same bytes.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::difference::Difference;
use super::error::DeployError;
use super::event::{Event, Reporter};
use super::generate::Flavour;
use super::ports::Port;
use super::project::Project;
use super::question::{Studio, unusable};
use super::session::Session;
use super::talk::{MAX_TOP, Talk};

/// Who makes the network's integers of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreparedBy {
    /// The desktop, as the run's pre-processing says; the integers are sent.
    Desktop,
    /// The board: the desktop resizes and crops as the run says, and sends RGB888 of the network's size.
    Board,
}

/// What to classify.
#[derive(Debug, Clone)]
pub struct ClassifyRequest {
    /// Picture files.
    pub pictures: Vec<PathBuf>,
    /// Who prepares them.
    pub prepared_by: PreparedBy,
    /// Answers that are told, 1 to 10.
    pub top: usize,
    /// The port.
    pub port: Port,
    /// Speed of the console.
    pub baud: u32,
    /// Leave the modem lines alone; otherwise a board that says nothing is reset.
    pub no_reset: bool,
    /// A board that tells nothing for so long has failed.
    pub patience: Duration,
}

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedClass {
    /// Index of the class.
    pub index: u32,
    /// Its name, where one is known.
    pub name: Option<String>,
    /// 0..=1.
    pub score: f32,
}

/// One picture on the board and on the desktop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The file.
    pub picture: PathBuf,
    /// Who prepared it.
    pub prepared_by: PreparedBy,
    /// Bytes that were sent.
    pub sent_bytes: u64,
    /// The board's best answers, best first.
    pub board: Vec<RankedClass>,
    /// The desktop's for the same bytes.
    pub desktop: Vec<RankedClass>,
    /// Microseconds on the board for pre-processing (0 where the desktop did it).
    pub preprocess_us: u64,
    /// Microseconds of the network.
    pub network_us: u64,
    /// Microseconds for the answers.
    pub postprocess_us: u64,
    /// Values of the network's output.
    pub values: usize,
    /// How many of them differ between board and desktop.
    pub differing: usize,
    /// The first tensor that differs, where one does.
    pub first_difference: Option<Difference>,
}

impl Classification {
    /// Whether board and desktop computed the same integers.
    pub fn is_equal(&self) -> bool {
        self.differing == 0
    }
}

/// Sends pictures one after the other and compares each answer, value by value. [`Event::Classified`] tells each.
///
/// # Errors
/// A picture cannot be read, the board does not answer or holds another model, or it computes something else: the
/// first tensor is named.
pub fn classify(
    project: &Project,
    request: &ClassifyRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Vec<Classification>, DeployError> {
    if project.flavour != Flavour::Octet {
        return Err(DeployError::request(
            "the firmware with Espressif's ESP-DL takes no pictures",
            "take the project of Octet's runtime: leave out `--flavour esp-dl`",
        ));
    }
    if !(1..=MAX_TOP).contains(&request.top) {
        return Err(DeployError::request(
            format!("{} answers were asked for", request.top),
            format!("ask for 1 to {MAX_TOP}"),
        ));
    }
    if let Some(none) = request.pictures.iter().find(|picture| !picture.is_file()) {
        return Err(unusable(none, "there is no such file"));
    }
    let studio = Studio::new(project, request)?;
    let mut session = Session::open(&request.port, request.baud, &project.run, request.patience)?;
    let hello = session.greet_or_reset(project, request.no_reset, reporter)?;
    let mut talk = Talk::new(session, &hello, request.top);
    let mut told = Vec::new();
    for (index, picture) in request.pictures.iter().enumerate() {
        let question = studio.question(picture)?;
        talk.turn_to(index, request.pictures.len(), question.sent.len());
        let outcome = talk.outcome(&studio, &question, reporter)?;
        reporter.tell(Event::Classified(outcome.clone()));
        if !outcome.is_equal() {
            let at = outcome.first_difference.as_ref().map_or_else(
                || format!("{} of {} values of the output differ", outcome.differing, outcome.values),
                Difference::told,
            );
            return Err(DeployError::Differs(format!("`{}`: {at}", picture.display())));
        }
        told.push(outcome);
    }
    Ok(told)
}
