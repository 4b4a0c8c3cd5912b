//! An opened model and its memory: prepares the network's input, runs, and says what came out.

use core::ops::Range;

use octet_runtime::plan::{Sizes, Step, TensorSlot};
use octet_runtime::postprocess::{Answer, Labels, Scores};
use octet_runtime::preprocess::{Channels, Fit, Frame, PixelFormat, Preparation, Resize, Table};
use octet_runtime::{Limits, Model, Plan, Strategy, Target};

use crate::clock::Elapsed;
use crate::failure::Failure;
use crate::platform::Platform;
use crate::watch::{Meter, Watch};

/// An embedded test picture.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// The pixels.
    pub frame: Frame<'a>,
    /// What it is called.
    pub name: Option<&'a str>,
    /// Index of the right class, when it is known.
    pub label: Option<u32>,
}

/// What the firmware is made for.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The `.espdl` file where it lies; more bytes may follow.
    pub file: &'a [u8],
    /// The chip whose arithmetic counts; `None`: what the file says.
    pub target: Option<Target>,
    /// Names of classes.
    pub labels: Labels<'a>,
    /// Embedded test pictures.
    pub pictures: &'a [Picture<'a>],
    /// Mean of red, green and blue in units of 0..1.
    pub mean: [f32; 3],
    /// Standard deviation, in the same units.
    pub std: [f32; 3],
    /// What the network's channels are.
    pub channels: Channels,
    /// How a picture's size is changed.
    pub resize: Resize,
    /// What of a picture the network sees.
    pub fit: Fit,
    /// Red, green and blue around a letterboxed picture.
    pub fill: [u8; 3],
    /// Answers per picture, 1 to 10.
    pub top: u8,
    /// Answers below this score are left out.
    pub threshold: f32,
    /// What the firmware calls itself.
    pub firmware: Option<&'a str>,
}

/// Memory of the caller. [`sizes`] tells how long the slices must be.
#[derive(Debug)]
pub struct Memory<'a> {
    /// One per tensor.
    pub slots: &'a mut [TensorSlot],
    /// One per step.
    pub steps: &'a mut [Step],
    /// One per tensor.
    pub meters: &'a mut [Meter],
    /// Activations.
    pub arena: &'a mut [u8],
}

/// How many slots (and meters) and steps a file needs.
///
/// # Errors
/// When the file is no model.
pub fn sizes(file: &[u8]) -> Result<Sizes, Failure<'_>> {
    Ok(Plan::sizes(&Model::parse(file)?))
}

/// An opened model.
#[derive(Debug)]
pub struct Engine<'a> {
    pub(crate) setup: Setup<'a>,
    pub(crate) model: Model<'a>,
    pub(crate) plan: Plan<'a>,
    pub(crate) target: Target,
    pub(crate) meters: &'a mut [Meter],
    pub(crate) arena: &'a mut [u8],
    preparation: Preparation,
    height_width_channels: [usize; 3],
    probabilities: bool,
}

