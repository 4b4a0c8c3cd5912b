//! The list of files that were opened before.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui_kittest::kittest::NodeT;
use octet::window::actions::{Action, ProjectAction};

use crate::support::session::Session;
use crate::support::window::Window;

/// Empty files of these names.
fn files(folder: &Path, names: &[String]) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    paths.iter().for_each(|path| std::fs::write(path, b"x").unwrap());
    paths
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("net{i}.onnx")).collect()
}

/// The empty window of somebody who opened these before, newest first.
fn window_of(recent: &[PathBuf]) -> Window {
    let recent = recent.to_vec();
    Window::prepared([1400.0, 900.0], move |backend| backend.settings.lock().unwrap().recent = recent)
}

/// What the empty page offers.
fn offered(window: &Window) -> Vec<String> {
    let root = window.harness.root();
    let names = root.children_recursive().filter_map(|node| {
        let node = node.accesskit_node();
        (node.role() == Role::Button).then(|| node.label()).flatten()
    });
    names.filter(|name| name.ends_with(".onnx") || name.starts_with("gone")).collect()
}

#[test]
fn the_newest_are_offered_first_and_one_opens() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files(folder.path(), &numbered(6));
    let mut window = window_of(&paths);
    assert_eq!(offered(&window), ["net0.onnx", "net1.onnx", "net2.onnx", "net3.onnx"]);
    window.press(Role::Button, "net2.onnx");
    window.until("it is open", |s| s.model.open.is_some());
    assert_eq!(window.state().model.open.as_ref().unwrap().path, paths[2]);
    let order = [2, 0, 1, 3, 4, 5].map(|i| paths[i].clone());
    assert_eq!(window.state().settings.recent, order, "it is the newest now");
}

#[test]
fn the_menu_has_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..12).map(|i| format!("old{i}.onnx")).collect();
    let paths = files(folder.path(), &names);
    let mut window = window_of(&paths);
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("another one is open", |s| s.model.open.is_some());
    for button in ["Menu", "File", "Recent"] {
        window.click(Role::Button, button);
    }
    let listed: Vec<String> = offered(&window).into_iter().filter(|name| name.starts_with("old")).collect();
    assert_eq!(listed, names);
    window.click(Role::Button, "old7.onnx");
    window.until("it is open", |s| s.model.open.as_ref().is_some_and(|m| m.path == paths[7]));
    assert_eq!(window.state().settings.recent[0], paths[7]);
}

#[test]
fn what_is_gone_is_told_and_no_longer_listed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = files(folder.path(), &["net.onnx".to_owned()]);
    // A model, a project and a run folder.
    let gone = ["gone.onnx", "gone.octet", "gone-run"].map(|name| folder.path().join(name));
    let mut window = window_of(&[&gone[..], &kept[..]].concat());
    for (done, path) in gone.iter().enumerate() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        window.press(Role::Button, &name);
        window.until("it is told", |s| s.toasts.all.iter().any(|t| t.title.contains(&name)));
        assert!(window.has(&format!("{} is gone, and no longer listed", path.display())));
        assert_eq!(window.state().settings.recent, [&gone[done + 1..], &kept[..]].concat());
    }
    assert_eq!(offered(&window), ["net.onnx"]);
    assert!(window.state().problems.is_empty(), "nothing is worse off because of it");
    assert!(window.state().model.opening.is_none() && window.state().project.opening.is_none());
}

#[test]
fn what_was_opened_or_saved_comes_on_top_once_and_the_oldest_fall_off() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files(folder.path(), &numbered(14));
    let mut session = Session::new();
    for path in paths.iter().chain(&paths[5..6]) {
        session.perform(Action::Drop(vec![path.clone()]));
        session.work();
    }
    let order = [5, 13, 12, 11, 10, 9, 8, 7, 6, 4, 3, 2].map(|i| paths[i].clone());
    assert_eq!(session.state.settings.recent, order);
    let project = folder.path().join("p.octet");
    session.perform(Action::Project(ProjectAction::SaveAs(project.clone())));
    session.work();
    assert_eq!(session.state.settings.recent[0], project);
    assert_eq!(session.state.settings.recent[1..], order[..11]);
    session.perform(Action::Project(ProjectAction::ClearRecent));
    assert!(session.state.settings.recent.is_empty());
}

#[test]
fn pictures_and_what_cannot_be_opened_are_not_listed() {
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    let folder = tempfile::tempdir().unwrap();
    let notes = files(folder.path(), &["notes.txt".to_owned()]);
    let mut session = Session::new();
    session.perform(Action::Drop(vec![pictures.path().to_owned(), notes[0].clone()]));
    session.work();
    assert_eq!(session.state.pictures.folders.len(), 1);
    assert!(session.state.settings.recent.is_empty());
}
