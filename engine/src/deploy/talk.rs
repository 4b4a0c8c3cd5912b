//! Asking a board with what a picture became, part by part, and hearing what it computed.

use std::time::{Duration, Instant};

use super::classify::{Classification, RankedClass};
use super::console::{BoardEvent, command_line, plain};
use super::difference::{ToldTensor, first_difference};
use super::error::DeployError;
use super::event::Reporter;
use super::question::{Question, Studio};
use super::sender::{Sender, Turn};
use super::session::Session;
use crate::strategy::LogLevel;

/// A part that was not answered within this is sent again (docs/console.md).
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// What could not be told or sent as a whole is begun again so often.
const ATTEMPTS: u32 = 3;
/// Largest chunk that is sent, whatever the board says that it takes.
const MAX_CHUNK_BYTES: u64 = 768;
/// Most answers that the protocol has room for.
pub(super) const MAX_TOP: usize = 10;

/// The talk about one picture after the other.
pub(super) struct Talk {
    session: Session,
    chunk_bytes: usize,
    /// Told back in events, so that those of an earlier attempt are not taken for this one's.
    id: u32,
    top: usize,
    /// Bytes of earlier pictures, and of all.
    done: u64,
    all: u64,
}

/// How something that can be begun again ended.
enum Outcome<T> {
    /// As it should.
    Whole(T),
    /// Bytes or lines of it were lost.
    Lost,
    /// The board started anew.
    Restarted,
}

/// What the board told about one inference.
struct Told {
    values: Vec<Option<i64>>,
    tensors: Vec<ToldTensor>,
    result: BoardEvent,
}

impl Talk {
    /// With a board that introduced itself.
    pub(super) fn new(session: Session, hello: &BoardEvent, top: usize) -> Talk {
        let chunk_bytes = hello.number("chunk_bytes").unwrap_or(MAX_CHUNK_BYTES).clamp(3, MAX_CHUNK_BYTES);
        // What an earlier program asked may still be answered: its numbers were others.
        let id = std::process::id().wrapping_mul(256);
        Talk { session, chunk_bytes: chunk_bytes as usize, id, top, done: 0, all: 0 }
    }

    /// The picture of that number is the next; each is sent as so many bytes.
    pub(super) fn turn_to(&mut self, index: usize, count: usize, bytes: usize) {
        (self.done, self.all) = (index as u64 * bytes as u64, count as u64 * bytes as u64);
    }

    /// Asks, and compares what is told with what the desktop computed.
    pub(super) fn outcome(
        &mut self,
        studio: &Studio,
        question: &Question,
        reporter: &mut Reporter<'_>,
    ) -> Result<Classification, DeployError> {
        let name = question.picture.file_name().unwrap_or_default().to_string_lossy();
        let name = plain(&name);
        let told = self.ask(question, &name, false, reporter)?;
        let pairs = told.values.iter().zip(&question.values);
        let differing = pairs.filter(|(is, must)| **is != Some(**must)).count();
        let mut first = None;
        if differing > 0 {
            let message = format!("`{name}`: {differing} values differ; looking where it begins");
            reporter.log(LogLevel::Warning, message);
            let again = self.ask(question, &name, true, reporter)?;
            first = first_difference(&question.computed.tensors, &again.tensors).1;
        }
        let micros = |key: &str| {
            let micros = told.result.fields.get("micros").and_then(|micros| micros.get(key));
            micros.and_then(serde_json::Value::as_u64).unwrap_or(0)
        };
        let ranked = |index, score, name: Option<String>| RankedClass {
            index,
            name: name.or_else(|| studio.name(index)),
            score,
        };
        let desktop = studio.desktop.top(&question.computed, self.top);
        Ok(Classification {
            picture: question.picture.clone(),
            prepared_by: question.prepared_by,
            sent_bytes: question.sent.len() as u64,
            board: board_answers(&told.result)
                .map(|(index, score, name)| ranked(index, score, name))
                .collect(),
            desktop: desktop.iter().map(|answer| ranked(answer.index, answer.score, None)).collect(),
            preprocess_us: micros("preprocess"),
            network_us: micros("network"),
            postprocess_us: micros("postprocess"),
            values: question.values.len(),
            differing,
            first_difference: first,
        })
    }

