//! Projects, sessions that were lost, answers that come late, and work that ends in a panic.

use std::path::{Path, PathBuf};

use octet::window::actions::{Action, Effect, OverwriteAction, ProjectAction, ProjectMessage};
use octet::window::backend::Picked;
use octet::window::messages::Message;
use octet::window::project::{Orphan, Project, SavedAs};
use octet::window::state::{Next, Step};
use serde_json::{Value, json};

use crate::support::session::{Session, wide};
use crate::support::window::Window;

fn project(session: &mut Session, action: ProjectAction) {
    session.perform(Action::Project(action));
}

/// A project file of what is open, changed by the test.
fn saved(session: &Session, folder: &Path, change: impl Fn(&mut Value)) -> PathBuf {
    let mut value = serde_json::to_value(Project::of(&session.state)).unwrap();
    change(&mut value);
    let file = folder.join("p.octet");
    std::fs::write(&file, value.to_string()).unwrap();
    file
}

fn open(file: &Path) -> Session {
    let mut session = Session::new();
    project(&mut session, ProjectAction::Open(file.to_owned()));
    session.work();
    session
}

#[test]
fn what_is_missing_stays_in_the_project() {
    let (session, pictures) = Session::ready("net");
    let folder = tempfile::tempdir().unwrap();
    let file = saved(&session, folder.path(), |p| {
        p["images"] = json!(["/gone/pictures", pictures.path()]);
        p["evaluation"] = json!("/gone/evaluation");
        p["runs"] = json!([{ "path": "/gone/run", "shown": true }]);
        p["target"] = json!("esp99");
    });
    let before = Project::read(&file).unwrap();
    let mut session = open(&file);
    assert_eq!(Project::of(&session.state), before);
    assert!(!session.state.is_unsaved());
    assert_eq!(session.state.project.missing.words().len(), 4);
    project(&mut session, ProjectAction::Save);
    session.work();
    assert_eq!(Project::read(&file).unwrap(), before);
    session.perform(Action::SetTarget("esp32s3"));
    assert_eq!(Project::of(&session.state).target, "esp32s3", "chosen");
    project(&mut session, ProjectAction::ForgetMissing);
    assert_eq!(Project::of(&session.state).images, [pictures.path()]);
    assert!(session.state.is_unsaved());
}

#[test]
fn a_missing_model_keeps_its_changes_until_it_is_back() {
    let (mut session, _pictures) = Session::ready("net");
    session.edit(wide("n2"));
    let folder = tempfile::tempdir().unwrap();
    let file = saved(&session, folder.path(), |p| p["model"] = json!("/models/bad.onnx"));
    let mut session = open(&file);
    assert_eq!(Project::of(&session.state).model, Some("/models/bad.onnx".into()));
    session.perform(Action::OpenModel("/models/net.onnx".into()));
    session.work();
    assert_eq!(session.widths(), [("n2", 16)]);
    assert_eq!(Project::of(&session.state).model, Some("/models/net.onnx".into()));
}

#[test]
fn changes_on_several_models_are_in_the_project() {
    let (mut session, _pictures) = Session::ready("net");
    session.edit(wide("n2"));
    session.perform(Action::OpenModel("/models/other.onnx".into()));
    session.work();
    session.edit(wide("n4"));
    let folder = tempfile::tempdir().unwrap();
    let file = saved(&session, folder.path(), |_| {});
    let mut session = open(&file);
    assert_eq!(session.widths(), [("n4", 16)]);
    session.perform(Action::OpenModel("/models/net.onnx".into()));
    session.work();
    assert_eq!(session.widths(), [("n2", 16)]);
}

