//! The board against the desktop: its self-test tells the CRC32 of every tensor, and the simulator computes the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::console::{BoardEvent, command_line};
use super::desktop::Desktop;
use super::difference::{Difference, ToldTensor, first_difference};
use super::error::DeployError;
use super::event::{Event, Reporter};
use super::generate::Flavour;
use super::measured::{MeasuredLayer, Measurement};
use super::ports::Port;
use super::project::Project;
use super::session::Session;
use crate::strategy::LogLevel;

/// Lines that were damaged on the way are asked for again so often.
const ATTEMPTS: u32 = 3;
/// More layers or tensors has no network; a board that tells them makes them up.
const MAX_TOLD: usize = 1 << 16;

/// What to compare.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// The port.
    pub port: Port,
    /// Speed of the console.
    pub baud: u32,
    /// Leave the modem lines alone.
    pub no_reset: bool,
    /// A board that says nothing for so long has failed.
    pub patience: Duration,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Tensors that were compared.
    pub tensors: usize,
    /// Tensors that the desktop has and the board did not tell, such as those inside of fused blocks.
    pub untold: usize,
    /// The first one that differs.
    pub first_difference: Option<Difference>,
    /// Whether the output is the one stored in the file.
    pub output_matches: bool,
    /// What the board measured; it is put into the run where all is equal.
    pub measurement: Measurement,
}

/// Runs the self-test and compares. Where all is equal, the measurement goes into the run folder.
///
/// # Errors
/// The board does not answer, holds another model, or computes something else: the first tensor is named.
pub fn verify(
    project: &Project,
    request: &VerifyRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Verification, DeployError> {
    let expected = match project.flavour {
        Flavour::Octet => {
            let desktop = Desktop::open(project)?;
            desktop.compute(desktop.test_input()?.as_data())?.tensors
        }
        Flavour::EspDl => Vec::new(),
    };
    let mut session = Session::open(&request.port, request.baud, &project.run, request.patience)?;
    if !request.no_reset {
        session.reset(reporter);
    }
    let verification = match project.flavour {
        Flavour::Octet => {
            session.greet(project, reporter)?;
            self_test(&mut session, project, &expected, reporter)?
        }
        Flavour::EspDl => esp_dl(&mut session, project, reporter)?,
    };
    if verification.tensors == 0 && !expected.is_empty() {
        let help = "build and flash the firmware of this Octet";
        return Err(session.failed("the board told no tensor", help));
    }
    let differs = match &verification.first_difference {
        Some(difference) => Some(difference.told()),
        None if !verification.output_matches => {
            Some("the board's output is not the one stored in the model".to_owned())
        }
        None => None,
    };
    // The time of something that was computed otherwise would be no measurement of this network. Whoever is told of an
    // equal one reads it from the run.
    if differs.is_none() {
        verification.measurement.write(&project.run, project.flavour)?;
    }
    reporter.tell(Event::Verified(verification.clone()));
    differs.map_or(Ok(verification), |difference| Err(DeployError::Differs(difference)))
}

/// What one self-test told.
#[derive(Default)]
struct Answers {
    layers: Vec<MeasuredLayer>,
    tensors: Vec<ToldTensor>,
    result: Option<BoardEvent>,
    passed: Option<bool>,
}

fn self_test(
    session: &mut Session,
    project: &Project,
    expected: &[(String, u32)],
    reporter: &mut Reporter<'_>,
) -> Result<Verification, DeployError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let trouble = match ask(session, attempt, reporter)? {
            None => session.restarted(),
            Some(answers) => match (&answers.result, answers.lost()) {
                (Some(result), 0) if answers.passed.is_some() => {
                    return compare(session, project, expected, &answers, result);
                }
                (_, lost) => session.failed(
                    &format!("{} lines were lost on the way", lost.max(1)),
                    "take a shorter cable and no hub, and stop what else writes to the console; nothing was claimed",
                ),
            },
        };
        if attempt >= ATTEMPTS {
            return Err(trouble);
        }
        reporter.log(LogLevel::Warning, format!("{trouble}; asking again"));
    }
}

impl Answers {
    /// How many lines the board told that did not arrive.
    fn lost(&self) -> usize {
        let Some(result) = &self.result else { return 1 };
        let told = |key: &str| result.number(key).unwrap_or(0) as usize;
        told("layers").saturating_sub(self.layers.len()) + told("tensors").saturating_sub(self.tensors.len())
    }
}

