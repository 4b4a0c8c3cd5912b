//! The sheet that puts a run onto a board, with scripted boards.

use std::path::Path;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use octet::window::actions::{Action, DeployAction, GraphAction};
use octet::window::state::{DeployEnd, DeployStep, DeployWork, Heat, Progress, Step, StepStatus};
use octet_engine::deploy::{Cause, Device, Diagnostic, Difference, Event, StepState, Verification};
use octet_engine::job::Cancel;
use octet_engine::strategy::LogLevel;

use crate::support::board::{board, console, equal, error, measurement, step};
use crate::support::window::Window;

pub(crate) fn sheet(ports: &[&str]) -> Window {
    let mut window = Window::with_report();
    open(&mut window, ports);
    window
}

pub(crate) fn open(window: &mut Window, ports: &[&str]) {
    *window.backend.ports.lock().unwrap() = ports.iter().map(|name| board(name)).collect();
    window.press(Role::Button, "Deploy");
    window.until("boards and tools are known", |s| s.deploy.ports.is_some() && s.deploy.tools.is_some());
}

/// Deploys with the only board.
fn deploying() -> Window {
    let mut window = sheet(&["/dev/ttyUSB0"]);
    start(&mut window);
    window
}

pub(crate) fn start(window: &mut Window) {
    let before = window.backend.deployments.lock().unwrap().len();
    window.press(Role::Button, "Deploy now");
    wait_for_start(window, before);
}

fn wait_for_start(window: &mut Window, before: usize) {
    window.until("it has started", |s| s.deploy.deployment.as_ref().is_some_and(|d| d.cancel.is_some()));
    assert_eq!(window.backend.deployments.lock().unwrap().len(), before + 1);
}

pub(crate) fn tell(window: &mut Window, events: impl IntoIterator<Item = Event>) {
    let sender = window.backend.deployments.lock().unwrap().last().unwrap().sender.clone();
    events.into_iter().for_each(|event| sender.send(event).unwrap());
}

pub(crate) fn done(run: &str) -> Event {
    Event::Done { run: run.into(), project: Path::new(run).join("firmware") }
}

fn ended(window: &mut Window) {
    window.until("it has ended", |s| s.deploy.deployment.as_ref().is_some_and(|d| d.end.is_some()));
}

fn status(window: &Window, step: DeployStep) -> StepStatus {
    window.state().deployment().unwrap().step(step).status
}

fn cancel_of(window: &Window) -> Cancel {
    window.backend.deployments.lock().unwrap().last().unwrap().cancel.clone()
}

#[test]
fn without_a_run_the_sheet_says_what_to_do() {
    let mut window = Window::new();
    open(&mut window, &[]);
    assert!(window.has("There is no finished run yet"));
    assert!(window.has_button("Open a run folder…"));
    assert!(window.has("Open a model first"));
    window.harness.check_accessibility();
    window.key(egui::Key::Escape);
    assert!(!window.state().deploy.is_open);
    assert!(window.has("Drop a MobileNetV2 .onnx here"), "the empty window is as it was");
}

#[test]
fn of_two_boards_one_has_to_be_chosen_and_a_port_can_be_typed() {
    let mut window = sheet(&["/dev/ttyUSB0", "/dev/ttyUSB1"]);
    assert!(window.has("Several boards are connected"));
    assert_eq!(window.state().deploy.port(), None);
    window.press(Role::RadioButton, "/dev/ttyUSB1");
    assert_eq!(window.state().deploy.port(), Some("/dev/ttyUSB1"));
    window.press(Role::RadioButton, "/dev/ttyUSB1");
    assert_eq!(window.state().deploy.port(), None);
    window.type_into("Port", "/dev/größe");
    assert_eq!(window.state().deploy.port(), Some("/dev/größe"));
    start(&mut window);
    assert_eq!(window.backend.deployments.lock().unwrap()[0].request.port.as_deref(), Some("/dev/größe"));
}

