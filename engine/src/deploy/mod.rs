//! Onto the chip: from a run folder to a board that answers.
//!
//! Each step is a function that takes what it needs, a [`Reporter`] to tell events and to be cancelled by, and returns
//! what the next one needs: [`generate()`], [`build()`], [`flash()`], [`monitor()`], [`verify()`], [`classify()`]. [`start()`] does them
//! one after the other in the background, as the window wants it.

mod assets;
mod build;
mod build_log;
mod built;
mod chip;
mod classify;
mod console;
mod desktop;
mod difference;
mod error;
mod escape;
mod event;
mod flash;
mod flasher_args;
mod generate;
mod image;
mod inside;
pub mod manifest;
mod measured;
mod monitor;
mod origin;
mod partitions;
mod plan;
mod ports;
mod project;
mod question;
mod render;
mod retry;
mod sender;
mod session;
mod start;
mod talk;
mod template;
mod verify;
mod write;

pub use assets::PictureRecord;
pub use build::{BuildRequest, build};
pub use build_log::{BuildLog, Finding as BuildFinding};
pub use chip::{ChipFacts, Psram, RustTarget};
pub use classify::{Classification, ClassifyRequest, PreparedBy, RankedClass, classify};
pub use console::{BoardEvent, ConsoleDecoder, ConsoleLine, command_line};
pub use difference::{Difference, SURE_NAME_BYTES};
pub use error::{Cause, DeployError};
pub use escape::{Language, literal};
pub use event::{Device, Diagnostic, Event, Reporter, Step, StepState};
pub use flash::{FlashRequest, check_chip, flash};
pub use generate::{Flavour, GenerateRequest, MAX_TEST_PICTURES, ModelPlace, generate};
pub use image::ImageHeader;
pub use measured::{MEASURED_FILE, MeasuredLayer, Measurement};
pub use monitor::{MonitorRequest, monitor, open_port};
pub use partitions::{Layout, Partition, Place, read_table};
pub use plan::{FlashFile, FlashPlan};
pub use ports::{Port, choose_port, list_ports};
pub use project::{PROJECT_FILE, Project};
pub use start::{DeployHandle, DeployRequest, background, start};
pub use verify::{Verification, VerifyRequest, verify};
