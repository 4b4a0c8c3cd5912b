//! The whole graph in a corner, with a frame around what is seen; the frame can be dragged.

use egui::{Color32, Mesh, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};

use crate::tr;
use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::graph::Camera;
use crate::window::picture::Scene;

/// The largest size.
const SIZE: Vec2 = vec2(190.0, 120.0);
/// From the canvas's corner, and around what is drawn.
const MARGIN: f32 = 10.0;
/// Canvases smaller than this have no room for it.
const ROOM: Vec2 = vec2(460.0, 220.0);

/// Where it lies; `None` while the whole graph is in view, or where there is no room.
pub(super) fn place(scene: &Scene<'_>) -> Option<Rect> {
    let bounds = scene.layout.bounds;
    let canvas = scene.rect.size();
    let shows_all = scene.camera.view(scene.rect).expand(2.0).contains_rect(bounds);
    if shows_all || canvas.x < ROOM.x || canvas.y < ROOM.y || !bounds.is_positive() {
        return None;
    }
    let scale = (SIZE.x / bounds.width()).min(SIZE.y / bounds.height());
    let size = (bounds.size() * scale).max(Vec2::splat(12.0)) + Vec2::splat(2.0 * MARGIN * 0.5);
    Some(Rect::from_min_size(scene.rect.right_bottom() - Vec2::splat(MARGIN) - size, size))
}

/// Draws it and moves the camera.
pub(super) fn overview_ui(ui: &Ui, scene: &Scene<'_>, out: &mut Actions) {
    let Some(rect) = place(scene) else { return };
    let t = scene.tokens;
    let bounds = scene.layout.bounds;
    let inside = rect.shrink(MARGIN * 0.5);
    let camera = Camera { centre: bounds.center(), zoom: inside.width() / bounds.width() };
    let response = ui.interact(rect, ui.scope_id().with("overview"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, tr!("Overview")));

    let painter = ui.painter_at(rect);
    painter.rect(rect, 5.0, t.panel.gamma_multiply(0.94), Stroke::new(1.0, t.line), StrokeKind::Inside);
    let mut mesh = Mesh::default();
    for (placed, heat) in scene.layout.groups.iter().zip(&scene.heat.groups) {
        let colour = heat.as_ref().map_or(t.unmeasured, |h| h.colour);
        mesh.add_colored_rect(camera.rect_to_screen(inside, placed.rect), colour);
    }
    painter.add(Shape::mesh(mesh));
    let seen = camera.rect_to_screen(inside, scene.camera.view(scene.rect)).intersect(rect.shrink(1.0));
    if seen.is_positive() {
        let veil = Color32::from_white_alpha(10);
        painter.rect(seen, 2.0, veil, Stroke::new(1.5, t.accent), StrokeKind::Inside);
    }

    let pointer: Option<Pos2> = response.interact_pointer_pos();
    if let Some(pointer) = pointer.filter(|_| response.dragged() || response.clicked()) {
        let centre = camera.to_plane(inside, pointer);
        out.push(Action::Graph(GraphAction::Look(Camera { centre, zoom: scene.camera.zoom })));
    }
    response.on_hover_cursor(egui::CursorIcon::Move);
}
