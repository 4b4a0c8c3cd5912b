//! What the window does, with a scripted engine and without a display.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::path::{Path, PathBuf};

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};
use octet::window::actions::{Action, GraphAction, HabitAction, PicturesAction};
use octet::window::backend::Picked;
use octet::window::graph::GroupKind;
use octet::window::state::{Column, Heat, JobEnd, Progress, Step};
use octet_engine::job::{Event, Phase};
use octet_engine::strategy::LogLevel;
use serde_json::json;

use support::window::Window;

fn progress(phase: Phase, fraction: f32, message: &str) -> Event {
    Event::Progress { phase, fraction, message: message.to_owned() }
}

#[test]
fn the_empty_window_is_a_drop_target_that_says_so() {
    let window = Window::new();
    assert!(window.has("Drop a MobileNetV2 .onnx here"));
    assert!(window.has_button("Open…") && window.has_button("Try the example"));
    assert!(window.has_button("Model (to do)"));
    window.harness.check_accessibility();
}

#[test]
fn a_dropped_model_shows_its_blocks_and_operations_by_name() {
    let mut window = Window::new();
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("net.onnx");
    std::fs::write(&model, b"scripted").unwrap();
    window.drop_path(&model);
    window.until("the model is open", |s| s.model.open.is_some());
    for title in ["stem", "block 1", "block 17", "head", "pool", "classifier"] {
        assert!(window.has_button(title), "{title}");
    }
    // A closed block shows its computing operations as cells: the last one is the classifier's n99.
    assert!(window.has_button("n0") && window.has_button("n99"));
    assert_eq!(Step::Model.progress(window.state()), Progress::Done);
}

#[test]
fn the_blocks_of_mobilenet_are_found_from_the_graph() {
    let window = Window::with_model();
    let model = window.state().model.open.clone().unwrap();
    let blocks: Vec<(bool, usize)> = model
        .groups
        .iter()
        .filter_map(|g| match g.kind {
            GroupKind::InvertedResidual { residual, stride } => Some((residual, stride)),
            _ => None,
        })
        .collect();
    assert_eq!(blocks.len(), 17);
    assert_eq!(blocks.iter().filter(|(residual, _)| *residual).count(), 10);
    assert_eq!(blocks.iter().filter(|(_, stride)| *stride == 2).count(), 4);
    let mut all: Vec<usize> = model.groups.iter().flat_map(|g| g.nodes.iter().map(|n| n.0)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..model.network.nodes.len()).collect::<Vec<_>>(), "every operation is in one group");
    assert_eq!(model.edges.len(), model.groups.len() - 1, "a chain");
}

#[test]
fn unfolding_a_block_lists_all_its_operations() {
    let mut window = Window::with_model();
    let activation = window.state().model.open.clone().unwrap().groups[2].nodes[1];
    let name = window.state().model.open.clone().unwrap().network.node(activation).name.clone();
    assert!(!window.has_button(&name), "an activation has no cell");
    window.click(Role::Button, "block 2");
    assert!(window.has_button(&name));
    window.click(Role::Button, "block 2");
    assert!(!window.has_button(&name));
}

#[test]
fn a_dropped_folder_is_listed_with_its_pictures() {
    let mut window = Window::with_model();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("garden");
    std::fs::create_dir(&folder).unwrap();
    for name in ["a.jpg", "b.png", "notes.txt"] {
        std::fs::write(folder.join(name), b"x").unwrap();
    }
    window.drop_path(&folder);
    window.until("the folder is listed", |s| !s.pictures.folders.is_empty());
    assert!(window.has("garden") && window.has("2 pictures, 1 other file"));
    assert_eq!(Step::Pictures.progress(window.state()), Progress::Done);
    window.click(Role::Button, "Remove garden");
    assert!(window.state().pictures.folders.is_empty());
}

#[test]
fn a_folder_without_pictures_needs_attention() {
    let mut window = Window::with_model();
    let dir = tempfile::tempdir().unwrap();
    window.drop_path(dir.path());
    window.until("the toast is there", |s| !s.toasts.all.is_empty());
    assert!(window.has("No pictures in this folder"));
    assert_eq!(Step::Pictures.progress(window.state()), Progress::Attention);
}

