//! The board's half of the console protocol (`docs/console.md`): events out, commands in.

use octet_runtime::plan::TensorSlot;
use octet_runtime::postprocess::Answer;

use crate::clock::{Elapsed, Start};
use crate::command::{self, Command, Message, Options, Refusal};
use crate::engine::Engine;
use crate::event::{Event, Events};
use crate::failure::Failure;
use crate::input::Lines;
use crate::platform::Platform;
use crate::transfer::{CHUNK_BYTES, Kind, Transfer};
use crate::{Crc32, PROTOCOL};

/// How long a board waits for a byte before it lets other tasks go on.
const WAIT_MS: u32 = 1000;
/// Output values in one event.
const VALUES_PER_LINE: usize = 100;

/// One console: counts events and puts commands together.
#[derive(Debug)]
pub struct Console {
    events: Events,
    lines: Lines,
}

impl Default for Console {
    fn default() -> Self {
        Self { events: Events::new(), lines: Lines::new() }
    }
}

/// Where a network's input came from.
struct Origin<'n> {
    source: &'static str,
    name: Option<&'n str>,
    label: Option<u32>,
}

impl Console {
    /// Tells why something was not done.
    pub fn fail(&mut self, platform: &mut dyn Platform, id: Option<u32>, failure: &Failure<'_>) {
        let event = self.events.event("error").optional("id", id).text("code", failure.code());
        event.message("message", failure).send(platform);
    }

    /// Introduces the board.
    pub fn hello(&mut self, platform: &mut dyn Platform, engine: &Engine<'_>) {
        let plan = &engine.plan;
        let file = engine.file();
        let clock = platform.cycles().map(|_| "cycles");
        let event = self.events.event("hello").number("protocol", PROTOCOL);
        let event = event.optional_text("firmware", engine.setup.firmware);
        let event = event.text("target", engine.target.as_str());
        let event = event.text_crc("model_crc32", Crc32::of(file)).size("model_bytes", file.len());
        let event = event.object("input", |e| value(e, engine, plan.input()));
        let event = event.object("output", |e| value(e, engine, plan.output()));
        let event = event.size("classes", engine.scores().map_or(0, |s| s.len()));
        let event = event.size("layers", engine.model.node_count()).size("tensors", plan.tensors().len());
        let event = event.number("macs", engine.macs()).size("arena_bytes", plan.arena_bytes());
        let event = event.size("arena_given", engine.arena.len()).size("picture_bytes", engine.room().len());
        let event = event.size("chunk_bytes", CHUNK_BYTES).size("pictures", engine.setup.pictures.len());
        event.optional_text("clock", clock).send(platform);
    }

    /// Classifies all embedded pictures, with the times of each layer for the first.
    pub fn classify_embedded(&mut self, platform: &mut dyn Platform, engine: &mut Engine<'_>) {
        for index in 0..engine.setup.pictures.len() {
            let options = Options { layers: index == 0, ..Options::default() };
            if let Err(failure) = self.embedded(platform, engine, options, index) {
                self.fail(platform, Some(options.id), &failure);
            }
        }
    }

    /// Answers commands until one says quit or there is nothing to read from.
    pub fn serve(&mut self, platform: &mut dyn Platform, engine: &mut Engine<'_>) {
        let mut transfer = None;
        let mut received = [0; 64];
        loop {
            let Some(length) = platform.read(&mut received, WAIT_MS) else { return };
            if length == 0 {
                platform.pause();
            }
            for &byte in received.iter().take(length) {
                if self.byte(platform, engine, &mut transfer, byte) {
                    return;
                }
            }
        }
    }

    /// Takes a byte; true at the end.
    fn byte(
        &mut self,
        platform: &mut dyn Platform,
        engine: &mut Engine<'_>,
        transfer: &mut Option<Transfer>,
        byte: u8,
    ) -> bool {
        let Some(parsed) = self.lines.take(byte).and_then(command::parse) else { return false };
        let command = match parsed {
            Ok(Message::Chunk { offset, crc32, data }) => {
                if let Some(going_on) = transfer {
                    going_on.add(engine.arena, offset, crc32, data);
                }
                None
            }
            Ok(Message::Command(Command::Quit)) => {
                self.events.event("bye").send(platform);
                return true;
            }
            Ok(Message::Command(command)) => Some(command),
            Err(Refusal { id, problem }) => {
                self.fail(platform, id, &Failure::Command(problem));
                return false;
            }
        };
        let id = command.as_ref().and_then(Command::id).or(transfer.as_ref().map(|t| t.options.id));
        let done = match command {
            Some(command) => self.obey(platform, engine, transfer, command),
            None => self.received(platform, engine, transfer),
        };
        if let Err(failure) = done {
            self.fail(platform, id, &failure);
        }
        false
    }

