//! The close look at an operation and the picture that is tried, with a scripted engine and without a display.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]
#![allow(dead_code, reason = "other tests use the rest of the support")]

mod support;

use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use octet::window::actions::{Action, InspectAction};
use octet::window::backend::Picked;
use octet::window::state::{Side, Step};
use octet_engine::job::StrategyRequest;
use octet_engine::report::{Finding, PictureRole, Remedy, Severity};

use support::window::Window;

/// A run on display, and an operation selected.
fn looking_at(name: &str) -> Window {
    let mut window = Window::with_report();
    window.perform(Action::Select(Some(name.to_owned())));
    window.until("all is answered", |s| {
        let i = &s.inspect;
        !(i.weights.waiting || i.activations.waiting || i.scatter.waiting || i.maps.waiting)
    });
    window
}

fn inspect(action: InspectAction) -> Action {
    Action::Inspect(action)
}

#[test]
fn a_selected_operation_shows_its_weights_activations_and_maps() {
    let window = looking_at("n0");
    for words in
        ["Weights", "Rounding error", "Activations", "16 of 32 pictures", "On one picture", "größe.jpg"]
    {
        assert!(window.has(words), "{words}");
    }
    for picture in [
        "Weights of 32 output channels",
        "Histogram of the weights",
        "Histogram of the activations",
        "Float against",
    ] {
        assert!(window.has(picture), "{picture}");
    }
    assert!(window.has("Channel 0, float") && window.has("Channel 0, difference"));
    assert!(window.has("Attributes") && window.has("Kernel") && window.has("3 × 3"));
    window.harness.check_accessibility();
}

#[test]
fn many_channels_are_bands_instead_of_boxes() {
    let window = looking_at("n2");
    assert!(window.has("Weights of 96 output channels"));
    window.harness.check_accessibility();
}

#[test]
fn an_operation_without_weights_is_not_asked_for_any() {
    let window = looking_at("n97");
    assert!(window.state().layer("n97").is_some_and(|l| l.weight_exponents.is_empty()));
    assert!(!window.backend.asked.lock().unwrap().iter().any(|a| a.starts_with("weights")));
    assert!(window.has("Activations") && !window.has("Rounding error"));
}

#[test]
fn without_a_run_nothing_is_asked() {
    let mut window = Window::with_model();
    window.perform(Action::Select(Some("n0".to_owned())));
    assert!(window.backend.asked.lock().unwrap().is_empty());
    assert!(!window.has("Activations") && window.has("Attributes"));
}

#[test]
fn walking_on_leaves_older_answers_behind() {
    let mut window = Window::with_report();
    for name in ["n0", "n2", "n4"] {
        window.perform(Action::Select(Some(name.to_owned())));
    }
    window.until("the last is answered", |s| s.inspect.weights.here().is_some());
    window.until("and stays", |s| !s.inspect.weights.waiting);
    assert_eq!(window.state().inspect.weights.here().unwrap().operation, "n4");
    window.perform(Action::Select(None));
    assert!(window.state().inspect.subject.is_none() && window.state().inspect.weights.here().is_none());
}

#[test]
fn a_channel_is_chosen_for_the_histogram_and_a_page_for_the_maps() {
    let mut window = looking_at("n0");
    window.perform(inspect(InspectAction::ShowChannel(Some(3))));
    window.until("counted", |s| s.inspect.weights.here().is_some_and(|w| w.channel == Some(3)));
    assert!(window.has("channels 0 to 15 of 40"));
    window.click(Role::Button, "Next channels");
    window.until("the page is there", |s| s.inspect.maps.here().is_some_and(|m| m.maps[0].channel == 16));
    assert!(window.has("Channel 16, quantized"));
    window.click(Role::Button, "Channel 18");
    assert!(window.has("Channel 18, quantized"));
    window.click(Role::Button, "Next channels");
    window.until("the last page", |s| s.inspect.maps.here().is_some_and(|m| m.maps[0].channel == 32));
    assert!(window.has("channels 32 to 39 of 40"));
    window.click(Role::Button, "Small maps: difference");
    window.click(Role::CheckBox, "Logarithmic heights of weights");
    assert!(!window.state().inspect.logarithmic);
}

