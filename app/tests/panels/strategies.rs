//! The page of strategies.

use std::path::Path;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use octet::window::actions::{Action, StrategyAction};
use octet::window::state::{Offer, Progress, Step};
use serde_json::json;

use crate::support::window::Window;

const INT8: &str = "dev.octet.int8";

fn page() -> Window {
    let mut window = Window::with_model();
    window.perform(Action::ShowStep(Step::Strategy));
    window
}

#[test]
fn ready_made_pipelines_are_offered_only_where_their_plugins_are() {
    let mut window = page();
    assert!(window.has("Nothing yet"));
    assert!(!window.has_button("Pipeline equalization → finetune"));
    window.press(Role::Button, "Pipeline equalization → int8");
    assert_eq!(window.state().strategies.words(), "Equalization → Int8");
    window.press(Role::Button, "Run Int8 earlier");
    assert_eq!(window.state().strategies.words(), "Int8 → Equalization");
    window.press(Role::Button, "Run Int8 later");
    window.press(Role::Button, "Take Equalization out of the pipeline");
    assert_eq!(window.state().strategies.words(), "Int8");
}

#[test]
fn an_order_that_cannot_work_is_told_before_anything_runs() {
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    let mut window = page();
    window.perform(Action::AddPictures(pictures.path().to_owned()));
    window.until("the pictures are there", |s| !s.pictures.folders.is_empty());
    window.perform(Action::ShowStep(Step::Strategy));
    window.press(Role::Button, "Pipeline equalization → int8");
    assert_eq!(window.state().obstacle(), None);
    window.press(Role::Button, "Run Int8 earlier");
    assert!(window.has("This pipeline cannot run"));
    assert!(window.has("Equalization changes what Int8 has chosen exponents for"));
    assert!(window.state().obstacle().is_some());
    assert_eq!(Step::Strategy.progress(window.state()), Progress::Attention);
    window.perform(Action::Start);
    assert!(window.state().job.is_none(), "nothing runs");
    window.press(Role::Button, "Take Int8 out of the pipeline");
    assert!(window.has("Equalization leaves the exponents to a strategy after it"));
    window.harness.check_accessibility();
}

#[test]
fn of_a_plugin_that_is_not_there_nothing_is_claimed() {
    let mut window = page();
    window.press(Role::Button, "Pipeline equalization → int8");
    *window.backend.gone.lock().unwrap() = vec![INT8.to_owned()];
    window.perform(Action::FindPlugins);
    window.until("it is gone", |s| s.strategies.lacks_plugin());
    assert!(!window.has("This pipeline cannot run"));
}

#[test]
fn a_preset_keeps_the_settings_of_strategies_that_stay() {
    let mut window = page();
    window.perform(Action::OnlyStrategy(INT8.to_owned()));
    let set = |key: &str, value| Action::Set { id: INT8.to_owned(), key: key.to_owned(), value };
    window.perform(set("bins", json!(64)));
    window.press(Role::Button, "Pipeline equalization → int8");
    assert_eq!(window.state().strategies.value(INT8, "bins"), Some(&json!(64)));
    assert!(window.has("1 setting"));
    window.press(Role::Button, "Reset all settings of Int8");
    assert_eq!(window.state().strategies.value(INT8, "bins"), Some(&json!(2048)));
}

#[test]
fn a_number_beyond_its_range_is_not_taken_and_the_reason_is_told() {
    let mut window = page();
    window.perform(Action::OnlyStrategy(INT8.to_owned()));
    window.harness.get_by_role_and_label(Role::SpinButton, "Bins").focus();
    window.settle();
    window.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    window.settle();
    window.harness.event(egui::Event::Text("99999".to_owned()));
    window.settle();
    assert!(window.has("99999 is above 4096: not taken") && window.has("16 to 4096 is possible."));
    assert_eq!(window.state().strategies.value(INT8, "bins"), Some(&json!(2048)));
}

