//! The memory map.

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use octet::window::actions::{Action, MemoryAction};
use octet::window::state::{MapSide, Side};
use octet_engine::report::{MemoryMap, MemoryMaps, MemoryStage, PlacedTensor};

use crate::support::memory::maps;
use crate::support::report::report;
use crate::support::window::Window;

const NOTHING: &str = "What lies where in the chip's memory will be shown here";
const OLD: &str = "This run was made before Octet drew memory maps";

/// A run whose maps were changed.
fn with(mut window: Window, change: impl FnOnce(&mut MemoryMaps)) -> Window {
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("the model is open", |s| s.model.open.is_some());
    let network = window.state().model.open.clone().unwrap().network.clone();
    let mut maps = maps(&network);
    change(&mut maps);
    let mut report = report(&network, "/models/net.onnx");
    report.memory_map = Some(maps);
    window.backend.reports.lock().unwrap().insert("/runs/map".into(), report);
    window.perform(Action::OpenRun("/runs/map".into()));
    window.until("the report is shown", |s| s.report().is_some());
    window.perform(Action::Memory(MemoryAction::Show));
    window
}

fn page() -> Window {
    with(Window::new(), |_| {})
}

#[test]
fn both_maps_and_the_verdict_are_shown_and_one_can_be_left_out() {
    let mut window = page();
    assert!(window.has("Needs 244 KiB fused (1188 KiB layer by layer): fits the ESP32-S3's SRAM (256 KiB)."));
    assert!(
        window.has("Layer by layer: 1188 KiB") && window.has("On the chip: 244 KiB, blocks streamed: 17")
    );
    window.perform(Action::Memory(MemoryAction::SetSide(MapSide::Before)));
    assert!(window.has("Layer by layer: 1188 KiB") && !window.has("On the chip: 244 KiB"));
    window.perform(Action::Memory(MemoryAction::SetSide(MapSide::After)));
    assert!(!window.has("Layer by layer: 1188 KiB") && window.has("On the chip: 244 KiB"));
    assert!(window.has("some rows of a streamed tensor") && window.has("working memory"));
    window.harness.check_accessibility();
}

#[test]
fn another_chip_is_looked_at_without_a_change_of_the_run() {
    let mut window = page();
    let target = window.state().target;
    window.perform(Action::Memory(MemoryAction::SetChip("esp32s2".to_owned())));
    assert!(window.has(
        "Needs PSRAM at 224 px: about 244 KiB fused do not fit the ESP32-S2's SRAM (176 KiB); SRAM suffices from 160 px down."
    ));
    assert!(window.has("On the chip: 1188 KiB, layer by layer"));
    window.perform(Action::Memory(MemoryAction::SetChip("esp32c2".to_owned())));
    assert!(window.has("Does not fit the ESP32-C2 at 224 px") && window.has("no smaller input fits either"));
    window.perform(Action::Memory(MemoryAction::SetChip("none-such".to_owned())));
    assert!(window.has("fits the ESP32-S3's SRAM"), "the run's chip again");
    assert_eq!(window.state().target, target);
    assert!(!window.state().history.past().any(|name| name.contains("memory")));
}

#[test]
fn a_tensor_names_itself_and_selects_its_operation() {
    let mut window = page();
    window.perform(Action::Memory(MemoryAction::SetSide(MapSide::Before)));
    let name = window.state().memory().unwrap().maps.operations[4].clone();
    window.press(Role::Button, &format!("{name} out, 590 KiB"));
    assert_eq!(window.state().selection.as_deref(), Some(name.as_str()));
    assert_eq!(window.state().side, Side::Layer);
    // An operation of the file alone is no operation of the graph.
    window.press(Role::Button, "requantize out, 590 KiB");
    assert_eq!(window.state().selection.as_deref(), Some(name.as_str()));
}

#[test]
fn the_pointer_tells_of_a_tensor() {
    let mut window = page();
    window.perform(Action::Memory(MemoryAction::SetSide(MapSide::Before)));
    let name = window.state().memory().unwrap().maps.operations[4].clone();
    let label = format!("{name} out, 590 KiB");
    window.harness.get_by_role_and_label(Role::Button, &label).hover();
    window.settle();
    assert!(window.has("There from operation 4 to 5 of "));
    assert!(window.has("Runs into the rows of "));
}

#[test]
fn the_summary_leads_to_the_map() {
    let mut window = with(Window::new(), |_| {});
    window.press(Role::Button, "Memory map");
    assert_eq!(window.state().memory.asked, 2);
    assert!(window.has("RAM on the chip"));
}

#[test]
fn without_a_run_or_a_map_it_says_what_to_do() {
    let mut window = Window::with_model();
    window.perform(Action::Memory(MemoryAction::Show));
    assert!(window.has(NOTHING));
    let mut window = Window::with_report();
    window.perform(Action::Memory(MemoryAction::Show));
    assert!(window.has(OLD) && !window.has_button("Memory map"));
}

#[test]
fn it_settles_in_a_tiny_window() {
    for size in [[820.0, 520.0], [420.0, 300.0], [200.0, 120.0]] {
        let window = with(Window::sized(size), |_| {});
        window.harness.check_accessibility();
    }
}

#[test]
fn a_map_that_makes_no_sense_is_no_trouble() {
    let nonsense = |maps: &mut MemoryMaps| {
        let most = usize::MAX;
        let tensor = PlacedTensor {
            name: "größe".to_owned(),
            operation: Some(most),
            bytes: u64::MAX,
            offset: u64::MAX,
            held_bytes: u64::MAX,
            first: most,
            last: 0,
            ..PlacedTensor::default()
        };
        let stage = MemoryStage { first: most, last: most, streamed: true, arena_bytes: 0, scratch_bytes: 9 };
        maps.maps[1] = MemoryMap {
            arena_bytes: u64::MAX,
            peak_bytes: u64::MAX,
            peak_operation: most,
            streamed_blocks: most,
            stages: vec![stage],
            tensors: vec![tensor],
        };
    };
    let window = with(Window::new(), nonsense);
    assert!(window.has("On the chip: "));
    assert!(with(Window::new(), |m| m.operations.clear()).has("The network has no operations."));
    assert!(with(Window::new(), |m| m.chips.clear()).has(OLD));
    assert!(with(Window::new(), |m| m.chips[0].map = 99).has(OLD));
}