#[test]
fn another_project_is_not_opened_over_what_was_not_saved() {
    let (mut session, _pictures) = Session::ready("net");
    let folder = tempfile::tempdir().unwrap();
    let file = saved(&session, folder.path(), |p| p["target"] = json!("esp32"));
    session.edit(wide("n2"));
    for path in [Action::Drop(vec![file.clone()]), Action::Project(ProjectAction::OpenRecent(file.clone()))] {
        session.perform(path);
        session.work();
        assert_eq!(session.state.project.asks, Some(Next::Open(file.clone())));
        assert_eq!(session.widths(), [("n2", 16)]);
        project(&mut session, ProjectAction::Stay);
        assert_eq!(session.state.project.asks, None);
    }
    project(&mut session, ProjectAction::Open(file.clone()));
    project(&mut session, ProjectAction::SaveFirst);
    let own = folder.path().join("own.octet");
    assert!(session.waiting.iter().any(|e| matches!(e, Effect::Ask(_))), "it has no file yet");
    project(&mut session, ProjectAction::SaveAs(own.clone()));
    session.work();
    assert_eq!(Project::read(&own).unwrap().edits.widths.len(), 1);
    assert_eq!(session.state.project.path(), Some(file.as_path()), "and then the other one was opened");
    assert!(session.widths().is_empty());
}

#[test]
fn a_dialog_that_is_given_up_ends_what_waited_for_it() {
    let (mut session, _pictures) = Session::ready("net");
    let folder = tempfile::tempdir().unwrap();
    let file = saved(&session, folder.path(), |_| {});
    session.edit(wide("n2"));
    project(&mut session, ProjectAction::Open(file));
    project(&mut session, ProjectAction::SaveFirst);
    session.tell(Message::Picked(octet::window::backend::Pick::SaveProject, Picked::Cancelled));
    project(&mut session, ProjectAction::SaveAs(folder.path().join("own.octet")));
    session.work();
    assert_eq!(session.widths(), [("n2", 16)], "only saved");
}

#[test]
fn closing_asks_before_work_or_a_job_is_lost() {
    let mut window = Window::with_model();
    assert!(!window.state().is_unsaved(), "a model that was opened can be opened again");
    window.perform(Action::Edit(wide("n2")));
    assert!(window.state().is_unsaved());
    let close = |window: &mut Window| {
        let viewport = window.harness.input_mut().viewports.get_mut(&egui::ViewportId::ROOT).unwrap();
        viewport.events.push(egui::ViewportEvent::Close);
        window.settle();
    };
    close(&mut window);
    assert_eq!(window.state().project.asks, Some(Next::Close));
    assert!(window.has("Save the project before closing?") && window.has("It has no file."));
    window.press(egui::accesskit::Role::Button, "Stay");
    assert!(window.state().project.asks.is_none() && !window.state().project.closes);
    close(&mut window);
    window.press(egui::accesskit::Role::Button, "Close without saving");
    assert!(window.state().project.closes);
}

fn orphan(session: &Session, folder: &Path, name: &str) -> Orphan {
    let path = folder.join(format!("{name}.journal.octet"));
    let mut project = Project::of(&session.state);
    project.model = Some(format!("/models/{name}.onnx").into());
    std::fs::write(&path, project.text().unwrap()).unwrap();
    Orphan { path, project, changed: None }
}

#[test]
fn each_lost_session_is_restored_or_forgotten_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let all = ["net", "other", "third"].map(|name| orphan(&session, folder.path(), name));
    let paths = all.clone().map(|o| o.path);
    session.tell(Message::Project(ProjectMessage::Orphans(all.to_vec(), None)));
    assert!(session.state.project.shows_orphans);
    project(&mut session, ProjectAction::Forget(paths[2].clone()));
    session.work();
    assert_eq!(paths.each_ref().map(|p| p.exists()), [true, true, false]);
    project(&mut session, ProjectAction::Restore(paths[1].clone()));
    session.work();
    assert_eq!(session.state.model.open.as_ref().unwrap().file_name(), "other.onnx");
    assert_eq!(paths.each_ref().map(|p| p.exists()), [true, false, false], "only its own journal goes");
    assert!(!session.state.project.shows_orphans, "the other one is not offered over it");
    assert_eq!(session.state.project.orphans.len(), 1);
}