/// One self-test; `None` when the board started anew instead.
fn ask(session: &mut Session, id: u32, reporter: &mut Reporter<'_>) -> Result<Option<Answers>, DeployError> {
    let pairs = [("id", id.to_string()), ("layers", "1".to_owned()), ("tensors", "1".to_owned())];
    session.send(&command_line("selftest", &pairs), reporter)?;
    let mut answers = Answers::default();
    let mut has_begun = false;
    loop {
        let event = match session.event(reporter) {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            // The last line of an answer was lost.
            Err(_) if has_begun && session.is_silent() => return Ok(Some(answers)),
            Err(error) => return Err(error),
        };
        if Session::is_restart(&event) {
            return Ok(None);
        }
        if Session::is_misread(&event) {
            return Ok(Some(Answers::default()));
        }
        if event.number("id") != Some(u64::from(id)) {
            continue;
        }
        // What only says that the network runs is no part of the answer: a slow or dead one is told as such.
        has_begun |= event.event != "start";
        let text = |key: &str| event.text(key).unwrap_or("").to_owned();
        match event.event.as_str() {
            "error" => return Err(session.told_error(&event)),
            "layer" if answers.layers.len() < MAX_TOLD => {
                answers.layers.push(MeasuredLayer {
                    name: text("name"),
                    op: text("op"),
                    micros: event.number("micros").unwrap_or(0),
                    cycles: event.number("cycles"),
                    macs: event.number("macs").unwrap_or(0),
                });
                reporter.progress(0.5, format!("{} layers", answers.layers.len()));
            }
            "tensor" if answers.tensors.len() < MAX_TOLD => {
                if let (Some(index), Some(crc32)) = (event.number("index"), event.crc32("crc32")) {
                    answers.tensors.push(ToldTensor { index: index as usize, name: text("name"), crc32 });
                }
            }
            "result" => answers.result = Some(event),
            "test" => {
                answers.passed = event.fields.get("passed").and_then(serde_json::Value::as_bool);
                return Ok(Some(answers));
            }
            _ => {}
        }
    }
}

/// ESP-DL's flavour tells who it is, its test and its best time by itself, once after each start.
fn esp_dl(
    session: &mut Session,
    project: &Project,
    reporter: &mut Reporter<'_>,
) -> Result<Verification, DeployError> {
    let mut answers: Option<Answers> = None;
    loop {
        let Some(event) = session.event(reporter)? else { continue };
        match (event.event.as_str(), &mut answers) {
            ("hello", _) => {
                session.check_hello(&event, project)?;
                answers = Some(Answers::default());
            }
            ("bye", None) => {
                return Err(session.failed(
                    "the firmware did not say which model it runs",
                    "press RESET while Octet waits; if that does not help, write, build and flash the project anew",
                ));
            }
            ("test", Some(answers)) => {
                answers.passed = event.fields.get("passed").and_then(serde_json::Value::as_bool);
            }
            ("result", Some(answers)) => answers.result = Some(event),
            _ => {}
        }
        if let Some(answers) = &answers
            && let (Some(_), Some(result)) = (answers.passed, &answers.result)
        {
            return compare(session, project, &[], answers, result);
        }
    }
}

fn compare(
    session: &Session,
    project: &Project,
    expected: &[(String, u32)],
    answers: &Answers,
    result: &BoardEvent,
) -> Result<Verification, DeployError> {
    let (compared, first) = first_difference(expected, &answers.tensors);
    let micros =
        |key: &str| result.fields.get("micros").and_then(|m| m.get(key)).and_then(serde_json::Value::as_u64);
    let network_us = micros("network").ok_or_else(|| {
        let help = "write, build and flash the firmware of this Octet";
        session.failed("the board told no time of the network", help)
    })?;
    Ok(Verification {
        tensors: compared,
        untold: expected.len().saturating_sub(compared),
        first_difference: first,
        output_matches: answers.passed.unwrap_or(false),
        measurement: Measurement {
            schema: Measurement::schema(),
            chip: project.target.clone(),
            model_crc32: project.model_crc32,
            network_us,
            preprocess_us: micros("preprocess"),
            postprocess_us: micros("postprocess"),
            cycles: result.number("cycles"),
            arena_bytes: result.number("arena_bytes"),
            layers: answers.layers.clone(),
        },
    })
}