#[test]
fn one_click_takes_the_defaults_of_the_command_line() {
    let window = deploying();
    let started = window.backend.deployments.lock().unwrap();
    let request = &started[0].request;
    assert_eq!(started[0].work, DeployWork::Everything);
    assert_eq!(request.generate.run, Path::new("/runs/one"));
    assert_eq!((request.baud, request.console_baud, request.generate.pictures), (921_600, 115_200, 3));
    assert!(request.verify && !request.no_reset && !request.model_only);
    assert_eq!((request.generate.psram, request.build.idf.clone()), (None, None));
}

#[test]
fn without_a_board_the_firmware_can_still_be_built() {
    let mut window = sheet(&[]);
    assert!(window.has("No board is connected"));
    window.press(Role::Button, "Build only");
    wait_for_start(&mut window, 0);
    {
        let started = window.backend.deployments.lock().unwrap();
        assert_eq!((started[0].work, started[0].request.port.clone()), (DeployWork::Build, None));
    }
    assert_eq!(window.harness.query_all_by_label("left out").count(), 2, "flash and verify");
    let built = [StepState::Started, StepState::Done].map(|state| step(DeployStep::Build, state));
    tell(&mut window, built.into_iter().chain([done("/runs/one")]));
    ended(&mut window);
    assert!(window.has("The firmware is built in /runs/one/firmware"));
}

#[test]
fn a_build_without_a_board_asks_as_a_deployment_does_and_stays_one() {
    let mut window = sheet(&[]);
    let first = DeployStep::Toolchain;
    window.press(Role::Button, "Build only");
    wait_for_start(&mut window, 0);
    tell(&mut window, [error(first, Cause::Request, "ESP-IDF 5.2 is too old", "")]);
    ended(&mut window);
    assert!(!window.has_button("Choose another port"), "no board was asked for");
    assert!(window.has_button("Deploy now"), "nothing was deployed");
    window.press(Role::Button, "Try again");
    wait_for_start(&mut window, 1);
    tell(&mut window, [error(first, Cause::Untrusted, "`größe` was not written by this Octet", "")]);
    ended(&mut window);
    window.press(Role::Button, "Build it anyway");
    wait_for_start(&mut window, 2);
    let started = window.backend.deployments.lock().unwrap();
    assert!(started.iter().all(|s| s.work == DeployWork::Build));
    assert!(started[2].request.build.trust);
}

#[test]
fn the_revision_of_a_chip_can_be_told_where_no_board_is_asked() {
    let mut window = Window::with_model();
    let network = window.state().model.open.clone().unwrap().network.clone();
    let mut report = crate::support::report::report(&network, "/models/net.onnx");
    report.target = "esp32p4".to_owned();
    window.backend.reports.lock().unwrap().insert("/runs/p4".into(), report);
    window.perform(Action::OpenRun("/runs/p4".into()));
    window.until("the report is shown", |s| s.report().is_some());
    open(&mut window, &[]);
    window.press(Role::DisclosureTriangle, "Options");
    window.press(Role::CheckBox, "The chip is older than revision 3");
    window.press(Role::Button, "Build only");
    wait_for_start(&mut window, 0);
    assert!(window.backend.deployments.lock().unwrap()[0].request.generate.p4_below_revision_3);
}

#[test]
fn options_arrive_in_the_request() {
    let mut window = sheet(&["/dev/ttyUSB0"]);
    window.press(Role::DisclosureTriangle, "Options");
    window.press(Role::CheckBox, "Only the model changed");
    window.press(Role::CheckBox, "Leave the reset to me");
    window.press(Role::CheckBox, "Compare with the desktop in the end");
    window.type_into("ESP-IDF", "/größe/esp-idf");
    window.harness.check_accessibility();
    assert!(window.has("Options (changed)"));
    assert_eq!(window.harness.query_all_by_label("left out").count(), 2, "build and verify");
    start(&mut window);
    let started = window.backend.deployments.lock().unwrap();
    let request = &started[0].request;
    assert!(!request.verify && request.no_reset && request.model_only);
    assert_eq!(request.build.idf.as_deref(), Some(Path::new("/größe/esp-idf")));
}

#[test]
fn missing_tools_come_with_their_command_and_only_those_of_the_runs_chip() {
    let mut window = sheet(&["/dev/ttyUSB0"]);
    assert!(window.has("Rust for Xtensa") && window.has("missing"));
    assert!(!window.has("Rust for riscv32imc") && !window.has("SIMD"));
    window.press(Role::Button, "Copy cargo install espup --locked && espup install");
    let copied = window.harness.output().platform_output.commands.clone();
    let wanted = "cargo install espup --locked && espup install";
    assert!(
        copied.iter().any(|c| matches!(c, egui::OutputCommand::CopyText(text) if text == wanted))
            || window.has("Copied")
    );
}

