//! The pages of pictures, strategies and runs, with a scripted engine and without a display.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod boards;
mod changes;
mod comparison;
mod deploy;
mod log;
mod memory;
mod pictures;
mod projects;
mod recent;
mod runs;
mod strategies;

use octet::window::actions::{Action, RunsAction};
use octet::window::state::Step;
use support::window::Window;

#[test]
fn all_pages_settle_in_a_tiny_window_and_name_their_widgets() {
    for size in [[820.0, 520.0], [420.0, 300.0]] {
        let folder =
            support::pictures::folder(&[("größe/猫 1.png", 40), ("größe/2.png", 90), ("hund/1.png", 200)]);
        let mut window = Window::sized(size);
        window.perform(Action::OpenModel("/models/net.onnx".into()));
        window.until("the model is open", |s| s.model.open.is_some());
        window.perform(Action::AddPictures(folder.path().to_owned()));
        window.until("the preview is there", |s| s.pictures.preview.shown.is_some());
        window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
        for step in [Step::Pictures, Step::Strategy] {
            window.perform(Action::ShowStep(step));
            window.harness.check_accessibility();
        }
        window.perform(Action::Runs(RunsAction::ShowPage));
        window.harness.check_accessibility();
    }
}
