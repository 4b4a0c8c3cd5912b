//! The page of pictures.

use std::sync::atomic::Ordering;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use octet::window::actions::{Action, EditAction, PicturesAction};
use octet::window::state::{Check, MAX_THUMBNAILS, Progress, State, Step};
use octet_engine::pictures::InputPreview;

use crate::support::pictures::folder;
use crate::support::window::Window;

fn preview(state: &State) -> Option<&InputPreview> {
    state.pictures.preview.shown.as_ref()?.1.as_ref().ok().map(AsRef::as_ref)
}

fn checked(state: &State) -> bool {
    matches!(state.pictures.check, Check::Done(_))
}

/// With a model, and a folder of these pictures.
fn with(pictures: &[(&str, u8)]) -> (Window, tempfile::TempDir) {
    let folder = folder(pictures);
    let mut window = Window::with_model();
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("the preview is there", |s| s.pictures.preview.shown.is_some() && checked(s));
    (window, folder)
}

#[test]
fn without_a_model_pictures_are_listed_and_nothing_is_checked() {
    let folder = folder(&[("a.bmp", 9)]);
    let mut window = Window::new();
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("the folder is listed", |s| !s.pictures.folders.is_empty());
    assert!(window.has("Open a model to have the pictures checked"));
    assert!(window.has("Open a model: its file may say how"));
    assert_eq!(window.state().pictures.check, Check::None);
}

#[test]
fn without_pictures_the_page_says_what_to_do() {
    let mut window = Window::with_model();
    window.perform(Action::ShowStep(Step::Pictures));
    assert!(window.has_button("Add a folder…") && window.has_button("Choose a folder…"));
    assert!(!window.has("What the network receives"));
}

#[test]
fn ten_thousand_pictures_have_sixty_thumbnails_and_a_count_of_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..10_000 {
        std::fs::write(folder.path().join(format!("{i:05}.jpg")), b"").unwrap();
    }
    let mut window = Window::with_model();
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("the check is over", checked);
    window.until("the thumbnails are there", |s| s.pictures.thumbnails.len() == MAX_THUMBNAILS);
    assert!(window.has("10,000 pictures"));
    window.press(Role::Button, "Show 60 calibration pictures");
    assert!(window.has("and 9,940 more"));
    assert!(window.has("10,000 files cannot be used"));
    window.press(Role::Button, "Show fewer calibration pictures");
    assert!(!window.has("and 9,940 more"));
}

#[test]
fn classes_are_bars_with_their_names_and_counts() {
    let (window, _folder) = with(&[("katze/1.bmp", 1), ("katze/2.bmp", 2), ("größter hund/1.bmp", 3)]);
    assert!(window.has("3 pictures in 2 classes"));
    assert!(window.has("katze: 2 pictures") && window.has("größter hund: 1 picture"));
}

#[test]
fn findings_of_the_check_stand_with_their_remedy() {
    let (mut window, _folder) = with(&[("1.bmp", 40), ("2.bmp", 40)]);
    assert!(window.has("only 2 pictures to calibrate on"));
    assert!(window.has("calibration picture is a copy"));
    window.press(Role::Button, "Add calibration pictures: few-pictures");
    window.until("a folder is asked for", |s| s.path_field.is_some());
}

#[test]
fn a_broken_file_is_named_with_its_reason() {
    let folder = folder(&[("1.bmp", 40)]);
    std::fs::write(folder.path().join("größe.jpg"), b"no picture").unwrap();
    let mut window = Window::with_model();
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("the check is over", checked);
    let Check::Done(survey) = &window.state().pictures.check else { panic!("no check") };
    assert_eq!(survey.skipped[0].file, "größe.jpg");
    assert!(window.has("1 file cannot be used"));
    assert_eq!(window.state().pictures.total(), 1, "what cannot be used does not count");
}

