//! The graph from far away: coloured patches and thin lines, all in one mesh.

use egui::{Color32, Mesh, Pos2, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

use super::Scene;
use crate::window::graph::Target;
use crate::window::state::Heat;

/// Everything in view.
pub(super) fn paint(scene: &Scene<'_>) {
    let view = scene.camera.view(scene.rect);
    let t = scene.tokens;
    let mut mesh = Mesh::default();
    let selected = scene.selected_group();
    for edge in scene.layout.edges.iter().filter(|e| view.intersects(e.bounds)) {
        let touches = selected == Some(edge.from) || selected == Some(edge.to);
        let colour = if touches { t.accent } else { t.edge };
        for pair in edge.corners.windows(2) {
            segment(&mut mesh, scene.to_screen(pair[0]), scene.to_screen(pair[1]), colour);
        }
    }
    for (index, placed) in scene.layout.groups.iter().enumerate() {
        if !view.intersects(placed.rect) {
            continue;
        }
        let rect = scene.rect_to_screen(placed.rect);
        let heat = scene.heat.groups.get(index).and_then(Option::as_ref);
        let plain = if scene.heat.request.heat == Heat::Off { t.line } else { t.unmeasured };
        // Operations that are smaller than a pixel or two are not worth a patch each.
        let apart = rect.width() > 14.0;
        mesh.add_colored_rect(rect, if apart { t.card } else { heat.map_or(plain, |h| h.colour) });
        for node in placed.nodes.iter().filter(|_| apart) {
            let colour = scene.heat.nodes[node.node.0].as_ref().map_or(plain, |h| h.colour);
            mesh.add_colored_rect(scene.rect_to_screen(node.rect), colour);
        }
    }
    scene.painter.add(Shape::mesh(mesh));
    let around = |rect: Rect, colour: Color32, width: f32| {
        let rect = scene.rect_to_screen(rect).expand(1.5);
        scene.painter.rect_stroke(rect, 1.0, Stroke::new(width, colour), StrokeKind::Outside);
    };
    if let Some(placed) = selected.and_then(|g| scene.layout.groups.get(g)) {
        around(placed.rect, t.accent, 2.0);
    }
    let hovered = match scene.hovered {
        Some(Target::Group(index)) => Some(index),
        Some(Target::Node(node)) => scene.layout.owner.get(node.0).copied(),
        _ => None,
    };
    if let Some(placed) = hovered.and_then(|g| scene.layout.groups.get(g)) {
        around(placed.rect, t.text, 1.0);
    }
}

/// A thin line along an axis.
fn segment(mesh: &mut Mesh, a: Pos2, b: Pos2, colour: Color32) {
    const HALF: f32 = 0.5;
    let min = pos2(a.x.min(b.x), a.y.min(b.y)) - vec2(HALF, HALF);
    let max = pos2(a.x.max(b.x), a.y.max(b.y)) + vec2(HALF, HALF);
    mesh.add_colored_rect(Rect::from_min_max(min, max), colour);
}