#[test]
fn pictures_that_cannot_be_used_are_no_calibration_pictures() {
    let mut window = ready();
    assert_eq!(window.state().obstacle(), None);
    let picture = window.folders[0].path().join("1.bmp");
    std::fs::write(picture, b"no picture").unwrap();
    window.perform(Action::Pictures(PicturesAction::CheckAgain));
    window.until("they are checked", |s| s.pictures.total() == 0);
    assert!(window.has("none can be used"));
    assert_eq!(window.state().obstacle(), Some("Add calibration pictures that can be used first"));
}

#[test]
fn what_hovers_tells_what_a_drop_would_do() {
    let mut window = Window::new();
    let path = PathBuf::from("/models/net.onnx");
    for _ in 0..60 {
        window.harness.input_mut().hovered_files =
            vec![egui::HoveredFile { path: Some(path.clone()), mime: String::new() }];
        window.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(4));
    }
    assert!(window.has("Drop to open this model"));
    window.harness.input_mut().hovered_files.clear();
    window.settle();
    assert!(!window.has("Drop to open this model"));
}

/// Ready to start, with the Int8 strategy.
fn ready() -> Window {
    let mut window = Window::with_model();
    let pictures = support::pictures::folder(&[("1.bmp", 40)]);
    window.perform(Action::AddPictures(pictures.path().to_owned()));
    window.folders.push(pictures);
    window.until("the folder is listed", |s| !s.pictures.folders.is_empty());
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window
}

fn start(window: &mut Window) {
    window.click(Role::Button, "Quantize");
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
}

fn tell(window: &Window, event: Event) {
    window.backend.jobs.lock().unwrap().last().unwrap().sender.send(event).unwrap();
}

#[test]
fn quantize_is_closed_until_everything_is_there() {
    let mut window = Window::with_model();
    assert_eq!(window.state().obstacle(), Some("Add a folder of calibration pictures first"));
    window.click(Role::Button, "Quantize");
    assert!(window.state().job.is_none());
    let mut window = ready();
    assert_eq!(window.state().obstacle(), None);
    start(&mut window);
    let jobs = window.backend.jobs.lock().unwrap();
    let request = &jobs[0].request;
    assert_eq!(request.strategies[0].id, "dev.octet.int8");
    assert_eq!(request.model, Path::new("/models/net.onnx"));
    assert_eq!(request.out, Path::new("/runs/net-int8-esp32p4"));
}

#[test]
fn a_running_job_shows_its_phase_and_its_log() {
    let mut window = ready();
    start(&mut window);
    tell(&window, progress(Phase::Layerwise, 0.5, "31/53"));
    tell(&window, Event::Log { level: LogLevel::Warning, message: "one picture is grey".to_owned() });
    window.until("it told", |s| s.job.as_ref().is_some_and(|j| !j.log.is_empty()));
    assert!(window.has("layerwise errors: 31/53"));
    assert_eq!(Step::Errors.progress(window.state()), Progress::Working);
    window.click(Role::Button, "Log");
    assert!(window.has("one picture is grey"));
}

#[test]
fn cancel_reaches_the_job_and_is_no_error() {
    let mut window = ready();
    start(&mut window);
    tell(&window, progress(Phase::Calibrate, 0.1, ""));
    window.click(Role::Button, "Cancel");
    assert!(window.backend.jobs.lock().unwrap()[0].cancel.is_cancelled());
    tell(&window, Event::Error { message: "cancelled".to_owned() });
    window.until("it has ended", |s| s.job.as_ref().is_some_and(|j| j.end.is_some()));
    assert_eq!(window.state().job.as_ref().unwrap().end, Some(JobEnd::Cancelled));
    assert!(window.state().problems.is_empty());
}

#[test]
fn a_failed_job_is_a_toast_with_details_and_a_mark_on_its_step() {
    let mut window = ready();
    start(&mut window);
    tell(&window, Event::Error { message: "plugin dev.octet.int8 crashed".to_owned() });
    window.until("it has failed", |s| !s.problems.is_empty());
    assert_eq!(Step::Errors.progress(window.state()), Progress::Attention);
    assert!(window.has("Quantizing failed"));
    window.click(Role::Button, "Details");
    assert!(window.has("plugin dev.octet.int8 crashed"));
    window.click(Role::Button, "Copy");
    window.click(Role::Button, "Dismiss");
    assert!(window.state().toasts.all.is_empty());
}

