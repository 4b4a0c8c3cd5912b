//! The firmware's own main logic behind a pseudo-terminal, with a cable that loses and damages lines.
#![allow(dead_code, unreachable_pub)] // each test takes a part of it

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use octet_firmware::{Console, Engine, Memory, Meter, Platform, Setup, sizes};
use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::postprocess::Labels;
use octet_runtime::preprocess::{Channels, Fit, Resize};
use octet_tests::{Firmware, python};
use serialport::{SerialPort, TTYPort};

/// What happens to lines of the board on their way.
pub type Cable = Box<dyn FnMut(&str) -> Option<String> + Send>;
/// What happens to lines to the board.
pub type Noise = Box<dyn FnMut(String) -> Option<String> + Send>;

/// A cable that does nothing.
pub fn fine() -> Cable {
    Box::new(|line| Some(line.to_owned()))
}

struct Board {
    line: TTYPort,
    open: Vec<u8>,
    cable: Cable,
    /// Of a line to the board, as far as it arrived; and what of it is left to be read.
    coming: Vec<u8>,
    come: Vec<u8>,
    noise: Noise,
    began: Instant,
    stop: Arc<AtomicBool>,
}

impl Platform for Board {
    fn write(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        while let Some(at) = self.open.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.open.drain(..=at).collect();
            if let Some(text) = (self.cable)(&String::from_utf8_lossy(&line)) {
                // Nobody may be there to read.
                let _ = self.line.write_all(text.as_bytes());
            }
        }
    }

    fn read(&mut self, bytes: &mut [u8], timeout_ms: u32) -> Option<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        if self.come.is_empty() {
            self.line.set_timeout(Duration::from_millis(u64::from(timeout_ms.min(50)))).unwrap();
            let mut part = [0; 256];
            match self.line.read(&mut part) {
                Ok(count) => self.coming.extend_from_slice(&part[..count]),
                Err(e) if e.kind() == ErrorKind::TimedOut => {}
                Err(e) => panic!("{e}"),
            }
            while let Some(at) = self.coming.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.coming.drain(..=at).collect();
                let arrived = (self.noise)(String::from_utf8_lossy(&line).into_owned());
                self.come.extend_from_slice(arrived.unwrap_or_default().as_bytes());
            }
        }
        let count = bytes.len().min(self.come.len());
        bytes[..count].copy_from_slice(&self.come[..count]);
        self.come.drain(..count);
        Some(count)
    }

    fn micros(&mut self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    fn cycles(&mut self) -> Option<u64> {
        None
    }
}

/// A board that runs a model.
pub struct Running {
    pub port: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _other_end: TTYPort,
}

impl Running {
    pub fn new(model: Vec<u8>, labels: &'static str, cable: Cable, noise: Noise) -> Running {
        let (line, other_end) = TTYPort::pair().unwrap();
        // Programs that are started inherit the end that `pair` opened, but no copy of it: the board would never go away.
        let line = line.try_clone_native().unwrap();
        let port = other_end.name().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut board = Board {
                line,
                open: Vec::new(),
                cable,
                coming: Vec::new(),
                come: Vec::new(),
                noise,
                began: Instant::now(),
                stop: told,
            };
            run(&model, labels, &mut board);
        });
        Running { port, stop, thread: Some(thread), _other_end: other_end }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(model: &[u8], labels: &str, board: &mut Board) {
    let sizes = sizes(model).unwrap();
    let mut slots = vec![TensorSlot::default(); sizes.tensors];
    let mut steps = vec![Step::default(); sizes.steps];
    let mut meters = vec![Meter::default(); sizes.tensors];
    let mut arena = vec![0u8; 4 << 20];
    let setup = Setup {
        file: model,
        target: None,
        labels: Labels::new(labels),
        pictures: &[],
        // As a run has it unless its model says otherwise.
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        channels: Channels::Rgb,
        resize: Resize::Nearest,
        fit: Fit::Stretch,
        fill: [0; 3],
        top: 5,
        threshold: 0.0,
        firmware: Some("test"),
    };
    let memory = Memory { slots: &mut slots, steps: &mut steps, meters: &mut meters, arena: &mut arena };
    let mut engine = Engine::open(setup, memory).unwrap();
    let mut console = Console::default();
    board.write(b"\x1b[0;32mI (31) boot: ESP-IDF\x1b[0m\n");
    console.hello(board, &engine);
    console.serve(board, &mut engine);
}

/// A run with its project, and a board that runs its model.
pub fn set_up(labels: &'static str, cable: Cable, noise: Noise) -> Option<(Firmware, Running)> {
    let firmware = Firmware::new(&python()?, "esp32c3");
    let ran = firmware.octet(&["firmware", "new"], &[], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let model = std::fs::read(firmware.run_folder().join("model.espdl")).unwrap();
    Some((firmware, Running::new(model, labels, cable, noise)))
}

/// An event of the board with something else in it, and a right CRC32; other lines as they are.
pub fn changed(line: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let Some((_, json)) = line.trim_end().strip_prefix("@octet1 ").and_then(|l| l.split_once(' ')) else {
        return line.to_owned();
    };
    let mut event: serde_json::Value = serde_json::from_str(json).unwrap();
    change(&mut event);
    let json = event.to_string();
    format!("@octet1 {:08x} {json}\n", crc32fast::hash(json.as_bytes()))
}

/// The line with another CRC32 for the tensor.
pub fn falsified(line: &str, tensor: u64) -> String {
    changed(line, |event| {
        if event["event"] == "tensor" && event["index"] == tensor {
            event["crc32"] = "00000000".into();
        }
    })
}
