//! What the canvas does: layouts of all kinds of networks, searching, walking, heat of two runs, pictures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use octet::window::actions::{Action, GraphAction};
use octet::window::backend::{OpenedModel, Picked};
use octet::window::graph::{Columns, Direction, Edge, EdgeKind, Layout, LayoutKey, search, step};
use octet::window::heat::{HeatMap, HeatRequest};
use octet::window::state::{Heat, HeatSide, Model};
use octet_engine::network::{Network, NodeId};

use support::network::{branched, mobilenet_v2, single, unicode};
use support::window::Window;

fn model(network: Network) -> Model {
    Model::new(
        "/models/net.onnx".into(),
        OpenedModel { network, sha256: "abc".to_owned(), notes: Vec::new() },
    )
}

fn key(open: impl IntoIterator<Item = usize>, constants: bool) -> LayoutKey {
    LayoutKey { open: open.into_iter().collect(), constants, columns: Columns::best(vec2(900.0, 480.0)) }
}

fn laid_out(model: &Model, key: LayoutKey) -> Layout {
    Layout::new(&model.network, &model.groups, &model.edges, key)
}

/// Boxes apart, operations in their boxes, lines outside the boxes that they pass.
fn check(model: &Model, layout: &Layout) {
    assert_eq!(layout.groups.len(), model.groups.len());
    let rects: Vec<Rect> = layout.groups.iter().map(|g| g.rect).collect();
    for (i, a) in rects.iter().enumerate() {
        assert!(a.is_positive() && a.is_finite(), "group {i} lies at {a:?}");
        assert!(layout.bounds.contains_rect(*a));
        for b in &rects[i + 1..] {
            assert!(!a.shrink(0.5).intersects(*b), "{a:?} and {b:?}");
        }
    }
    for group in &layout.groups {
        for (i, node) in group.nodes.iter().enumerate() {
            assert!(group.rect.contains_rect(node.rect));
            for other in &group.nodes[i + 1..] {
                assert!(!node.rect.shrink(0.1).intersects(other.rect));
            }
        }
    }
    for edge in layout.edges.iter().filter(|e| e.from != e.to) {
        assert_eq!(edge.corners.first(), Some(&layout.groups[edge.from].outlet()));
        assert_eq!(edge.corners.last(), Some(&layout.groups[edge.to].inlet()));
        for pair in edge.corners.windows(2) {
            let line = Rect::from_two_pos(pair[0], pair[1]);
            for rect in &rects {
                assert!(!rect.shrink(0.5).intersects(line), "a line through a box: {edge:?}");
            }
        }
    }
    for constant in &layout.constants {
        assert!(rects.iter().all(|r| !r.intersects(constant.rect.shrink(0.1))), "{constant:?}");
    }
}

#[test]
fn layouts_keep_boxes_apart_and_lines_off_the_boxes() {
    for network in [mobilenet_v2(224), branched(40), branched(300), unicode(), single()] {
        let model = model(network);
        for constants in [false, true] {
            check(&model, &laid_out(&model, key([], constants)));
            check(&model, &laid_out(&model, key(0..model.groups.len(), constants)));
            check(&model, &laid_out(&model, key([0, 2], constants)));
        }
        for columns in [1, 2, 5, 10_000] {
            let key = LayoutKey { columns: Columns::Exactly(columns), ..key([1], false) };
            check(&model, &laid_out(&model, key));
        }
    }
}

#[test]
fn every_edge_of_the_network_is_drawn() {
    for network in [mobilenet_v2(224), branched(200)] {
        let model = model(network);
        let layout = laid_out(&model, key(0..model.groups.len(), false));
        for (id, node) in model.network.node_ids() {
            for producer in node.inputs.iter().filter_map(|t| model.network.producer(*t)) {
                let (from, to) = (layout.owner[producer.0], layout.owner[id.0]);
                // Inside an open group, a line ends at the operation that reads.
                let reader = layout.boxes[id.0].map(|r| r.expand(1.0));
                let ends_there =
                    |e: &Edge| e.corners.last().is_some_and(|c| reader.is_some_and(|r| r.contains(*c)));
                let reaches = |e: &Edge| from != to || ends_there(e);
                let is_drawn = layout.edges.iter().any(|e| (e.from, e.to) == (from, to) && reaches(e));
                assert!(is_drawn, "{producer:?} to {id:?}");
            }
        }
    }
}