#[test]
fn a_job_that_dies_silently_is_a_failure() {
    let mut window = ready();
    start(&mut window);
    window.backend.jobs.lock().unwrap().clear();
    window.until("it is over", |s| s.job.as_ref().is_some_and(|j| j.end.is_some()));
    assert!(matches!(window.state().job.as_ref().unwrap().end, Some(JobEnd::Failed(_))));
}

#[test]
fn a_finished_job_fills_the_table_and_the_summary() {
    let mut window = ready();
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = support::report::report(&network, "/models/net.onnx");
    window.backend.reports.lock().unwrap().insert("/runs/one".into(), report);
    start(&mut window);
    tell(&window, Event::Done { run: "/runs/one".into() });
    window.until("the report is shown", |s| s.report().is_some());
    assert!(window.has("64.3 %") && window.has("≈ 438 ms"));
    assert!(window.has("20.000"), "the worst layerwise error in the table");
    assert!(window.harness.query_all_by_role_and_label(Role::Row, "n0").next().is_some());
    assert_eq!(window.state().runs.all.len(), 1);
}

#[test]
fn a_click_on_a_row_selects_the_operation_in_the_graph() {
    let mut window = Window::with_report();
    window.click(Role::Row, "n0");
    assert_eq!(window.state().selection.as_deref(), Some("n0"));
    let node = window.harness.get_by_role_and_label(Role::Button, "n0");
    assert_eq!(node.accesskit_node().toggled(), Some(egui::accesskit::Toggled::True));
    assert!(window.has("Layerwise error") && window.has("Weight exponents"), "the inspector");
}

#[test]
fn a_click_in_the_graph_selects_the_row_and_escape_clears() {
    let mut window = Window::with_report();
    window.click(Role::Button, "n2");
    assert_eq!(window.state().selection.as_deref(), Some("n2"));
    window.key(Key::Escape);
    assert_eq!(window.state().selection, None);
}

#[test]
fn arrows_move_the_selection_along_the_sorted_table() {
    let mut window = Window::with_report();
    window.perform(Action::SortBy(Column::Layerwise));
    window.key(Key::ArrowDown);
    assert_eq!(window.state().selection.as_deref(), Some("n0"), "the worst is on top");
    window.key(Key::ArrowDown);
    let second = window.state().selection.clone().unwrap();
    assert_ne!(second, "n0");
    window.key(Key::ArrowUp);
    assert_eq!(window.state().selection.as_deref(), Some("n0"));
}

#[test]
fn a_click_on_a_heading_sorts_and_a_second_one_turns_round() {
    let mut window = Window::with_report();
    window.click(Role::ColumnHeader, "Layerwise %");
    assert!(window.state().table.column == Column::Layerwise && window.state().table.descending);
    window.click(Role::ColumnHeader, "Layerwise %");
    assert!(!window.state().table.descending);
}

#[test]
fn the_graph_is_coloured_by_the_chosen_figure() {
    let mut window = Window::with_report();
    assert_eq!(window.state().graph.heat, Heat::Layerwise);
    window.perform(Action::Graph(GraphAction::SetHeat(Heat::Graphwise)));
    assert!(window.has("not measured"), "the legend explains grey");
    window.perform(Action::Graph(GraphAction::SetHeat(Heat::Off)));
    assert!(!window.has("not measured"));
}

#[test]
fn the_settings_form_sends_what_was_changed() {
    let mut window = ready();
    window.perform(Action::ShowStep(Step::Strategy));
    window.click(Role::CheckBox, "Per channel");
    window.harness.get_by_role_and_label(Role::SpinButton, "Bins").set_value_accesskit(512.0);
    window.settle();
    window.click(Role::ComboBox, "Observer");
    window.click(Role::Button, "minmax");
    start(&mut window);
    let jobs = window.backend.jobs.lock().unwrap();
    let settings = &jobs[0].request.strategies[0].settings;
    assert_eq!(settings.get("per_channel"), Some(&json!(false)));
    assert_eq!(settings.get("observer"), Some(&json!("minmax")));
    assert_eq!(settings.get("bins"), Some(&json!(512)));
    assert_eq!(settings.len(), 3, "defaults are not sent");
}

#[test]
fn strategies_chain_in_the_order_in_which_they_are_ticked() {
    let mut window = ready();
    window.perform(Action::ShowStep(Step::Strategy));
    window.click(Role::CheckBox, "Equalization");
    assert_eq!(window.state().strategies.words(), "Int8 → Equalization");
    window.press(Role::CheckBox, "Int8");
    window.press(Role::CheckBox, "Int8");
    assert_eq!(window.state().strategies.words(), "Equalization → Int8");
}