    fn obey<'a>(
        &mut self,
        platform: &mut dyn Platform,
        engine: &mut Engine<'a>,
        transfer: &mut Option<Transfer>,
        command: Command,
    ) -> Result<(), Failure<'a>> {
        // Whatever runs writes over what was received.
        let going_on = transfer.take();
        match command {
            Command::Hello => {
                *transfer = going_on;
                self.hello(platform, engine);
            }
            Command::Classify { options, picture } => self.embedded(platform, engine, options, picture)?,
            Command::SelfTest { options } => self.self_test(platform, engine, options)?,
            Command::Picture { options, format, width, height, bytes, crc32 } => {
                let needed = octet_runtime::preprocess::Frame::bytes_of(width, height, format)?;
                if needed != bytes {
                    let available = bytes;
                    return Err(octet_runtime::preprocess::FrameError::Bytes { needed, available }.into());
                }
                let place = engine.place_for(bytes, format, [width, height]);
                let place = place.ok_or(Failure::Picture(
                    "the picture does not fit into the arena: send it smaller, see picture_bytes of hello",
                ))?;
                let kind = Kind::Picture { format, width, height };
                *transfer = Some(Transfer::new(kind, options, place, crc32));
                self.next(platform, transfer.as_ref());
            }
            Command::Tensor { options, bytes, crc32 } => {
                let place = engine.plan.input().range();
                if place.len() != bytes {
                    return Err(Failure::Picture(
                        "the network's input has another number of bytes, see input of hello",
                    ));
                }
                *transfer = Some(Transfer::new(Kind::Tensor, options, place, crc32));
                self.next(platform, transfer.as_ref());
            }
            Command::Cancel => self.next(platform, None),
            Command::Quit => {}
        }
        Ok(())
    }

    /// Tells where a transfer goes on.
    fn next(&mut self, platform: &mut dyn Platform, transfer: Option<&Transfer>) {
        let event = self.events.event("next").optional("id", transfer.map(|t| t.options.id));
        event.optional("offset", transfer.map(|t| t.offset() as u32)).send(platform);
    }

    /// After a part: goes on, or runs what is complete.
    fn received<'a>(
        &mut self,
        platform: &mut dyn Platform,
        engine: &mut Engine<'a>,
        transfer: &mut Option<Transfer>,
    ) -> Result<(), Failure<'a>> {
        if transfer.is_none() {
            return Err(Failure::Transfer("nothing is being sent: begin with picture or tensor"));
        }
        self.next(platform, transfer.as_ref());
        let Some(done) = transfer.take_if(|t| t.complete()) else { return Ok(()) };
        if !done.intact() {
            return Err(Failure::Transfer("the CRC32 of the whole is wrong: send it again"));
        }
        let start = Start::now(platform);
        if let Kind::Picture { format, width, height } = done.kind {
            engine.prepare_received(done.place, format, [width, height])?;
        }
        let prepared = start.elapsed(platform);
        let origin = Origin { source: "sent", name: None, label: None };
        self.run(platform, engine, done.options, &origin, prepared)
    }

    fn embedded<'a>(
        &mut self,
        platform: &mut dyn Platform,
        engine: &mut Engine<'a>,
        options: Options,
        index: usize,
    ) -> Result<(), Failure<'a>> {
        let picture = engine.setup.pictures.get(index).copied();
        let picture = picture.ok_or(Failure::Picture("there is no embedded picture of that index"))?;
        let start = Start::now(platform);
        engine.prepare(&picture.frame)?;
        let prepared = start.elapsed(platform);
        let origin = Origin { source: "embedded", name: picture.name, label: picture.label };
        self.run(platform, engine, options, &origin, prepared)
    }

    /// Runs the test that the file brings along.
    fn self_test<'a>(
        &mut self,
        platform: &mut dyn Platform,
        engine: &mut Engine<'a>,
        options: Options,
    ) -> Result<(), Failure<'a>> {
        let missing = Failure::Argument("the file holds no test (test_inputs_value, test_outputs_value)");
        let input = engine.model.test_inputs_value().next().ok_or(missing)?;
        let expected = engine.model.test_outputs_value().next().ok_or(missing)?;
        let (slot, output) = (engine.plan.input(), engine.plan.output());
        if input.dtype() != slot.dtype() || input.data().len() < slot.bytes() {
            return Err(Failure::Argument("the file's test input is not one of this network"));
        }
        if expected.dtype() != output.dtype() || expected.data().len() < output.bytes() {
            return Err(Failure::Argument("the file's test output is not one of this network"));
        }
        if let (Some(to), Some(from)) = (engine.arena.get_mut(slot.range()), input.data().get(..slot.bytes()))
        {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
        let origin = Origin { source: "test", name: None, label: None };
        self.run(platform, engine, options, &origin, Elapsed::default())?;
        let size = output.dtype().bytes();
        let pairs = engine.output().chunks_exact(size.max(1)).zip(expected.data().chunks_exact(size.max(1)));
        let mut differing = pairs.enumerate().filter(|(_, (is, must))| is != must).map(|(i, _)| i);
        let first = differing.next();
        let count = differing.count() + usize::from(first.is_some());
        let event = self.events.event("test").number("id", options.id).flag("passed", first.is_none());
        let event = event.size("differing", count).optional("first", first.map(|i| i as u32));
        event.send(platform);
        Ok(())
    }

    /// Runs the network on what stands in the arena and tells all that was asked for.
    fn run<'a>(
        &mut self,
        platform: &mut dyn Platform,
        engine: &mut Engine<'a>,
        options: Options,
        origin: &Origin<'_>,
        prepared: Elapsed,
    ) -> Result<(), Failure<'a>> {
        let event = self.events.event("start").number("id", options.id);
        event.text("source", origin.source).optional_text("name", origin.name).send(platform);
        let elapsed = engine.run(platform, options.tensors)?;
        let counts = platform.cycles().is_some();
        let cycles = |elapsed: Elapsed| counts.then_some(elapsed.cycles);

        let start = Start::now(platform);
        let mut answers = [Answer::default(); 10];
        let top = usize::from(options.top.unwrap_or(engine.setup.top)).min(answers.len());
        let found = engine.answers(answers.get_mut(..top).unwrap_or_default());
        let answered = start.elapsed(platform);

        let (mut layers, mut tensors) = (0u32, 0u32);
        for (index, slot) in engine.plan.tensors().iter().enumerate() {
            let meter = engine.meter(index);
            if let Some(node) = slot.node().filter(|_| options.layers) {
                let description = engine.model.node(node);
                let event = self.events.event("layer").number("id", options.id).size("index", node);
                let event = event.text("name", description.name()).text("op", description.op_type());
                let event = event.number("micros", meter.elapsed.micros).cycles(cycles(meter.elapsed));
                event.number("macs", engine.plan.macs(index)).send(platform);
                layers += 1;
            }
            if options.tensors {
                let event = self.events.event("tensor").number("id", options.id).size("index", index);
                let event = event.text("name", engine.plan.name(&engine.model, slot));
                let event = event.text("dtype", slot.dtype().as_str()).optional("exponent", slot.exponent());
                event.size("bytes", slot.bytes()).text_crc("crc32", meter.crc.value()).send(platform);
                tensors += 1;
            }
        }
        if options.values {
            self.values(platform, engine, options.id);
        }

        let event = self.events.event("result").number("id", options.id).text("source", origin.source);
        let event = event.optional_text("name", origin.name).optional("label", origin.label);
        let event = event.list("top", |event| {
            answers.iter().take(found).fold(event, |event, answer| {
                event.element_object(|e| {
                    let label = engine.setup.labels.get(answer.index as usize);
                    let e = e.number("index", answer.index).optional_label(label);
                    e.score("score", answer.score)
                })
            })
        });
        let event = event.optional("exponent", engine.plan.output().exponent());
        let event = event.text_crc("crc32", Crc32::of(engine.output()));
        let event = event.object("micros", |e| {
            let e = e.number("preprocess", prepared.micros).number("network", elapsed.micros);
            e.number("postprocess", answered.micros)
        });
        let event = event.cycles(cycles(elapsed)).number("macs", engine.macs());
        let event = event.size("arena_bytes", engine.plan.arena_bytes());
        event.number("layers", layers).number("tensors", tensors).send(platform);
        Ok(())
    }

    /// The output's integers; of a float output, the bits.
    fn values(&mut self, platform: &mut dyn Platform, engine: &Engine<'_>, id: u32) {
        let size = engine.plan.output().dtype().bytes();
        let lines = engine.output().chunks(size * VALUES_PER_LINE);
        for (line, bytes) in lines.enumerate() {
            let event = self.events.event("values").number("id", id).size("start", line * VALUES_PER_LINE);
            let event = event.list("values", |event| {
                bytes.chunks_exact(size).fold(event, |event, bytes| match *bytes {
                    [byte] => event.element(byte as i8),
                    [low, high] => event.element(i16::from_le_bytes([low, high])),
                    [a, b, c, d] => event.element(u32::from_le_bytes([a, b, c, d])),
                    _ => event,
                })
            });
            event.send(platform);
        }
    }
}

/// The fields that describe the network's input or output.
fn value<'e>(event: Event<'e>, engine: &Engine<'_>, slot: &TensorSlot) -> Event<'e> {
    let event = event.text("name", engine.plan.name(&engine.model, slot));
    let event = event.list("shape", |e| slot.shape().iter().fold(e, |e, extent| e.element(extent)));
    event.text("dtype", slot.dtype().as_str()).optional("exponent", slot.exponent())
}
