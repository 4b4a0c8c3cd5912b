//! What can be clicked on the canvas. Groups and operations that are large enough are widgets, so that screen readers
//! and the Tab key find them; from far away the canvas itself takes the clicks.

use egui::{Id, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2};

use super::select;
use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::graph::{GroupBox, HEAD_HEIGHT, NodeBox, Target};
use crate::window::picture::{Detail, Scene};
use crate::window::state::{Goal, State};

/// Takes clicks, and puts a name on everything.
pub(super) fn targets_ui(ui: &Ui, state: &State, scene: &Scene<'_>, canvas: &Response, out: &mut Actions) {
    let mut clicked = None;
    if scene.detail == Detail::Near {
        let view = scene.camera.view(scene.rect);
        for (index, placed) in scene.layout.groups.iter().enumerate() {
            if !view.intersects(placed.rect) {
                continue;
            }
            if head_ui(ui, scene, index, placed) {
                clicked = Some(Target::Group(index));
            }
            for node in placed.nodes.iter().filter(|n| view.intersects(n.rect)) {
                if operation_ui(ui, scene, node) {
                    clicked = Some(Target::Node(node.node));
                }
            }
        }
    }
    // Enter on the focused canvas is no click.
    let beside = canvas.clicked_by(egui::PointerButton::Primary);
    if clicked.is_none() && beside {
        clicked = scene.hovered;
    }
    if beside || clicked.is_some() {
        canvas.request_focus();
    }
    if canvas.double_clicked() && clicked.is_none() {
        out.push(Action::Graph(GraphAction::Fit));
    }
    match clicked {
        Some(Target::Node(node)) if ui.input(|i| i.modifiers.command) => {
            out.push(Action::Mark(scene.model.network.node(node).name.clone()));
        }
        Some(Target::Node(node)) => select(scene.model, node, out),
        Some(Target::Group(index)) => click_group(scene, index, out),
        Some(Target::Constant(index)) => {
            if let Some(reader) = scene.layout.constants.get(index).and_then(|c| c.readers.first()) {
                select(scene.model, *reader, out);
            }
        }
        None if beside && state.selection.is_some() => out.push(Action::Select(None)),
        None => {}
    }
}

/// Nearby, a click folds or unfolds; from far away it goes there.
fn click_group(scene: &Scene<'_>, index: usize, out: &mut Actions) {
    let nodes = &scene.model.groups[index].nodes;
    if scene.detail == Detail::Far {
        out.push(Action::Graph(GraphAction::GoTo(Goal::Group(index))));
    } else if nodes.len() > 1 {
        out.push(Action::Graph(GraphAction::ToggleGroup(index)));
    } else {
        select(scene.model, nodes[0], out);
    }
}

fn head_ui(ui: &Ui, scene: &Scene<'_>, index: usize, placed: &GroupBox) -> bool {
    let rect = scene.rect_to_screen(placed.rect);
    let head = Rect::from_min_max(rect.min, pos2(rect.right(), rect.top() + HEAD_HEIGHT * scene.camera.zoom));
    let response = target_ui(ui, scene, "group", index, head);
    let title = &scene.model.groups[index].title;
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, placed.open, title));
    response.clicked()
}

fn operation_ui(ui: &Ui, scene: &Scene<'_>, placed: &NodeBox) -> bool {
    let response = target_ui(ui, scene, "node", placed.node.0, scene.rect_to_screen(placed.rect));
    let is_selected =
        scene.selection == Some(placed.node) || scene.marked.binary_search(&placed.node).is_ok();
    let name = &scene.model.network.node(placed.node).name;
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_selected, name));
    response.clicked()
}

fn target_ui(ui: &Ui, scene: &Scene<'_>, kind: &str, index: usize, rect: Rect) -> Response {
    let id: Id = ui.scope_id().with((kind, index));
    ui.interact(rect.intersect(scene.rect), id, Sense::click())
}