#[test]
fn skip_lines_of_blocks_are_drawn_folded_and_unfolded() {
    let model = model(mobilenet_v2(224));
    for open in [false, true] {
        let all: BTreeSet<usize> = if open { (0..model.groups.len()).collect() } else { BTreeSet::new() };
        let layout = laid_out(&model, key(all, false));
        let skips = layout.edges.iter().filter(|e| e.from == e.to && e.kind == EdgeKind::Skip).count();
        assert_eq!(skips, 10, "open: {open}");
    }
}

#[test]
fn constants_are_drawn_once_and_count_their_readers() {
    let mut network = mobilenet_v2(32);
    // All activations share their bounds.
    let bounds: Vec<_> = network.nodes[1].inputs[1..].to_vec();
    for node in network.nodes.iter_mut().filter(|n| n.op == octet_engine::network::Op::Clip) {
        node.inputs.truncate(1);
        node.inputs.extend(&bounds);
    }
    let model = model(network);
    assert!(laid_out(&model, key([], false)).constants.is_empty());
    let layout = laid_out(&model, key([], true));
    let shared = layout.constants.iter().filter(|c| c.readers.len() > 1).collect::<Vec<_>>();
    assert_eq!(shared.len(), 2);
    assert!(shared.iter().all(|c| c.readers.len() == 35 && c.label.ends_with("×35")), "{shared:?}");
    let mut tensors: Vec<_> = layout.constants.iter().map(|c| c.tensor).collect();
    tensors.sort_by_key(|t| t.0);
    tensors.dedup();
    assert_eq!(tensors.len(), layout.constants.len());
}

#[test]
fn walking_follows_edges_passes_hidden_operations_and_knows_siblings() {
    let model = model(mobilenet_v2(224));
    let layout = laid_out(&model, key([], false));
    let at = |n: usize| Some(NodeId(n));
    // n0 is the stem's convolution, n1 its hidden activation, n2 the first depthwise convolution.
    assert_eq!(step(&layout, None, Direction::Next), at(0));
    assert_eq!(step(&layout, at(0), Direction::Next), at(2));
    assert_eq!(step(&layout, at(2), Direction::Previous), at(0));
    assert_eq!(step(&layout, at(0), Direction::Previous), None);
    let mut node = NodeId(0);
    let mut steps = 0;
    while let Some(next) = step(&layout, Some(node), Direction::Next) {
        assert!(next > node, "walking forwards ends");
        (node, steps) = (next, steps + 1);
    }
    assert!(steps > 40 && model.network.node(node).name == "n99");
    // A block's first convolution and the sum at its end read the same tensor.
    let sum = model.network.nodes.iter().position(|n| n.op == octet_engine::network::Op::Add).unwrap();
    let entry = model.network.nodes[sum].inputs[0];
    let expand = model.network.consumers(entry)[0];
    let down = step(&layout, Some(expand), Direction::Down).or(step(&layout, Some(expand), Direction::Up));
    assert!(down.is_some());
    assert_eq!(step(&layout, Some(NodeId(usize::MAX)), Direction::Next), at(0), "from a node that is gone");
}

#[test]
fn the_search_finds_names_operations_groups_and_what_was_merged() {
    let mut network = mobilenet_v2(224);
    network.nodes[2].absorbed.push("features.1/BatchNormalization".to_owned());
    let model = model(network);
    let found = |text: &str| search(&model.network, &model.groups, text);
    assert_eq!(found("n42")[0].name, "n42");
    assert_eq!(found("DEPTHWISE 3×3").len(), 17);
    assert_eq!(found("dwconv /2").len(), 4);
    assert_eq!(found("gemm").len(), 1);
    assert!(found("Block 17")[..5].iter().all(|h| h.group == "block 17"));
    assert_eq!(found("batchnorm")[0].name, "n2");
    assert!(found("").is_empty() && found("   ").is_empty() && found("nowhere").is_empty());
    let unicode = self::model(unicode());
    assert_eq!(search(&unicode.network, &unicode.groups, "GRÖSSE").len(), 0);
    assert_eq!(search(&unicode.network, &unicode.groups, "卷积").len(), 1);
    assert_eq!(search(&unicode.network, &unicode.groups, "🦀").len(), 1);
}

