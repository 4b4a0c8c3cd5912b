//! The C boundary: a C compiler lays the header's structures out as Rust does, and what C hands in wrongly is refused.
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::panic, reason = "a test of a C interface")]

use std::ffi::c_void;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::ptr::{null, null_mut};

use octet_firmware::ffi::*;

macro_rules! layout {
    ($out:ident, $program:ident, $($rust:ident = $c:ident { $($field:ident),* $(,)? })*) => {$(
        writeln!($out, "{} {}", stringify!($c), size_of::<$rust>()).unwrap();
        writeln!($program, "printf(\"{0} %zu\\n\", sizeof({0}));", stringify!($c)).unwrap();
        $(
            let field = stringify!($field).replace("pause", "yield");
            let offset = std::mem::offset_of!($rust, $field);
            writeln!($out, "{}.{field} {offset}", stringify!($c)).unwrap();
            writeln!($program, "printf(\"{0}.{field} %zu\\n\", offsetof({0}, {field}));", stringify!($c)).unwrap();
        )*
    )*};
}

#[test]
fn a_c_compiler_lays_the_structures_out_as_rust_does() {
    let (mut rust, mut program) = (String::new(), String::new());
    layout! { rust, program,
        RawPicture = octet_picture { pixels, bytes, width, height, format, name, label }
        RawPreprocessing = octet_preprocessing { mean, std, channels, resize, fit, fill, crop_permille }
        RawPlatform = octet_platform { context, write, read, micros, cycles, pause }
        RawConfig = octet_config {
            abi_version, model, model_bytes, target, workspace, workspace_bytes, arena, arena_bytes, labels,
            labels_bytes, pictures, picture_count, preprocessing, top, threshold, firmware
        }
        RawAnswer = octet_answer { index, score }
    }
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    let text = format!(
        "#include <stdio.h>\n#include \"octet.h\"\nstatic octet_preprocessing imagenet = OCTET_PREPROCESSING_IMAGENET;\n\
         int main(void) {{\n(void)imagenet;\n{program}return OCTET_ABI_VERSION != {ABI_VERSION} || \
         OCTET_ALIGNMENT != {ALIGNMENT};\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"];
    let mut command = Command::new(compiler);
    command.args(flags).arg(&binary).arg("-I").arg(here.join("include")).arg(&source);
    assert!(command.status().unwrap().success());
    let output = Command::new(&binary).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), rust);
}

unsafe extern "C" fn write(context: *mut c_void, bytes: *const u8, length: usize) {
    // SAFETY: the context is the vector of `platform`; the bytes are those of the call.
    unsafe { (*context.cast::<Vec<u8>>()).extend(std::slice::from_raw_parts(bytes, length)) }
}

unsafe extern "C" fn micros(_: *mut c_void) -> u64 {
    0
}

fn platform(log: &mut Vec<u8>) -> RawPlatform {
    let context = std::ptr::from_mut(log).cast();
    RawPlatform { context, write: Some(write), read: None, micros: Some(micros), cycles: None, pause: None }
}

fn config() -> RawConfig {
    RawConfig {
        abi_version: ABI_VERSION,
        model: null(),
        model_bytes: 0,
        target: null(),
        workspace: null_mut(),
        workspace_bytes: 0,
        arena: null_mut(),
        arena_bytes: 0,
        labels: null(),
        labels_bytes: 0,
        pictures: null(),
        picture_count: 0,
        preprocessing: RawPreprocessing {
            mean: [0.0; 3],
            std: [1.0; 3],
            channels: 0,
            resize: 0,
            fit: 0,
            fill: [0; 3],
            crop_permille: 1000,
        },
        top: 1,
        threshold: 0.0,
        firmware: null(),
    }
}

fn opened(config: &RawConfig) -> (i32, String) {
    let mut log = Vec::new();
    let mut engine = null_mut();
    // SAFETY: all pointers of the configuration are null or valid.
    let code = unsafe { octet_open(config, &platform(&mut log), &mut engine) };
    assert_eq!(code == 0, !engine.is_null());
    (code, String::from_utf8(log).unwrap())
}

/// Memory that is aligned as the header wants it.
fn aligned(bytes: usize) -> Vec<u128> {
    vec![0; bytes.div_ceil(16)]
}

