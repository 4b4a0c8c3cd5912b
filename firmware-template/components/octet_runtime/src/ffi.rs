//! The C boundary: `include/octet.h`. The only `unsafe` of the firmware's main logic.
//!
//! What C hands in is trusted to be what the header says: pointers are valid for their lengths, and memory outlives the
//! engine. Null pointers, wrong versions, misaligned buffers and unknown numbers are refused.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char, c_void};
use core::mem::{align_of, size_of};

use octet_runtime::plan::{Sizes, Step, TensorSlot};
use octet_runtime::postprocess::{Answer, Labels};
use octet_runtime::preprocess::{Channels, Fit, Frame, PixelFormat, Resize};
use octet_runtime::{Limits, Model, Plan, Strategy, Target};

use crate::console::Console;
use crate::engine::{Engine, Memory, Picture, Setup, sizes};
use crate::failure::Failure;
use crate::platform::Platform;
use crate::watch::Meter;

/// `OCTET_ABI_VERSION`.
pub const ABI_VERSION: u32 = 1;
/// `OCTET_ALIGNMENT`.
pub const ALIGNMENT: usize = 16;

/// `octet_picture`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawPicture {
    /// As in the header, as are all fields here.
    pub pixels: *const u8,
    /// Bytes of the pixels.
    pub bytes: usize,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `OCTET_RGB888` and so on.
    pub format: u32,
    /// UTF-8 with a NUL, or null.
    pub name: *const c_char,
    /// Index of the right class, or -1.
    pub label: i32,
}

/// `octet_preprocessing`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawPreprocessing {
    /// Red, green, blue, 0..1.
    pub mean: [f32; 3],
    /// Red, green, blue, 0..1.
    pub std: [f32; 3],
    /// `OCTET_CHANNELS_RGB` and so on.
    pub channels: u8,
    /// `OCTET_RESIZE_NEAREST` and so on.
    pub resize: u8,
    /// `OCTET_FIT_STRETCH` and so on.
    pub fit: u8,
    /// Red, green, blue.
    pub fill: [u8; 3],
    /// Thousandths of each side.
    pub crop_permille: u16,
}

/// `octet_platform`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawPlatform {
    /// Handed to each function.
    pub context: *mut c_void,
    /// Writes all bytes.
    pub write: Option<unsafe extern "C" fn(*mut c_void, *const u8, usize)>,
    /// Reads at most so many bytes within so many milliseconds.
    pub read: Option<unsafe extern "C" fn(*mut c_void, *mut u8, usize, u32) -> usize>,
    /// Microseconds.
    pub micros: Option<unsafe extern "C" fn(*mut c_void) -> u64>,
    /// Cycles or instructions.
    pub cycles: Option<unsafe extern "C" fn(*mut c_void) -> u64>,
    /// Called after every step.
    pub pause: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// `octet_config`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawConfig {
    /// [`ABI_VERSION`].
    pub abi_version: u32,
    /// The file.
    pub model: *const u8,
    /// Its bytes and what follows.
    pub model_bytes: usize,
    /// Name of a chip, or null.
    pub target: *const c_char,
    /// Memory of the engine.
    pub workspace: *mut c_void,
    /// Its bytes.
    pub workspace_bytes: usize,
    /// Memory of activations.
    pub arena: *mut u8,
    /// Its bytes.
    pub arena_bytes: usize,
    /// One line per class, or null.
    pub labels: *const c_char,
    /// Bytes of the labels.
    pub labels_bytes: usize,
    /// Embedded pictures, or null.
    pub pictures: *const RawPicture,
    /// Their number.
    pub picture_count: usize,
    /// How pictures become the network's input.
    pub preprocessing: RawPreprocessing,
    /// Answers per picture.
    pub top: u32,
    /// Answers below are left out.
    pub threshold: f32,
    /// Name of the firmware, or null.
    pub firmware: *const c_char,
}

/// `octet_answer`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawAnswer {
    /// Of the class.
    pub index: u32,
    /// 0..1.
    pub score: f32,
}