#[test]
fn a_damaged_model_is_told_where_it_belongs_and_as_a_toast() {
    let mut window = Window::new();
    window.perform(Action::OpenModel("/models/bad.onnx".into()));
    window.until("the problem is known", |s| !s.problems.is_empty());
    assert!(window.has("The model is damaged"));
    assert_eq!(Step::Model.progress(window.state()), Progress::Attention);
    window.click(Role::Button, "Details");
    assert!(window.has("node `x` reads itself"));
}

#[test]
fn without_a_dialog_there_is_a_path_field() {
    let mut window = Window::new();
    window.click(Role::Button, "Open…");
    window.until("the field is there", |s| s.path_field.is_some());
    let field = window.harness.get_by_role(Role::TextInput);
    field.focus();
    window.settle();
    window.harness.get_by_role(Role::TextInput).type_text("/models/net.onnx");
    window.settle();
    window.click(Role::Button, "Take it");
    window.until("the model is open", |s| s.model.open.is_some());
}

#[test]
fn the_dialog_opens_what_was_picked() {
    let mut window = Window::new();
    window.backend.picks.lock().unwrap().push(Picked::Path("/models/net.onnx".into()));
    window.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::O);
    window.until("the model is open", |s| s.model.open.is_some());
}

#[test]
fn a_run_whose_model_is_gone_still_shows_its_table() {
    let mut window = Window::new();
    let network = support::network::mobilenet_v2(224);
    let report = support::report::report(&network, "/models/bad.onnx");
    window.backend.reports.lock().unwrap().insert("/runs/one".into(), report);
    window.perform(Action::OpenRun("/runs/one".into()));
    window.until("the model was tried", |s| !s.problems.is_empty());
    assert!(window.harness.query_all_by_role_and_label(Role::Row, "n0").next().is_some());
    assert!(window.has("64.3 %"));
}

#[test]
fn f_fits_the_graph_again() {
    let mut window = Window::with_model();
    let camera = octet::window::graph::Camera { centre: egui::pos2(0.0, 0.0), zoom: 2.0 };
    window.perform(Action::Graph(GraphAction::Look(camera)));
    assert!(window.state().graph.camera.is_some());
    window.key(Key::F);
    assert!(window.state().graph.camera.is_none());
}

#[test]
fn every_page_settles_and_names_its_widgets_in_both_themes() {
    use octet::window::state::ThemeChoice;
    let mut window = Window::with_report();
    for theme in [ThemeChoice::Light, ThemeChoice::Dark] {
        window.perform(Action::SetTheme(theme));
        for step in octet::window::state::STEPS {
            window.perform(Action::ShowStep(step));
            window.harness.check_accessibility();
        }
    }
}

#[test]
fn keys_wait_for_the_answer_to_a_question() {
    let mut window = Window::with_report();
    window.perform(Action::Select(Some("n99".to_owned())));
    let camera = window.state().graph.camera;
    window.perform(Action::Habit(HabitAction::ToggleAbout));
    window.key(Key::F);
    window.key(Key::ArrowDown);
    assert_eq!(window.state().graph.camera, camera);
    window.key(Key::Escape);
    assert!(!window.state().shows_about);
    assert_eq!(window.state().selection.as_deref(), Some("n99"), "Escape does one thing");
    window.key(Key::Escape);
    assert_eq!(window.state().selection, None);
}

#[test]
fn a_long_name_leaves_room_for_what_starts_the_job() {
    for width in [820.0, 1400.0] {
        let mut window = Window::sized([width, 600.0]);
        let name = "a very long name of a model that somebody exported with all its settings ".repeat(3);
        window.perform(Action::OpenModel(format!("/models/{name}.onnx").into()));
        window.until("the model is open", |s| s.model.open.is_some());
        let ids = ["dev.octet.equalization", "dev.octet.int8", "dev.octet.train"];
        ids.iter().for_each(|id| window.perform(Action::ToggleStrategy((*id).to_owned())));
        for button in ["Quantize", "Undo"] {
            let rect = window.harness.get_by_role_and_label(Role::Button, button).rect();
            assert!(rect.right() <= width, "{button} at {rect:?} of {width}");
        }
    }
}
