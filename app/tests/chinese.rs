//! The window in Chinese says nothing in English, except names and what comes from the engine.
//! The language is one for the whole process: there is a single test here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]
#![allow(dead_code, reason = "other tests use the rest of the support")]

mod support;

use std::collections::BTreeMap;

use egui::accesskit::Role;
use egui_kittest::kittest::NodeT;
use octet::window::actions::{
    Action, EditAction, GraphAction, HabitAction, InspectAction, RunsAction, StrategyAction,
};
use octet::window::backend::Pick;
use octet::window::state::{Check, Language, Step};
use octet_engine::advise::RULES;
use octet_engine::job::{Event, Phase};
use octet_engine::report::{Finding, Remedy, Severity, Words};
use octet_engine::run::write_report;

use support::window::Window;

/// What stays English: kinds of operations, names of the scripted plugins, and what the engine and egui say in these
/// tests.
const ALLOWED: [&str; 11] = [
    "Per channel",
    "Close window",
    "Average pool",
    "Fully connected",
    "Fully conn.",
    "Int8, scripted",
    "Equalization, scripted",
    "New one",
    "2 nodes folded",
    "The input clips 7.4 % of its values",
    "something about the run",
];

/// Two English words or more side by side.
fn is_english(text: &str) -> bool {
    let is_word = |token: &str| {
        let bare = token.trim_matches(|c: char| c.is_ascii_punctuation() || c == '…');
        bare.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '\'').then_some(bare.len())
    };
    let are_words = |pair: &[&str]| match (is_word(pair[0]), is_word(pair[1])) {
        (Some(one), Some(other)) => one.min(other) >= 2 || one.min(other) == 1 && one.max(other) >= 4,
        _ => false,
    };
    let tokens: Vec<&str> = text.split_whitespace().collect();
    tokens.windows(2).any(are_words)
}

