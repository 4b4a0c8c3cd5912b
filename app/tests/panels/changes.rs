//! Changes by hand, their scores, undoing, and what other models, runs and files do to them.

use egui_kittest::kittest::Queryable;
use octet::window::actions::{
    Action, EditAction, HabitAction, PicturesAction, ProjectAction, RunsAction, StrategyAction,
};
use octet::window::messages::Message;
use octet::window::project::Project;
use octet::window::state::{Heat, Place, Problem, Step, Unscored};
use octet_engine::job::{Cancel, Event, StrategyRequest};
use octet_engine::report::Report;
use serde_json::json;

use crate::support::backend::trainer;
use crate::support::session::{Session, wide};
use crate::support::window::Window;

const INT8: &str = "dev.octet.int8";

fn exponent(value: i32) -> EditAction {
    EditAction::SetExponent("n0".to_owned(), Some(value))
}

/// As the open model, its pictures and Int8 make it.
fn report_of(session: &Session, model: &str) -> Report {
    let mut report = session.report(model);
    let state = &session.state;
    report.target = state.target.0.name.to_owned();
    report.calibration.folders =
        state.pictures.folders.iter().map(|f| f.path.display().to_string()).collect();
    report.preprocessing_settings = state.preprocessing().unwrap().unwrap().settings();
    report
}

/// With a run of this session on display.
fn quantized() -> (Session, tempfile::TempDir) {
    let (mut session, pictures) = Session::ready("net");
    let report = report_of(&session, "net");
    session.quantize("one", report);
    (session, pictures)
}

#[test]
fn the_end_of_a_job_does_not_take_the_user_away_from_another_model() {
    let (mut session, _pictures) = Session::ready("net");
    session.perform(Action::Start);
    session.work();
    session.edit(wide("n2"));
    session.perform(Action::OpenModel("/models/other.onnx".into()));
    session.work();
    assert!(session.widths().is_empty(), "they are another model's");
    session.edit(wide("n4"));
    let report = session.report("net");
    let run = session.finish("late", report);
    session.work();
    assert_eq!(session.state.model.open.as_ref().unwrap().file_name(), "other.onnx");
    assert_eq!(session.widths(), [("n4", 16)]);
    assert!(session.state.runs.shown.is_none(), "{:?}", session.state.runs.shown);
    assert_eq!(session.state.runs.all.len(), 1);
    assert!(session.state.toasts.all.iter().any(|t| t.run.as_ref() == Some(&run)));

    session.perform(Action::Runs(RunsAction::Show(run)));
    session.work();
    assert_eq!(session.state.model.open.as_ref().unwrap().file_name(), "net.onnx");
    assert_eq!(session.state.runs.shown, Some(0));
    assert_eq!(session.widths(), [("n2", 16)], "what was changed on it is back");
    session.edit(EditAction::Undo);
    assert!(session.widths().is_empty(), "with its history");
    session.perform(Action::OpenModel("/models/other.onnx".into()));
    session.work();
    assert_eq!(session.widths(), [("n4", 16)]);
    session.edit(EditAction::Undo);
    assert!(session.widths().is_empty());
}

#[test]
fn a_run_of_the_list_is_shown_on_its_own_model() {
    let (mut session, _pictures) = Session::ready("net");
    let other = session.report("other");
    session.open_run("two", other);
    assert_eq!(session.state.model.open.as_ref().unwrap().sha256, "def");
    let report = session.report("net");
    session.open_run("one", report);
    assert_eq!(session.state.model.open.as_ref().unwrap().sha256, "abc");
    session.perform(Action::ShowRun(0));
    session.work();
    assert_eq!(session.state.model.open.as_ref().unwrap().sha256, "def");
    assert_eq!(session.state.runs.shown, Some(0));
}

