//! Boards, tools and deployments as a test says.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};

use octet::window::backend::DeployBackend;
use octet::window::state::{DeployStep, DeployWork, Problem};
use octet_engine::deploy::{
    Cause, ConsoleDecoder, DeployHandle, DeployRequest, Event, Flavour, MeasuredLayer, Measurement, Port,
    StepState, Verification,
};
use octet_engine::doctor::{Finding, State};
use octet_engine::job::Cancel;

use super::backend::Scripted;

/// A deployment that was started; the test plays its part.
pub struct StartedDeployment {
    pub work: DeployWork,
    pub request: DeployRequest,
    pub sender: Sender<Event>,
    pub cancel: Cancel,
}

pub fn board(name: &str) -> Port {
    Port {
        name: name.to_owned(),
        description: "CP210x bridge (10c4:ea60)".to_owned(),
        vid: Some(0x10c4),
        pid: Some(0xea60),
        serial_number: Some("0001".to_owned()),
        is_board: true,
    }
}

fn tool(name: &'static str, state: State, details: &str, remedy: Option<&str>) -> Finding {
    Finding {
        name,
        state,
        details: details.to_owned(),
        needed_for: "building firmware",
        remedy: remedy.map(str::to_owned),
    }
}

impl DeployBackend for Scripted {
    fn ports(&self) -> Vec<Port> {
        let ports = self.ports.lock().unwrap().clone();
        self.looks.fetch_add(1, Ordering::Relaxed);
        ports
    }

    fn tools(&self) -> Vec<Finding> {
        vec![
            tool("ESP-IDF", State::Present, "5.5.1 at /größe/esp-idf", None),
            tool(
                "Rust for Xtensa",
                State::Missing,
                "esp32s3",
                Some("`cargo install espup --locked && espup install`"),
            ),
            tool("Rust for riscv32imc", State::Missing, "esp32c3", Some("`rustup target add riscv32imc`")),
            tool("SIMD", State::Present, "AVX2", None),
        ]
    }

    fn deploy(&self, work: DeployWork, request: DeployRequest) -> DeployHandle {
        let (sender, events) = channel();
        let cancel = Cancel::default();
        let started = StartedDeployment { work, request, sender, cancel: cancel.clone() };
        self.deployments.lock().unwrap().push(started);
        DeployHandle { events, cancel }
    }

    fn measured(&self, run: &Path, _flavour: Flavour) -> Result<Option<Measurement>, Problem> {
        Ok(self.measurements.lock().unwrap().get(run).cloned())
    }

    fn open_file(&self, path: &Path) -> Result<(), Problem> {
        self.opened.lock().unwrap().push(path.to_owned());
        Ok(())
    }
}

pub fn step(step: DeployStep, state: StepState) -> Event {
    let secs = (state != StepState::Started).then_some(1.5);
    Event::Step { step, state, secs }
}

pub fn error(step: DeployStep, cause: Cause, message: &str, help: &str) -> Event {
    Event::Error { step, message: message.to_owned(), help: Some(help.to_owned()), cause }
}

/// A line of the board, as it arrives.
pub fn console(text: &str) -> Event {
    let mut decoder = ConsoleDecoder::default();
    Event::Console(decoder.take(format!("{text}\n").as_bytes()).remove(0))
}

/// What a board measured of the operations `n0`, `n1` and so on.
pub fn measurement(layers: usize) -> Measurement {
    let layer = |i: usize| MeasuredLayer {
        name: format!("n{i}"),
        op: "Conv".to_owned(),
        micros: 1000 + 10 * i as u64,
        cycles: None,
        macs: 1000,
    };
    Measurement {
        schema: 1,
        chip: "esp32s3".to_owned(),
        model_crc32: 7,
        network_us: 421_000,
        preprocess_us: None,
        postprocess_us: None,
        cycles: None,
        arena_bytes: Some(416 << 10),
        layers: (0..layers).map(layer).collect(),
    }
}

pub fn equal(tensors: usize) -> Verification {
    Verification {
        tensors,
        untold: 0,
        first_difference: None,
        output_matches: true,
        measurement: measurement(tensors - 1),
    }
}
