//! The graph: panned and zoomed by an own painter, so that text stays sharp at every size.

mod find_ui;
mod hover_ui;
mod keys_ui;
mod overview_ui;
mod targets_ui;
mod tools_ui;

use std::sync::Arc;

use egui::{
    Align, CornerRadius, CursorIcon, Id, Layout, Rect, Response, RichText, Sense, Ui, UiBuilder, vec2,
};

use super::widgets::notice;
use crate::tr;
use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::backend::Pick;
use crate::window::graph::{Camera, Columns, Flight, LayoutKey};
use crate::window::heat::{HeatMap, HeatRequest};
use crate::window::picture::{Detail, Scene};
use crate::window::state::{Goal, Model, Place, State};
use crate::window::theme::{GAP, tokens};

/// Duration of a flight, in durations of egui's own animations.
const FLIGHT: f64 = 3.0;

/// The graph of the open model, or what stands in its place.
pub(super) fn graph_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::click_and_drag());
    let Some(model) = &state.model.open else {
        placeholder_ui(ui, rect, state, out);
        return;
    };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, tr!("Graph")));
    if !rect.is_positive() {
        return;
    }
    let is_current = arrange(state, rect, out);
    let dark = ui.visuals().dark_mode;
    let Some((layout, heat)) = state.graph.layout.as_deref().zip(heat_map(ui, state)) else {
        skeleton_ui(ui, rect);
        return;
    };
    let fit = fitting(layout.bounds, rect);
    let camera = camera(ui, state, fit, out);
    let detail = Detail::at(camera.zoom);
    let mut scene = Scene {
        painter: ui.painter_at(rect),
        rect,
        camera,
        tokens: tokens(ui),
        model,
        layout,
        heat: &heat,
        detail,
        selection: state.selection.as_ref().and_then(|s| model.network.find_node(s)),
        marked: marked(state, model),
        hovered: None,
    };
    if is_current && let Some(goal) = state.graph.goal {
        out.push(Action::Graph(GraphAction::Fly(flight(ui, &scene, goal))));
    }

    // What lies on top takes the pointer first.
    let covered = [overview_ui::place(&scene), tools_ui::place(rect)];
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|p| {
        let is_covered = covered.iter().flatten().any(|r| r.contains(*p));
        rect.contains(*p) && response.contains_pointer() && !is_covered
    });
    scene.hovered = pointer.filter(|_| !response.dragged()).and_then(|p| layout.at(camera.to_plane(rect, p)));
    targets_ui::targets_ui(ui, state, &scene, &response, out);
    scene.paint();
    hover_ui::hover_ui(ui, state, &scene);
    hover_ui::menu_ui(state, &scene, &response, out);
    keys_ui::keys_ui(ui, state, &scene, &response, out);
    look_ui(ui, &response, pointer, rect, camera, out);
    overview_ui::overview_ui(ui, &scene, out);
    tools_ui::tools_ui(ui, state, &scene, dark, out);
    find_ui::find_ui(ui, state, rect, out);
    if state.graph.arranging.is_some() {
        let at = rect.right_bottom() - vec2(20.0, 14.0);
        let words = tr!("arranging…");
        ui.painter().text(
            at,
            egui::Align2::RIGHT_BOTTOM,
            words,
            egui::FontId::proportional(11.5),
            scene.tokens.weak,
        );
    }
}

/// Asks for a layout when there is none or another one is needed; true when the one there is will do.
fn arrange(state: &State, canvas: Rect, out: &mut Actions) -> bool {
    let graph = &state.graph;
    let columns = match &graph.layout {
        // Under a camera of the user's own, things stay where they are.
        Some(layout) if graph.camera.is_some() || graph.flight.is_some() => Columns::Exactly(layout.columns),
        _ => Columns::best(canvas.size()),
    };
    let wanted = |key: &LayoutKey, is_fixed: bool| {
        let same_columns = key.columns == columns || (is_fixed && matches!(columns, Columns::Exactly(_)));
        same_columns && key.constants == graph.constants && key.open == graph.open
    };
    if graph.layout.as_ref().is_some_and(|l| wanted(&l.key, true)) {
        return true;
    }
    if !graph.arranging.as_ref().is_some_and(|k| wanted(k, false)) {
        let key = LayoutKey { open: graph.open.clone(), constants: graph.constants, columns };
        out.push(Action::Graph(GraphAction::Arrange(key)));
    }
    false
}

/// The marked operations.
fn marked(state: &State, model: &Model) -> Vec<octet_engine::network::NodeId> {
    if state.marked.is_empty() {
        return Vec::new();
    }
    model.network.node_ids().filter(|(_, n)| state.marked.contains(&n.name)).map(|(id, _)| id).collect()
}