/// A lost session of a project in `file`, which has another chip by now.
fn orphan_of_file(session: &Session, folder: &Path, file: &Path) -> Orphan {
    let mut lost = orphan(session, folder, "net");
    let saved = Project { target: "esp32s3".to_owned(), ..lost.project.clone() };
    saved.write(file).unwrap();
    lost.project.saved_as = Some(SavedAs::look_at(file.to_owned()).unwrap());
    lost
}

fn restored(session: &mut Session, lost: Orphan) {
    let journal = lost.path.clone();
    session.tell(Message::Project(ProjectMessage::Orphans(vec![lost], None)));
    project(session, ProjectAction::Restore(journal));
    session.work();
    assert!(session.state.model.open.is_some());
}

#[test]
fn a_restored_session_is_still_the_project_that_it_was_saved_as() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.octet");
    let mut session = Session::new();
    let lost = orphan_of_file(&session, folder.path(), &file);
    restored(&mut session, lost);
    assert_eq!(session.state.project.path(), Some(file.as_path()));
    assert!(session.state.is_unsaved(), "the chip was changed since");
    project(&mut session, ProjectAction::Save);
    session.work();
    assert_eq!(Project::read(&file).unwrap().target, Project::of(&session.state).target);
    assert!(!session.state.is_unsaved());
}

#[test]
fn what_somebody_else_did_to_the_file_is_replaced_only_after_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.octet");
    let mut session = Session::new();
    project(&mut session, ProjectAction::SaveAs(file.clone()));
    session.work();
    let theirs = Project { target: "esp32c3".to_owned(), ..Project::read(&file).unwrap() };
    theirs.write(&file).unwrap();
    session.perform(Action::SetTarget("esp32s3"));
    project(&mut session, ProjectAction::Save);
    session.work();
    assert!(session.state.overwrite.as_ref().is_some_and(|question| question.was_changed));
    assert_eq!(Project::read(&file).unwrap().target, "esp32c3", "it waits for the answer");
    // However often: it is not taken for its own write.
    project(&mut session, ProjectAction::Save);
    project(&mut session, ProjectAction::Save);
    session.work();
    assert_eq!(Project::read(&file).unwrap().target, "esp32c3");
    session.perform(Action::Overwrite(OverwriteAction::Replace));
    session.work();
    assert_eq!(Project::read(&file).unwrap().target, "esp32s3");
    assert!(!session.state.is_unsaved());
    // Twice in a row is nobody else.
    session.perform(Action::SetTarget("esp32p4"));
    project(&mut session, ProjectAction::Save);
    project(&mut session, ProjectAction::Save);
    session.work();
    assert!(session.state.overwrite.is_none());
    assert_eq!(Project::read(&file).unwrap().target, "esp32p4");
}

#[test]
fn a_restored_session_never_saves_over_what_was_done_to_its_file_since() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.octet");
    let mut session = Session::new();
    for change in [
        (|file| Project { target: "esp32c3".to_owned(), ..Project::read(file).unwrap() }.write(file).unwrap())
            as fn(&Path),
        |file| std::fs::remove_file(file).unwrap(),
    ] {
        let lost = orphan_of_file(&session, folder.path(), &file);
        change(&file);
        restored(&mut session, lost);
        assert_eq!(session.state.project.path(), None, "saving asks for a file");
        assert!(session.state.is_unsaved(), "and so does what would lose it");
        assert!(session.state.toasts.all.iter().any(|t| t.title.contains("changed or removed since")));
    }
}

#[test]
fn a_journal_of_which_something_is_missing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let lost = orphan(&session, folder.path(), "bad");
    session.tell(Message::Project(ProjectMessage::Orphans(vec![lost.clone()], None)));
    project(&mut session, ProjectAction::Restore(lost.path.clone()));
    session.work();
    assert!(lost.path.exists());
    assert_eq!(Project::of(&session.state).model, lost.project.model);
}