/// What the window says in English on a page: names, values, descriptions and placeholders of all that is shown.
fn english(window: &Window) -> Vec<String> {
    let root = window.harness.root();
    let mut found = Vec::new();
    for node in root.children_recursive() {
        let node = node.accesskit_node();
        let placeholder = node.placeholder().map(str::to_owned);
        for text in [node.label(), node.value(), node.description(), placeholder].into_iter().flatten() {
            let own = ALLOWED.iter().fold(text.clone(), |own, allowed| own.replace(allowed, "·"));
            // Names that egui itself gives to the edges of windows.
            let is_edge = text.starts_with("Resize window ");
            // Settings of the scripted plugins.
            let is_setting = text.starts_with("What ") && text.ends_with(" does");
            if is_english(&own) && !is_setting && !is_edge && !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

/// What the advisor says of weights, as reports have it.
fn words() -> Words {
    let rule = RULES.iter().find(|rule| rule.id == "weight-ranges").unwrap();
    let values = serde_json::json!({
        "subject": "n0", "figure": "412", "coarse": "7",
        "others": { "template": " (%{n} others likewise)", "values": { "n": "3" } },
    });
    serde_json::from_value(serde_json::json!({ "template": rule.text, "values": values })).unwrap()
}

fn finding() -> Finding {
    let remedy = Remedy::Pipeline { strategies: Vec::new() };
    Finding {
        rule: "weight-ranges".to_owned(),
        severity: Severity::Warning,
        subject: Some("n0".to_owned()),
        text: "something about the run".to_owned(),
        words: Some(words()),
        button: "Put them in 16 bits".to_owned(),
        arguments: String::new(),
        remedy,
    }
}

#[test]
fn the_window_in_chinese_says_nothing_in_english() {
    assert!(is_english("Choose a strategy") && is_english("误差 of the run"));
    assert!(!is_english("Conv 3×3 /2") && !is_english("ESP32-S3：438 ms") && !is_english("选择策略"));

    let data = tempfile::tempdir().unwrap();
    let pictures =
        support::pictures::folder(&[("katze/1.bmp", 40), ("katze/2.bmp", 60), ("hund/3.bmp", 200)]);
    std::fs::write(pictures.path().join("hund/broken.txt"), b"x").unwrap();
    let mut pages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut window = Window::new();
    *window.backend.data.lock().unwrap() = Some(data.path().to_owned());
    window.perform(Action::Habit(HabitAction::SetLanguage(Language::Chinese)));
    pages.insert("nothing is open", english(&window));

    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("the model is open", |s| s.model.open.is_some());
    for step in [Step::Model, Step::Pictures, Step::Strategy, Step::Errors] {
        window.perform(Action::ShowStep(step));
        pages.entry("before the run").or_default().extend(english(&window));
    }
    window.perform(Action::Runs(RunsAction::ShowPage));
    pages.insert("no runs", english(&window));

    // Changes that were made, and undone, while the window spoke the other language.
    window.perform(Action::Habit(HabitAction::SetLanguage(Language::English)));
    window.perform(Action::Edit(EditAction::Exclude(vec!["n0".to_owned()], true)));
    window.perform(Action::Edit(EditAction::SetExponent("n0".to_owned(), Some(-2))));
    window.perform(Action::Edit(EditAction::Undo));
    window.perform(Action::Habit(HabitAction::ToggleHistory));
    let says = |window: &Window, what: &str| english(window).iter().any(|text| text.starts_with(what));
    assert!(says(&window, "output exponent of n0") && says(&window, "strategies leave n0"));
    // Messages stay as they were told, for the seconds that they are there.
    for toast in window.state().toasts.all.iter().map(|t| t.id).collect::<Vec<_>>() {
        window.perform(Action::DismissToast(toast));
    }
    window.perform(Action::Habit(HabitAction::SetLanguage(Language::Chinese)));
    pages.insert("changes in another language", english(&window));
    window.perform(Action::Habit(HabitAction::ToggleHistory));
    window.perform(Action::Edit(EditAction::Undo));

    window.perform(Action::AddPictures(pictures.path().to_owned()));
    window.perform(Action::SetEvaluation(pictures.path().to_owned()));
    window.until("they are listed", |s| {
        s.pictures.evaluation.is_some()
            && s.pictures.preview.shown.is_some()
            && !s.pictures.folders.is_empty()
    });
    window.until("they are checked", |s| matches!(s.pictures.check, Check::Done(_)));
    window.perform(Action::ShowStep(Step::Pictures));
    pages.insert("pictures", english(&window));
    assert!(window.has("只有 3 张图片用于校准"), "what the check found is said in Chinese");
    window.perform(Action::OnlyStrategy("dev.octet.int8".to_owned()));
    window.perform(Action::ToggleStrategy("dev.octet.equalization".to_owned()));
    window.perform(Action::Set {
        id: "dev.octet.int8".to_owned(),
        key: "observer".to_owned(),
        value: "minmax".into(),
    });
    window.perform(Action::ShowStep(Step::Strategy));
    pages.insert("strategies in an order that cannot work", english(&window));
    window.perform(Action::Strategy(StrategyAction::Move { from: 1, to: 0 }));
    pages.insert("strategy", english(&window));

    let network = window.state().model.open.clone().unwrap().network.clone();
    let mut runs = Vec::new();
    for (i, name) in ["eins", "zwei"].into_iter().enumerate() {
        let mut report = support::report::report(&network, "/models/net.onnx");
        // The second one as an Octet wrote it that knew no other language.
        report.advice = vec![finding(), Finding { words: None, ..finding() }];
        report.layers[3].graphwise_nsr = Some(0.01 * (1 + i) as f64);
        let path = data.path().join("runs").join(name);
        write_report(&path, &report).unwrap();
        window.backend.reports.lock().unwrap().insert(path.clone(), report);
        runs.push(path);
    }
    window.perform(Action::Start);
    window.until("the job runs", |s| s.job.as_ref().is_some_and(|j| j.cancel.is_some()));
    let sender = window.backend.jobs.lock().unwrap()[0].sender.clone();
    let progress = Event::Progress { phase: Phase::Calibrate, fraction: 0.5, message: String::new() };
    for event in [progress, Event::CanFinish { can: true }] {
        sender.send(event).unwrap();
    }
    window.perform(Action::ToggleLog);
    window.until("it goes on", |s| s.job.as_ref().is_some_and(|j| j.can_finish));
    pages.insert("a job", english(&window));
    window.perform(Action::ToggleLog);
    sender.send(Event::Done { run: runs[0].clone() }).unwrap();
    window.until("its run is listed", |s| s.runs.all.len() == 1);
    window.perform(Action::OpenRun(runs[1].clone()));
    window.until("both runs are listed", |s| s.runs.all.len() == 2);
    pages.insert("errors", english(&window));
    assert!(window.has("`n0` 各通道的权重范围相差 412 倍") && window.has("（另有 3 个也是如此）"));
    assert!(window.has("something about the run"), "better in English than not at all");
    window.perform(Action::Graph(GraphAction::CompareWith(Some(0))));
    window.perform(Action::Graph(GraphAction::ShowFind(true)));
    pages.insert("graph", english(&window));
    window.perform(Action::Graph(GraphAction::ShowFind(false)));

    window.perform(Action::Select(Some("n0".to_owned())));
    window.until("all is answered", |s| {
        let i = &s.inspect;
        !(i.weights.waiting || i.activations.waiting || i.scatter.waiting || i.maps.waiting)
    });
    pages.insert("operation", english(&window));
    window.perform(Action::Edit(EditAction::SetWidth(vec!["n0".to_owned()], Some(16))));
    window.perform(Action::Edit(EditAction::Exclude(vec!["n0".to_owned(), "n2".to_owned()], true)));
    window.perform(Action::Edit(EditAction::SetExponent("n0".to_owned(), Some(-3))));
    window.perform(Action::Edit(EditAction::Undo));
    window.perform(Action::Habit(HabitAction::ToggleHistory));
    pages.insert("history", english(&window));
    window.perform(Action::Habit(HabitAction::ToggleHistory));

    window.perform(Action::Inspect(InspectAction::Try("/pictures/eins.jpg".into())));
    window.until("both have answered", |s| s.inspect.answer.here().is_some());
    pages.insert("a picture tried", english(&window));

    window.perform(Action::Runs(RunsAction::ShowPage));
    pages.insert("runs", english(&window));
    for run in window.state().runs.all.iter().map(|r| r.path.clone()).collect::<Vec<_>>() {
        if !window.state().runs.ticked.contains(&run) {
            window.perform(Action::Runs(RunsAction::Tick(run)));
        }
    }
    window.perform(Action::Runs(RunsAction::Compare));
    window.until("they are compared", |s| s.runs.comparison.as_ref().is_some_and(|p| p.result.is_some()));
    pages.insert("comparison", english(&window));
    assert!(window.has("没有保留每张图片的答案"), "why there is no test is said in Chinese");
    window.perform(Action::Runs(RunsAction::CloseComparison));

    window.perform(Action::Habit(HabitAction::OpenPalette));
    pages.insert("palette", english(&window));
    window.perform(Action::Habit(HabitAction::ClosePalette));
    window.perform(Action::Habit(HabitAction::ToggleAbout));
    pages.insert("about", english(&window));
    window.perform(Action::Habit(HabitAction::ToggleAbout));
    window
        .perform(Action::Strategy(StrategyAction::Offer { path: "/plugins/new.so".into(), in_place: false }));
    window.until("it was looked at", |s| s.strategies.offer.is_some());
    pages.insert("a new plugin", english(&window));
    window.perform(Action::Strategy(StrategyAction::CloseOffer));
    window.perform(Action::OpenModel("/models/bad.onnx".into()));
    window.until("it is told", |s| !s.problems.is_empty());
    pages.insert("a problem", english(&window));
    window.perform(Action::ShowPathField(Pick::Labels));
    pages.insert("path field", english(&window));
    window.perform(Action::ClosePathField);
    window.click(Role::Button, "菜单");
    pages.insert("menu", english(&window));

    pages.retain(|_, texts| !texts.is_empty());
    assert!(pages.is_empty(), "in English: {pages:#?}");
}