#[test]
fn a_jobs_own_run_leaves_the_chip_alone_and_an_opened_one_can_be_undone() {
    let (mut session, _pictures) = Session::ready("net");
    let mut report = report_of(&session, "net");
    session.perform(Action::Start);
    session.work();
    session.perform(Action::SetTarget("esp32"));
    report.target = "esp32p4".to_owned();
    session.finish("one", report.clone());
    session.work();
    assert_eq!(session.state.target.0.name, "esp32", "as it was chosen meanwhile");
    report.target = "esp32s3".to_owned();
    session.open_run("two", report);
    assert_eq!(session.state.target.0.name, "esp32s3");
    session.edit(EditAction::Undo);
    assert_eq!(session.state.target.0.name, "esp32");
}

#[test]
fn a_change_by_hand_is_scored_and_undo_shows_the_run_before_it() {
    let (mut session, _pictures) = quantized();
    session.edit(exponent(-3));
    session.work();
    let score = session.jobs.last().unwrap().clone();
    assert!(score.reuse && score.layerwise_pictures == 0);
    assert_eq!(score.edits.output_exponents["n0"], -3);
    let report = report_of(&session, "net");
    session.finish("score", report);
    session.work();
    assert_eq!((session.state.runs.shown, session.state.runs.reference), (Some(1), Some(0)));
    assert_eq!(session.state.unscored(), None);
    session.edit(EditAction::Undo);
    assert_eq!(session.state.runs.shown, Some(0));
    session.edit(EditAction::Redo);
    session.work();
    assert_eq!((session.state.runs.shown, session.jobs.len()), (Some(1), 2), "nothing is done twice");
}

#[test]
fn a_score_that_failed_is_told_and_can_be_asked_for_again() {
    let (mut session, _pictures) = quantized();
    session.edit(exponent(-3));
    session.work();
    session.tell(Message::Job(Event::Error { message: "no".to_owned() }));
    session.work();
    assert_eq!(session.state.unscored(), Some(Unscored::Ended));
    assert_eq!(session.jobs.len(), 2, "it is not tried for ever");
    session.edit(EditAction::Score);
    session.work();
    assert_eq!(session.jobs.len(), 3);
    assert_eq!(session.state.unscored(), None, "at work");
}

#[test]
fn a_score_that_waits_for_a_job_comes_whatever_the_end_of_that_is() {
    let problem = Problem::new(Place::Run, "no", "room");
    let ends: [fn(&mut Session, Problem); 3] = [
        |session, _| session.tell(Message::Job(Event::Error { message: "no".to_owned() })),
        |session, problem| session.tell(Message::Started(Err(problem))),
        |session, _| session.tell(Message::JobOver),
    ];
    for end in ends {
        let (mut session, _pictures) = quantized();
        session.perform(Action::Start);
        session.work();
        session.tell(Message::Started(Ok(Cancel::default())));
        session.edit(exponent(-3));
        session.work();
        assert_eq!(session.jobs.len(), 2, "the score waits for the job");
        end(&mut session, problem.clone());
        session.work();
        assert_eq!(session.jobs.len(), 3);
        assert!(session.jobs[2].reuse);
    }
}

#[test]
fn a_score_that_comes_to_a_long_strategy_is_given_up_until_the_user_asks_for_it() {
    let (mut session, _pictures) = quantized();
    let begin = |session: &mut Session| {
        session.work();
        let cancel = Cancel::default();
        session.tell(Message::Started(Ok(cancel.clone())));
        session.tell(Message::Job(Event::CanFinish { can: true }));
        cancel
    };
    session.edit(exponent(-3));
    assert!(begin(&mut session).is_cancelled());
    session.tell(Message::Job(Event::Error { message: "cancelled".to_owned() }));
    session.work();
    assert_eq!((session.jobs.len(), session.state.unscored()), (2, Some(Unscored::Long)));
    session.edit(exponent(-4));
    session.work();
    assert_eq!(
        (session.jobs.len(), session.state.unscored()),
        (2, Some(Unscored::Long)),
        "it does not even begin"
    );
    session.edit(EditAction::Score);
    assert!(!begin(&mut session).is_cancelled(), "the user asked for this one");
    let report = report_of(&session, "net");
    session.finish("score", report);
    session.work();
    session.edit(exponent(-5));
    session.work();
    assert_eq!(session.jobs.len(), 4, "the worker knows by now what the strategies decide");
}

