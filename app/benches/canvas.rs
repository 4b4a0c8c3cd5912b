//! How long a frame of the whole window takes while the canvas is panned: our own drawing and the tessellation, without
//! a display. Prints median and 95th percentile of the CPU time, which other programs do not change; `cargo bench --bench
//! canvas`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails like a test"
)]

#[path = "../tests/support/network.rs"]
#[allow(dead_code, unreachable_pub)]
mod network;
#[path = "../tests/support/report.rs"]
#[allow(dead_code, unreachable_pub)]
mod report;

use std::time::Duration;

use egui::{Pos2, RawInput, Rect, Vec2, vec2};
use octet::window::actions::{Action, Actions, Effect, GraphAction, apply};
use octet::window::backend::{EngineBackend, OpenedModel};
use octet::window::graph::{Camera, Columns, Layout, LayoutKey};
use octet::window::messages::{Message, receive};
use octet::window::panels::{Panels, at_first};
use octet::window::state::{Model, State};
use octet::window::theme;
use octet::window::views::window_ui;
use octet_engine::network::Network;

/// The window.
const SIZE: Vec2 = vec2(1400.0, 900.0);
/// Frames that are measured, after as many that are not.
const FRAMES: usize = 400;

/// CPU time of this thread so far.
#[cfg(unix)]
fn cpu_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// Elapsed time, where there is no clock of the thread's own.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    static STARTED: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    STARTED.elapsed()
}

/// A window without a display.
struct Bench {
    ctx: egui::Context,
    state: State,
    panels: Panels,
    frame: u32,
}

impl Bench {
    /// Shows a network with the figures of a run.
    fn new(network: Network) -> Self {
        let ctx = egui::Context::default();
        theme::install(&ctx);
        let mut bench = Self { ctx, state: State::default(), panels: at_first(), frame: 0 };
        let path = "/models/net.onnx";
        let report = report::report(&network, path);
        let opened = OpenedModel { network, sha256: "abc".to_owned(), notes: Vec::new() };
        let model = Model::new(path.into(), opened);
        apply(&mut bench.state, Action::OpenModel(path.into()));
        receive(&mut bench.state, Message::Model(path.into(), Ok(Box::new(model))));
        receive(&mut bench.state, Message::Run("/runs/one".into(), Ok(Box::new(report))));
        while bench.state.graph.layout.is_none() {
            bench.draw();
        }
        bench
    }

    /// One frame, with what follows from it; the time without layouts, which threads work out.
    fn draw(&mut self) -> Duration {
        self.frame += 1;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, SIZE)),
            time: Some(f64::from(self.frame) / 60.0),
            events: vec![egui::Event::PointerMoved(Pos2::new(600.0 + (self.frame % 40) as f32, 260.0))],
            ..RawInput::default()
        };
        let started = cpu_time();
        let mut actions = Actions::new();
        let state = &self.state;
        let panels = &mut self.panels;
        let mut output = self.ctx.run_ui(input, |ui| {
            window_ui(ui, state, panels, &mut actions);
        });
        let effects: Vec<Effect> = actions.into_iter().flat_map(|a| apply(&mut self.state, a)).collect();
        let shapes = std::mem::take(&mut output.shapes);
        let primitives = self.ctx.tessellate(shapes, output.pixels_per_point);
        let elapsed = cpu_time() - started;
        assert!(!primitives.is_empty());
        output.textures_delta.clear();
        for effect in effects {
            if let Effect::Graph(effect) = effect {
                effect.run(&EngineBackend::default()).receive(&mut self.state);
            }
        }
        elapsed
    }

    /// Pans to and fro at this zoom.
    fn pan(&mut self, name: &str, zoom: Option<f32>) {
        let bounds = self.state.graph.layout.as_ref().unwrap().bounds;
        let canvas = Rect::from_min_size(Pos2::ZERO, vec2(880.0, 480.0));
        let fit = Camera::fit(bounds, canvas);
        let mut camera = Camera { centre: bounds.center(), zoom: zoom.unwrap_or(fit.zoom) };
        let mut times = Vec::with_capacity(FRAMES);
        for frame in 0..2 * FRAMES {
            let turn = frame as f32 / 60.0;
            camera = camera.panned(vec2(9.0 * turn.cos(), 5.0 * (turn * 0.7).sin()));
            apply(&mut self.state, Action::Graph(GraphAction::Look(camera)));
            let time = self.draw();
            if frame >= FRAMES {
                times.push(time);
            }
        }
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!(
            "{name:<52} zoom {:4.2}  median {:6.2} ms  p95 {:6.2} ms  max {:6.2} ms",
            camera.zoom,
            at(50),
            at(95),
            at(100)
        );
    }

    fn unfold_all(&mut self) {
        apply(&mut self.state, Action::Graph(GraphAction::OpenAll(true)));
        for _ in 0..3 {
            self.draw();
        }
    }
}

fn layout_time(name: &str, network: Network) {
    let opened = OpenedModel { network, sha256: String::new(), notes: Vec::new() };
    let model = Model::new("/models/net.onnx".into(), opened);
    for (words, open) in [("folded", 0), ("unfolded", model.groups.len())] {
        let columns = Columns::best(vec2(880.0, 480.0));
        let key = LayoutKey { open: (0..open).collect(), constants: false, columns };
        let started = cpu_time();
        let layout = Layout::new(&model.network, &model.groups, &model.edges, key);
        let ms = (cpu_time() - started).as_secs_f64() * 1e3;
        println!("layout of {name}, {words}: {ms:.1} ms, {} operations", layout.boxes.len());
    }
}

fn main() {
    layout_time("MobileNetV2", network::mobilenet_v2(224));
    layout_time("2,000 operations", network::branched(2000));
    let mut mobilenet = Bench::new(network::mobilenet_v2(224));
    mobilenet.pan("MobileNetV2, all of it", None);
    mobilenet.pan("MobileNetV2, close", Some(1.3));
    mobilenet.unfold_all();
    mobilenet.pan("MobileNetV2, unfolded, all of it", None);
    mobilenet.pan("MobileNetV2, unfolded, close", Some(1.0));
    let mut large = Bench::new(network::branched(2000));
    large.pan("2,000 operations, all of them", None);
    large.pan("2,000 operations, just near enough for boxes", Some(0.25));
    large.pan("2,000 operations, close", Some(0.8));
    large.unfold_all();
    large.pan("2,000 operations, unfolded, just near enough", Some(0.25));
}
