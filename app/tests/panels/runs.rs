//! The page of runs, and their comparison.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use octet::window::actions::{Action, RunsAction};
use octet::window::state::{Place, RunLabel, Side};
use octet_engine::job::Event;
use octet_engine::report::Report;
use octet_engine::run::write_report;
use serde_json::json;

use crate::support::report::report;
use crate::support::window::Window;

/// Runs on disk, opened in the order of their names, with the page of runs.
pub(crate) fn with_runs(names: &[&str], change: impl Fn(usize, &mut Report)) -> (Window, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let mut window = Window::with_model();
    *window.backend.data.lock().unwrap() = Some(data.path().to_owned());
    let network = window.state().model.open.clone().unwrap().network.clone();
    for (i, name) in names.iter().enumerate() {
        let mut report = report(&network, "/models/net.onnx");
        change(i, &mut report);
        let path = data.path().join("runs").join(name);
        write_report(&path, &report).unwrap();
        window.backend.reports.lock().unwrap().insert(path.clone(), report);
        window.perform(Action::OpenRun(path));
        window.until("the run is listed", |s| s.runs.all.len() == i + 1 && s.runs.labels.len() == i + 1);
    }
    window.perform(Action::Runs(RunsAction::ShowPage));
    (window, data)
}

pub(crate) fn path(window: &Window, index: usize) -> PathBuf {
    window.state().runs.all[index].path.clone()
}

#[test]
fn without_runs_the_page_says_where_they_come_from() {
    let mut window = Window::new();
    window.perform(Action::Runs(RunsAction::ShowPage));
    assert_eq!(window.state().side, Side::Runs);
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("the model is open", |s| s.model.open.is_some());
    window.perform(Action::Runs(RunsAction::ShowPage));
    assert!(window.has("Quantizing makes a run"));
}

#[test]
fn a_run_gets_a_name_and_notes_that_lie_in_its_folder() {
    let (mut window, _data) = with_runs(&["eins"], |_, _| {});
    window.type_into("Name of eins", "größer, ß");
    window.harness.get_by_label("Notes on eins").focus();
    window.settle();
    window.harness.get_by_label("Notes on eins").type_text("first try");
    window.settle();
    window.harness.get_by_label("Compare eins").focus();
    window.until("it is named", |s| s.runs.name(&s.runs.all[0]) == "größer, ß");
    let file = path(&window, 0).join("window.json");
    window.until("it is saved", |_| file.is_file());
    let label: RunLabel = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((label.name.as_str(), label.notes.as_str()), ("größer, ß", "first try"));
    assert!(window.has_button("Run größer, ß"), "the rail shows the name");
}

#[test]
fn two_ticked_runs_are_compared_layer_by_layer_with_the_pinned_one_first() {
    let (mut window, _data) = with_runs(&["eins", "zwei"], |i, report| {
        report.layers[3].bits = if i == 0 { 8 } else { 16 };
        report.layers[3].graphwise_nsr = Some(if i == 0 { 0.08 } else { 0.01 });
    });
    window.press(Role::Button, "Compare");
    assert!(window.state().runs.comparison.is_none(), "one has to tick them first");
    window.press(Role::CheckBox, "Compare eins");
    window.press(Role::Button, "Pin zwei as reference");
    assert_eq!(window.state().runs.reference, Some(1));
    window.press(Role::Button, "Compare 2 runs");
    window.until("it is compared", |s| s.runs.comparison.as_ref().is_some_and(|c| c.result.is_some()));
    assert!(window.has("Comparison of runs") && window.has("64.30 %"));
    assert!(window.has("kept no answers per picture"), "a note says why there is no test");
    let page = window.state().runs.comparison.clone().unwrap();
    assert_eq!(page.runs, [path(&window, 1), path(&window, 0)]);
    let layers = &page.result.unwrap().layers;
    assert_eq!(layers[0].change, Some(0.07));
    assert!(window.has("+7.000") && window.has("16 bit"));
    window.harness.check_accessibility();
    window.press(Role::Button, "Order of the graph");
    window.until("it is sorted", |s| {
        let result = s.runs.comparison.as_ref().and_then(|c| c.result.clone());
        result.is_some_and(|c| c.layers[3].change == Some(0.07))
    });
    window.press(Role::Button, "Layerwise error, %");
    window.press(Role::Button, "Close the comparison (Esc)");
    assert!(window.state().runs.comparison.is_none());
}

#[test]
fn a_run_that_is_gone_from_the_disk_cannot_be_compared_and_that_is_told() {
    let (mut window, data) = with_runs(&["eins", "zwei"], |_, _| {});
    std::fs::remove_dir_all(data.path().join("runs/eins")).unwrap();
    window.press(Role::CheckBox, "Compare eins");
    window.press(Role::CheckBox, "Compare zwei");
    window.press(Role::Button, "Compare 2 runs");
    window.until("it is told", |s| !s.problems.is_empty());
    assert!(window.state().runs.comparison.is_none());
    assert!(window.has("A run cannot be read for the comparison"));
}

