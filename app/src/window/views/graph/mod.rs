//! The graph: panned and zoomed by an own painter, so that text stays sharp at every size.

mod edges_ui;
mod nodes_ui;

use std::collections::HashMap;

use egui::{Align, CursorIcon, Layout, Painter, Rect, RichText, Sense, Ui, UiBuilder, vec2};

use super::widgets::notice;
use crate::window::actions::{Action, Actions};
use crate::window::backend::Pick;
use crate::window::graph::{Camera, layout};
use crate::window::heat::Scale;
use crate::window::state::{Heat, Model, Place, State};
use crate::window::theme::{Tokens, tokens};

/// What everything on the canvas is drawn with.
struct Canvas<'a> {
    painter: Painter,
    rect: Rect,
    camera: Camera,
    tokens: &'static Tokens,
    model: &'a Model,
    heat: Heat,
    scale: Option<Scale>,
    /// The figure that colours each operation, by name.
    figures: HashMap<&'a str, f64>,
    selection: Option<&'a str>,
}

/// The graph of the open model, or what stands in its place.
pub(super) fn graph_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::click_and_drag());
    let Some(model) = &state.model.open else {
        placeholder_ui(ui, rect, state, out);
        return;
    };
    let layout = layout(&model.network, &model.groups, &state.graph.open, rect.size());
    let camera = state.graph.camera.unwrap_or_else(|| Camera::fit(layout.bounds, rect));
    let heat = state.graph.heat;
    let canvas = Canvas {
        painter: ui.painter_at(rect),
        rect,
        camera,
        tokens: tokens(ui),
        model,
        heat,
        scale: scale(state),
        figures: figures(state, heat),
        selection: state.selection.as_deref(),
    };
    edges_ui::edges_ui(&canvas, &layout);
    nodes_ui::groups_ui(ui, &canvas, &layout, out);
    look_ui(ui, &response, rect, camera, out);
}

/// The figures of the run on display.
fn figures(state: &State, heat: Heat) -> HashMap<&str, f64> {
    let layers = state.report().map(|r| r.layers.as_slice()).unwrap_or_default();
    layers.iter().filter_map(|l| Some((l.name.as_str(), heat.figure(l)?))).collect()
}

/// The range of colours of the run on display.
pub(super) fn scale(state: &State) -> Option<Scale> {
    let heat = state.graph.heat;
    Scale::of(state.report()?.layers.iter().filter_map(|l| heat.figure(l)))
}

/// Pan by dragging, zoom by the wheel, clear the selection by a click beside everything.
fn look_ui(ui: &Ui, response: &egui::Response, rect: Rect, camera: Camera, out: &mut Actions) {
    if response.dragged() && response.drag_delta() != egui::Vec2::ZERO {
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        out.push(Action::Look(camera.panned(response.drag_delta())));
    } else if response.clicked() {
        out.push(Action::Select(None));
    }
    if response.double_clicked() {
        out.push(Action::Fit);
    }
    let pointer = ui.input(|i| i.pointer.hover_pos());
    let Some(pointer) = pointer.filter(|p| rect.contains(*p) && response.contains_pointer()) else { return };
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
    let factor = pinch * (scroll * 0.0035).exp();
    if (factor - 1.0).abs() > 1e-4 {
        out.push(Action::Look(camera.zoomed(rect, pointer, factor)));
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
        ui.label(RichText::new(format!("Reading {name}")).color(t.weak));
        return;
    }
    if let Some(problem) = state.problems.get(&Place::Model) {
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            notice(ui, t.error, &problem.title, &problem.detail);
        });
        ui.add_space(8.0);
    } else {
        ui.label(RichText::new("No model is open").size(17.0).color(t.strong));
        ui.label(RichText::new("Its graph will be drawn here.").color(t.weak));
        ui.add_space(8.0);
    }
    if ui.button("Open a model").clicked() {
        out.push(Action::Ask(Pick::Model));
    }
}
