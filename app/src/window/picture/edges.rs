//! The lines of the graph.

use egui::{Pos2, Shape, Stroke, Vec2};

use super::Scene;
use crate::window::graph::{Edge, EdgeKind, Target};

/// The edges in view: between groups, which lie under the groups' boxes, or those in and around each group, which
/// lie over its box. Edges of the selected group stand out.
pub(super) fn paint(scene: &Scene<'_>, over: bool) {
    let zoom = scene.camera.zoom;
    let t = scene.tokens;
    let width = (1.6 * zoom).clamp(0.8, 2.2);
    let plain = Stroke::new(width, t.edge);
    let stands_out = Stroke::new(width + 0.6, t.accent);
    let selected = scene.selected_group();
    let view = scene.camera.view(scene.rect).expand(8.0);
    for edge in scene.layout.edges.iter().filter(|e| (e.from == e.to) == over) {
        if view.intersects(edge.bounds) {
            let touches = selected == Some(edge.from) || selected == Some(edge.to);
            let is_plain = !touches || edge.kind == EdgeKind::Inside;
            paint_edge(scene, edge, if is_plain { plain } else { stands_out });
        }
    }
    if over {
        readers(scene, stands_out);
    }
}

fn paint_edge(scene: &Scene<'_>, edge: &Edge, stroke: Stroke) {
    let points: Vec<Pos2> = edge.points.iter().map(|p| scene.to_screen(*p)).collect();
    let ends = (points.first().copied(), points.last().copied());
    let before = edge.corners.iter().rev().nth(1).copied();
    scene.painter.add(Shape::line(points, stroke));
    let (Some(first), Some(last)) = ends else { return };
    if edge.has_dot {
        scene.painter.circle_filled(first, stroke.width * 1.5, stroke.color);
    }
    if let Some(before) = before.filter(|_| edge.has_tip) {
        let towards = last - scene.to_screen(before);
        tip(scene, last, towards.normalized(), stroke);
    }
}

/// The tip of an edge.
fn tip(scene: &Scene<'_>, at: Pos2, towards: Vec2, stroke: Stroke) {
    let size = scene.camera.zoom.min(1.4);
    let back = |side: f32| at - towards * 6.5 * size + towards.rot90() * side * size;
    let points = vec![at, back(-3.6), back(3.6)];
    scene.painter.add(Shape::convex_polygon(points, stroke.color, Stroke::NONE));
}

/// From the constant under the pointer to everything that reads it.
fn readers(scene: &Scene<'_>, stroke: Stroke) {
    let Some(Target::Constant(index)) = scene.hovered else { return };
    let Some(constant) = scene.layout.constants.get(index) else { return };
    let start = scene.to_screen(constant.rect.center());
    for place in constant.readers.iter().filter_map(|n| scene.layout.place_of(*n)) {
        let end = scene.to_screen(place.center_bottom());
        scene.painter.line_segment([start, end], stroke);
    }
}