#[test]
fn a_deleted_run_comes_back_with_undo_and_the_others_keep_their_roles() {
    let (mut window, _data) = with_runs(&["eins", "zwei"], |_, _| {});
    let one = path(&window, 0);
    window.perform(Action::Runs(RunsAction::Pin(Some(1))));
    window.perform(Action::ShowRun(0));
    window.perform(Action::Runs(RunsAction::ShowPage));
    window.press(Role::Button, "Delete: eins");
    window.until("it is deleted", |s| s.runs.all.len() == 1);
    assert!(!one.exists());
    assert_eq!((window.state().runs.shown, window.state().runs.reference), (None, Some(0)));
    assert!(window.has("Deleted eins"));
    window.perform(Action::Runs(RunsAction::Restore));
    window.until("it is back", |s| s.runs.all.len() == 2);
    assert!(one.join("report.json").is_file());
    assert!(!window.has("Deleted eins"));
}

#[test]
fn a_folder_of_the_user_with_foreign_files_is_not_deleted() {
    let (mut window, _data) = with_runs(&["eins"], |_, _| {});
    let own = tempfile::tempdir().unwrap();
    let report = window.state().runs.all[0].report.as_ref().clone();
    write_report(own.path(), &report).unwrap();
    window.backend.reports.lock().unwrap().insert(own.path().to_owned(), report);
    let notes = own.path().join("my notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    window.perform(Action::OpenRun(own.path().to_owned()));
    window.until("the run is listed", |s| s.runs.all.len() == 2);
    window.perform(Action::Runs(RunsAction::Delete(own.path().to_owned())));
    window.until("it is told", |s| !s.problems.is_empty());
    assert!(notes.is_file());
    assert_eq!(window.state().runs.all.len(), 2);
}

#[test]
fn the_settings_of_a_run_are_restored() {
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    let folder = pictures.path().display().to_string();
    let (mut window, _data) = with_runs(&["eins"], |_, report| {
        report.strategy[0].requested = [("bins".to_owned(), json!(64))].into();
        report.calibration.folders = vec![folder.clone()];
        let settings = [("bgr", "true"), ("mean", "0.485,0.456,0.406")];
        report.preprocessing_settings =
            settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
    });
    window.perform(Action::SetTarget("esp32p4"));
    window.press(Role::Button, "Restore settings: eins");
    window.until("the pictures are listed", |s| !s.pictures.folders.is_empty());
    let state = window.state();
    assert_eq!(state.target.0.name, "esp32s3");
    assert_eq!(state.strategies.requests()[0].settings, [("bins".to_owned(), json!(64))].into());
    assert_eq!(state.pictures.folders[0].path, pictures.path());
    let settings: Vec<_> = state.pictures.preprocessing.iter().collect();
    assert_eq!(settings, [(&"bgr".to_owned(), &"true".to_owned())], "what the model says is left to it");
}

#[test]
fn a_finished_job_remembers_what_its_report_does_not_hold() {
    let (mut window, data) = with_runs(&["eins"], |_, _| {});
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    window.perform(Action::AddPictures(pictures.path().to_owned()));
    window.perform(Action::SetEvaluation(pictures.path().to_owned()));
    window.until("they are listed", |s| s.pictures.evaluation.is_some() && !s.pictures.folders.is_empty());
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window.perform(Action::Start);
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    let run = data.path().join("runs/neu");
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = report(&network, "/models/net.onnx");
    write_report(&run, &report).unwrap();
    window.backend.reports.lock().unwrap().insert(run.clone(), report);
    let sender = window.backend.jobs.lock().unwrap()[0].sender.clone();
    sender.send(Event::Done { run: run.clone() }).unwrap();
    window.until("it is saved", |_| run.join("window.json").is_file());
    let label: RunLabel = serde_json::from_slice(&std::fs::read(run.join("window.json")).unwrap()).unwrap();
    assert_eq!(label.evaluation.as_deref(), Some(pictures.path()));
}

#[test]
fn the_run_folder_opens_in_the_file_manager() {
    let (mut window, _data) = with_runs(&["eins"], |_, _| {});
    window.press(Role::Button, "Open folder: eins");
    let one = path(&window, 0);
    let backend = window.backend.clone();
    window.until("it is opened", move |_| !backend.opened.lock().unwrap().is_empty());
    assert_eq!(*window.backend.opened.lock().unwrap(), [one]);
}

/// Answers the question for a path in its field.
fn take_path(window: &mut Window, path: &std::path::Path) {
    window.until("a path is asked for", |s| s.path_field.is_some());
    window.perform(Action::EditPath(path.display().to_string()));
    window.press(Role::Button, "Take it");
}

#[test]
fn the_model_of_a_run_is_exported_where_the_user_wants_it() {
    let (mut window, data) = with_runs(&["eins", "zwei"], |_, _| {});
    for (index, bytes) in [b"one", b"two"].into_iter().enumerate() {
        std::fs::write(path(&window, index).join("model.espdl"), bytes).unwrap();
    }
    let past = window.state().history.past().len();
    let to = data.path().join("größer");
    let written = data.path().join("größer.espdl");
    window.press(Role::Button, "Export model…: zwei");
    take_path(&mut window, &to);
    window.until("it is written", |_| written.is_file());
    window.until("it is told", |s| s.toasts.all.iter().any(|t| t.title.contains("größer.espdl")));
    assert_eq!(std::fs::read(&written).unwrap(), b"two");

    window.perform(Action::ShowRun(0));
    window.perform(Action::Runs(RunsAction::ShowPage));
    window.press(Role::Button, "Export model…: eins");
    take_path(&mut window, &to);
    window.until("it asks", |s| s.overwrite.is_some());
    assert!(window.has("Replace this file?"));
    window.press(Role::Button, "Keep it");
    assert_eq!(std::fs::read(&written).unwrap(), b"two");
    window.press(Role::Button, "Export model…: eins");
    // What is exported is what was asked for, whatever is on display by then.
    window.perform(Action::ShowRun(1));
    take_path(&mut window, &to);
    window.until("it asks", |s| s.overwrite.is_some());
    window.press(Role::Button, "Replace");
    window.until("it is replaced", |_| std::fs::read(&written).is_ok_and(|b| b == b"one"));
    assert_eq!(window.state().history.past().len(), past, "nothing to undo");
}

#[test]
fn a_model_that_cannot_be_exported_is_told_and_no_file_is_left() {
    let (mut window, data) = with_runs(&["eins"], |_, _| {});
    window.press(Role::Button, "Export model…: eins");
    take_path(&mut window, &data.path().join("a.espdl"));
    window.until("it is told", |s| s.toasts.all.iter().any(|t| t.is_error));
    assert!(window.has("The model could not be exported"));
    assert!(!data.path().join("a.espdl").exists());
    let model = path(&window, 0).join("model.espdl");
    std::fs::write(&model, b"one").unwrap();
    window.press(Role::Button, "Export model…: eins");
    take_path(&mut window, &model);
    window.until("it asks", |s| s.overwrite.is_some());
    window.press(Role::Button, "Replace");
    window.until("it is told", |s| s.toasts.all.iter().any(|t| t.title.contains("model.espdl")));
    assert_eq!(std::fs::read(&model).unwrap(), b"one", "onto itself");
}

#[test]
fn runs_that_another_session_deleted_can_be_restored_and_what_is_gone_stands_before_none() {
    use octet::window::backend::RunsBackend;
    let (mut window, _data) = with_runs(&["eins", "zwei"], |_, _| {});
    let [one, two] = [path(&window, 0), path(&window, 1)];
    let label = RunLabel { name: "best".to_owned(), ..RunLabel::default() };
    window.backend.save_label(&one, &label).unwrap();
    for (path, left) in [(&one, 1), (&two, 0)] {
        window.perform(Action::Runs(RunsAction::Delete(path.clone())));
        window.until("it is deleted", |s| s.runs.all.len() == left);
    }
    let deleted = window.backend.deleted_runs();
    let names: Vec<&str> = deleted.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["best", "zwei"]);

    let data = window.backend.data.lock().unwrap().clone();
    let reports = window.backend.reports.lock().unwrap().clone();
    let mut later = Window::prepared([1400.0, 900.0], |backend| {
        *backend.data.lock().unwrap() = data;
        *backend.reports.lock().unwrap() = reports;
    });
    later.until("the trash was looked at", |s| s.runs.deleted.len() == 2);
    later.perform(Action::Runs(RunsAction::ShowPage));
    // Meanwhile the first session takes the last one back.
    window.perform(Action::Runs(RunsAction::Restore));
    window.until("it is back", |s| s.runs.all.len() == 1);
    later.press(Role::Button, "Restore the deleted run");
    later.until("it is told", |s| s.problems.contains_key(&Place::Run));
    assert!(later.has("Deleted best"), "what is gone is dropped");
    later.press(Role::Button, "Restore the deleted run");
    later.until("the other is back", |s| s.runs.all.len() == 1);
    assert!(one.join("report.json").is_file());
}

#[test]
fn runs_of_earlier_sessions_are_listed_newest_first() {
    use octet::window::backend::RunsBackend;
    let (window, _data) = with_runs(&["eins", "zwei", "drei"], |_, _| {});
    for (index, minutes) in [(0, 20), (1, 10), (2, 30)] {
        let report = std::fs::File::options().write(true).open(path(&window, index).join("report.json"));
        let written = std::time::SystemTime::now() - std::time::Duration::from_mins(minutes);
        report.unwrap().set_modified(written).unwrap();
    }
    let label = RunLabel { name: "best".to_owned(), ..RunLabel::default() };
    window.backend.save_label(&path(&window, 0), &label).unwrap();
    let earlier = window.backend.earlier_runs();
    let names: Vec<&str> = earlier.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["zwei", "best", "drei"]);
}