/// `octet_engine`: lies at the start of the workspace.
#[derive(Debug)]
pub struct Opened {
    engine: Option<Engine<'static>>,
    console: Console,
    platform: RawPlatform,
}

impl Platform for RawPlatform {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(write) = self.write {
            // SAFETY: the function takes its context and bytes that are valid for their length.
            unsafe { write(self.context, bytes.as_ptr(), bytes.len()) }
        }
    }

    fn read(&mut self, bytes: &mut [u8], timeout_ms: u32) -> Option<usize> {
        let read = self.read?;
        // SAFETY: the function takes its context and a buffer of that length, all of which is initialised.
        let length = unsafe { read(self.context, bytes.as_mut_ptr(), bytes.len(), timeout_ms) };
        Some(length.min(bytes.len()))
    }

    fn micros(&mut self) -> u64 {
        // SAFETY: the function takes its context and nothing else.
        self.micros.map_or(0, |micros| unsafe { micros(self.context) })
    }

    fn cycles(&mut self) -> Option<u64> {
        // SAFETY: the function takes its context and nothing else.
        self.cycles.map(|cycles| unsafe { cycles(self.context) })
    }

    fn pause(&mut self) {
        if let Some(pause) = self.pause {
            // SAFETY: the function takes its context and nothing else.
            unsafe { pause(self.context) }
        }
    }
}

/// Hands out parts of the workspace.
struct Parts {
    next: *mut u8,
    left: usize,
}

/// Bytes of `count` values and what may lie before them.
fn bytes_of<T>(count: usize) -> Option<usize> {
    const { assert!(align_of::<T>() <= ALIGNMENT) }
    size_of::<T>().checked_mul(count)?.checked_next_multiple_of(ALIGNMENT)
}

fn workspace_bytes(sizes: Sizes, pictures: usize) -> Option<usize> {
    let parts = [
        bytes_of::<Opened>(1)?,
        bytes_of::<TensorSlot>(sizes.tensors)?,
        bytes_of::<Step>(sizes.steps)?,
        bytes_of::<Meter>(sizes.tensors)?,
        bytes_of::<Picture<'_>>(pictures)?,
    ];
    parts.into_iter().try_fold(0usize, usize::checked_add)
}

impl Parts {
    /// Values made by `fill`, in the next part of the workspace. `None` when it is too short.
    fn take<T>(&mut self, count: usize, mut fill: impl FnMut(usize) -> T) -> Option<&'static mut [T]> {
        let bytes = bytes_of::<T>(count)?;
        self.left = self.left.checked_sub(bytes)?;
        let start = self.next.cast::<T>();
        for index in 0..count {
            // SAFETY: `bytes` bytes from `next` on belong to the workspace, which is aligned for every `T`
            // (`bytes_of` checks that), and are handed out once.
            unsafe { start.add(index).write(fill(index)) }
        }
        // SAFETY: as above, so that the end is at most one past the workspace.
        self.next = unsafe { self.next.add(bytes) };
        // SAFETY: all `count` values were just written; nobody else has this part; the workspace outlives the engine.
        Some(unsafe { core::slice::from_raw_parts_mut(start, count) })
    }
}

/// Bytes of C; a null pointer means none.
///
/// # Safety
/// `start` is null or valid for `length` bytes, which outlive the engine.
unsafe fn slice(start: *const u8, length: usize) -> &'static [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// A text of C; a null pointer means none.
///
/// # Safety
/// `text` is null or ends with a NUL, and outlives the engine.
unsafe fn text(text: *const c_char) -> Result<Option<&'static str>, Failure<'static>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Failure::Argument("a text (target, firmware or name) is not UTF-8"))
}

/// # Safety
/// `config` is null or points to what the header says.
unsafe fn checked<'c>(config: *const RawConfig) -> Result<&'c RawConfig, Failure<'static>> {
    // SAFETY: the caller's promise.
    let config = unsafe { config.as_ref() }.ok_or(Failure::Argument("config is a null pointer"))?;
    if config.abi_version != ABI_VERSION {
        return Err(Failure::Argument("abi_version is not OCTET_ABI_VERSION of this library"));
    }
    Ok(config)
}