#[test]
fn another_picture_is_asked_for_and_a_broken_one_says_why() {
    let mut window = looking_at("n0");
    window.perform(inspect(InspectAction::ShowPicture("/pictures/zwei.jpg".into())));
    window.until("answered", |s| !s.inspect.scatter.waiting && !s.inspect.maps.waiting);
    let asked = window.backend.asked.lock().unwrap().last().cloned().unwrap();
    assert!(asked.contains("zwei.jpg"), "{asked}");
    window.perform(inspect(InspectAction::ShowPicture("/pictures/broken.jpg".into())));
    window.until("answered", |s| !s.inspect.scatter.waiting && !s.inspect.maps.waiting);
    assert!(window.has("This picture cannot be used") && window.has("it has no end"));
    assert!(window.state().toasts.all.is_empty(), "it is told where it belongs");
}

#[test]
fn a_dropped_picture_is_tried_on_the_run_on_display() {
    let mut window = Window::with_report();
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("hündin.jpg");
    std::fs::write(&picture, b"x").unwrap();
    window.drop_path(&picture);
    window.until("both have answered", |s| s.inspect.answer.here().is_some());
    assert_eq!(window.state().side, Side::Try);
    for words in ["hündin.jpg", "The networks disagree", "Hündin 0", "Hündin 1", "class 7", "70.0 %"] {
        assert!(window.has(words), "{words}");
    }
    assert!(window.has("Noise to signal along the network"));
    window.harness.check_accessibility();
    window.click(Role::Link, "Select n25");
    assert_eq!(window.state().selection.as_deref(), Some("n25"));
    assert_eq!(window.state().side, Side::Layer);
    let picture_of = window.state().inspect.picture.clone();
    assert_eq!(picture_of, Some(picture), "the inspector looks at the same picture");
}

#[test]
fn a_picture_that_cannot_be_read_is_told_on_the_page() {
    let mut window = Window::with_report();
    window.perform(inspect(InspectAction::Try("/pictures/broken.jpg".into())));
    window.until("it failed", |s| !s.inspect.answer.waiting);
    assert!(window.has("This picture cannot be used"));
    assert!(window.has_button("Choose a picture to try"));
}

#[test]
fn a_picture_without_a_run_is_declined_with_what_to_do() {
    let mut window = Window::with_model();
    window.perform(inspect(InspectAction::Try("/pictures/eins.jpg".into())));
    assert!(window.has("A picture can be tried once a run is shown"));
    assert_ne!(window.state().side, Side::Try);
}

#[test]
fn what_a_hovering_picture_would_do_depends_on_the_run() {
    for (mut window, words) in [
        (Window::with_model(), "A picture can be tried once a run is shown"),
        (Window::with_report(), "Drop to see what both networks say to this picture"),
    ] {
        let file = egui::HoveredFile { path: Some(PathBuf::from("/p/cat.jpg")), mime: String::new() };
        for _ in 0..60 {
            window.harness.input_mut().hovered_files = vec![file.clone()];
            window.harness.step();
            std::thread::sleep(std::time::Duration::from_millis(4));
        }
        assert!(window.has(words), "{words}");
    }
}

#[test]
fn a_picture_is_chosen_in_the_dialog_or_typed() {
    let mut window = Window::with_report();
    window.perform(Action::ShowStep(Step::Errors));
    window.backend.picks.lock().unwrap().push(Picked::Path("/pictures/eins.jpg".into()));
    window.click(Role::Button, "Choose a picture to try");
    window.until("both have answered", |s| s.inspect.answer.here().is_some());
    window.click(Role::Button, "Type a path: Try a picture");
    assert!(window.state().path_field.is_some());
}

#[test]
fn another_run_is_tried_with_the_same_picture() {
    let mut window = Window::with_report();
    window.perform(inspect(InspectAction::Try("/pictures/eins.jpg".into())));
    window.until("both have answered", |s| s.inspect.answer.here().is_some());
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = support::report::report(&network, "/models/net.onnx");
    window.backend.reports.lock().unwrap().insert("/runs/two".into(), report);
    window.perform(Action::OpenRun("/runs/two".into()));
    window.until("the run is shown", |s| s.runs.all.len() == 2);
    // Opening shows the errors; whoever comes back to the page gets the new run's answer.
    window.perform(inspect(InspectAction::Try("/pictures/eins.jpg".into())));
    window.until("both have answered", |s| s.inspect.answer.here().is_some());
    assert_eq!(window.state().inspect.tried.as_ref().unwrap().run, PathBuf::from("/runs/two"));
}