#[test]
fn a_project_remembers_runs_and_no_scores() {
    let (mut session, _pictures) = quantized();
    session.edit(exponent(-3));
    session.work();
    let report = report_of(&session, "net");
    session.finish("score", report);
    session.work();
    assert_eq!(session.state.runs.shown, Some(1));
    let runs = Project::of(&session.state).runs;
    assert_eq!(runs.len(), 1);
    assert!(runs[0].shown && runs[0].path.ends_with("one"), "the run that the score is compared with");
}

#[test]
fn a_run_without_layerwise_errors_is_coloured_by_its_graphwise_ones() {
    let (mut session, _pictures) = Session::ready("net");
    let mut report = report_of(&session, "net");
    session.open_run("measured", report.clone());
    assert_eq!(session.state.graph.heat, Heat::Layerwise);
    report.layers.iter_mut().for_each(|layer| layer.layerwise_nsr = None);
    session.open_run("quick", report);
    assert_eq!(session.state.graph.heat, Heat::Graphwise);
}

#[test]
fn changes_of_an_earlier_session_have_no_score_until_it_is_asked_for() {
    let (mut before, _pictures) = quantized();
    before.edit(exponent(-3));
    before.work();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.octet");
    Project::of(&before.state).write(&file).unwrap();

    let mut session = Session::new();
    session.backend.reports = before.backend.reports;
    session.perform(Action::Project(ProjectAction::Open(file)));
    session.work();
    assert_eq!(session.state.edits.exponents.output_exponents["n0"], -3);
    assert_eq!((session.jobs.len(), session.state.unscored()), (0, Some(Unscored::Earlier)));
    session.edit(EditAction::Score);
    session.work();
    assert_eq!(session.jobs.len(), 1);
    assert_eq!(session.jobs[0].edits.output_exponents["n0"], -3);
    let report = report_of(&session, "net");
    session.finish("score", report);
    session.work();
    assert_eq!(session.state.unscored(), None);
}

#[test]
fn a_change_on_an_opened_run_is_only_scored_when_all_else_is_the_same() {
    let (mut session, _pictures) = Session::ready("net");
    let mut report = report_of(&session, "net");
    report.strategy[0].requested = [("bins".to_owned(), json!(64))].into();
    let run = session.open_run("one", report);
    session.edit(exponent(-3));
    session.work();
    assert!(session.jobs.is_empty());
    assert_eq!(session.state.unscored(), Some(Unscored::OtherSettings));
    session.perform(Action::Runs(RunsAction::RestoreSettings(run)));
    session.work();
    assert_eq!(session.state.unscored(), None);
    session.edit(exponent(-3));
    session.work();
    assert_eq!(session.jobs.len(), 1);
    assert_eq!(session.jobs[0].strategies[0].settings["bins"], 64);
}

#[test]
fn the_settings_of_a_run_come_back_as_one_change_with_those_by_hand() {
    let (mut session, pictures) = Session::ready("net");
    let second = crate::support::pictures::folder(&[("2.bmp", 9)]);
    let mut report = report_of(&session, "net");
    report.calibration.folders =
        [&pictures, &second].map(|folder| folder.path().display().to_string()).to_vec();
    report.edits.output_exponents.insert("n2".to_owned(), -5);
    report.target = "esp32s3".to_owned();
    let run = session.open_run("one", report);
    session.edit(wide("n4"));
    session.work();
    let (before, past) = (session.state.target, session.past().len());
    session.perform(Action::SetTarget("esp32"));
    session.perform(Action::Runs(RunsAction::RestoreSettings(run)));
    session.work();
    assert_eq!(session.state.target.0.name, "esp32s3");
    assert_eq!(session.state.pictures.folders.len(), 2);
    assert!(session.widths().is_empty(), "widths were not this run's");
    assert_eq!(session.state.edits.exponents.output_exponents["n2"], -5);
    assert_eq!(session.past().len(), past + 2, "the chip, and one for all of it");
    session.edit(EditAction::UndoTimes(2));
    assert_eq!((session.state.pictures.folders.len(), session.state.target), (1, before));
    assert_eq!(session.widths(), [("n4", 16)]);
}