/// All of it beside the buttons.
fn fitting(bounds: Rect, canvas: Rect) -> Camera {
    let free = match tools_ui::place(canvas) {
        Some(tools) => canvas.with_max_x(tools.left()),
        None => canvas,
    };
    let mut camera = Camera::fit(bounds, free);
    camera.centre += (canvas.center() - free.center()) / camera.zoom;
    camera
}

/// The camera of this frame.
fn camera(ui: &Ui, state: &State, fit: Camera, out: &mut Actions) -> Camera {
    let Some(flight) = state.graph.flight else { return state.graph.camera.unwrap_or(fit) };
    match flight.at(ui.input(|i| i.time)) {
        Some(camera) => {
            ui.ctx().request_repaint();
            camera
        }
        None => {
            out.push(Action::Graph(GraphAction::Look(flight.to)));
            flight.to
        }
    }
}

/// The way to a goal; `None` when it is in view already.
fn flight(ui: &Ui, scene: &Scene<'_>, goal: Goal) -> Option<Flight> {
    let Scene { camera, rect, layout, .. } = scene;
    let to = match goal {
        Goal::IntoView(node) => camera.with_in_view(*rect, layout.place_of(node)?),
        Goal::Node(node) => {
            let place = layout.place_of(node)?;
            Camera { centre: place.center(), zoom: camera.zoom.max(1.2) }
        }
        Goal::Group(group) => Camera::close(layout.groups.get(group)?.rect.expand(60.0), *rect, 1.8),
    };
    let (start_secs, step) = (ui.input(|i| i.time), f64::from(ui.style().animation_time));
    let near = (to.centre - camera.centre).length() * camera.zoom < 0.5
        && (to.zoom / camera.zoom - 1.0).abs() < 1e-3;
    (!near).then_some(Flight { from: *camera, to, start_secs, duration_secs: (step * FLIGHT).max(1e-6) })
}

/// The colours of the run on display, worked out when something changes that they depend on.
pub(super) fn heat_map(ui: &Ui, state: &State) -> Option<Arc<HeatMap>> {
    let request = HeatRequest::of(state, ui.visuals().dark_mode)?;
    let id = Id::unique("heat of the graph");
    let last: Option<Arc<HeatMap>> = ui.data(|d| d.get_temp(id));
    if let Some(last) = last.filter(|m| m.request == request) {
        return Some(last);
    }
    let map = Arc::new(HeatMap::new(request));
    ui.data_mut(|d| d.insert_temp(id, map.clone()));
    Some(map)
}

/// Pan by dragging, zoom by the wheel.
fn look_ui(
    ui: &Ui,
    response: &Response,
    pointer: Option<egui::Pos2>,
    rect: Rect,
    camera: Camera,
    out: &mut Actions,
) {
    if response.dragged() && response.drag_delta() != egui::Vec2::ZERO {
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        out.push(Action::Graph(GraphAction::Look(camera.panned(response.drag_delta()))));
    }
    let Some(pointer) = pointer else { return };
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
    let factor = pinch * (scroll * 0.0035).exp();
    if (factor - 1.0).abs() > 1e-4 {
        out.push(Action::Graph(GraphAction::Look(camera.zoomed(rect, pointer, factor))));
    }
}

/// Boxes where the graph will be.
fn skeleton_ui(ui: &Ui, rect: Rect) {
    let (t, painter) = (tokens(ui), ui.painter_at(rect));
    let size = vec2(108.0, 56.0);
    let step = size + vec2(GAP * 3.0, GAP * 3.5);
    for row in 0..3 {
        for column in 0..6 {
            let at = rect.min + vec2(28.0, 32.0) + step * vec2(column as f32, row as f32);
            painter.rect_filled(Rect::from_min_size(at, size), CornerRadius::same(5), t.panel);
        }
    }
}

/// While a model is read, or when a run's model is not there.
fn placeholder_ui(ui: &mut Ui, rect: Rect, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    let inside = Rect::from_center_size(rect.center(), vec2(rect.width().min(420.0), 120.0));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inside).layout(Layout::top_down(Align::Center)));
    if let Some(path) = &state.model.opening {
        ui.add(egui::Spinner::new().color(t.accent).size(22.0));
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        ui.label(RichText::new(tr!("Reading %{name}", name = name)).color(t.weak));
        return;
    }
    if let Some(problem) = state.problems.get(&Place::Model) {
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            notice(ui, t.error, &problem.title, &problem.detail);
        });
        ui.add_space(8.0);
    } else {
        ui.label(RichText::new(tr!("No model is open")).size(17.0).color(t.strong));
        ui.label(RichText::new(tr!("Its graph will be drawn here.")).color(t.weak));
        ui.add_space(8.0);
    }
    if ui.button(tr!("Open a model")).clicked() {
        out.push(Action::Ask(Pick::Model));
    }
}

/// Selects an operation.
fn select(model: &Model, node: octet_engine::network::NodeId, out: &mut Actions) {
    out.push(Action::Select(Some(model.network.node(node).name.clone())));
}