#[test]
fn steps_show_their_state_their_time_and_their_log_until_the_board_is_compared() {
    let mut window = deploying();
    let history = window.state().history.past().len();
    assert_eq!(Step::Deploy.progress(window.state()), Progress::Working);
    tell(&mut window, [step(DeployStep::Toolchain, StepState::Started)]);
    tell(
        &mut window,
        [step(DeployStep::Toolchain, StepState::Done), step(DeployStep::Build, StepState::Started)],
    );
    let log =
        |text: &str| Event::Log { step: DeployStep::Build, level: LogLevel::Debug, message: text.to_owned() };
    tell(&mut window, [log("[2/4] Octet's runtime")]);
    let progress = |bytes| Event::Progress {
        step: if bytes { DeployStep::Flash } else { DeployStep::Build },
        fraction: 0.5,
        message: if bytes { "model".to_owned() } else { "[2/4] Octet's runtime".to_owned() },
        bytes: bytes.then_some([512 << 10, 1 << 20]),
    };
    tell(&mut window, [progress(false)]);
    window.until("the build is told of", |s| {
        !s.deployment().unwrap().step(DeployStep::Build).message.is_empty()
    });
    assert!(window.has("1.5 s") && window.has("running") && window.has("Progress of Build"));
    window.press(Role::Button, "Show the log of Build");
    assert!(window.has("1 lines"));
    window.harness.check_accessibility();
    // The window can be used meanwhile, and says what goes on.
    window.press(Role::Button, "Close the sheet (Esc); what is at work goes on");
    assert!(window.has_button("Deploy: Build") && window.has_button("Deploying…"));
    window.press(Role::Button, "Deploy: Build");
    tell(
        &mut window,
        [step(DeployStep::Build, StepState::Done), step(DeployStep::Flash, StepState::Started)],
    );
    tell(&mut window, [progress(true)]);
    let device = Device {
        port: "/dev/ttyUSB0".to_owned(),
        chip: "esp32s3".to_owned(),
        revision: Some((0, 2)),
        flash_bytes: 8 << 20,
        mac: Some("aa:bb".to_owned()),
        features: Vec::new(),
    };
    tell(&mut window, [Event::Device(device)]);
    window.until("the board is told of", |s| s.deployment().unwrap().device.is_some());
    assert!(window.has("512 KiB / 1.00 MiB") && window.has("ESP32-S3 v0.2"));
    let measured = measurement(100);
    window.backend.measurements.lock().unwrap().insert("/runs/one".into(), measured.clone());
    tell(
        &mut window,
        [step(DeployStep::Flash, StepState::Done), step(DeployStep::Verify, StepState::Started)],
    );
    tell(&mut window, [console("I (31) boot: größe"), Event::Verified(equal(101))]);
    tell(&mut window, [step(DeployStep::Verify, StepState::Done), done("/runs/one")]);
    ended(&mut window);
    window.until("the times are read", |s| s.measured().is_some());
    assert!(window.has("All 101 tensors are equal") && window.has("421 ms"));
    assert!(window.has("Deployed: all 101 tensors of the board equal the desktop's"));
    assert_eq!(Step::Deploy.progress(window.state()), Progress::Done);
    assert_eq!(window.state().history.past().len(), history, "undo knows nothing of boards");
    // The measured times are a figure of the graph, a column of the table, and part of the summary.
    window.perform(Action::Deploy(DeployAction::Close));
    assert!(window.has("421 ms on the board") && window.has("Board (ms)"));
    window.perform(Action::Graph(GraphAction::SetHeat(Heat::Measured)));
    window.perform(Action::ShowStep(Step::Errors));
    assert!(window.has("Time of one inference (measured)"));
}