/// Two runs: in the second, the first operation is worse by 0.1 and all others are as they were.
fn with_two_runs() -> Window {
    let mut window = Window::with_report();
    let mut second = window.state().report().unwrap().clone();
    second.layers[0].layerwise_nsr = Some(second.layers[0].layerwise_nsr.unwrap() + 0.1);
    second.layers[1].bits = 16;
    window.backend.reports.lock().unwrap().insert("/runs/two".into(), second);
    window.perform(Action::OpenRun("/runs/two".into()));
    window.until("both runs are there", |s| s.runs.all.len() == 2);
    window
}

fn heat(window: &Window, dark: bool) -> HeatMap {
    HeatMap::new(HeatRequest::of(window.state(), dark).unwrap())
}

#[test]
fn the_difference_of_two_runs_is_coloured_around_no_change() {
    let mut window = with_two_runs();
    window.perform(Action::Graph(GraphAction::CompareWith(Some(0))));
    assert_eq!(window.state().runs.reference, Some(0));
    assert_eq!(window.state().graph.side, HeatSide::Difference);
    for dark in [false, true] {
        let map = heat(&window, dark);
        let first = map.nodes[0].as_ref().unwrap();
        assert!((first.figure - 0.1).abs() < 1e-9 && first.text == "+10.00 %", "{first:?}");
        let same = map.nodes[2].as_ref().unwrap();
        assert_eq!((same.figure, same.text.as_str()), (0.0, "±0 %"));
        assert_ne!(first.colour, same.colour);
        assert!(map.nodes[1].is_none(), "an activation is not measured");
        let scale = map.scale.unwrap();
        assert_eq!(scale.low, -scale.high);
    }
    window.perform(Action::Graph(GraphAction::SetHeat(Heat::Bits)));
    let map = heat(&window, true);
    assert_eq!(map.nodes.iter().flatten().filter(|h| h.figure == 8.0).count(), 1, "one is wider by 8 bits");
    window.perform(Action::Graph(GraphAction::SetSide(HeatSide::Reference)));
    assert!(heat(&window, true).nodes.iter().flatten().all(|h| h.figure == 8.0));
    window.perform(Action::Graph(GraphAction::CompareWith(None)));
    assert_eq!(window.state().graph.side, HeatSide::Shown);
}

#[test]
fn every_figure_colours_the_graph_and_says_so_in_the_legend() {
    let mut window = Window::with_report();
    for figure in Heat::ALL {
        window.perform(Action::Graph(GraphAction::SetHeat(figure)));
        let map = heat(&window, true);
        // No board has measured anything.
        let has_figures = !matches!(figure, Heat::Off | Heat::Measured);
        assert_eq!(map.nodes.iter().any(Option::is_some), has_figures, "{figure:?}");
        assert_eq!(window.has("not measured"), figure != Heat::Off, "{figure:?}");
    }
    window.perform(Action::Graph(GraphAction::SetHeat(Heat::Macs)));
    let logarithmic = heat(&window, true).nodes.clone();
    window.click(Role::Button, "Scale");
    assert!(window.state().graph.linear);
    assert_ne!(heat(&window, true).nodes, logarithmic);
}

#[test]
fn figures_that_are_not_numbers_are_not_measured() {
    let mut window = Window::with_report();
    let mut odd = window.state().report().unwrap().clone();
    odd.layers[0].layerwise_nsr = Some(f64::NAN);
    odd.layers[1].layerwise_nsr = Some(f64::INFINITY);
    odd.layers[2].layerwise_nsr = Some(-1.0);
    window.backend.reports.lock().unwrap().insert("/runs/odd".into(), odd);
    window.perform(Action::OpenRun("/runs/odd".into()));
    window.until("the odd run is shown", |s| s.runs.all.len() == 2);
    let map = heat(&window, true);
    assert!(map.nodes[0].is_none() && map.nodes[2].is_none());
    window.perform(Action::Graph(GraphAction::CompareWith(Some(0))));
    window.settle();
}

