//! Writing to the board, through espflash.

use std::borrow::Cow;

use espflash::connection::{Connection, ResetAfterOperation, ResetBeforeOperation};
use espflash::flasher::{Flasher, SpiAttachParams};
use espflash::image_format::Segment;
use espflash::target::{Chip, ProgressCallbacks};
use md5::{Digest, Md5};

use super::error::DeployError;
use super::event::{Device, Event, Reporter};
use super::monitor::open_port;
use super::plan::{FlashFile, FlashPlan};
use super::ports::Port;
use super::retry::bauds;
use crate::strategy::LogLevel;

/// Speed of the first words with every chip.
const FIRST_BAUD: u32 = 115_200;
/// Between two of these the user is asked whether to go on; a multiple of the flash's sectors.
const PIECE_BYTES: usize = 64 << 10;

/// How to write.
#[derive(Debug, Clone)]
pub struct FlashRequest {
    /// The port.
    pub port: Port,
    /// Speed; lower ones are tried when it fails.
    pub baud: u32,
    /// Leave the modem lines alone: the board is in its boot loader already, and is reset by hand afterwards.
    pub no_reset: bool,
    /// Write the model's partition alone.
    pub model_only: bool,
}

/// Writes everything of the plan, verified piece by piece. What the board has already is not written again.
///
/// # Errors
/// The port or the board does not suit, in which case nothing was written; or writing stopped on the way.
pub fn flash(
    plan: &FlashPlan,
    request: &FlashRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Device, DeployError> {
    let wanted = if request.model_only { plan.model_only()? } else { plan.clone() };
    check_built(plan, request, reporter)?;
    let speeds = bauds(request.baud);
    let last = speeds.len() - 1;
    for (attempt, &baud) in speeds.iter().enumerate() {
        let connected = connect(request).map_err(|error| match attempt {
            0 => Failure::Final(error),
            // What was written stays, and the next speed may do.
            _ => Failure::Link(format!("when connecting again: {error}")),
        });
        let written = connected.and_then(|board| write(board, plan, &wanted, request, baud, reporter));
        let failure = match written {
            Ok(device) => return Ok(device),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Link(failure)) => failure,
        };
        reporter.check()?;
        if !still_there(&request.port) {
            return Err(DeployError::Flash {
                message: format!("{}: the board was unplugged {failure}", request.port.name),
                help: "plug it in and flash again; what is on it is incomplete".to_owned(),
            });
        }
        if attempt == last {
            return Err(DeployError::Flash {
                message: format!("{}: writing stopped {failure}", request.port.name),
                help: match request.no_reset {
                    // Without a reset the chip keeps the speed of the last attempt.
                    true => {
                        "hold BOOT, press and release RESET, release BOOT, and flash again with `--baud 115200`; what is \
                         on the board is incomplete"
                    }
                    false => {
                        "try another cable or port, without a hub, then flash again; what is on the board is incomplete"
                    }
                }
                .to_owned(),
            });
        }
        let next = speeds[attempt + 1];
        let message = format!("writing stopped {failure}; trying again at {next} baud");
        reporter.log(LogLevel::Warning, message);
    }
    Err(DeployError::Flash { message: "no speed was tried".to_owned(), help: "give --baud".to_owned() })
}

/// An application that is older than its project has other labels, pictures or pre-processing.
fn check_built(
    plan: &FlashPlan,
    request: &FlashRequest,
    reporter: &mut Reporter<'_>,
) -> Result<(), DeployError> {
    let Some(path) = &plan.changed_since_build else { return Ok(()) };
    let message = format!("`{path}` was changed after the application was built");
    if !request.model_only {
        return Err(DeployError::request(
            message,
            "build the project first with `octet firmware build`; nothing was written",
        ));
    }
    let message = format!(
        "{message}: only the model is new on the board, and labels, test pictures or pre-processing may be older"
    );
    reporter.log(LogLevel::Warning, message);
    Ok(())
}

/// Looks which chip is there and whether the plan suits it; writes nothing.
///
/// # Errors
/// As [`flash`], before anything is written.
pub fn check_chip(
    plan: &FlashPlan,
    request: &FlashRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Device, DeployError> {
    let (mut flasher, device) = connect(request)?;
    reporter.tell(Event::Device(device.clone()));
    let suits = check_device(plan, &device);
    reset(&mut flasher, request, reporter);
    suits.map(|()| device)
}

/// Which chip is at the port, with its revision.
///
/// # Errors
/// The port cannot be opened, or nobody answers.
pub(super) fn detect(request: &FlashRequest, reporter: &mut Reporter<'_>) -> Result<Device, DeployError> {
    let (mut flasher, device) = connect(request)?;
    reset(&mut flasher, request, reporter);
    Ok(device)
}

/// Why an attempt ended.
enum Failure {
    /// Nothing to be tried again.
    Final(DeployError),
    /// The connection failed: how far it was, and why.
    Link(String),
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        Failure::Final(error)
    }
}

