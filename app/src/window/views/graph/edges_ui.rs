//! The edges: along a row, from row to row, and around the blocks that add their input to their output.

use egui::{Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};
use octet_engine::network::Op;

use super::Canvas;
use crate::window::graph::{GAP_X, GAP_Y, GroupBox, GroupKind, Layout};

/// Radius of bends, in units of the plane.
const BEND: f32 = 9.0;

/// All edges.
pub(super) fn edges_ui(canvas: &Canvas<'_>, layout: &Layout) {
    let stroke = Stroke::new((1.6 * canvas.camera.zoom).clamp(0.8, 2.2), canvas.tokens.edge);
    for (from, to) in &canvas.model.edges {
        let (start, end) = (layout.groups[*from].outlet(), layout.groups[*to].inlet());
        let same_row = layout.rows[*from] == layout.rows[*to];
        let route = if *to == from + 1 && same_row {
            vec![start, end]
        } else if *to == from + 1 {
            wrap(layout, *from, start, end)
        } else {
            bridge(layout, *from, *to, start, end)
        };
        path_ui(canvas, &route, stroke);
        arrow_ui(canvas, end, stroke);
    }
    for (group, placed) in canvas.model.groups.iter().zip(&layout.groups) {
        if matches!(group.kind, GroupKind::InvertedResidual { residual: true, .. }) {
            residual_ui(canvas, placed, stroke);
        }
    }
}

/// From the end of a row to the start of the next.
fn wrap(layout: &Layout, from: usize, start: Pos2, end: Pos2) -> Vec<Pos2> {
    let row = layout.rows[from];
    let members = layout.groups.iter().zip(&layout.rows).filter(|(_, r)| **r == row);
    let bottom = members.map(|(g, _)| g.rect.bottom()).fold(start.y, f32::max);
    let lane = bottom + GAP_Y * 0.42;
    vec![
        start,
        pos2(start.x + GAP_X * 0.45, start.y),
        pos2(start.x + GAP_X * 0.45, lane),
        pos2(end.x - GAP_X * 0.45, lane),
        pos2(end.x - GAP_X * 0.45, end.y),
        end,
    ]
}

/// Over the heads of what lies between.
fn bridge(layout: &Layout, from: usize, to: usize, start: Pos2, end: Pos2) -> Vec<Pos2> {
    let top = layout.groups[from].rect.top().min(layout.groups[to].rect.top()) - GAP_Y * 0.3;
    vec![
        start,
        pos2(start.x + GAP_X * 0.3, start.y),
        pos2(start.x + GAP_X * 0.3, top),
        pos2(end.x - GAP_X * 0.3, top),
        pos2(end.x - GAP_X * 0.3, end.y),
        end,
    ]
}

/// The skip edge of a block: over its head when it is closed, down to its sum when it is open.
fn residual_ui(canvas: &Canvas<'_>, group: &GroupBox, stroke: Stroke) {
    let (inlet, outlet) = (group.inlet(), group.outlet());
    let side = GAP_X * 0.34;
    let sum = group.nodes.iter().find(|n| canvas.model.network.node(n.node).op == Op::Add);
    let route = match sum {
        Some(sum) if group.open => {
            let end = sum.rect.left_center();
            let route = vec![
                inlet - vec2(side, 0.0),
                pos2(inlet.x - side, end.y),
                pos2(group.rect.left(), end.y),
                end,
            ];
            arrow_ui(canvas, end, stroke);
            route
        }
        _ => {
            let top = group.rect.top() - GAP_Y * 0.24;
            vec![
                inlet - vec2(side, 0.0),
                pos2(inlet.x - side, top),
                pos2(outlet.x + side * 0.7, top),
                pos2(outlet.x + side * 0.7, outlet.y),
            ]
        }
    };
    path_ui(canvas, &route, stroke);
    let start = canvas.camera.to_screen(canvas.rect, route[0]);
    canvas.painter.circle_filled(start, stroke.width * 1.5, stroke.color);
}

/// A line with round bends.
fn path_ui(canvas: &Canvas<'_>, corners: &[Pos2], stroke: Stroke) {
    let mut points: Vec<Pos2> = Vec::with_capacity(corners.len() * 6);
    for (i, corner) in corners.iter().enumerate() {
        if i == 0 || i + 1 == corners.len() {
            points.push(*corner);
            continue;
        }
        let (before, after) = (corners[i - 1] - *corner, corners[i + 1] - *corner);
        let radius = BEND.min(before.length() / 2.0).min(after.length() / 2.0);
        let (a, b) = (*corner + before.normalized() * radius, *corner + after.normalized() * radius);
        for step in 0..=5 {
            let f = step as f32 / 5.0;
            let (p, q) = (a + (*corner - a) * f, *corner + (b - *corner) * f);
            points.push(p + (q - p) * f);
        }
    }
    let points: Vec<Pos2> = points.into_iter().map(|p| canvas.camera.to_screen(canvas.rect, p)).collect();
    let bounds = Rect::from_points(&points).expand(2.0);
    if canvas.rect.intersects(bounds) {
        canvas.painter.add(Shape::line(points, stroke));
    }
}

/// The tip of an edge that arrives from the left.
fn arrow_ui(canvas: &Canvas<'_>, tip: Pos2, stroke: Stroke) {
    let zoom = canvas.camera.zoom;
    if zoom < 0.25 {
        return;
    }
    let tip = canvas.camera.to_screen(canvas.rect, tip);
    let back = |y: f32| tip + Vec2::new(-6.5, y) * zoom.min(1.4);
    canvas.painter.add(Shape::convex_polygon(vec![tip, back(-3.6), back(3.6)], stroke.color, Stroke::NONE));
}
