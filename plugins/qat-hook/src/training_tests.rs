//! A training that misbehaves in every way. The commands are shell scripts: what Python would do makes no difference.
#![cfg(unix)]

use std::path::Path;
use std::time::{Duration, Instant};

use octet_plugin_api::sdk::Error;

use crate::command::CommandLine;
use crate::folder::Folder;
use crate::output::MAX_LINE_BYTES;
use crate::settings::Settings;
use crate::training::{Follower, Patience, run};

const SOON: Duration = Duration::from_secs(5);
const PATIENT: Patience = Patience { limit: Duration::from_secs(60), grace: Duration::from_secs(10) };

/// Takes notes; cancels, or asks to finish, some time after the first line.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    warnings: Vec<String>,
    progress: Vec<f32>,
    points: Vec<(String, f64, f64)>,
    cancel_after_lines: Option<usize>,
    finish_after_lines: Option<usize>,
}

impl Follower for Notes {
    fn cancelled(&mut self) -> Result<(), Error> {
        match self.cancel_after_lines {
            Some(count) if self.lines.len() >= count => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
    fn finish_early(&mut self) -> Result<bool, Error> {
        Ok(self.finish_after_lines.is_some_and(|count| self.lines.len() >= count))
    }
    fn progress(&mut self, fraction: f32, _words: &str) -> Result<(), Error> {
        self.progress.push(fraction);
        Ok(())
    }
    fn point(&mut self, curve: &str, x: f64, y: f64) {
        self.points.push((curve.to_owned(), x, y));
    }
    fn line(&mut self, text: &str) {
        self.lines.push(text.to_owned());
    }
    fn warning(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }
}

fn line(script: &str, folder: &Path) -> CommandLine {
    let words = ["sh", "-c", script].map(str::to_owned).to_vec();
    CommandLine { words, folder: folder.to_owned(), environment: vec![("OCTET_QAT_STEPS", "7".to_owned())] }
}

fn attempt(script: &str, patience: Patience, notes: &mut Notes) -> (Result<(), Error>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let result = run(&line(script, folder.path()), &Folder::new(folder.path().to_owned()), patience, notes);
    (result, folder)
}

fn failure(script: &str) -> String {
    attempt(script, PATIENT, &mut Notes::default()).0.unwrap_err().to_string()
}

/// Waits until no process with this number is left.
fn is_gone(pid: &str) -> bool {
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // An orphan that was ended stays a zombie until somebody reaps it.
        if state.is_empty() || state.rsplit(')').next().is_some_and(|s| s.trim_start().starts_with('Z')) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn output_progress_and_points_arrive() {
    let mut notes = Notes::default();
    let script = "echo steps $OCTET_QAT_STEPS; echo octet-progress 0.5 half; echo octet-point train 1 2.5; echo oops >&2";
    let (result, folder) = attempt(script, PATIENT, &mut notes);
    result.unwrap();
    notes.lines.sort();
    assert_eq!(notes.lines, ["oops", "steps 7"]);
    assert_eq!(notes.progress, [0.5]);
    assert_eq!(notes.points, [("train".to_owned(), 1.0, 2.5)]);
    assert!(std::fs::read_to_string(folder.path().join("output.log")).unwrap().contains("octet-progress"));
}

#[test]
fn it_runs_in_the_folder_with_nothing_to_read() {
    let mut notes = Notes::default();
    let (result, folder) = attempt("pwd -P; cat", PATIENT, &mut notes);
    result.unwrap();
    assert_eq!(notes.lines, [folder.path().canonicalize().unwrap().to_str().unwrap()]);
}

#[test]
fn a_failure_names_the_status_and_the_last_lines() {
    let error = failure("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; echo why >&2; exit 3");
    assert!(error.contains("status 3"), "{error}");
    assert!(error.contains("line 100") && error.contains("why"), "{error}");
    assert!(!error.contains("line 80\n"), "{error}");
}

#[test]
fn a_death_by_signal_is_named() {
    assert!(failure("kill -SEGV $$").contains("signal 11"));
    // The whole group, with the process that leads it.
    assert!(failure("kill -KILL 0").contains("signal 9"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { python: "/no/such/python".to_owned(), ..Settings::default() };
    let folder = Folder::new(folder.path().to_owned());
    let line = CommandLine::new(&settings, &folder).unwrap();
    let error = run(&line, &folder, PATIENT, &mut Notes::default()).unwrap_err().to_string();
    assert!(error.contains("`/no/such/python` cannot be started"), "{error}");
}

#[test]
fn silence_is_said_to_be_silence() {
    assert!(failure("exit 1").contains("said nothing"));
}

#[test]
fn cancelling_ends_the_whole_tree_at_once() {
    let mut notes = Notes { cancel_after_lines: Some(2), ..Notes::default() };
    let started = Instant::now();
    let script =
        "trap '' TERM INT; sleep 1000 & echo $!; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done'";
    let (result, _folder) = attempt(script, PATIENT, &mut notes);
    assert_eq!(result, Err(Error::Cancelled));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    for pid in &notes.lines {
        assert!(is_gone(pid), "{pid} lives on");
    }
}

#[test]
fn what_a_command_leaves_behind_ends_with_it() {
    let mut notes = Notes::default();
    let started = Instant::now();
    // The process left behind holds the pipes.
    let (result, _folder) = attempt("sleep 1000 & echo $!", PATIENT, &mut notes);
    result.unwrap();
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert!(is_gone(&notes.lines[0]));
}

#[test]
fn a_process_that_left_the_group_does_not_hold_up_the_end() {
    let mut notes = Notes::default();
    let started = Instant::now();
    let (result, _folder) = attempt("setsid sleep 20 & echo well", PATIENT, &mut notes);
    result.unwrap();
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(notes.lines, ["well"]);
}

#[test]
fn closed_outputs_are_no_end() {
    let (result, folder) = attempt("exec >&- 2>&-; sleep 0.3; : > finished", PATIENT, &mut Notes::default());
    result.unwrap();
    assert!(folder.path().join("finished").exists());
}

#[test]
fn a_hanging_command_is_ended_after_its_time() {
    let patience = Patience { limit: Duration::from_millis(200), grace: Duration::from_millis(200) };
    let mut notes = Notes::default();
    let (result, folder) = attempt("echo $$; sleep 1000", patience, &mut notes);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("did not stop") && error.contains("timeout_minutes"), "{error}");
    assert!(folder.path().join("stop").exists());
    assert!(is_gone(&notes.lines[0]));
}

#[test]
fn a_command_that_heeds_the_file_finishes_early() {
    let script = "echo begun; while ! [ -e stop ]; do sleep 0.05; done; : > finished";
    let mut notes = Notes { finish_after_lines: Some(1), ..Notes::default() };
    let (result, folder) = attempt(script, PATIENT, &mut notes);
    result.unwrap();
    assert!(folder.path().join("finished").exists());
    assert!(notes.warnings.is_empty(), "{:?}", notes.warnings);
    // The same when the time is over.
    let patience = Patience { limit: Duration::from_millis(300), ..PATIENT };
    let mut notes = Notes::default();
    attempt(script, patience, &mut notes).0.unwrap();
    assert!(notes.warnings[0].contains("time limit"), "{:?}", notes.warnings);
}

#[test]
fn a_flood_is_bounded() {
    let mut notes = Notes::default();
    let (result, folder) =
        attempt("yes 'a line of the flood' | head -n 1000000; echo last; exit 1", PATIENT, &mut notes);
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("last"), "{error}");
    assert!(notes.lines.len() < 2001, "{}", notes.lines.len());
    assert_eq!(notes.warnings.len(), 2, "{:?}", notes.warnings);
    assert!(std::fs::metadata(folder.path().join("output.log")).unwrap().len() < 17 << 20);
}

#[test]
fn an_endless_flood_can_be_cancelled() {
    let mut notes = Notes { cancel_after_lines: Some(100), ..Notes::default() };
    let started = Instant::now();
    let (result, _folder) = attempt("yes", PATIENT, &mut notes);
    assert_eq!(result, Err(Error::Cancelled));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn garbage_and_endless_lines_are_text() {
    let mut notes = Notes::default();
    let script = "head -c 100000 /dev/urandom; head -c 1000000 /dev/zero; echo; echo octet-progress much";
    attempt(script, PATIENT, &mut notes).0.unwrap();
    // A replacement character takes three bytes.
    assert!(notes.lines.iter().all(|line| line.len() <= 3 * MAX_LINE_BYTES));
    assert_eq!(notes.lines.last().unwrap(), "octet-progress much");
    assert!(notes.progress.is_empty());
}

#[test]
fn the_tree_dies_with_the_process_that_started_it() {
    // The group's leader sees the end of its input, as it would when this process died.
    let folder = tempfile::tempdir().unwrap();
    let (mut tree, streams) = crate::tree::Tree::start(&line("echo $$; sleep 1000", folder.path())).unwrap();
    let pid = crate::output::lines(streams).recv_timeout(SOON).unwrap();
    tree.let_go();
    assert!(is_gone(&pid));
}
