//! Groups and operations, with as much detail as their size on the screen allows.

use egui::{Align2, Color32, Pos2, Rect, Shape, Stroke, StrokeKind, pos2, vec2};
use octet_engine::network::NodeId;

use super::{Scene, Text};
use crate::window::graph::{Group, GroupBox, NodeBox, PADDING, Target, is_measured};
use crate::window::heat;
use crate::window::state::Heat;

/// All groups in view with what is in them, and the constants.
pub(super) fn paint(scene: &Scene<'_>) {
    let view = scene.camera.view(scene.rect).expand(4.0);
    for (index, placed) in scene.layout.groups.iter().enumerate() {
        if view.intersects(placed.rect) {
            head(scene, index, &scene.model.groups[index], placed);
            for node in &placed.nodes {
                operation(scene, placed.open, node);
            }
        }
    }
    for (index, constant) in scene.layout.constants.iter().enumerate() {
        if view.intersects(constant.rect) {
            let rect = scene.rect_to_screen(constant.rect);
            let is_hovered = scene.hovered == Some(Target::Constant(index));
            let line = if is_hovered { scene.tokens.text } else { scene.tokens.line };
            let corners = scene.corners(7.0);
            let stroke = Stroke::new(1.0, line);
            scene.painter.rect(rect, corners, scene.tokens.panel, stroke, StrokeKind::Inside);
            let style = Text::new(8.5, scene.tokens.weak, Align2::CENTER_CENTER).within(rect.width() - 4.0);
            scene.text(&style, rect.center(), &constant.label);
        }
    }
}

/// A group's box, its title, and the worst figure in it.
fn head(scene: &Scene<'_>, index: usize, group: &Group, placed: &GroupBox) {
    let (t, zoom) = (scene.tokens, scene.camera.zoom);
    let rect = scene.rect_to_screen(placed.rect);
    let is_selected = scene.selected_group() == Some(index);
    let is_hovered = scene.hovered == Some(Target::Group(index));
    let fill = if is_hovered { t.card_hovered } else { t.card };
    let line = if is_selected { Stroke::new(1.5, t.accent) } else { Stroke::new(1.0, t.line) };
    scene.painter.rect(rect, scene.corners(7.0), fill, line, StrokeKind::Inside);

    let left = rect.left() + PADDING * 1.25 * zoom;
    let right = rect.right() - PADDING * zoom;
    let (upper, lower) = (rect.top() + 14.0 * zoom, rect.top() + 31.0 * zoom);
    scene.text(&Text::new(13.5, t.strong, Align2::LEFT_CENTER), pos2(left, upper), &group.title);
    scene.text(&Text::new(10.5, t.weak, Align2::LEFT_CENTER), pos2(left, lower), &group.subtitle);
    if let Some(Some(worst)) = scene.heat.groups.get(index) {
        let style = Text::new(10.5, t.text, Align2::RIGHT_CENTER).mono();
        scene.text(&style, pos2(right, upper), &worst.text);
    }
    if group.nodes.len() > 1 && zoom > 0.4 {
        chevron(scene, pos2(right - 4.0 * zoom, lower), placed.open);
    }
}

fn chevron(scene: &Scene<'_>, centre: Pos2, open: bool) {
    let s = 3.2 * scene.camera.zoom;
    let points = if open {
        [vec2(-s, -s * 0.5), vec2(0.0, s * 0.5), vec2(s, -s * 0.5)]
    } else {
        [vec2(-s * 0.5, -s), vec2(s * 0.5, 0.0), vec2(-s * 0.5, s)]
    };
    let stroke = Stroke::new(1.3, scene.tokens.weak);
    scene.painter.add(Shape::line(points.map(|p| centre + p).to_vec(), stroke));
}

/// An operation: a row of an open group, or a cell of a closed one.
fn operation(scene: &Scene<'_>, is_row: bool, placed: &NodeBox) {
    let t = scene.tokens;
    let rect = scene.rect_to_screen(placed.rect);
    let measured = scene.heat.nodes.get(placed.node.0).and_then(Option::as_ref);
    let colour = match measured {
        _ if scene.heat.request.heat == Heat::Off => t.card_hovered,
        Some(heat) => heat.colour,
        None => t.unmeasured,
    };
    let is_hovered = scene.hovered == Some(Target::Node(placed.node));
    if is_row {
        let figure = measured.map_or("", |h| h.text.as_str());
        row(scene, placed.node, rect, colour, figure, is_hovered);
    } else {
        let figure = measured.map_or("", |h| h.short.as_str());
        cell(scene, placed.node, rect, measured.map(|_| colour), colour, figure);
    }
    let is_selected =
        scene.selection == Some(placed.node) || scene.marked.binary_search(&placed.node).is_ok();
    if is_selected || is_hovered {
        let line = if is_selected { Stroke::new(2.0, t.accent) } else { Stroke::new(1.0, t.text) };
        scene.painter.rect_stroke(rect, scene.corners(4.0), line, StrokeKind::Outside);
    }
}

fn row(scene: &Scene<'_>, node: NodeId, rect: Rect, colour: Color32, figure: &str, is_hovered: bool) {
    let (t, zoom) = (scene.tokens, scene.camera.zoom);
    let labels = &scene.layout.labels[node.0];
    let fill = if is_hovered { t.card } else { t.panel };
    let line = Stroke::new(1.0, t.line);
    scene.painter.rect(rect, scene.corners(4.0), fill, line, StrokeKind::Inside);
    if !is_measured(&scene.model.network.node(node).op) {
        let style = Text::new(10.0, t.weak, Align2::CENTER_CENTER).within(rect.width());
        scene.text(&style, rect.center(), &labels.long);
        return;
    }
    // Too small for text, the whole row carries the colour.
    let legible = 11.5 * zoom >= super::LEGIBLE;
    let right = if legible { rect.left() + 6.0 * zoom } else { rect.right() };
    let heat = Rect::from_min_max(rect.min, pos2(right, rect.bottom()));
    scene.painter.rect_filled(heat, scene.corners(3.0), colour);
    if !legible {
        return;
    }
    let left = rect.left() + 12.0 * zoom;
    let top = rect.top() + 12.0 * zoom;
    scene.text(&Text::new(11.5, t.text, Align2::LEFT_CENTER), pos2(left, top), &labels.medium);
    let tail = Text::new(8.5, t.weak, Align2::LEFT_CENTER).within(rect.right() - left);
    scene.text(&tail, pos2(left, rect.bottom() - 10.0 * zoom), &labels.tail);
    let style = Text::new(10.0, t.strong, Align2::RIGHT_CENTER).mono();
    scene.text(&style, pos2(rect.right() - 6.0 * zoom, top), figure);
}

fn cell(
    scene: &Scene<'_>,
    node: NodeId,
    rect: Rect,
    measured: Option<Color32>,
    colour: Color32,
    figure: &str,
) {
    let zoom = scene.camera.zoom;
    scene.painter.rect_filled(rect, scene.corners(3.0), colour);
    let ink = measured.map_or(scene.tokens.text, heat::text_on);
    let width = rect.width() - 2.0;
    let below = rect.center() + vec2(0.0, 6.5 * zoom);
    let style = Text::new(8.0, ink, Align2::CENTER_CENTER).mono().within(width);
    let has_figure = scene.text(&style, below, figure);
    let at = if has_figure { rect.center() - vec2(0.0, 6.5 * zoom) } else { rect.center() };
    let style = Text::new(9.5, ink, Align2::CENTER_CENTER).within(width);
    scene.text(&style, at, &scene.layout.labels[node.0].short);
}