#[test]
fn the_last_session_is_offered_on_the_empty_page() {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::new();
    let last = orphan(&session, folder.path(), "net");
    let given = last.clone();
    let mut window = Window::prepared([1400.0, 900.0], |backend| {
        *backend.last.lock().unwrap() = Some(given);
    });
    window.until("it is offered", |s| s.project.last_session.is_some());
    window.press(egui::accesskit::Role::Button, "Last session: net.onnx");
    window.until("it is open", |s| s.model.open.is_some());
    assert!(last.path.exists());
}

#[test]
fn the_model_that_was_asked_for_last_is_opened_whichever_is_read_first() {
    let mut session = Session::new();
    session.perform(Action::OpenModel("/models/net.onnx".into()));
    session.perform(Action::OpenModel("/models/other.onnx".into()));
    let first = session.waiting.remove(0);
    session.work();
    session.work_on(first);
    assert_eq!(session.state.model.open.as_ref().unwrap().file_name(), "other.onnx");
}

#[test]
fn folders_stay_in_the_order_in_which_they_were_dropped() {
    let folders = ["a", "b", "c"].map(|_| crate::support::pictures::folder(&[("1.bmp", 3)]));
    let mut session = Session::new();
    for folder in &folders {
        session.perform(Action::AddPictures(folder.path().to_owned()));
    }
    while let Some(effect) = session.waiting.pop() {
        session.work_on(effect);
    }
    let listed: Vec<&Path> = session.state.pictures.folders.iter().map(|f| f.path.as_path()).collect();
    assert_eq!(listed, folders.each_ref().map(|f| f.path()));
}

#[test]
fn what_was_asked_for_before_a_project_was_opened_does_not_come_into_it() {
    let (mut session, _pictures) = Session::ready("net");
    let folder = tempfile::tempdir().unwrap();
    let file = saved(&session, folder.path(), |p| p["images"] = json!([]));
    session.state.history.clear();
    let late = crate::support::pictures::folder(&[("1.bmp", 3)]);
    session.perform(Action::AddPictures(late.path().to_owned()));
    let run = session.report("net");
    let run = session.with_run("late", run);
    session.perform(Action::OpenRun(run));
    session.perform(Action::OpenModel("/models/other.onnx".into()));
    let before = std::mem::take(&mut session.waiting);
    project(&mut session, ProjectAction::Open(file));
    session.work();
    before.into_iter().for_each(|effect| session.work_on(effect));
    session.work();
    assert!(session.state.pictures.folders.is_empty() && session.state.runs.all.is_empty());
    assert_eq!(session.state.model.open.as_ref().unwrap().file_name(), "net.onnx");
}

#[test]
fn paths_are_kept_from_the_root() {
    let mut session = Session::new();
    session.perform(Action::OpenRun("run".into()));
    session.perform(Action::AddPictures("pictures".into()));
    session.perform(Action::Drop(vec!["x.onnx".into()]));
    let here = std::env::current_dir().unwrap();
    let asked: Vec<Effect> = session.waiting.clone();
    assert_eq!(asked[0], Effect::OpenRun(here.join("run")));
    assert!(matches!(&asked[1], Effect::ListPictures { path, .. } if *path == here.join("pictures")));
    assert_eq!(asked[2], Effect::Drop(vec![here.join("x.onnx")]));
}

#[test]
fn a_panic_on_a_thread_is_a_problem_and_nothing_waits_for_it() {
    let mut window = Window::new();
    window.perform(Action::OpenModel("/models/panics.onnx".into()));
    window.until("it is told", |s| !s.problems.is_empty());
    assert!(window.state().model.opening.is_none());
    assert!(window.has("Octet stumbled"));
    window.perform(Action::ShowStep(Step::Model));
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("another one opens", |s| s.model.open.is_some());
}