#[test]
fn a_program_that_came_with_a_file_is_shown_before_it_runs_and_never_runs_for_a_score() {
    let (mut session, _pictures) = Session::ready("net");
    session.backend.extra.lock().unwrap().push(trainer());
    session.perform(Action::FindPlugins);
    session.work();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.json");
    let settings = json!({"command": "sh -c evil"});
    let text = json!({"schema": 1, "strategies": [{"id": "dev.octet.trainer", "settings": settings}]});
    std::fs::write(&file, text.to_string()).unwrap();
    let mut report = report_of(&session, "net");
    report.strategy[0].id = "dev.octet.trainer".to_owned();
    report.strategy[0].requested = [("command".to_owned(), json!("sh -c evil"))].into();
    session.open_run("one", report);
    session.perform(Action::Strategy(StrategyAction::LoadPipeline(file)));
    session.work();
    session.edit(exponent(-3));
    session.work();
    assert_eq!((session.jobs.len(), session.state.unscored()), (0, Some(Unscored::Programs)));
    session.perform(Action::Start);
    session.work();
    let question = session.state.strategies.asks.clone().unwrap();
    assert_eq!((session.jobs.len(), &question.programs[0].value), (0, &json!("sh -c evil")));
    session.perform(Action::Strategy(StrategyAction::RefusePrograms));
    session.work();
    assert!(session.jobs.is_empty() && session.state.strategies.asks.is_none());
    session.perform(Action::Start);
    session.perform(Action::Strategy(StrategyAction::AllowPrograms));
    session.work();
    assert_eq!(session.jobs.len(), 1);
    let request = StrategyRequest {
        id: "dev.octet.trainer".to_owned(),
        settings: [("command".to_owned(), json!("sh -c evil"))].into(),
    };
    assert_eq!(session.jobs[0].strategies, [request]);
}

#[test]
fn a_program_is_shown_word_for_word() {
    let mut window = Window::new();
    window.backend.extra.lock().unwrap().push(trainer());
    window.perform(Action::FindPlugins);
    window.until("it is found", |s| s.strategies.plugin("dev.octet.trainer").is_some());
    let pictures = crate::support::pictures::folder(&[("1.bmp", 3)]);
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.perform(Action::AddPictures(pictures.path().to_owned()));
    let chain = octet::window::state::Chosen {
        id: "dev.octet.trainer".to_owned(),
        settings: [("command".to_owned(), json!("rm \u{202e}x"))].into(),
    };
    window.perform(Action::Strategy(StrategyAction::SetChain(vec![chain])));
    window.until("all is there", |s| s.obstacle().is_none());
    window.perform(Action::Start);
    assert!(window.has("May this pipeline run programs?") && window.has("rm \\u{202e}x"));
    window.harness.check_accessibility();
    window.press(egui::accesskit::Role::Button, "Run nothing");
    assert!(window.state().strategies.asks.is_none());
    assert!(window.backend.jobs.lock().unwrap().is_empty());
}

#[test]
fn a_plugin_that_is_gone_for_a_moment_keeps_its_settings() {
    let (mut session, _pictures) = Session::ready("net");
    session.perform(Action::Set { id: INT8.to_owned(), key: "bins".to_owned(), value: json!(64) });
    let chain = session.state.strategies.chain.clone();
    session.backend.gone.lock().unwrap().push(INT8.to_owned());
    session.perform(Action::FindPlugins);
    session.work();
    assert_eq!(session.state.strategies.chain, chain);
    assert!(session.state.obstacle().unwrap().contains("missing strategy"));
    session.backend.gone.lock().unwrap().clear();
    session.perform(Action::FindPlugins);
    session.work();
    assert_eq!((session.state.obstacle(), &session.state.strategies.chain), (None, &chain));
}