#[test]
fn every_step_that_fails_says_why_and_what_to_do() {
    for (failed, cause) in [
        (DeployStep::Toolchain, Cause::Tool),
        (DeployStep::Toolchain, Cause::Board),
        (DeployStep::Generate, Cause::Request),
        (DeployStep::Build, Cause::Build),
        (DeployStep::Flash, Cause::Flash),
        (DeployStep::Verify, Cause::Console),
    ] {
        let mut window = deploying();
        tell(&mut window, [step(failed, StepState::Started), step(failed, StepState::Failed)]);
        tell(&mut window, [error(failed, cause, "größe went wrong", "choose one with `--port`")]);
        ended(&mut window);
        assert_eq!(status(&window, failed), StepStatus::Failed, "{failed:?}");
        assert!(window.has("größe went wrong") && window.has("choose one of them"), "{failed:?}");
        assert_eq!(Step::Deploy.progress(window.state()), Progress::Attention);
        assert!(window.has("The deployment failed"));
        let is_link = matches!(cause, Cause::Flash | Cause::Console);
        assert_eq!(window.has_button("Try again without a reset"), is_link, "{cause:?}");
        assert_eq!(window.has_button("Choose another port"), is_link || cause == Cause::Board, "{cause:?}");
        window.harness.check_accessibility();
        let button = if is_link { "Try again without a reset" } else { "Try again" };
        window.press(Role::Button, button);
        wait_for_start(&mut window, 1);
        let started = window.backend.deployments.lock().unwrap();
        assert_eq!(started[1].request.no_reset, is_link);
    }
}

#[test]
fn firmware_of_somebody_else_is_built_only_after_a_yes() {
    for (button, trust, afresh) in [("Build it anyway", true, false), ("Write it anew", false, true)] {
        let mut window = deploying();
        let first = DeployStep::Toolchain;
        tell(&mut window, [step(first, StepState::Started), step(first, StepState::Failed)]);
        tell(
            &mut window,
            [error(first, Cause::Untrusted, "`größe` was not written by this Octet", "--trust")],
        );
        ended(&mut window);
        assert!(window.has("Octet did not write this firmware"));
        // It is a question, and no failure to be tried again.
        assert!(!window.has("The deployment failed") && !window.has_button("Try again"));
        window.harness.check_accessibility();
        window.press(Role::Button, button);
        wait_for_start(&mut window, 1);
        let asked = |number: usize| {
            let started = window.backend.deployments.lock().unwrap();
            let request = &started[number].request;
            (request.build.trust, request.generate.afresh)
        };
        assert_eq!((asked(0), asked(1)), ((false, false), (trust, afresh)));
        // The answer was about what was there then.
        tell(&mut window, [error(first, Cause::Request, "größe went wrong", "")]);
        ended(&mut window);
        window.press(Role::Button, "Try again");
        wait_for_start(&mut window, 2);
        let started = window.backend.deployments.lock().unwrap();
        let request = &started[2].request;
        assert!(!request.build.trust && !request.generate.afresh);
    }
}

#[test]
fn settings_of_somebody_else_are_named_and_asked_about() {
    let mut window = deploying();
    let first = DeployStep::Toolchain;
    let message = "`größe/.cargo/config.toml` would decide which programs the build runs";
    tell(&mut window, [error(first, Cause::ForeignSettings, message, "--trust")]);
    ended(&mut window);
    assert!(window.has("Settings that are not Octet's lie around this firmware") && window.has(message));
    assert!(!window.has("The deployment failed") && !window.has_button("Try again"));
    assert!(!window.has_button("Write it anew"), "it would lie among the same settings");
    window.harness.check_accessibility();
    window.press(Role::Button, "Build it anyway");
    wait_for_start(&mut window, 1);
    let started = window.backend.deployments.lock().unwrap();
    assert!(!started[0].request.build.trust && started[1].request.build.trust);
}