#[test]
fn what_is_wrong_is_refused_with_a_sentence() {
    assert_eq!(octet_abi_version(), ABI_VERSION);
    let mut log = Vec::new();
    let mut bytes = 0;
    // SAFETY: null pointers are refused.
    unsafe {
        assert_eq!(octet_open(null(), null(), null_mut()), -1);
        assert_eq!(octet_open(null(), &platform(&mut log), &mut null_mut()), -1);
        assert_eq!(octet_workspace_bytes(null(), null(), &mut bytes), -1);
        assert_eq!(octet_workspace_bytes(&config(), null(), null_mut()), -1);
        assert_eq!(octet_serve(null_mut()), -1);
        assert_eq!(octet_run(null(), null()), -1);
        assert_eq!(octet_classify(null_mut(), null(), null_mut(), 0, null_mut()), -1);
        // No bytes are no model.
        assert_eq!(octet_workspace_bytes(&config(), &platform(&mut log), &mut bytes), -2);
        assert_eq!(octet_arena_bytes(&config(), &platform(&mut log), 0, &mut bytes), -2);
    }
    assert!(String::from_utf8(log).unwrap().contains("the file ends too early"));
    let old = RawConfig { abi_version: 0, ..config() };
    assert!(opened(&old).1.contains("abi_version"));
    assert_eq!(opened(&config()).0, -1);
    let mut workspace = aligned(64 << 10);
    let start = workspace.as_mut_ptr().cast::<u8>();
    let with = |offset: usize, workspace_bytes| {
        let workspace = start.wrapping_add(offset).cast();
        RawConfig { workspace, workspace_bytes, ..config() }
    };
    assert!(opened(&with(1, 1000)).1.contains("not aligned"));
    assert_eq!(opened(&with(0, 16)).0, -3);
    let other = RawConfig { target: c"esp8266".as_ptr(), ..with(0, 64 << 10) };
    assert!(opened(&other).1.contains("no chip that is known"));
    let not_utf8 = RawConfig { labels: c"\xff".as_ptr(), labels_bytes: 1, ..with(0, 64 << 10) };
    assert!(opened(&not_utf8).1.contains("not UTF-8"));
    let mut fit = with(0, 64 << 10);
    fit.preprocessing.fit = 9;
    assert!(opened(&fit).1.contains("is not known"));
}

#[path = "../../../../runtime/tests/common/mod.rs"]
mod common;

#[test]
fn a_model_opens_classifies_and_says_when_memory_is_short() {
    use common::Net;
    use octet_runtime::DType;
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, 1, 4, 3], 0).output("y", DType::I8, &[1, 12], 0);
    net.node("Flatten", &["x"], "y", &[]);
    let file = net.build();
    let pixels: Vec<u8> = vec![128, 0, 0, 130, 0, 0, 0, 0, 0, 0, 0, 129];
    let raw = RawPicture {
        pixels: pixels.as_ptr(),
        bytes: 12,
        width: 4,
        height: 1,
        format: 0,
        name: c"three".as_ptr(),
        label: -1,
    };
    let pictures = [raw; 2];
    let mut config = RawConfig {
        model: file.as_ptr(),
        model_bytes: file.len(),
        target: c"esp32c3".as_ptr(),
        pictures: pictures.as_ptr(),
        picture_count: 2,
        firmware: c"firmware".as_ptr(),
        ..config()
    };
    (config.preprocessing.mean, config.preprocessing.std) = ([128.0 / 255.0; 3], [1.0 / 255.0; 3]);
    let mut log = Vec::new();
    let board = platform(&mut log);
    let (mut workspace_bytes, mut arena_bytes) = (0, 0);
    // SAFETY: the pointers are valid, the workspace and the arena as large and as aligned as they must be.
    unsafe {
        assert_eq!(octet_workspace_bytes(&config, &board, &mut workspace_bytes), 0);
        let mut workspace = aligned(workspace_bytes);
        (config.workspace, config.workspace_bytes) = (workspace.as_mut_ptr().cast(), workspace_bytes);
        assert_eq!(octet_arena_bytes(&config, &board, 0, &mut arena_bytes), 0);
        let mut arena = aligned(arena_bytes);
        (config.arena, config.arena_bytes) = (arena.as_mut_ptr().cast(), arena_bytes);
        for (bytes, given, code, text) in [
            (workspace_bytes - 16, arena_bytes, -3, "bytes of workspace"),
            (workspace_bytes, arena_bytes - 1, -4, "needs an arena"),
        ] {
            let short = RawConfig { workspace_bytes: bytes, arena_bytes: given, ..config };
            let (is, log) = opened(&short);
            assert!(is == code && log.contains(text), "{is} {log}");
        }
        let odd = RawPicture { format: 6, ..raw };
        assert_eq!(opened(&RawConfig { pictures: &odd, picture_count: 1, ..config }).0, -1);
        let short = RawPicture { bytes: 11, ..raw };
        assert_eq!(opened(&RawConfig { pictures: &short, picture_count: 1, ..config }).0, -5);

        let mut engine = null_mut();
        assert_eq!(octet_open(&config, &board, &mut engine), 0);
        let mut answers = [RawAnswer { index: 0, score: 0.0 }; 12];
        let mut count = 0;
        assert_eq!(octet_classify(engine, &raw, answers.as_mut_ptr(), 12, &mut count), 0);
        assert_eq!((count, answers[0].index, answers[1].index), (10, 3, 11));
        assert_eq!(octet_classify(engine, &raw, answers.as_mut_ptr(), 1, &mut count), 0);
        assert_eq!(count, 1);
        assert_eq!(octet_classify(engine, &short, answers.as_mut_ptr(), 1, &mut count), -5);
        // There is nothing to read from.
        assert_eq!(octet_serve(engine), 0);
        assert_eq!(octet_run(&config, &board), 0);
    }
    let text = String::from_utf8(log).unwrap();
    assert_eq!(text.matches("\"event\":\"result\"").count(), 2);
    assert!(text.contains("\"name\":\"three\"") && text.contains("\"clock\":null"), "{text}");
}