    /// Sends it and waits for all that is told about it.
    fn ask(
        &mut self,
        question: &Question,
        name: &str,
        tensors: bool,
        reporter: &mut Reporter<'_>,
    ) -> Result<Told, DeployError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.id = self.id.wrapping_add(1);
            let sent = self.send(question, name, tensors, reporter);
            if matches!(sent, Err(DeployError::Cancelled)) {
                // The board would wait for the rest; it may be gone.
                let _ = self.session.send(&command_line("cancel", &[]), reporter);
            }
            let heard = match sent? {
                Outcome::Whole(()) => self.hear(question, name, tensors, reporter)?,
                Outcome::Lost => Outcome::Lost,
                Outcome::Restarted => Outcome::Restarted,
            };
            let trouble = match heard {
                Outcome::Whole(told) => return Ok(told),
                Outcome::Restarted => self.session.restarted(),
                Outcome::Lost => self.session.failed(
                    &format!("`{name}` or its answer did not come through whole"),
                    "take a shorter cable and no hub, and stop what else writes to the console",
                ),
            };
            if attempt >= ATTEMPTS {
                return Err(trouble);
            }
            reporter.log(LogLevel::Warning, format!("{trouble}; sending it again"));
        }
    }

    /// Sends it.
    fn send(
        &mut self,
        question: &Question,
        name: &str,
        tensors: bool,
        reporter: &mut Reporter<'_>,
    ) -> Result<Outcome<()>, DeployError> {
        let all = question.sent.len();
        let mut pairs = vec![
            ("id", self.id.to_string()),
            ("top", self.top.to_string()),
            ("values", "1".to_owned()),
            ("tensors", u8::from(tensors).to_string()),
        ];
        pairs.extend(question.facts.iter().cloned());
        pairs.push(("bytes", all.to_string()));
        pairs.push(("crc32", format!("{:08x}", crc32fast::hash(&question.sent))));
        let announcement = command_line(question.word, &pairs);
        let mut sender = Sender::new(announcement, &question.sent, self.chunk_bytes);
        let mut turn = Turn::Send;
        let mut asked = Instant::now();
        loop {
            match turn {
                Turn::Send => {
                    let line = sender.line();
                    self.session.send(&line, reporter)?;
                    asked = Instant::now();
                }
                Turn::Wait => {}
                Turn::Arrived => return Ok(Outcome::Whole(())),
                Turn::GiveUp => {
                    return Err(self.session.failed(
                        &format!("sending `{name}` stopped after {} of {all} bytes", sender.done()),
                        "press RESET on the board and send it again; a shorter cable helps against damaged lines",
                    ));
                }
            }
            turn = Turn::Wait;
            let Some(event) = self.session.event(reporter)? else {
                if asked.elapsed() > ANSWER_WITHIN {
                    turn = sender.overdue();
                }
                continue;
            };
            let is_ours = event.number("id") == Some(u64::from(self.id));
            turn = match (event.event.as_str(), event.text("code")) {
                ("next", _) if is_ours => event.number("offset").map_or(Turn::Wait, |at| sender.answered(at)),
                // The answer to the last part was lost, and the network runs already.
                ("start" | "values" | "tensor" | "result", _) if is_ours => {
                    self.session.put_back(event);
                    Turn::Arrived
                }
                ("error", Some("command")) => sender.refused(),
                ("error", Some("transfer")) if is_ours => return Ok(Outcome::Lost),
                ("error", _) if is_ours => return Err(self.session.told_error(&event)),
                _ if Session::is_restart(&event) => return Ok(Outcome::Restarted),
                _ => turn,
            };
            let done = self.done + sender.done() as u64;
            reporter.progress_bytes(done, self.all, format!("{name}: {} of {all} bytes sent", sender.done()));
        }
    }

    /// Waits for the result.
    fn hear(
        &mut self,
        question: &Question,
        name: &str,
        tensors: bool,
        reporter: &mut Reporter<'_>,
    ) -> Result<Outcome<Told>, DeployError> {
        let mut values = vec![None; question.values.len()];
        let mut told_tensors = Vec::new();
        let mut has_begun = false;
        loop {
            let event = match self.session.event(reporter) {
                Ok(Some(event)) => event,
                Ok(None) => continue,
                // The last line of an answer was lost.
                Err(_) if has_begun && self.session.is_silent() => return Ok(Outcome::Lost),
                Err(error) => return Err(error),
            };
            if Session::is_restart(&event) {
                return Ok(Outcome::Restarted);
            }
            if event.number("id") != Some(u64::from(self.id)) {
                continue;
            }
            // What only says that the network runs is no part of the answer: a slow or dead one is told as such.
            has_begun |= event.event != "start";
            match event.event.as_str() {
                "error" if event.text("code") == Some("transfer") => return Ok(Outcome::Lost),
                "error" => return Err(self.session.told_error(&event)),
                "start" => {
                    let done = self.done + question.sent.len() as u64;
                    reporter.progress_bytes(done, self.all, format!("{name}: the network runs"));
                }
                "values" => take_values(&event, &mut values),
                "tensor" => {
                    if let (Some(index), Some(crc32)) = (event.number("index"), event.crc32("crc32"))
                        && told_tensors.len() < question.computed.tensors.len()
                    {
                        let name = event.text("name").unwrap_or("").to_owned();
                        told_tensors.push(ToldTensor { index: index as usize, name, crc32 });
                    }
                }
                "result" => {
                    let is_whole = values.iter().all(Option::is_some)
                        && (!tensors || event.number("tensors") == Some(told_tensors.len() as u64));
                    return Ok(match is_whole {
                        true => Outcome::Whole(Told { values, tensors: told_tensors, result: event }),
                        false => Outcome::Lost,
                    });
                }
                _ => {}
            }
        }
    }
}