fn write(
    (mut flasher, device): (Flasher, Device),
    whole: &FlashPlan,
    wanted: &FlashPlan,
    request: &FlashRequest,
    baud: u32,
    reporter: &mut Reporter<'_>,
) -> Result<Device, Failure> {
    reporter.tell(Event::Device(device.clone()));
    check_device(wanted, &device)?;
    if baud > FIRST_BAUD {
        // A bridge that does not bear this speed may bear the next one.
        let failed =
            |e: espflash::Error| Failure::Link(format!("at the change to {baud} baud: {}", told(&e)));
        flasher.change_baud(baud).map_err(failed)?;
    }
    warn_of_psram(wanted, &mut flasher, reporter);
    if request.model_only {
        check_table(whole, &mut flasher)?;
    }
    let chip = flasher.chip();
    let mut target = chip.flash_target(SpiAttachParams::default(), true, true, true);
    let before =
        |what: &str, error: espflash::Error| Failure::Link(format!("before {what}: {}", told(&error)));
    // The boards that need other pins than the default ones are ESP32s, and connecting has attached theirs.
    if chip != Chip::Esp32 {
        target.begin(flasher.connection()).map_err(|e| before("the first byte", e))?;
    }
    let all = wanted.bytes();
    let mut done = 0;
    let mut unchanged = 0;
    for file in &wanted.files {
        for (index, piece) in file.bytes.chunks(PIECE_BYTES).enumerate() {
            // Whatever was written stays; the next attempt finds it and goes on from there.
            if let Err(cancelled) = reporter.check() {
                if done > 0 {
                    let message = format!(
                        "{done} of {all} bytes are on the board, which is incomplete: flash it again"
                    );
                    reporter.log(LogLevel::Warning, message);
                }
                return Err(cancelled.into());
            }
            let address = file.offset + (index * PIECE_BYTES) as u32;
            let mut steps = Steps::new(reporter, file, done, piece.len() as u64, all);
            target.write_segment(flasher.connection(), segment(address, piece), &mut steps).map_err(|e| {
                Failure::Link(format!("in `{}` after {done} of {all} bytes: {}", file.name, told(&e)))
            })?;
            unchanged += if steps.skipped { piece.len() as u64 } else { 0 };
            done += piece.len() as u64;
            reporter.progress_bytes(done, all, format!("{} verified", file.name));
        }
    }
    target.finish(flasher.connection(), false).map_err(|e| before("the end was told", e))?;
    let kept =
        if unchanged > 0 { format!(", {unchanged} of them were there already") } else { String::new() };
    reporter.log(LogLevel::Info, format!("{all} bytes are on the board and verified{kept}"));
    reset(&mut flasher, request, reporter);
    Ok(device)
}

/// Flash is written in words.
fn segment(address: u32, piece: &[u8]) -> Segment<'_> {
    let mut data = Cow::Borrowed(piece);
    let missing = piece.len().next_multiple_of(4) - piece.len();
    if missing > 0 {
        data.to_mut().extend(std::iter::repeat_n(0xFF, missing));
    }
    Segment { addr: address, data }
}

/// Connects at the speed of the first words and asks who is there.
fn connect(request: &FlashRequest) -> Result<(Flasher, Device), DeployError> {
    let name = &request.port.name;
    let serial = open_port(&request.port, FIRST_BAUD)?;
    let before =
        if request.no_reset { ResetBeforeOperation::NoReset } else { ResetBeforeOperation::DefaultReset };
    // The reset belongs to this module: it comes once, at the end.
    let after = ResetAfterOperation::NoResetNoStub;
    let connection = Connection::new(serial, request.port.usb(), after, before, FIRST_BAUD);
    let no_answer = |e: &espflash::Error| {
        DeployError::Port {
        port: name.clone(),
        reason: format!("no chip answers: {}", told(e)),
        help: if request.no_reset {
            "hold BOOT, press and release RESET, release BOOT, then flash again; without --no-reset Octet does that \
             where the board has the circuit for it"
        } else {
            "hold the button BOOT while Octet connects (or hold BOOT, press RESET, release both) and flash again; \
             close other programs that use the port; if the board has two USB sockets, try the other one"
        }
        .to_owned(),
    }
    };
    let mut flasher =
        Flasher::connect(connection, true, true, true, None, None).map_err(|e| no_answer(&e))?;
    if flasher.secure_download_mode() {
        return Err(DeployError::Board {
            message: format!("the chip at {name} is in secure download mode"),
            help: "its flash can only be written by the tools of who locked it".to_owned(),
        });
    }
    let info = flasher.device_info().map_err(|e| no_answer(&e))?;
    let device = Device {
        port: name.clone(),
        chip: info.chip.to_string(),
        revision: info.revision,
        flash_bytes: u64::from(info.flash_size.size()),
        mac: info.mac_address,
        features: info.features,
    };
    Ok((flasher, device))
}