#[test]
fn the_example_brings_its_pictures_to_whoever_has_none() {
    let (its, own) = (folder(&[("1.bmp", 40)]), folder(&[("2.bmp", 40)]));
    let folders = |window: &Window| -> Vec<_> {
        window.state().pictures.folders.iter().map(|f| f.path.clone()).collect()
    };
    let mut window = Window::new();
    *window.backend.example_pictures.lock().unwrap() = its.path().to_owned();
    window.press(Role::Button, "Try the example");
    window.until("all of it is there", |s| s.model.open.is_some() && !s.pictures.folders.is_empty());
    assert_eq!(folders(&window), [its.path()]);

    let mut window = Window::new();
    *window.backend.example_pictures.lock().unwrap() = its.path().to_owned();
    window.perform(Action::AddPictures(own.path().to_owned()));
    window.until("the own ones are there", |s| !s.pictures.folders.is_empty());
    window.perform(Action::OpenExample);
    window.until("the model is open", |s| s.model.open.is_some());
    window.settle();
    assert_eq!(folders(&window), [own.path()]);
}

#[test]
fn the_check_can_be_stopped_and_asked_for_again() {
    let folder = folder(&[("1.bmp", 40)]);
    let mut window = Window::with_model();
    window.backend.holds_check.store(true, Ordering::Relaxed);
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("it runs", |s| matches!(s.pictures.check, Check::Running(_)));
    assert!(window.has("Checking 0 of 1"));
    window.press(Role::Button, "Stop checking the pictures");
    assert!(window.has("The pictures were not checked."));
    window.backend.holds_check.store(false, Ordering::Relaxed);
    window.press(Role::Button, "Check them");
    window.until("it is over", checked);
}

#[test]
fn removing_a_folder_takes_everything_about_it_away() {
    let (mut window, _folder) = with(&[("1.bmp", 40)]);
    window.perform(Action::RemovePictures(0));
    window.until("nothing is left", |s| s.pictures.thumbnails.is_empty());
    assert_eq!(window.state().pictures.check, Check::None);
    assert!(!window.has("What the network receives"));
}

#[test]
fn the_preview_shows_the_exact_integers_and_says_what_is_assumed() {
    let (mut window, folder) = with(&[("1.bmp", 255), ("2.bmp", 0)]);
    window.press(Role::Button, "Scale −1 … 1");
    window.until("the preview follows", |s| preview(s).is_some_and(|p| p.values == (1.0, 1.0)));
    let seen = preview(window.state()).unwrap();
    assert_eq!((seen.format.exponent, seen.reached), (-6, (64, 64)), "white is 1, and 1 is 64 x 2^-6");
    assert!(window.has("-6 (assumed)"));
    window.press(Role::Button, "Picture 2.bmp");
    window.until("the other picture is shown", |s| preview(s).is_some_and(|p| p.reached == (-64, -64)));
    assert_eq!(window.state().pictures.previewed(), Some(folder.path().join("2.bmp").as_path()));
}

#[test]
fn the_preview_takes_the_exponent_of_the_run_on_display() {
    let folder = folder(&[("1.bmp", 255)]);
    let mut window = Window::with_report();
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("the preview is there", |s| preview(s).is_some());
    assert!(window.has("-6 (of the run)"));
    // (1 - 0.406) / 0.225 * 64 = 168.96: beyond the range.
    assert_eq!(preview(window.state()).unwrap().reached.1, 127);
    assert!(window.has("Many integers lie at the ends of the range"));
}

#[test]
fn pre_processing_is_checked_while_it_is_typed_and_sent_with_the_job() {
    let (mut window, _folder) = with(&[("1.bmp", 255)]);
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window.perform(Action::ShowStep(Step::Pictures));
    assert!(window.has("in units of 0..255: 123.675, 116.28, 103.53"));
    window.type_into("Mean", "123.675");
    assert!(window.has("divide by 255"));
    assert_eq!(window.state().obstacle(), Some("Mend the pre-processing first"));
    window.press(Role::Button, "Reset Mean to 0.485,0.456,0.406");
    assert_eq!(window.state().obstacle(), None);
    window.type_into("Std", "0.5");
    window.press(Role::CheckBox, "Blue first (BGR)");
    window.press(Role::Button, "Quantize");
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    let sent = window.backend.jobs.lock().unwrap()[0].request.preprocessing.clone();
    let sent: Vec<(&str, &str)> = sent.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(sent, [("bgr", "true"), ("std", "0.5")]);
    window.press(Role::CheckBox, "Blue first (BGR)");
    assert!(!window.state().pictures.preprocessing.contains_key("bgr"), "a default is not sent");
    window.press(Role::Button, "Reset the pre-processing to the model's own");
    assert!(window.state().pictures.preprocessing.is_empty());
}

