//! Any bytes as what a board receives on its console: obeyed, refused or ignored.
#![no_main]

#[path = "../../../runtime/tests/common/mod.rs"]
mod common;

use libfuzzer_sys::fuzz_target;
use octet_firmware::{Console, Engine, Memory, Meter, Platform, Setup, sizes};
use octet_runtime::DType;
use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::postprocess::Labels;
use octet_runtime::preprocess::{Channels, Fit, Resize};

/// What is still to be read.
struct Board<'d>(&'d [u8]);

impl Platform for Board<'_> {
    fn write(&mut self, bytes: &[u8]) {
        assert!(bytes.starts_with(b"@octet1 ") && bytes.ends_with(b"}\n"), "a line is not whole");
    }

    fn read(&mut self, bytes: &mut [u8], _: u32) -> Option<usize> {
        let (now, later) = self.0.split_at(self.0.len().min(bytes.len()));
        bytes[..now.len()].copy_from_slice(now);
        self.0 = later;
        (!now.is_empty()).then_some(now.len())
    }

    fn micros(&mut self) -> u64 {
        0
    }

    fn cycles(&mut self) -> Option<u64> {
        None
    }
}

fuzz_target!(|data: &[u8]| {
    let mut net = common::Net::default();
    net.input("x", DType::I8, &[1, 2, 2, 3], -6).output("y", DType::I8, &[1, 12], -6);
    net.node("Flatten", &["x"], "y", &[]);
    let tensor: [i64; 12] = core::array::from_fn(|i| i as i64);
    net.test(("x", DType::I8, &[1, 2, 2, 3], &tensor), ("y", DType::I8, &[1, 12], &tensor));
    let file = net.build();
    let count = sizes(&file).expect("the file is a model");
    let mut slots = vec![TensorSlot::default(); count.tensors];
    let mut steps = vec![Step::default(); count.steps];
    let mut meters = vec![Meter::default(); count.tensors];
    let mut arena = vec![0; 512];
    let setup = Setup {
        file: &file,
        target: None,
        labels: Labels::new("a\nb\n"),
        pictures: &[],
        mean: [0.5; 3],
        std: [0.5; 3],
        channels: Channels::Rgb,
        resize: Resize::Bilinear,
        fit: Fit::Letterbox,
        fill: [0; 3],
        top: 5,
        threshold: 0.0,
        firmware: None,
    };
    let memory = Memory { slots: &mut slots, steps: &mut steps, meters: &mut meters, arena: &mut arena };
    let mut engine = Engine::open(setup, memory).expect("the model opens");
    Console::default().serve(&mut Board(data), &mut engine);
});