fn check_device(plan: &FlashPlan, device: &Device) -> Result<(), DeployError> {
    if device.chip != plan.chip.name {
        return Err(DeployError::Board {
            message: format!(
                "the board at {} is an {}, and this firmware is for {}",
                device.port, device.chip, plan.chip.name
            ),
            help: format!(
                "choose the other board's port with --port, or quantize the model with `--target {}`",
                device.chip
            ),
        });
    }
    if device.flash_bytes < plan.flash_bytes {
        return Err(DeployError::Board {
            message: format!(
                "the board at {} has {} MB of flash, and this firmware is laid out for {} MB",
                device.port,
                device.flash_bytes >> 20,
                plan.flash_bytes >> 20
            ),
            help: "take a board with more flash, or a smaller network".to_owned(),
        });
    }
    let Some(revision) = device.revision else { return Ok(()) };
    for (name, image) in &plan.images {
        image.suits(revision).map_err(|suitable| DeployError::Board {
            message: format!(
                "the chip at {} has revision {}.{}, and `{name}` was built for {suitable}",
                device.port, revision.0, revision.1
            ),
            help: "write the project anew with `octet firmware new --chip-revision` and the chip's revision, then build \
                   it; `octet deploy` with the board plugged in does both"
                .to_owned(),
        })?;
    }
    Ok(())
}

/// Most chips do not tell whether their module has external RAM; the S3's fuses tell what lies in the same package.
fn warn_of_psram(plan: &FlashPlan, flasher: &mut Flasher, reporter: &mut Reporter<'_>) {
    /// EFUSE_RD_MAC_SPI_SYS_4 of the S3, whose bits 3 and 4 are `psram_cap` (esptool's `targets/esp32s3.py`).
    const S3_PSRAM_WORD: u32 = 0x6000_7054;
    if !plan.needs_psram || flasher.chip() != Chip::Esp32s3 {
        return;
    }
    let word = flasher.connection().read_reg(S3_PSRAM_WORD);
    if word.is_ok_and(|word| (word >> 3) & 3 == 0) {
        let message = "this firmware needs PSRAM, and the chip's fuses name none; unless the board has a separate chip, \
                       the firmware will say that memory is missing";
        reporter.log(LogLevel::Warning, message);
    }
}

/// The model alone may only be written where the board's table has it.
fn check_table(plan: &FlashPlan, flasher: &mut Flasher) -> Result<(), Failure> {
    let Some(table) = plan.table() else { return Ok(()) };
    let expected = u128::from_be_bytes(Md5::digest(&table.bytes).into());
    let found = flasher
        .checksum_md5(table.offset, table.bytes.len() as u32)
        .map_err(|e| Failure::Link(format!("before the first byte: {}", told(&e))))?;
    if found == expected {
        return Ok(());
    }
    Err(Failure::Final(DeployError::Board {
        message: "the board's partition table is not this project's".to_owned(),
        help: "flash everything once, without --model-only".to_owned(),
    }))
}

fn reset(flasher: &mut Flasher, request: &FlashRequest, reporter: &mut Reporter<'_>) {
    if request.no_reset {
        reporter.log(LogLevel::Info, "press RESET on the board to start the firmware");
    } else if let Err(error) = flasher.connection().reset() {
        let message = format!("the board could not be reset ({}); press RESET on it", told(&error));
        reporter.log(LogLevel::Warning, message);
    }
}

fn still_there(port: &Port) -> bool {
    if cfg!(unix) {
        std::path::Path::new(&port.name).exists()
    } else {
        super::ports::list_ports().iter().any(|p| p.name == port.name)
    }
}

/// An error with its causes; espflash keeps the interesting part in them.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// espflash counts compressed blocks; the user sees bytes of the whole.
struct Steps<'r, 'a> {
    reporter: &'r mut Reporter<'a>,
    file: &'r str,
    before: u64,
    piece: u64,
    all: u64,
    blocks: usize,
    skipped: bool,
}

impl<'r, 'a> Steps<'r, 'a> {
    fn new(reporter: &'r mut Reporter<'a>, file: &'r FlashFile, before: u64, piece: u64, all: u64) -> Self {
        Steps { reporter, file: &file.name, before, piece, all, blocks: 1, skipped: false }
    }
}

impl ProgressCallbacks for Steps<'_, '_> {
    fn init(&mut self, _addr: u32, total: usize) {
        self.blocks = total.max(1);
    }

    fn update(&mut self, current: usize) {
        let part = self.piece * current.min(self.blocks) as u64 / self.blocks as u64;
        self.reporter.progress_bytes(self.before + part, self.all, self.file.to_owned());
    }

    fn verifying(&mut self) {}

    fn finish(&mut self, skipped: bool) {
        self.skipped = skipped;
    }
}