/// # Safety
/// As the header says of `config`.
unsafe fn setup(config: &RawConfig) -> Result<Setup<'static>, Failure<'static>> {
    let raw = &config.preprocessing;
    // SAFETY: the header's promise about model, labels and texts.
    let (file, labels, target, firmware) = unsafe {
        (
            slice(config.model, config.model_bytes),
            slice(config.labels.cast(), config.labels_bytes),
            text(config.target)?,
            text(config.firmware)?,
        )
    };
    let target = match target {
        Some(name) => {
            let target = name.parse::<Target>();
            Some(target.map_err(|_| Failure::Argument("target is no chip that is known here"))?)
        }
        None => None,
    };
    let labels = core::str::from_utf8(labels).map_err(|_| Failure::Argument("the labels are not UTF-8"))?;
    let unknown = Failure::Argument("channels, resize or fit of the preprocessing is not known");
    Ok(Setup {
        file,
        target,
        labels: Labels::new(labels),
        pictures: &[],
        mean: raw.mean,
        std: raw.std,
        channels: match raw.channels {
            0 => Channels::Rgb,
            1 => Channels::Bgr,
            2 => Channels::Grey,
            _ => return Err(unknown),
        },
        resize: match raw.resize {
            0 => Resize::Nearest,
            1 => Resize::Bilinear,
            _ => return Err(unknown),
        },
        fit: match raw.fit {
            0 => Fit::Stretch,
            1 => Fit::Crop(raw.crop_permille),
            2 => Fit::Letterbox,
            _ => return Err(unknown),
        },
        fill: raw.fill,
        top: u8::try_from(config.top).unwrap_or(0),
        threshold: config.threshold,
        firmware,
    })
}

/// # Safety
/// As the header says of `octet_picture`.
unsafe fn picture(raw: &RawPicture) -> Result<Picture<'static>, Failure<'static>> {
    let format = PixelFormat::ALL.get(raw.format as usize).copied();
    let format = format.ok_or(Failure::Argument("the format of a picture is not known"))?;
    // SAFETY: the caller's promise.
    let (pixels, name) = unsafe { (slice(raw.pixels, raw.bytes), text(raw.name)?) };
    let frame = Frame::new(pixels, raw.width as usize, raw.height as usize, format)?;
    Ok(Picture { frame, name, label: u32::try_from(raw.label).ok() })
}

fn parts(config: &RawConfig) -> Result<Parts, Failure<'static>> {
    let next = config.workspace.cast::<u8>();
    if next.is_null() || !next.addr().is_multiple_of(ALIGNMENT) {
        return Err(Failure::Argument("the workspace is a null pointer or not aligned to 16 bytes"));
    }
    Ok(Parts { next, left: config.workspace_bytes })
}