#[test]
fn a_dropped_table_gives_the_evaluation_pictures_their_classes() {
    let (mut window, folder) = with(&[("1.bmp", 40), ("2.bmp", 50)]);
    window.perform(Action::SetEvaluation(folder.path().to_owned()));
    window.until("it is listed", |s| s.pictures.evaluation.is_some());
    assert!(window.has("No labels"));
    let other = tempfile::tempdir().unwrap();
    let csv = other.path().join("klassen.csv");
    std::fs::write(&csv, "file,class_index,class_name\n1.bmp,3,dachs\n2.bmp,3,dachs\n").unwrap();
    window.drop_path(&csv);
    window.until("it is read", |s| s.pictures.evaluation.as_ref().is_some_and(|f| f.classes == 1));
    assert!(window.has("Labels: klassen.csv") && window.has("dachs: 2 pictures"));
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window.perform(Action::Start);
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    assert_eq!(window.backend.jobs.lock().unwrap()[0].request.labels, Some(csv));
    window.press(Role::Button, "Remove the table of labels");
    window.until("it is gone", |s| s.pictures.evaluation.as_ref().is_some_and(|f| f.classes == 0));
}

#[test]
fn a_table_that_is_none_is_refused_and_the_folder_stays() {
    let (mut window, folder) = with(&[("1.bmp", 40)]);
    window.perform(Action::SetEvaluation(folder.path().to_owned()));
    window.until("it is listed", |s| s.pictures.evaluation.is_some());
    let csv = folder.path().join("bad.csv");
    std::fs::write(&csv, "1.bmp,dog\n").unwrap();
    window.perform(Action::Pictures(PicturesAction::SetLabels(csv)));
    window.until("it is told", |s| !s.problems.is_empty());
    assert!(window.has("This table of labels cannot be used"));
    assert_eq!(Step::Pictures.progress(window.state()), Progress::Attention);
    assert_eq!(window.state().pictures.labels, None);
    assert!(window.state().pictures.evaluation.is_some());
    assert!(window.harness.query_all_by_label_contains("`dog` is no class index").next().is_some());
}

#[test]
fn a_copy_is_left_out_by_a_click_and_comes_back_by_undo() {
    let (mut window, folder) = with(&[("1.bmp", 40), ("2.bmp", 40), ("größe/3.bmp", 90)]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert!(window.has("calibration picture is a copy"));
    window.press(Role::Button, "Leave the copies out: duplicate-pictures");
    window.until("the rest is checked", checked);
    assert_eq!(window.state().pictures.left_out(), [path("2.bmp")]);
    assert!(window.has("1 picture is left out") && !window.has("calibration picture is a copy"));
    let Check::Done(survey) = &window.state().pictures.check else { panic!("no check") };
    assert_eq!(survey.pictures, 2);

    window.perform(Action::Edit(EditAction::Undo));
    window.until("all are checked", checked);
    assert!(window.has("calibration picture is a copy") && !window.has("is left out"));
    window.perform(Action::Edit(EditAction::Redo));
    window.until("the rest is checked", checked);
    window.press(Role::Button, "Use them again");
    window.until("all are checked", checked);
    assert!(window.state().pictures.leave_out.is_empty());

    // What was left out goes with its folder.
    window.perform(Action::Pictures(PicturesAction::LeaveOut(vec!["1.bmp".to_owned()])));
    window.perform(Action::RemovePictures(0));
    assert!(window.state().pictures.leave_out.is_empty());

    window.perform(Action::Pictures(PicturesAction::LeaveOut(vec!["1.bmp".to_owned()])));
    assert!(window.has("None of these pictures is in the folders"));
    window.perform(Action::AddPictures(folder.path().to_owned()));
    window.until("the check is over", checked);
    window.perform(Action::Pictures(PicturesAction::LeaveOut(vec!["größe/3.bmp".to_owned()])));
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window.perform(Action::Start);
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    assert_eq!(window.backend.jobs.lock().unwrap()[0].request.leave_out, [path("größe/3.bmp")]);
}