impl<'a> Engine<'a> {
    /// Reads, checks and plans a model.
    ///
    /// # Errors
    /// When the file is no model that can be executed, a slice is too short, or a setting makes no sense.
    pub fn open(setup: Setup<'a>, memory: Memory<'a>) -> Result<Self, Failure<'a>> {
        let model = Model::parse(setup.file)?;
        let target = setup.target.map_or_else(|| Target::infer(&model), Ok)?;
        let Memory { slots, steps, meters, arena } = memory;
        let within = Strategy::Within(arena.len());
        let plan = Plan::build_with(&model, target, &Limits::default(), within, slots, steps)?;
        let available = meters.len();
        let needed = plan.tensors().len();
        let meters = meters.get_mut(..needed);
        let meters = meters.ok_or(octet_runtime::Error::Memory { what: "meters", needed, available })?;
        if !(1..=10).contains(&setup.top) {
            return Err(Failure::Argument("top must be 1 to 10"));
        }
        if setup.std.iter().any(|&s| !(s > 0.0 && s.is_finite())) || setup.mean.iter().any(|m| !m.is_finite())
        {
            return Err(Failure::Argument("mean must be finite and std above zero, both in units of 0..1"));
        }
        let input = plan.input();
        let exponent = input.exponent().unwrap_or(0);
        let table = Table::new(setup.mean, setup.std, exponent, input.dtype(), target.rounding());
        let Setup { channels, resize, fit, fill, .. } = setup;
        let preparation = Preparation { table, channels, resize, fit, fill };
        let shape = input.shape();
        // Another rank is refused when a picture comes; the network's input itself can still be sent.
        let height_width_channels = match shape.rank() {
            4 if shape.dim(0) == 1 => [shape.dim(1), shape.dim(2), shape.dim(3)],
            _ => [0; 3],
        };
        let last = plan.output().node().map(|n| model.node(n).op_type());
        let probabilities = last == Some("Softmax");
        Ok(Self {
            setup,
            model,
            plan,
            target,
            meters,
            arena,
            preparation,
            height_width_channels,
            probabilities,
        })
    }

    /// Prepares a picture as the network's input.
    ///
    /// # Errors
    /// When the network's input is no picture.
    pub fn prepare(&mut self, frame: &Frame<'_>) -> Result<(), Failure<'a>> {
        let slot = self.plan.input();
        let input = self.arena.get_mut(slot.range()).unwrap_or_default();
        Ok(self.preparation.write(frame, input, slot.dtype(), self.height_width_channels)?)
    }

    /// Where in the arena a picture of so many bytes may be received, and whether that is within the network's input,
    /// where only RGB888 of the network's size can be prepared.
    pub(crate) fn place_for(
        &self,
        bytes: usize,
        format: PixelFormat,
        [width, height]: [usize; 2],
    ) -> Option<Range<usize>> {
        let room = self.room();
        if bytes <= room.len() {
            return Some(room.start..room.start + bytes);
        }
        let [input_height, input_width, channels] = self.height_width_channels;
        let same =
            format == PixelFormat::Rgb888 && [input_width, input_height, 3] == [width, height, channels];
        let whole = !matches!(self.preparation.fit, Fit::Crop(..1000));
        let end = self.plan.input().range().end;
        (same && whole).then_some(())?;
        Some(end.checked_sub(bytes)?..end)
    }

    /// The larger part of the arena beside the network's input.
    pub(crate) fn room(&self) -> Range<usize> {
        let Range { start, end } = self.plan.input().range();
        let behind = end.min(self.arena.len())..self.arena.len();
        if start > behind.len() { 0..start } else { behind }
    }

    /// Prepares a picture that was received at [`Engine::place_for`].
    pub(crate) fn prepare_received(
        &mut self,
        place: Range<usize>,
        format: PixelFormat,
        [width, height]: [usize; 2],
    ) -> Result<(), Failure<'a>> {
        let slot = self.plan.input();
        let extents = self.height_width_channels;
        let preparation = &self.preparation;
        match self.arena.get_disjoint_mut([place, slot.range()]) {
            Ok([pixels, input]) => {
                let frame = Frame::new(pixels, width, height, format)?;
                Ok(preparation.write(&frame, input, slot.dtype(), extents)?)
            }
            Err(_) => {
                let input = self.arena.get_mut(slot.range()).unwrap_or_default();
                Ok(preparation.write_in_place(input, slot.dtype(), extents)?)
            }
        }
    }

    /// Runs the network on the input that stands in the arena. Times, and with `checksums` the CRC32 of every tensor,
    /// are in [`Engine::meter`] afterwards.
    ///
    /// # Errors
    /// When the file changed since it was opened.
    pub fn run(&mut self, platform: &mut dyn Platform, checksums: bool) -> Result<Elapsed, Failure<'a>> {
        self.meters.fill(Meter::default());
        let mut watch = Watch::new(platform, self.plan.tensors(), self.meters, checksums);
        self.plan.run_observed(&self.model, self.arena, &mut watch)?;
        Ok(watch.end())
    }

    /// What the last run took for a tensor (its index in the plan).
    pub fn meter(&self, tensor: usize) -> Meter {
        self.meters.get(tensor).copied().unwrap_or_default()
    }

    /// Bytes of the output of the last run.
    pub fn output(&self) -> &[u8] {
        self.arena.get(self.plan.output().range()).unwrap_or_default()
    }

    /// The output of the last run as scores.
    pub fn scores(&self) -> Option<Scores<'_>> {
        let slot = self.plan.output();
        Scores::new(self.output(), slot.dtype(), slot.exponent(), self.probabilities)
    }

    /// The best answers of the last run, best first; returns how many were written.
    pub fn answers(&self, answers: &mut [Answer]) -> usize {
        self.scores().map_or(0, |scores| scores.best(self.setup.threshold, answers))
    }

    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        (0..self.plan.tensors().len()).map(|tensor| self.plan.macs(tensor)).sum()
    }

    /// The file without what follows it.
    pub(crate) fn file(&self) -> &'a [u8] {
        let length = self.setup.file.get(8..12).and_then(|b| b.first_chunk::<4>());
        let length = length.map_or(0, |&b| u32::from_le_bytes(b)) as usize;
        self.setup.file.get(..length.saturating_add(16)).unwrap_or(self.setup.file)
    }
}