#[test]
fn patterns_are_a_list_of_lines() {
    let mut window = page();
    window.perform(Action::OnlyStrategy(INT8.to_owned()));
    let value = |window: &Window| window.state().strategies.value(INT8, "except").cloned().unwrap();
    window.type_into("Never", "*features.1.*");
    assert_eq!(value(&window), json!("*features.1.*"));
    window.type_into("Never", "n7");
    assert_eq!(value(&window), json!("*features.1.*, n7"));
    window.press(Role::Button, "Remove Never 1");
    assert_eq!(value(&window), json!("n7"));
    window.perform(Action::Select(Some("n3".to_owned())));
    window.perform(Action::ShowStep(Step::Strategy));
    window.press(Role::Button, "Add the selected operation to Never");
    assert_eq!(value(&window), json!("n7, n3"));
}

#[test]
fn a_saved_pipeline_is_loaded_with_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = page();
    window.press(Role::Button, "Pipeline equalization → int8");
    window.perform(Action::Set { id: INT8.to_owned(), key: "bins".to_owned(), value: json!(128) });
    let saved = window.state().strategies.chain.clone();
    window.perform(Action::Strategy(StrategyAction::SavePipeline(folder.path().join("größe"))));
    let file = folder.path().join("größe.json");
    window.until("it is saved", |s| s.toasts.all.iter().any(|t| t.title.contains("saved")));
    window.perform(Action::OnlyStrategy(INT8.to_owned()));
    window.perform(Action::Strategy(StrategyAction::LoadPipeline(file)));
    window.until("it is loaded", |s| s.strategies.chain.len() == 2);
    assert_eq!(window.state().strategies.chain, saved);
}

#[test]
fn a_pipeline_of_other_plugins_changes_nothing_and_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.json");
    let text = json!({"schema": 1, "strategies": [{"id": "org.example.gone", "settings": {}}]});
    std::fs::write(&file, text.to_string()).unwrap();
    let mut window = page();
    window.perform(Action::OnlyStrategy(INT8.to_owned()));
    window.drop_path(&file);
    window.until("it is told", |s| !s.problems.is_empty());
    assert!(window.has("there is no strategy `org.example.gone`"));
    assert_eq!(window.state().strategies.words(), "Int8");
    assert_eq!(Step::Strategy.progress(window.state()), Progress::Attention);
}

fn drop_plugin(window: &mut Window, name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, b"scripted").unwrap();
    window.drop_path(&path);
    folder
}

#[test]
fn a_dropped_plugin_is_shown_with_path_and_hash_and_loaded_only_after_yes() {
    let mut window = page();
    let folder = drop_plugin(&mut window, "liböctet_new.so");
    window.until("the question is there", |s| matches!(s.strategies.offer, Some(Offer::Ask { .. })));
    assert!(window.has("Do you trust this plugin?"));
    assert!(window.has(&folder.path().join("liböctet_new.so").display().to_string()));
    assert!(window.has(&"0123456789abcdef".repeat(4)));
    assert!(window.backend.installed.lock().unwrap().is_empty(), "nothing is loaded before the answer");
    window.harness.check_accessibility();
    window.press(Role::Button, "Trust and install");
    window.until("it is installed", |s| {
        matches!(s.strategies.offer, Some(Offer::Installed(_)))
            && s.strategies.plugin("org.example.new").is_some()
    });
    assert!(window.has("New one is installed"));
    window.press(Role::Button, "Add to the pipeline");
    assert_eq!(window.state().strategies.words(), "New one");
    assert!(window.state().strategies.offer.is_none());
}

#[test]
fn a_plugin_that_is_not_trusted_leaves_no_trace() {
    let mut window = page();
    let _folder = drop_plugin(&mut window, "new.so");
    window.until("the question is there", |s| matches!(s.strategies.offer, Some(Offer::Ask { .. })));
    window.press(Role::Button, "Do not trust it");
    assert!(window.state().strategies.offer.is_none());
    assert!(window.backend.installed.lock().unwrap().is_empty());
}

#[test]
fn a_file_that_is_no_plugin_is_told_of_at_once() {
    let mut window = page();
    let _folder = drop_plugin(&mut window, "bad.so");
    window.until("it is told", |s| !s.problems.is_empty());
    assert!(window.state().strategies.offer.is_none());
    assert!(window.has("This plugin cannot be installed"));
}

#[test]
fn the_engine_looks_at_a_plugin_without_loading_it() {
    use octet::window::backend::{EngineBackend, StrategyBackend};
    let problem = EngineBackend::default().look_at_plugin(Path::new("/none/x.so")).unwrap_err();
    assert!(problem.detail.contains("/none/x.so"), "{problem:?}");
}