#[test]
fn ctrl_f_finds_and_flies_to_what_was_found() {
    let mut window = Window::with_report();
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    window.settle();
    assert!(window.state().graph.find.is_some());
    window.harness.get_by_role_and_label(Role::TextInput, "Find an operation").type_text("depthwise /2");
    window.settle();
    assert!(window.has("4 operations"));
    window.key(Key::ArrowDown);
    assert_eq!(window.state().graph.find.as_ref().unwrap().chosen, 1);
    window.key(Key::Enter);
    window.harness.run_steps(12);
    let state = window.state();
    let selected = state.selection.clone().unwrap();
    let model = state.model.open.clone().unwrap();
    let node = model.network.find_node(&selected).unwrap();
    let (layout, camera) = (state.graph.layout.clone().unwrap(), state.graph.camera.unwrap());
    assert!(state.graph.flight.is_none(), "it has arrived");
    assert!((camera.centre - layout.place_of(node).unwrap().center()).length() < 1.0);
    window.key(Key::Escape);
    assert!(window.state().graph.find.is_none());
    assert_eq!(window.state().selection.as_deref(), Some(selected.as_str()), "the selection stays");
}

#[test]
fn a_hit_inside_a_folded_block_unfolds_it() {
    let mut window = Window::with_model();
    let model = window.state().model.open.clone().unwrap();
    let activation = model.groups[2].nodes[1];
    let name = model.network.node(activation).name.clone();
    window.perform(Action::Graph(GraphAction::ShowFind(true)));
    window.perform(Action::Graph(GraphAction::EditFind(name.clone())));
    window.click(Role::ListItem, &name);
    window.harness.run_steps(12);
    assert!(window.state().graph.open.contains(&2));
    assert!(window.has_button(&name));
}

#[test]
fn arrows_walk_the_graph_once_it_has_the_keyboard_and_enter_unfolds() {
    let mut window = Window::with_model();
    window.click(Role::Button, "n2");
    window.key(Key::ArrowRight);
    assert_eq!(window.state().selection.as_deref(), Some("n4"), "over the hidden activation");
    window.key(Key::ArrowLeft);
    window.key(Key::ArrowLeft);
    assert_eq!(window.state().selection.as_deref(), Some("n0"));
    window.key(Key::ArrowRight);
    window.key(Key::Enter);
    assert_eq!(window.state().graph.open.len(), 1);
    assert_eq!(window.state().selection.as_deref(), Some("n2"), "Enter is no click");
    window.key(Key::ArrowRight);
    assert_eq!(window.state().selection.as_deref(), Some("n3"), "the activation is listed now");
    window.key(Key::Enter);
    assert!(window.state().graph.open.is_empty());
}

#[test]
fn a_selection_elsewhere_comes_into_view_and_one_in_view_moves_nothing() {
    let mut window = Window::with_report();
    let first = window.state().graph.layout.clone().unwrap().groups[0].rect.center();
    let camera = octet::window::graph::Camera { centre: first, zoom: 1.5 };
    window.perform(Action::Graph(GraphAction::Look(camera)));
    window.perform(Action::Select(Some("n0".to_owned())));
    window.harness.run_steps(8);
    assert_eq!(window.state().graph.camera, Some(camera));
    window.perform(Action::Select(Some("n99".to_owned())));
    window.harness.run_steps(12);
    let moved = window.state().graph.camera.unwrap();
    assert!(moved.zoom == camera.zoom && moved.centre != camera.centre);
    window.perform(Action::Graph(GraphAction::FitSelection));
    window.harness.run_steps(12);
    let layout = window.state().graph.layout.clone().unwrap();
    let place = layout.place_of(NodeId(99)).unwrap();
    assert!((window.state().graph.camera.unwrap().centre - place.center()).length() < 100.0);
}