fn workspace_too_small(config: &RawConfig, file: &'static [u8]) -> Failure<'static> {
    let needed = sizes(file).ok().and_then(|s| workspace_bytes(s, config.picture_count)).unwrap_or(0);
    let available = config.workspace_bytes;
    octet_runtime::Error::Memory { what: "bytes of workspace", needed, available }.into()
}

/// # Safety
/// As the header says of `octet_open`.
unsafe fn engine(config: &RawConfig, parts: &mut Parts) -> Result<Engine<'static>, Failure<'static>> {
    // SAFETY: the caller's promise.
    let mut setup = unsafe { setup(config)? };
    if config.arena.is_null() || !config.arena.addr().is_multiple_of(ALIGNMENT) {
        return Err(Failure::Argument("the arena is a null pointer or not aligned to 16 bytes"));
    }
    let sizes = sizes(setup.file)?;
    let small = |_: ()| workspace_too_small(config, setup.file);
    let slots = parts.take(sizes.tensors, |_| TensorSlot::default()).ok_or(()).map_err(small)?;
    let steps = parts.take(sizes.steps, |_| Step::default()).ok_or(()).map_err(small)?;
    let meters = parts.take(sizes.tensors, |_| Meter::default()).ok_or(()).map_err(small)?;
    if !config.pictures.is_null() && config.picture_count > 0 {
        // SAFETY: the header's promise about `pictures`.
        let raw = unsafe { core::slice::from_raw_parts(config.pictures, config.picture_count) };
        for raw in raw {
            // SAFETY: the header's promise about each of them.
            unsafe { picture(raw)? };
        }
        // Each was read without an error just now, so that the first stands in for none.
        // SAFETY: as above.
        let read = |index: usize| unsafe { raw.get(index).and_then(|raw| picture(raw).ok()) };
        if let Some(first) = read(0) {
            let pictures = parts.take(raw.len(), |index| read(index).unwrap_or(first));
            setup.pictures = pictures.ok_or(()).map_err(|()| workspace_too_small(config, setup.file))?;
        }
    }
    // SAFETY: the arena belongs to the engine from here on; writing first makes all of it initialised.
    let arena = unsafe {
        config.arena.write_bytes(0, config.arena_bytes);
        core::slice::from_raw_parts_mut(config.arena, config.arena_bytes)
    };
    Engine::open(setup, Memory { slots, steps, meters, arena })
}

fn code(failure: &Failure<'_>) -> i32 {
    match failure.code() {
        "argument" => -1,
        "model" => -2,
        "workspace" => -3,
        "arena" => -4,
        "picture" => -5,
        _ => -6,
    }
}

/// Tells an error where there is somebody to tell it to.
///
/// # Safety
/// `platform` is null or points to what the header says.
#[cold]
#[inline(never)]
unsafe fn told(platform: *const RawPlatform, failure: &Failure<'_>) -> i32 {
    // SAFETY: the caller's promise.
    if let Some(platform) = unsafe { platform.as_ref() } {
        Console::default().fail(&mut { *platform }, None, failure);
    }
    code(failure)
}

/// `octet_abi_version`.
#[unsafe(no_mangle)]
pub extern "C" fn octet_abi_version() -> u32 {
    ABI_VERSION
}

/// `octet_workspace_bytes`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn octet_workspace_bytes(
    config: *const RawConfig,
    platform: *const RawPlatform,
    bytes: *mut usize,
) -> i32 {
    // SAFETY: the caller's promise.
    let measure = || unsafe {
        let config = checked(config)?;
        let bytes = bytes.as_mut().ok_or(Failure::Argument("bytes is a null pointer"))?;
        let needed = workspace_bytes(sizes(slice(config.model, config.model_bytes))?, config.picture_count);
        *bytes = needed.ok_or(Failure::Argument("there are too many pictures"))?;
        Ok(())
    };
    match measure() {
        Ok(()) => 0,
        // SAFETY: the caller's promise.
        Err(failure) => unsafe { told(platform, &failure) },
    }
}

/// `octet_arena_bytes`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn octet_arena_bytes(
    config: *const RawConfig,
    platform: *const RawPlatform,
    arena_limit: usize,
    bytes: *mut usize,
) -> i32 {
    // SAFETY: the caller's promise.
    let measure = || unsafe {
        let config = checked(config)?;
        let bytes = bytes.as_mut().ok_or(Failure::Argument("bytes is a null pointer"))?;
        let Setup { file, target, .. } = setup(config)?;
        let model = Model::parse(file)?;
        let target = target.map_or_else(|| Target::infer(&model), Ok)?;
        let (sizes, mut parts) = (Plan::sizes(&model), parts(config)?);
        let slots = parts.take(sizes.tensors, |_| TensorSlot::default());
        let steps = parts.take(sizes.steps, |_| Step::default());
        let (Some(slots), Some(steps)) = (slots, steps) else {
            return Err(workspace_too_small(config, file));
        };
        let wish = if arena_limit == 0 { Strategy::Layerwise } else { Strategy::Within(arena_limit) };
        let plan = Plan::build_with(&model, target, &Limits::default(), wish, slots, steps);
        *bytes = match plan.map_err(Failure::from) {
            Ok(plan) => plan.arena_bytes(),
            // The wish cannot be fulfilled; this is the least there can be.
            Err(Failure::Arena { needed, .. }) => needed,
            Err(failure) => return Err(failure),
        };
        Ok(())
    };
    match measure() {
        Ok(()) => 0,
        // SAFETY: the caller's promise.
        Err(failure) => unsafe { told(platform, &failure) },
    }
}