fn finding(subject: Option<&str>, button: &str, remedy: Remedy) -> Finding {
    Finding {
        rule: "weight-ranges".to_owned(),
        severity: Severity::Warning,
        subject: subject.map(str::to_owned),
        text: format!("something about {}", subject.unwrap_or("all")),
        words: None,
        button: button.to_owned(),
        arguments: remedy.arguments(),
        remedy,
    }
}

/// A run with advice on display.
fn advised(findings: Vec<Finding>) -> Window {
    let mut window = Window::with_model();
    let network = window.state().model.open.clone().unwrap().network.clone();
    let mut report = support::report::report(&network, "/models/net.onnx");
    report.advice = findings;
    window.backend.reports.lock().unwrap().insert("/runs/one".into(), report);
    window.perform(Action::OpenRun("/runs/one".into()));
    window.until("the report is shown", |s| s.report().is_some());
    window
}

fn chain(ids: &[&str]) -> Remedy {
    let strategy = |id: &&str| StrategyRequest { id: (*id).to_owned(), settings: Default::default() };
    Remedy::Pipeline { strategies: ids.iter().map(strategy).collect() }
}

#[test]
fn the_remedy_of_an_operation_is_one_click_away() {
    let remedy = chain(&["dev.octet.equalization", "dev.octet.int8"]);
    let mut window = advised(vec![finding(Some("n0"), "Try equalization", remedy)]);
    assert!(window.has("something about n0"), "on the page of errors");
    window.perform(Action::Select(Some("n2".to_owned())));
    assert!(!window.has("Why it hurts"));
    window.perform(Action::Select(Some("n0".to_owned())));
    assert!(window.has("Why it hurts") && window.has("something about n0"));
    window.click(Role::Button, "Try equalization");
    assert_eq!(window.state().strategies.words(), "Equalization → Int8");
    assert!(window.has("The strategy is now Equalization → Int8"));
}

#[test]
fn a_remedy_changes_pre_processing_or_leads_to_the_pictures() {
    let settings = [("mean".to_owned(), "0.5".to_owned())].into();
    let pictures = Remedy::Pictures { role: PictureRole::Calibration, at_least: 32, leave_out: Vec::new() };
    let mut window = advised(vec![
        finding(None, "Use mean 0.5", Remedy::Preprocessing { settings }),
        finding(None, "Add pictures", pictures),
    ]);
    window.click(Role::Button, "Use mean 0.5");
    assert_eq!(window.state().pictures.preprocessing.get("mean").map(String::as_str), Some("0.5"));
    window.click(Role::Button, "Add pictures");
    assert_eq!(window.state().side, Side::Step(Step::Pictures));
}

#[test]
fn a_remedy_with_a_strategy_that_is_not_there_changes_nothing() {
    let mut window = advised(vec![finding(None, "Search", chain(&["dev.octet.mixed-precision"]))]);
    let before = window.state().strategies.chain.clone();
    window.click(Role::Button, "Search");
    assert_eq!(window.state().strategies.chain, before);
    assert!(window.has("dev.octet.mixed-precision is not installed"));
}

#[test]
fn a_run_that_cannot_be_looked_into_says_so_once() {
    let mut window = Window::with_model();
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = support::report::report(&network, "/models/net.onnx");
    window.backend.reports.lock().unwrap().insert("/runs/broken".into(), report);
    window.perform(Action::OpenRun("/runs/broken".into()));
    window.until("the report is shown", |s| s.report().is_some());
    window.perform(Action::Select(Some("n0".to_owned())));
    window.until("all failed", |s| !s.inspect.maps.waiting && !s.inspect.activations.waiting);
    window.until("all failed", |s| !s.inspect.scatter.waiting);
    let told = window.harness.query_all_by_label_contains("This picture cannot be used").count();
    assert_eq!(told, 1);
    assert!(window.has("Layerwise error"), "the report's figures stay");
}

#[test]
fn a_tiny_window_with_everything_in_it_settles() {
    let mut window = looking_at("n0");
    window.harness.set_size(egui::vec2(480.0, 320.0));
    window.settle();
    window.perform(inspect(InspectAction::Try("/pictures/eins.jpg".into())));
    window.until("both have answered", |s| s.inspect.answer.here().is_some());
    window.harness.check_accessibility();
}
