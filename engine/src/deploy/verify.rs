//! The board against the desktop: its self-test tells the CRC32 of every tensor, and the simulator computes the same.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use octet_runtime::{DType, Data, Model, Simulator, TensorView};
use serde::{Deserialize, Serialize};

use super::console::{BoardEvent, command_line};
use super::error::DeployError;
use super::event::{Event, Reporter};
use super::generate::Flavour;
use super::inside::read_limited;
use super::measured::{MeasuredLayer, Measurement};
use super::monitor::Console;
use super::ports::Port;
use super::project::Project;
use crate::predict::Values;
use crate::strategy::LogLevel;

/// How often `hello` is said until the board answers.
const HELLO_EVERY: Duration = Duration::from_secs(1);
/// Lines that were damaged on the way are asked for again so often.
const ATTEMPTS: u32 = 3;
/// The board's names are cut to this many bytes (docs/console.md), less what JSON escapes take.
const SURE_NAME_BYTES: usize = 200;
/// The last words of a board that does not answer.
const LAST_LINES: usize = 5;

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

/// A tensor that the board computes otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In execution order, the network's input being 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// CRC32 on the board.
    pub board_crc32: u32,
    /// CRC32 on the desktop.
    pub desktop_crc32: u32,
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
    /// The measurement that was put into the run.
    pub measurement: Measurement,
}