#[test]
fn typing_is_one_change_until_the_field_is_left() {
    let (mut session, _pictures) = Session::ready("net");
    let past = session.past().len();
    let mean = |text: &str| {
        let setting = PicturesAction::SetPreprocessing("mean".to_owned(), Some(text.to_owned()));
        Action::Pictures(setting)
    };
    for text in ["0", "0.", "0.5"] {
        session.perform(mean(text));
    }
    assert_eq!(session.past().len(), past + 1);
    session.state.history.seal();
    session.perform(mean("0.25"));
    assert_eq!(session.past().len(), past + 2, "the field was left between");
    session.edit(EditAction::Undo);
    assert_eq!(session.state.pictures.preprocessing["mean"], "0.5");
    let bins = |n: i32| Action::Set { id: INT8.to_owned(), key: "bins".to_owned(), value: json!(n) };
    let past = session.past().len();
    session.perform(bins(64));
    session.perform(bins(2048));
    assert_eq!(session.past().len(), past, "typed and taken back: nothing to undo");
}

#[test]
fn the_window_begins_another_change_once_the_field_is_left() {
    let mut window = Window::with_model();
    window.perform(Action::OnlyStrategy(INT8.to_owned()));
    let set = |n: i32| Action::Set { id: INT8.to_owned(), key: "bins".to_owned(), value: json!(n) };
    let past = window.state().history.past().len();
    window.perform(set(64));
    window.perform(set(32));
    assert_eq!(window.state().history.past().len(), past + 2);
    window.perform(Action::ShowStep(Step::Strategy));
    let past = window.state().history.past().len();
    window.type_into("Note", "one");
    window.harness.get_by_role_and_label(egui::accesskit::Role::TextInput, "Note").type_text("two");
    window.settle();
    assert_eq!(window.state().history.past().len(), past + 1, "one text");
}

#[test]
fn a_wrong_table_of_labels_leaves_the_good_one() {
    let (mut session, pictures) = Session::ready("net");
    session.perform(Action::SetEvaluation(pictures.path().to_owned()));
    session.work();
    let (good, bad) = (pictures.path().join("good.csv"), pictures.path().join("bad.csv"));
    std::fs::write(&good, "file,class_index,class_name\n1.bmp,3,dachs\n").unwrap();
    std::fs::write(&bad, "1.bmp,dog\n").unwrap();
    session.perform(Action::Pictures(PicturesAction::SetLabels(good.clone())));
    session.work();
    let past = session.past().len();
    session.perform(Action::Pictures(PicturesAction::SetLabels(bad)));
    session.work();
    assert_eq!(session.state.pictures.labels, Some(good));
    assert_eq!(session.state.pictures.evaluation.as_ref().unwrap().classes, 1);
    assert!(!session.state.problems.is_empty() && session.past().len() == past);
    assert!(session.past().iter().all(|name| !name.is_empty()));
    session.edit(EditAction::Undo);
    assert_eq!(session.state.pictures.labels, None, "the table and its classes are one change");
}

#[test]
fn the_palette_runs_what_was_typed() {
    let (mut session, _pictures) = Session::ready("net");
    session.edit(wide("n0"));
    session.perform(Action::Habit(HabitAction::OpenPalette));
    session.perform(Action::Habit(HabitAction::Query("undo".to_owned())));
    session.perform(Action::Habit(HabitAction::RunPalette));
    assert!(session.widths().is_empty() && session.state.palette.is_none());
    session.perform(Action::Habit(HabitAction::OpenPalette));
    session.perform(Action::Habit(HabitAction::Query("xyzzy".to_owned())));
    session.perform(Action::Habit(HabitAction::RunPalette));
    assert!(session.state.palette.is_some(), "nothing of that name");
}