/// `octet_open`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn octet_open(
    config: *const RawConfig,
    platform: *const RawPlatform,
    engine: *mut *mut Opened,
) -> i32 {
    // SAFETY: the caller's promise.
    let open = || unsafe {
        let place = engine.as_mut().ok_or(Failure::Argument("engine is a null pointer"))?;
        *place = core::ptr::null_mut();
        let config = checked(config)?;
        let platform = *platform.as_ref().ok_or(Failure::Argument("platform is a null pointer"))?;
        if platform.write.is_none() || platform.micros.is_none() {
            return Err(Failure::Argument("the platform has no function write or micros"));
        }
        let mut parts = parts(config)?;
        let opened = parts.take(1, |_| Opened { engine: None, console: Console::default(), platform });
        let Some([opened]) = opened else {
            return Err(workspace_too_small(config, slice(config.model, config.model_bytes)));
        };
        opened.engine = Some(self::engine(config, &mut parts)?);
        *place = opened;
        Ok(())
    };
    match open() {
        Ok(()) => 0,
        // SAFETY: the caller's promise.
        Err(failure) => unsafe { told(platform, &failure) },
    }
}

/// `octet_classify`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn octet_classify(
    engine: *mut Opened,
    picture: *const RawPicture,
    answers: *mut RawAnswer,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's promise; the picture is not kept.
    let classify = || unsafe {
        let null = Failure::Argument("engine, picture, answers or count is a null pointer");
        let opened = engine.as_mut().ok_or(null)?;
        let engine = opened.engine.as_mut().ok_or(null)?;
        let picture = self::picture(picture.as_ref().ok_or(null)?)?;
        let count = count.as_mut().ok_or(null)?;
        if answers.is_null() {
            return Err(null);
        }
        *count = 0;
        engine.prepare(&picture.frame)?;
        engine.run(&mut opened.platform, false)?;
        let mut best = [Answer::default(); 10];
        let room = capacity.min(best.len());
        let found = engine.answers(best.get_mut(..room).unwrap_or_default());
        for (index, answer) in best.iter().take(found).enumerate() {
            answers.add(index).write(RawAnswer { index: answer.index, score: answer.score });
        }
        *count = found;
        Ok(())
    };
    match classify() {
        Ok(()) => 0,
        Err(failure) => code(&failure),
    }
}

/// `octet_serve`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn octet_serve(engine: *mut Opened) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { engine.as_mut() } {
        Some(Opened { engine: Some(engine), console, platform }) => {
            console.serve(platform, engine);
            0
        }
        _ => -1,
    }
}

/// `octet_run`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn octet_run(config: *const RawConfig, platform: *const RawPlatform) -> i32 {
    let mut engine = core::ptr::null_mut();
    // SAFETY: the caller's promise.
    let opened = unsafe { octet_open(config, platform, &mut engine) };
    // SAFETY: null, or what `octet_open` made.
    match unsafe { engine.as_mut() } {
        Some(Opened { engine: Some(engine), console, platform }) => {
            console.hello(platform, engine);
            console.classify_embedded(platform, engine);
            console.serve(platform, engine);
            0
        }
        _ => opened,
    }
}

#[cfg(all(feature = "panic-handler", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        /// The C library's; under ESP-IDF it prints a backtrace and restarts.
        safe fn abort() -> !;
    }
    abort()
}