/// Puts a piece of the output where it belongs; what has no place there is left out.
fn take_values(event: &BoardEvent, values: &mut [Option<i64>]) {
    let start = event.number("start").and_then(|start| usize::try_from(start).ok());
    let piece = event.fields.get("values").and_then(serde_json::Value::as_array);
    let (Some(start), Some(piece)) = (start, piece) else { return };
    let places = values.iter_mut().skip(start);
    places.zip(piece).for_each(|(place, value)| *place = value.as_i64());
}

/// Index, score and name of the board's answers.
fn board_answers(result: &BoardEvent) -> impl Iterator<Item = (u32, f32, Option<String>)> + '_ {
    let top = result.fields.get("top").and_then(serde_json::Value::as_array);
    top.into_iter().flatten().take(MAX_TOP).filter_map(|answer| {
        let index = u32::try_from(answer.get("index")?.as_u64()?).ok()?;
        let score = answer.get("score")?.as_f64()?;
        let name = answer.get("label").and_then(serde_json::Value::as_str).map(str::to_owned);
        Some((index, score as f32, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(fields: serde_json::Value) -> BoardEvent {
        BoardEvent { event: "values".to_owned(), seq: 1, fields }
    }

    #[test]
    fn values_that_have_no_place_are_left_out() {
        let mut values = vec![None; 4];
        take_values(&event(serde_json::json!({"start": 2, "values": [7, -8, 9, 10]})), &mut values);
        take_values(&event(serde_json::json!({"start": u64::MAX, "values": [1]})), &mut values);
        take_values(&event(serde_json::json!({"start": -1, "values": [1]})), &mut values);
        take_values(&event(serde_json::json!({"start": 0, "values": "x"})), &mut values);
        assert_eq!(values, [None, None, Some(7), Some(-8)]);
    }
}