/// Runs the self-test and compares. The measurement goes into the run folder.
///
/// # Errors
/// The board does not answer, holds another model, or computes something else: the first tensor is named.
pub fn verify(
    project: &Project,
    request: &VerifyRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Verification, DeployError> {
    let expected = match project.flavour {
        Flavour::Octet => expected_tensors(&project.run, project)?,
        Flavour::EspDl => Vec::new(),
    };
    let mut session = Session {
        console: Console::open(&request.port, request.baud, &project.run)?,
        patience: request.patience,
        last_lines: VecDeque::new(),
        port: request.port.name.clone(),
    };
    if !request.no_reset {
        session.console.reset(reporter);
    }
    let verification = match project.flavour {
        Flavour::Octet => {
            session.greet(project, reporter)?;
            session.self_test(project, &expected, reporter)?
        }
        Flavour::EspDl => session.esp_dl(project, reporter)?,
    };
    if verification.tensors == 0 && !expected.is_empty() {
        return Err(DeployError::Console {
            message: format!("{}: the board told no tensor", request.port.name),
            help: "build and flash the firmware of this Octet".to_owned(),
        });
    }
    verification.measurement.write(&project.run, project.flavour)?;
    reporter.tell(Event::Verified(verification.clone()));
    if let Some(difference) = &verification.first_difference {
        return Err(DeployError::Differs(format!(
            "the board and the desktop differ first in tensor `{}` (number {}): CRC32 {:08x} on the board, {:08x} on the desktop",
            difference.name, difference.index, difference.board_crc32, difference.desktop_crc32
        )));
    }
    if !verification.output_matches {
        return Err(DeployError::Differs("the board's output is not the one stored in the model".to_owned()));
    }
    Ok(verification)
}

/// Name and CRC32 of every tensor of the stored test input's inference, in execution order.
fn expected_tensors(run: &Path, project: &Project) -> Result<Vec<(String, u32)>, DeployError> {
    let path: PathBuf = run.join("model.espdl");
    let bytes = read_limited(&path, 64 << 20)?;
    let corrupt = |reason: String| DeployError::Corrupt {
        path: path.clone(),
        reason,
        help: "quantize the model anew".to_owned(),
    };
    if crc32fast::hash(&bytes) != project.model_crc32 {
        return Err(DeployError::request(
            "the run's model is newer than the firmware project",
            format!("`octet firmware new {}`, then flash it", run.display()),
        ));
    }
    let test = {
        let model = Model::parse(&bytes).map_err(|e| corrupt(e.to_string()))?;
        let test = model.test_inputs_value().next();
        let test = test.ok_or_else(|| corrupt("it holds no test input".to_owned()))?;
        (test.dtype(), test.data().to_vec())
    };
    let simulator =
        Simulator::new(bytes.into(), Some(project.chip().target)).map_err(|e| corrupt(e.to_string()))?;
    let mut tensors = Vec::new();
    let mut observe = |view: TensorView<'_>| {
        tensors.push((view.name.to_owned(), crc32fast::hash(&Values::of(&view.data).to_bytes())));
    };
    let (narrow, wide): (Vec<i8>, Vec<i16>) = match test.0 {
        DType::I16 => {
            (Vec::new(), test.1.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
        }
        _ => (test.1.iter().map(|&b| b as i8).collect(), Vec::new()),
    };
    let input = if test.0 == DType::I16 { Data::I16(&wide) } else { Data::I8(&narrow) };
    simulator
        .run(&mut simulator.scratch(), input, Some(&mut observe))
        .map_err(|e| corrupt(format!("its test input cannot be run: {e}")))?;
    Ok(tensors)
}

struct Session {
    console: Console,
    patience: Duration,
    last_lines: VecDeque<String>,
    port: String,
}

/// What one self-test told.
#[derive(Default)]
struct Answers {
    layers: Vec<MeasuredLayer>,
    tensors: Vec<(usize, String, u32)>,
    result: Option<BoardEvent>,
    passed: Option<bool>,
}

impl Session {
    /// The next event; other lines are remembered for the message that a silence ends in.
    fn event(
        &mut self,
        waiting: &mut VecDeque<BoardEvent>,
        until: &mut Instant,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<BoardEvent>, DeployError> {
        reporter.check()?;
        if waiting.is_empty() {
            for line in self.console.lines(reporter)? {
                *until = Instant::now() + self.patience;
                match line.message {
                    Some(event) => waiting.push_back(event),
                    None => {
                        self.last_lines.push_back(line.text);
                        if self.last_lines.len() > LAST_LINES {
                            self.last_lines.pop_front();
                        }
                    }
                }
            }
        }
        if waiting.is_empty() && Instant::now() > *until {
            return Err(self.silent());
        }
        Ok(waiting.pop_front())
    }

    fn silent(&self) -> DeployError {
        let said = self.last_lines.iter().cloned().collect::<Vec<_>>().join(" | ");
        let message = if said.is_empty() {
            format!("{}: the board says nothing", self.port)
        } else {
            format!("{}: the board does not answer; the last it said is: {said}", self.port)
        };
        let all = self.last_lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let help = if all.contains("Guru Meditation") || all.contains("abort()") {
            "the firmware crashed; console.log in the run folder has the registers"
        } else if all.contains("memory for the activations") {
            "the activations do not fit: take a smaller input, or a board with PSRAM"
        } else if all.contains("waiting for download") {
            "the board is in its boot loader: press RESET without BOOT"
        } else {
            "press RESET; look whether this port is the one of the console (boards with two USB sockets have two), and \
             whether the firmware was flashed"
        };
        DeployError::Console { message, help: help.to_owned() }
    }

    /// Says hello until the board answers, and looks who it is.
    fn greet(&mut self, project: &Project, reporter: &mut Reporter<'_>) -> Result<(), DeployError> {
        let mut until = Instant::now() + self.patience;
        let mut waiting = VecDeque::new();
        let mut asked: Option<Instant> = None;
        loop {
            if asked.is_none_or(|at| at.elapsed() > HELLO_EVERY) {
                self.console.send(&command_line("hello", &[]))?;
                asked = Some(Instant::now());
            }
            let Some(event) = self.event(&mut waiting, &mut until, reporter)? else { continue };
            match event.event.as_str() {
                "hello" => return self.check_hello(&event, project),
                "error" => return Err(self.told_error(&event)),
                _ => {}
            }
        }
    }

    fn check_hello(&self, hello: &BoardEvent, project: &Project) -> Result<(), DeployError> {
        let wrong = |what: String, help: &str| DeployError::Console {
            message: format!("{}: {what}", self.port),
            help: help.to_owned(),
        };
        if hello.number("protocol") != Some(1) {
            return Err(wrong(
                "the firmware speaks another protocol".to_owned(),
                "write, build and flash it anew",
            ));
        }
        let target = hello.text("target").unwrap_or("nothing");
        if target != project.target {
            return Err(wrong(
                format!("the firmware is for {target}, and this project for {}", project.target),
                "choose the other board with --port, or flash this one",
            ));
        }
        let crc = hello.crc32("model_crc32");
        if crc != Some(project.model_crc32) {
            let crc = crc.map_or_else(|| "unknown".to_owned(), |crc| format!("{crc:08x}"));
            return Err(wrong(
                format!(
                    "the board has another model (CRC32 {crc}, the run's is {:08x})",
                    project.model_crc32
                ),
                "flash it; with `--model-only` that takes seconds",
            ));
        }
        Ok(())
    }

    fn told_error(&self, event: &BoardEvent) -> DeployError {
        let message = event.text("message").unwrap_or("no reason was given");
        let help = match event.text("code") {
            Some("arena" | "workspace") => "take a smaller input, or a board with PSRAM",
            Some("model") => "flash the model anew; it was damaged or only written in part",
            _ => "look into console.log in the run folder",
        };
        DeployError::Console {
            message: format!("{}: the board says: {message}", self.port),
            help: help.to_owned(),
        }
    }

    fn self_test(
        &mut self,
        project: &Project,
        expected: &[(String, u32)],
        reporter: &mut Reporter<'_>,
    ) -> Result<Verification, DeployError> {
        for attempt in 1..=ATTEMPTS {
            let answers = self.ask(attempt, reporter)?;
            let Some(result) = &answers.result else { continue };
            let told = |key: &str| result.number(key).unwrap_or(0) as usize;
            let lost = told("layers").saturating_sub(answers.layers.len())
                + told("tensors").saturating_sub(answers.tensors.len());
            if lost > 0 && attempt < ATTEMPTS {
                reporter.log(LogLevel::Warning, format!("{lost} lines were lost on the way; asking again"));
                continue;
            }
            return Ok(compare(project, expected, &answers, result));
        }
        Err(self.silent())
    }

    /// One self-test.
    fn ask(&mut self, id: u32, reporter: &mut Reporter<'_>) -> Result<Answers, DeployError> {
        let pairs = [("id", id.to_string()), ("layers", "1".to_owned()), ("tensors", "1".to_owned())];
        self.console.send(&command_line("selftest", &pairs))?;
        let mut until = Instant::now() + self.patience;
        let mut waiting = VecDeque::new();
        let mut answers = Answers::default();
        loop {
            let Some(event) = self.event(&mut waiting, &mut until, reporter)? else { continue };
            if event.number("id") != Some(u64::from(id)) {
                continue;
            }
            let text = |key: &str| event.text(key).unwrap_or("").to_owned();
            match event.event.as_str() {
                "error" => return Err(self.told_error(&event)),
                "layer" => {
                    answers.layers.push(MeasuredLayer {
                        name: text("name"),
                        op: text("op"),
                        micros: event.number("micros").unwrap_or(0),
                        cycles: event.number("cycles"),
                        macs: event.number("macs").unwrap_or(0),
                    });
                    reporter.progress(0.5, format!("{} layers", answers.layers.len()));
                }
                "tensor" => {
                    if let (Some(index), Some(crc)) = (event.number("index"), event.crc32("crc32")) {
                        answers.tensors.push((index as usize, text("name"), crc));
                    }
                }
                "result" => answers.result = Some(event),
                "test" => {
                    answers.passed = event.fields.get("passed").and_then(serde_json::Value::as_bool);
                    return Ok(answers);
                }
                _ => {}
            }
        }
    }

    /// ESP-DL's flavour tells its test and its best time by itself.
    fn esp_dl(
        &mut self,
        project: &Project,
        reporter: &mut Reporter<'_>,
    ) -> Result<Verification, DeployError> {
        let mut until = Instant::now() + self.patience;
        let mut waiting = VecDeque::new();
        let mut answers = Answers::default();
        loop {
            let Some(event) = self.event(&mut waiting, &mut until, reporter)? else { continue };
            match event.event.as_str() {
                "test" => answers.passed = event.fields.get("passed").and_then(serde_json::Value::as_bool),
                "result" => answers.result = Some(event),
                _ => {}
            }
            if let (Some(_), Some(result)) = (answers.passed, &answers.result) {
                return Ok(compare(project, &[], &answers, result));
            }
        }
    }
}

fn compare(
    project: &Project,
    expected: &[(String, u32)],
    answers: &Answers,
    result: &BoardEvent,
) -> Verification {
    let by_name = names(expected);
    let mut compared = 0;
    let mut first: Option<Difference> = None;
    for (index, name, crc) in &answers.tensors {
        // Names are what both know; an index counts on where blocks are fused.
        let at = by_name.get(short(name)).copied().flatten().unwrap_or(*index);
        let Some((expected_name, expected_crc)) = expected.get(at) else { continue };
        compared += 1;
        let earlier = first.as_ref().is_none_or(|f| at < f.index);
        if crc != expected_crc && earlier {
            first = Some(Difference {
                index: at,
                name: expected_name.clone(),
                board_crc32: *crc,
                desktop_crc32: *expected_crc,
            });
        }
    }
    let micros =
        |key: &str| result.fields.get("micros").and_then(|m| m.get(key)).and_then(serde_json::Value::as_u64);
    Verification {
        tensors: compared,
        untold: expected.len().saturating_sub(compared),
        first_difference: first,
        output_matches: answers.passed.unwrap_or(false),
        measurement: Measurement {
            schema: Measurement::schema(),
            chip: project.target.clone(),
            model_crc32: project.model_crc32,
            network_us: micros("network").unwrap_or(0),
            preprocess_us: micros("preprocess"),
            postprocess_us: micros("postprocess"),
            cycles: result.number("cycles"),
            arena_bytes: result.number("arena_bytes"),
            layers: answers.layers.clone(),
        },
    }
}

/// Where each name stands; `None` where it stands twice.
fn names(expected: &[(String, u32)]) -> HashMap<&str, Option<usize>> {
    let mut names = HashMap::new();
    for (index, (name, _)) in expected.iter().enumerate() {
        names.entry(short(name)).and_modify(|at| *at = None).or_insert(Some(index));
    }
    names
}

fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(SURE_NAME_BYTES)]
}