#[test]
fn a_retry_without_a_reset_is_no_choice_that_stays() {
    let mut window = deploying();
    let failed = || error(DeployStep::Flash, Cause::Flash, "größe went wrong", "");
    let no_reset =
        |window: &Window, number: usize| window.backend.deployments.lock().unwrap()[number].request.no_reset;
    tell(&mut window, [failed()]);
    ended(&mut window);
    window.press(Role::Button, "Try again without a reset");
    wait_for_start(&mut window, 1);
    assert!(!no_reset(&window, 0) && no_reset(&window, 1));
    assert!(!window.state().deploy.options.no_reset && !window.state().settings.deploy.no_reset);
    // What the user did by hand is not undone by trying once more.
    tell(&mut window, [failed()]);
    ended(&mut window);
    assert!(window.has("The reset is left to you") && !window.has_button("Try again without a reset"));
    window.press(Role::Button, "Try again");
    wait_for_start(&mut window, 2);
    assert!(no_reset(&window, 2));
    tell(&mut window, [failed()]);
    ended(&mut window);
    window.press(Role::Button, "Deploy again");
    wait_for_start(&mut window, 3);
    assert!(!no_reset(&window, 3));
}

#[test]
fn a_port_that_is_given_up_is_not_remembered() {
    let mut window = sheet(&["/dev/ttyUSB0"]);
    window.type_into("Port", "/dev/größe");
    start(&mut window);
    assert_eq!(window.state().settings.deploy.port, "/dev/größe");
    tell(&mut window, [error(DeployStep::Flash, Cause::Port, "größe went wrong", "")]);
    ended(&mut window);
    window.press(Role::Button, "Choose another port");
    assert_eq!(window.state().settings.deploy.port, "");
}

#[test]
fn errors_of_the_build_are_listed_with_their_places() {
    let mut window = deploying();
    let diagnostic = |severity: &str, file: &str, line| {
        Event::Diagnostic(Diagnostic {
            severity: severity.to_owned(),
            file: Some(file.into()),
            line: Some(line),
            column: Some(5),
            message: "'größe' undeclared".to_owned(),
            help: Some("declare it".to_owned()),
        })
    };
    tell(&mut window, [step(DeployStep::Build, StepState::Started)]);
    tell(&mut window, [diagnostic("warning", "main/main.c", 3), diagnostic("error", "/abs/x.c", 12)]);
    tell(&mut window, [error(DeployStep::Build, Cause::Build, "the build failed", "read build.log")]);
    ended(&mut window);
    assert!(window.has("1 errors, 1 warnings") && window.has("declare it"));
    window.press(Role::Link, "/abs/x.c:12:5");
    window.press(Role::Link, "main/main.c:3:5");
    window.until("both files are opened", |_| true);
    let backend = window.backend.clone();
    window.until("both files were opened", move |_| backend.opened.lock().unwrap().len() == 2);
    let opened = window.backend.opened.lock().unwrap();
    assert!(opened.contains(&"/abs/x.c".into()));
    assert!(opened.contains(&"/runs/one/firmware/main/main.c".into()), "{opened:?}");
}

#[test]
fn a_cancelled_deployment_is_no_failure() {
    let mut window = deploying();
    tell(&mut window, [step(DeployStep::Build, StepState::Started)]);
    window.until("it builds", |s| s.deployment().unwrap().running().is_some());
    window.press(Role::Button, "Cancel");
    assert!(cancel_of(&window).is_cancelled());
    assert!(window.has("Cancelling…"));
    tell(&mut window, [step(DeployStep::Build, StepState::Failed)]);
    tell(&mut window, [error(DeployStep::Build, Cause::Cancelled, "cancelled", "")]);
    ended(&mut window);
    assert_eq!(window.state().deployment().unwrap().end, Some(DeployEnd::Cancelled));
    assert_eq!(status(&window, DeployStep::Build), StepStatus::Cancelled);
    assert!(window.has("The deployment was cancelled") && window.has_button("Deploy again"));
    assert_ne!(Step::Deploy.progress(window.state()), Progress::Attention);
}

#[test]
fn a_deployment_whose_thread_dies_has_failed() {
    let mut window = deploying();
    tell(&mut window, [step(DeployStep::Flash, StepState::Started)]);
    window.until("it flashes", |s| s.deployment().unwrap().running().is_some());
    window.backend.deployments.lock().unwrap().clear();
    ended(&mut window);
    assert!(window.has("the deployment ended without a result"));
}

