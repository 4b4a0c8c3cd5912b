//! The part of a report that says what lies where in a chip's memory, and which chips have room.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What lies where in the arena of activations while the network runs, and how each chip copes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Default)]
pub struct MemoryMaps {
    /// The chip of the run.
    pub target: String,
    /// Height and width of the input in pixels; `None` where it is no picture.
    pub input: Option<[usize; 2]>,
    /// Names of the operations in the order in which they run; the maps count them from 0.
    pub operations: Vec<String>,
    /// Blocks of operations that can be streamed row by row ("fused").
    pub blocks: usize,
    /// Layer by layer first, then each other map that some chip's firmware chooses.
    pub maps: Vec<MemoryMap>,
    /// Every chip, in the order of the menus.
    pub chips: Vec<ChipMemory>,
}

/// The arena from the first operation to the last.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Default)]
pub struct MemoryMap {
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// Bytes in use at the worst moment; the arena may be larger, since tensors leave gaps.
    pub peak_bytes: u64,
    /// The operation during which that is, the first one of a streamed block.
    pub peak_operation: usize,
    /// Blocks that are streamed row by row.
    pub streamed_blocks: usize,
    /// What is executed as a whole, in order.
    pub stages: Vec<MemoryStage>,
    /// Every tensor, in the order in which they are made.
    pub tensors: Vec<PlacedTensor>,
}

/// An operation, or several that are streamed row by row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Default)]
pub struct MemoryStage {
    /// Its first operation.
    pub first: usize,
    /// Its last one.
    pub last: usize,
    /// Whether it is streamed.
    pub streamed: bool,
    /// Bytes from the start of the arena to the end of all that is in use meanwhile.
    pub arena_bytes: u64,
    /// Working memory of the kernels, the last of those bytes.
    pub scratch_bytes: u64,
}

/// A tensor in the arena.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Default)]
pub struct PlacedTensor {
    /// Its name.
    pub name: String,
    /// The operation that makes it; `None` for the network's input.
    pub operation: Option<usize>,
    /// Its bytes.
    pub bytes: u64,
    /// Where in the arena it begins.
    pub offset: u64,
    /// Bytes of the arena that it takes: fewer than its own when only some of its rows exist at a time.
    pub held_bytes: u64,
    /// The first operation during which it is there.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// Only some of its rows exist at a time.
    pub streamed: bool,
    /// It is written over this tensor, element for element.
    #[serde(default)]
    pub in_place_of: Option<String>,
    /// It runs into the rows of this tensor that were read.
    #[serde(default)]
    pub runs_into: Option<String>,
}

/// Where the activations lie on a chip.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum ActivationPlace {
    /// In its own memory.
    Sram,
    /// In external memory: they do not fit its own.
    Psram,
    /// They fit nowhere.
    Nowhere,
}

/// How a chip copes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ChipMemory {
    /// Its name, e.g. `esp32p4`.
    pub chip: String,
    /// Bytes of its own memory that activations can have in one piece.
    pub sram_bytes: u64,
    /// Whether it executes the run's file as it is. Another chip's file has other exponents and layouts, so that its
    /// figures are about right only.
    pub same_file: bool,
    /// Which of the maps its firmware executes.
    pub map: usize,
    /// Where that map's arena lies.
    pub place: ActivationPlace,
    /// Bytes that the network needs at least, with as many blocks streamed as that takes.
    pub needed_bytes: u64,
    /// The largest smaller input with which it would fit the chip's own memory.
    pub fitting: Option<FittingInput>,
    /// All this in a sentence.
    pub verdict: String,
}

/// An input that fits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct FittingInput {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Whether the network was planned at this size; otherwise bytes were taken to grow with the area.
    pub planned: bool,
}

impl MemoryMaps {
    /// A chip by name.
    pub fn chip(&self, name: &str) -> Option<&ChipMemory> {
        self.chips.iter().find(|c| c.chip == name)
    }

    /// Layer by layer: before anything is streamed.
    pub fn before(&self) -> Option<&MemoryMap> {
        self.maps.first()
    }

    /// What a chip's firmware executes.
    pub fn after(&self, chip: &ChipMemory) -> Option<&MemoryMap> {
        self.maps.get(chip.map)
    }
}

impl MemoryMap {
    /// The tensors in memory during an operation.
    pub fn during(&self, operation: usize) -> impl Iterator<Item = &PlacedTensor> {
        self.tensors.iter().filter(move |t| (t.first..=t.last).contains(&operation))
    }
}

/// A size of pictures, e.g. `224 px`, `80 × 112 px`.
pub fn size_in_words([height, width]: [usize; 2]) -> String {
    if height == width { format!("{width} px") } else { format!("{height} × {width} px") }
}

/// Whole KiB, rounded up: what has to be free.
pub fn whole_kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// A chip's name as its maker writes it, e.g. `ESP32-P4`.
pub fn chip_in_words(name: &str) -> String {
    match name.strip_prefix("esp32") {
        Some("") => "ESP32".to_owned(),
        Some(rest) => format!("ESP32-{}", rest.to_uppercase()),
        None => name.to_owned(),
    }
}
