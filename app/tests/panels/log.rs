//! The view of the jobs' logs: long ones, searching, levels, copying.

use std::sync::mpsc::Sender;

use egui::accesskit::Role;
use egui_kittest::kittest::NodeT;
use octet::window::actions::{Action, Effect, LogAction};
use octet::window::messages::Message;
use octet::window::state::LogLeast;
use octet_engine::job::Event;
use octet_engine::strategy::LogLevel;

use crate::support::session::Session;
use crate::support::window::Window;

/// A window with the log of a job that runs, and the job's end of its channel.
fn with_log() -> (Window, Sender<Event>, tempfile::TempDir) {
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    let mut window = Window::with_model();
    window.perform(Action::AddPictures(pictures.path().to_owned()));
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window.until("all is there", |s| s.obstacle().is_none());
    window.perform(Action::Start);
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    let sender = window.backend.jobs.lock().unwrap()[0].sender.clone();
    window.perform(Action::ToggleLog);
    (window, sender, pictures)
}

fn line(level: LogLevel, text: &str) -> Event {
    Event::Log { level, message: text.to_owned() }
}

/// Lines of the log that are built, from top to bottom.
fn built(window: &Window) -> Vec<String> {
    let root = window.harness.root();
    let texts = root.children_recursive().filter_map(|node| {
        let node = node.accesskit_node();
        (node.role() == Role::Label).then(|| node.value()).flatten()
    });
    texts.filter(|text| text.starts_with("line ")).collect()
}

#[test]
fn of_a_very_long_log_only_the_rows_in_view_are_built() {
    const LINES: usize = 10_000;
    let (mut window, sender, _pictures) = with_log();
    assert!(window.has("The job has told nothing yet."));
    for i in 0..LINES {
        sender.send(line(LogLevel::Info, &format!("line {i}"))).unwrap();
    }
    window.until("all is told", |s| s.log_lines() == LINES);
    let rows = built(&window);
    assert!((3..100).contains(&rows.len()), "{} rows", rows.len());
    assert_eq!(rows.last().map(String::as_str), Some("line 9999"), "it follows its end");
    assert!(window.has("10,000 lines"));
    window.harness.check_accessibility();

    window.type_into("Search the log", "LINE 42");
    let found = |s: &octet::window::state::State| s.log_rows().len();
    // 42, 420 to 429, 4200 to 4299.
    assert_eq!(found(window.state()), 111);
    assert!(window.has("111 of 10,000 lines"));
    let rows = built(&window);
    assert!((3..100).contains(&rows.len()) && rows.iter().all(|row| row.starts_with("line 42")), "{rows:?}");
    window.perform(Action::Log(LogAction::Filter("no such line".to_owned())));
    assert!(built(&window).is_empty() && window.has("No line has this text."));
    window.perform(Action::Log(LogAction::Filter(" ".to_owned())));
    assert_eq!(found(window.state()), LINES, "a blank is no text");
}

#[test]
fn a_switch_leaves_out_what_matters_less() {
    let (mut window, sender, _pictures) = with_log();
    for (level, text) in [
        (LogLevel::Debug, "line of bins"),
        (LogLevel::Info, "line for everybody"),
        (LogLevel::Warning, "line to look at\nline behind it"),
    ] {
        sender.send(line(level, text)).unwrap();
    }
    window.until("all is told", |s| s.log_lines() == 4);
    assert_eq!(built(&window).len(), 4, "a text of two lines has two rows");
    window.press(Role::Button, "Without details");
    assert_eq!(built(&window), ["line for everybody", "line to look at", "line behind it"]);
    window.press(Role::Button, "Warnings and errors");
    assert_eq!(built(&window), ["line to look at", "line behind it"]);
    window.press(Role::Button, "Errors only");
    assert!(built(&window).is_empty() && window.has("No line is of this level."));
    window.press(Role::Button, "All lines");
    assert_eq!(built(&window).len(), 4);
}

#[test]
fn the_lines_that_are_shown_are_copied() {
    let (mut window, sender, _pictures) = with_log();
    sender.send(line(LogLevel::Info, "line of one")).unwrap();
    window.until("it is told", |s| s.log_lines() == 1);
    window.press(Role::Button, "Copy the lines");
    assert!(window.has("The log is on the clipboard"));

    let (mut session, _pictures) = Session::ready("net");
    session.perform(Action::Start);
    session.work();
    for (level, text) in [(LogLevel::Info, "one"), (LogLevel::Warning, "two"), (LogLevel::Warning, "three")] {
        session.tell(Message::Job(line(level, text)));
    }
    session.perform(Action::Log(LogAction::Least(LogLeast::Warning)));
    session.perform(Action::Log(LogAction::Filter("T".to_owned())));
    let past = session.past().len();
    session.waiting.clear();
    session.perform(Action::Log(LogAction::Copy));
    assert_eq!(session.waiting, [Effect::Copy("two\nthree".to_owned())]);
    assert_eq!(session.past().len(), past, "nothing to undo");
}