#[test]
fn an_unfolded_block_stays_under_the_pointer() {
    let mut window = Window::with_model();
    let groups = window.state().graph.layout.as_ref().unwrap().groups.len();
    let held = groups - 3;
    let corner = |w: &Window| w.state().graph.layout.as_ref().unwrap().groups[held].rect.min;
    let seen = |w: &Window| corner(w) - w.state().graph.camera.unwrap().centre;
    let camera = octet::window::graph::Camera { centre: corner(&window), zoom: 1.0 };
    window.perform(Action::Graph(GraphAction::Look(camera)));
    // Another block unfolds in the same moment, in a row above: the plane moves below the pointer.
    for _ in 0..2 {
        let (before, place) = (seen(&window), corner(&window));
        let toggled = [1, held].map(|group| Action::Graph(GraphAction::ToggleGroup(group)));
        window.harness.state_mut().perform(toggled.to_vec());
        window.settle();
        let after = seen(&window);
        assert!((corner(&window) - place).length() > 1.0, "nothing moved: {place:?}");
        assert!((before - after).length() < 0.5, "{before:?} {after:?}");
    }
}

#[test]
fn the_overview_appears_when_something_is_out_of_view_and_moves_the_camera() {
    let mut window = Window::with_model();
    assert!(!window.has_button("Overview"));
    window.click(Role::Button, "Zoom in");
    window.click(Role::Button, "Zoom in");
    window.click(Role::Button, "Zoom in");
    let before = window.state().graph.camera.unwrap();
    window.click(Role::Button, "Overview");
    let after = window.state().graph.camera.unwrap();
    assert_eq!(before.zoom, after.zoom);
    window.click(Role::Button, "Fit the graph (F)");
    assert!(!window.has_button("Overview") && window.state().graph.camera.is_none());
}

#[test]
fn a_graph_of_two_thousand_operations_is_drawn_searched_and_walked() {
    let mut window = Window::with_model_of("large");
    let model = window.state().model.open.clone().unwrap();
    assert!(model.network.nodes.len() >= 2000);
    assert!(window.state().graph.layout.is_some());
    window.harness.run_steps(4);
    window.perform(Action::Graph(GraphAction::ShowFind(true)));
    window.perform(Action::Graph(GraphAction::EditFind("conv".to_owned())));
    assert!(window.state().graph.find.as_ref().unwrap().hits.len() > 500);
    window.perform(Action::Graph(GraphAction::TakeFind(700)));
    window.harness.run_steps(12);
    let selected = window.state().selection.clone().unwrap();
    assert!(window.has_button(&selected), "close enough to be named");
    window.perform(Action::Graph(GraphAction::Walk(Direction::Next)));
    assert_ne!(window.state().selection.as_deref(), Some(selected.as_str()));
    window.perform(Action::Graph(GraphAction::OpenAll(true)));
    window.perform(Action::Graph(GraphAction::ShowConstants(true)));
    assert!(!window.state().graph.layout.as_ref().unwrap().constants.is_empty());
}

#[test]
fn tiny_windows_and_strange_networks_are_drawn() {
    for name in ["net", "branched", "unicode", "single"] {
        let mut window = Window::with_model_of(name);
        for size in [vec2(820.0, 520.0), vec2(300.0, 200.0), vec2(1.0, 1.0), vec2(1400.0, 900.0)] {
            window.harness.set_size(size);
            window.settle();
            window.perform(Action::Graph(GraphAction::ShowFind(true)));
            window.perform(Action::Graph(GraphAction::OpenAll(true)));
            window.perform(Action::Graph(GraphAction::Walk(Direction::Next)));
            window.perform(Action::Graph(GraphAction::ShowFind(false)));
            window.perform(Action::Graph(GraphAction::OpenAll(false)));
        }
        window.harness.check_accessibility();
    }
}

