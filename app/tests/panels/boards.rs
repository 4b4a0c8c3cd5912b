//! Boards that come and go while the Deploy sheet is open, and what the sheet remembers, with scripted boards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use octet::window::actions::{Action, DeployAction};
use octet_engine::deploy::Flavour;

use crate::deploy::{done, open, sheet, start, tell};
use crate::support::board::board;
use crate::support::window::Window;

/// How often the ports have been listed.
fn looks(window: &Window) -> usize {
    window.backend.looks.load(Ordering::Relaxed)
}

/// Draws until a thread looks for boards.
fn watched(window: &mut Window) {
    window.until("somebody looks for boards", |s| s.deploy.watches_ports);
}

/// Waits without drawing until a thread has looked so many times more.
fn wait_for_looks(window: &Window, more: usize) {
    let (began, before) = (Instant::now(), looks(window));
    while looks(window) < before + more {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody looks for boards");
        std::thread::sleep(Duration::from_millis(10));
    }
    // What was seen is passed on.
    std::thread::sleep(Duration::from_millis(200));
}

/// Whether nobody looks for a while.
fn is_left_alone(window: &Window) -> bool {
    // A look that has begun ends.
    std::thread::sleep(Duration::from_millis(100));
    let before = looks(window);
    std::thread::sleep(Duration::from_millis(1600));
    looks(window) == before
}

#[test]
fn a_board_that_is_plugged_in_appears_by_itself_and_nothing_is_drawn_before() {
    let mut window = sheet(&[]);
    assert!(window.has("No board is connected") && window.has("Connect a board, or type its port"));
    window.perform(Action::Deploy(DeployAction::Start));
    assert!(window.backend.deployments.lock().unwrap().is_empty());
    watched(&mut window);
    // Whatever else threads had to tell has been told by then.
    wait_for_looks(&window, 1);
    window.settle();
    let wakes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&wakes);
    window.harness.ctx.set_repaint_observer(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    wait_for_looks(&window, 2);
    assert_eq!(wakes.load(Ordering::Relaxed), 0, "nothing changed");
    window.backend.ports.lock().unwrap().push(board("/dev/ttyACM3"));
    wait_for_looks(&window, 2);
    assert!(wakes.load(Ordering::Relaxed) > 0, "the window is woken");
    window.until("it is found", |s| s.deploy.port() == Some("/dev/ttyACM3"));
    assert!(window.has("CP210x bridge (10c4:ea60)"));
    // It can be pulled out again, and looked for at once.
    window.backend.ports.lock().unwrap().clear();
    window.press(Role::Button, "Look for boards again");
    window.until("it is gone", |s| s.deploy.port().is_none() && !s.deploy.looks_for_ports);
    window.backend.ports.lock().unwrap().push(board("/dev/ttyACM4"));
    window.until("it is back", |s| s.deploy.port() == Some("/dev/ttyACM4"));
    start(&mut window);
    let started = window.backend.deployments.lock().unwrap();
    assert_eq!(started[0].request.port.as_deref(), Some("/dev/ttyACM4"));
}

#[test]
fn nobody_looks_for_boards_behind_a_closed_sheet_or_while_one_is_written() {
    let mut window = sheet(&["/dev/ttyUSB0"]);
    watched(&mut window);
    wait_for_looks(&window, 1);
    window.perform(Action::Deploy(DeployAction::Close));
    assert!(is_left_alone(&window));
    open(&mut window, &["/dev/ttyUSB0"]);
    watched(&mut window);
    wait_for_looks(&window, 2);
    start(&mut window);
    assert!(is_left_alone(&window));
    tell(&mut window, [done("/runs/one")]);
    window.until("it has ended", |s| !s.deploy.is_running());
    watched(&mut window);
    wait_for_looks(&window, 1);
}

#[test]
fn the_options_and_the_board_are_there_at_the_next_start() {
    let mut window = sheet(&["/dev/ttyUSB0", "/dev/ttyUSB1"]);
    window.backend.ports.lock().unwrap()[1].serial_number = Some("größe".to_owned());
    window.press(Role::Button, "Look for boards again");
    window.until("they are told apart", |s| {
        let ports = s.deploy.ports.iter().flatten();
        !s.deploy.looks_for_ports
            && ports.filter(|p| p.serial_number.as_deref() == Some("größe")).count() == 1
    });
    window.press(Role::RadioButton, "/dev/ttyUSB1");
    window.press(Role::DisclosureTriangle, "Options");
    let mut options = window.state().deploy.options.clone();
    // As if they were chosen from their lists.
    (options.flavour, options.psram, options.baud) = (Flavour::EspDl, Some(true), 460_800);
    window.perform(Action::Deploy(DeployAction::Set(Box::new(options))));
    window.press(Role::CheckBox, "Compare with the desktop in the end");
    window.press(Role::CheckBox, "Only the model changed");
    window.type_into("ESP-IDF", "/größe/esp-idf");
    let backend = window.backend.clone();
    window.until("they are kept", move |_| backend.settings.lock().unwrap().deploy.idf == "/größe/esp-idf");
    let kept = window.backend.settings.lock().unwrap().clone();
    assert_eq!(kept.deploy.port, "", "its name may be another board's by then");

    // In the meantime the boards were plugged in the other way round.
    let mut next = Window::with_report_and(|backend| *backend.settings.lock().unwrap() = kept);
    let mut other = board("/dev/ttyUSB0");
    other.serial_number = Some("größe".to_owned());
    *next.backend.ports.lock().unwrap() = vec![other, board("/dev/ttyUSB1")];
    next.press(Role::Button, "Deploy");
    next.until("the board is chosen", |s| s.deploy.port() == Some("/dev/ttyUSB0"));
    assert!(next.has("Options (changed)"));
    start(&mut next);
    let started = next.backend.deployments.lock().unwrap();
    let request = &started[0].request;
    assert_eq!(request.port.as_deref(), Some("/dev/ttyUSB0"));
    assert!(!request.verify && !request.model_only, "that only the model changed is said each time");
    assert_eq!((request.baud, request.generate.flavour), (460_800, Flavour::EspDl));
    assert_eq!(request.build.idf.as_deref(), Some(std::path::Path::new("/größe/esp-idf")));
}