#[test]
fn the_first_tensor_that_differs_leads_to_its_operation_in_the_graph() {
    let mut window = deploying();
    let tensor = {
        let network = &window.state().model.open.as_ref().unwrap().network;
        network.tensor(network.nodes[7].outputs[0]).name.clone()
    };
    let difference = Difference { index: 8, name: tensor, board_crc32: 1, desktop_crc32: 0xabcd };
    let verification =
        Verification { first_difference: Some(difference), output_matches: false, ..equal(101) };
    tell(&mut window, [step(DeployStep::Verify, StepState::Started), Event::Verified(verification)]);
    tell(&mut window, [error(DeployStep::Verify, Cause::Differs, "they differ", "report it")]);
    ended(&mut window);
    assert!(window.has("The first tensor that differs is number 8"));
    assert!(window.has("CRC32 00000001 on the board, 0000abcd on the desktop"));
    window.press(Role::Button, "Show it in the graph");
    let selected = window.state().selection.clone().unwrap();
    // A Clip is part of the operation before it.
    assert!(["n7", "n6"].contains(&selected.as_str()), "{selected}");
    assert!(window.state().layer(&selected).is_some() && !window.state().deploy.is_open);
}

#[test]
fn the_console_is_watched_searched_and_stopped() {
    let mut window = sheet(&["/dev/ttyUSB0"]);
    window.press(Role::Button, "Watch the console");
    wait_for_start(&mut window, 0);
    assert_eq!(window.backend.deployments.lock().unwrap()[0].work, DeployWork::Monitor);
    tell(&mut window, [step(DeployStep::Monitor, StepState::Started), console("I (31) boot: ESP-IDF")]);
    let json = r#"{"seq":0,"event":"error","message":"größe"}"#;
    let event = console(&format!("@octet1 {:08x} {json}", crc32(json.as_bytes())));
    tell(&mut window, [event, console("Guru Meditation Error")]);
    window.until("the lines are there", |s| s.deploy.console.lines.len() == 3);
    assert!(window.has("error: größe"), "events are said in words");
    window.type_into("Search the console", "GRÖSSE");
    assert!(window.has("0 of 3 lines"));
    window.perform(Action::Deploy(DeployAction::FilterConsole("größ".to_owned())));
    assert!(window.has("1 of 3 lines") && !window.has("Guru Meditation Error"));
    window.harness.check_accessibility();
    window.press(Role::Button, "Stop watching");
    assert!(cancel_of(&window).is_cancelled());
    tell(&mut window, [step(DeployStep::Monitor, StepState::Done), done("/runs/one")]);
    ended(&mut window);
    assert_eq!(status(&window, DeployStep::Monitor), StepStatus::Done);
    window.press(Role::Button, "Verify now");
    wait_for_start(&mut window, 1);
    assert_eq!(window.backend.deployments.lock().unwrap()[1].work, DeployWork::Verify);
    assert_eq!(status(&window, DeployStep::Monitor), StepStatus::Done, "what was done before stays");
}

/// As the protocol has it (docs/console.md).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn a_run_in_a_folder_of_any_name_is_deployed_and_its_times_are_read_when_it_is_opened() {
    let mut window = Window::with_model();
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = crate::support::report::report(&network, "/models/net.onnx");
    let run = "/läufe/größe 猫 <&>";
    window.backend.reports.lock().unwrap().insert(run.into(), report);
    window.backend.measurements.lock().unwrap().insert(run.into(), measurement(20));
    window.perform(Action::OpenRun(run.into()));
    window.until("its times are there", |s| s.measured().is_some());
    assert!(window.has("421 ms on the board"));
    open(&mut window, &["/dev/ttyUSB0"]);
    start(&mut window);
    assert_eq!(window.backend.deployments.lock().unwrap()[0].request.generate.run, Path::new(run));
}

#[test]
fn the_sheet_settles_in_a_small_window() {
    let mut window = Window::sized([820.0, 520.0]);
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("the model is open", |s| s.model.open.is_some());
    let network = window.state().model.open.clone().unwrap().network.clone();
    let report = crate::support::report::report(&network, "/models/net.onnx");
    window.backend.reports.lock().unwrap().insert("/runs/one".into(), report);
    window.perform(Action::OpenRun("/runs/one".into()));
    window.until("the report is shown", |s| s.report().is_some());
    open(&mut window, &["/dev/ttyUSB0", "/dev/ttyUSB1"]);
    window.harness.check_accessibility();
}