#[test]
fn actions_on_a_graph_that_is_not_there_do_nothing() {
    let mut window = Window::new();
    for action in [
        GraphAction::ToggleGroup(7),
        GraphAction::OpenAll(true),
        GraphAction::FitSelection,
        GraphAction::ShowFind(true),
        GraphAction::EditFind("conv".to_owned()),
        GraphAction::MoveFind(-3),
        GraphAction::TakeFind(9),
        GraphAction::Walk(Direction::Up),
        GraphAction::ToggleSelected,
        GraphAction::CompareWith(Some(3)),
        GraphAction::SavePicture("/nowhere/graph.svg".into()),
        GraphAction::Arrange(key([5], true)),
    ] {
        window.perform(Action::Graph(action));
    }
    assert!(window.state().graph.arranging.is_none() && window.state().runs.reference.is_none());
    window.perform(Action::OpenModel("/models/net.onnx".into()));
    window.until("the model is open", |s| s.model.open.is_some());
    assert!(window.has_button("block 1"));
}

#[test]
fn ctrl_marks_operations_and_the_right_button_changes_them() {
    use octet::window::graph::Camera;
    let mut window = Window::with_report();
    let rect = window.state().graph.layout.as_ref().unwrap().place_of(NodeId(2)).unwrap();
    window.perform(Action::Graph(GraphAction::Look(Camera { centre: rect.center(), zoom: 1.2 })));
    window.click(Role::Button, "n2");
    window.perform(Action::Mark("n4".to_owned()));
    assert_eq!(window.state().marked.len(), 2);
    let both = window.harness.query_all_by_role_and_label(Role::Button, "n4").next().unwrap();
    assert_eq!(both.accesskit_node().toggled(), Some(egui::accesskit::Toggled::True));
    window.harness.get_by_role_and_label(Role::Button, "n2").click_secondary();
    window.settle();
    window.click(Role::Button, "To int16");
    assert_eq!(window.state().edits.widths.len(), 2, "{:?}", window.state().edits);
}

#[test]
fn the_picture_is_saved_as_vectors_and_as_pixels() {
    let mut window = with_two_runs();
    window.perform(Action::Graph(GraphAction::CompareWith(Some(0))));
    let dir = tempfile::tempdir().unwrap();
    for ending in ["svg", "png"] {
        let path = dir.path().join(format!("graph.{ending}"));
        window.backend.picks.lock().unwrap().push(Picked::Path(path.clone()));
        window.click(Role::Button, "Save as a picture");
        let told = format!("graph.{ending}");
        window.until("it is saved", move |s| s.toasts.all.iter().any(|t| t.title.ends_with(&told)));
        let bytes = std::fs::read(&path).unwrap();
        if ending == "svg" {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
            for words in ["block 17", "classifier", "B minus A", "+10.00 %", "net.onnx"] {
                assert!(text.contains(&format!(">{words}")) || text.contains(words), "{words}");
            }
        } else {
            assert_eq!(&bytes[1..4], b"PNG");
            assert!(bytes.len() > 20_000, "more than one colour");
        }
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
    let path = dir.path().join("graph.bmp");
    window.perform(Action::Graph(GraphAction::SavePicture(path)));
    window.until("it is refused", |s| s.toasts.all.iter().any(|t| t.detail.contains("graph.bmp")));
}

#[test]
fn the_same_network_gives_the_same_layout() {
    let model = model(branched(300));
    assert_eq!(laid_out(&model, key([3], true)), laid_out(&model, key([3], true)));
}

#[test]
fn an_idle_window_asks_for_no_frame() {
    let mut windows = [Window::with_report(), Window::with_model_of("large"), with_two_runs()];
    for window in &mut windows {
        window.perform(Action::Select(Some("n4".to_owned())));
        // Toasts go away by themselves after a while.
        window.harness.run_steps(200);
        for _ in 0..3 {
            window.harness.step();
            let delay = window.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
            assert_eq!(delay, std::time::Duration::MAX);
        }
    }
}

#[test]
fn colours_follow_the_run_that_is_shown() {
    let mut window = with_two_runs();
    let second = heat(&window, true);
    window.perform(Action::ShowRun(0));
    let first = heat(&window, true);
    assert_ne!(first.nodes[0], second.nodes[0]);
    assert!(Arc::ptr_eq(&first.request.model, &second.request.model));
}
