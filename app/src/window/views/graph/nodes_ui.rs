//! Groups and operations, with as much detail as their size on the screen allows.

use egui::{
    Align2, Color32, CornerRadius, FontFamily, FontId, Id, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, pos2, vec2,
};
use octet_engine::network::NodeId;

use super::Canvas;
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::graph::{Group, GroupBox, HEAD_HEIGHT, Layout, NodeBox, PADDING, is_measured};
use crate::window::heat;
use crate::window::state::Heat;
use crate::window::views::words;

/// Text smaller than this is left out.
const LEGIBLE: f32 = 6.5;

/// All groups with what is in them.
pub(super) fn groups_ui(ui: &Ui, canvas: &Canvas<'_>, layout: &Layout, out: &mut Actions) {
    for (index, placed) in layout.groups.iter().enumerate() {
        let rect = canvas.camera.rect_to_screen(canvas.rect, placed.rect);
        if canvas.rect.intersects(rect.expand(4.0)) {
            let group = &canvas.model.groups[index];
            head_ui(ui, canvas, index, group, placed, out);
            if placed.open {
                links_ui(canvas, placed);
            }
            for node in &placed.nodes {
                node_ui(ui, canvas, placed.open, node, out);
            }
        }
    }
}

/// A group's box, its title, and the worst figure in it.
fn head_ui(ui: &Ui, canvas: &Canvas<'_>, index: usize, group: &Group, placed: &GroupBox, out: &mut Actions) {
    let (t, zoom) = (canvas.tokens, canvas.camera.zoom);
    let rect = canvas.camera.rect_to_screen(canvas.rect, placed.rect);
    let head = Rect::from_min_max(rect.min, pos2(rect.right(), rect.top() + HEAD_HEIGHT * zoom));
    let response = ui.interact(head.intersect(canvas.rect), id(ui, "group", index), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, placed.open, &group.title));
    let names = || group.nodes.iter().map(|n| canvas.model.network.node(*n).name.as_str());
    let selected = canvas.selection.is_some_and(|s| names().any(|n| n == s));

    let fill = if response.hovered() { t.card_hovered } else { t.card };
    let line = if selected { Stroke::new(1.5, t.accent) } else { Stroke::new(1.0, t.line) };
    let corners = corners(7.0, zoom);
    canvas.painter.rect(rect, corners, fill, line, StrokeKind::Inside);

    let title = FontId::proportional(size(13.5, zoom));
    if title.size >= LEGIBLE {
        let left = rect.left() + PADDING * 1.25 * zoom;
        canvas.painter.text(
            pos2(left, rect.top() + 14.0 * zoom),
            Align2::LEFT_CENTER,
            &group.title,
            title,
            t.strong,
        );
        text_ui(
            canvas,
            pos2(left, rect.top() + 31.0 * zoom),
            Align2::LEFT_CENTER,
            &group.subtitle,
            10.5,
            t.weak,
        );
        let worst = names().filter_map(|n| canvas.figures.get(n)).copied().reduce(f64::max);
        let right = rect.right() - PADDING * zoom;
        if let Some(worst) = worst {
            let at = pos2(right, rect.top() + 14.0 * zoom);
            let font = FontId::new(size(10.5, zoom), FontFamily::Monospace);
            canvas.painter.text(at, Align2::RIGHT_CENTER, format::percent(worst), font, t.text);
        }
        if group.nodes.len() > 1 {
            chevron_ui(canvas, pos2(right - 4.0 * zoom, rect.top() + 31.0 * zoom), placed.open);
        }
    }
    if response.clicked() && group.nodes.len() > 1 {
        out.push(Action::ToggleGroup(index));
    } else if response.clicked() {
        select(canvas, group.nodes[0], out);
    }
    if group.nodes.len() > 1 {
        response.on_hover_text_at_pointer(if placed.open {
            "Click to fold this block"
        } else {
            "Click to list its operations"
        });
    }
}

fn chevron_ui(canvas: &Canvas<'_>, centre: Pos2, open: bool) {
    let s = 3.2 * canvas.camera.zoom;
    let points = if open {
        [vec2(-s, -s * 0.5), vec2(0.0, s * 0.5), vec2(s, -s * 0.5)]
    } else {
        [vec2(-s * 0.5, -s), vec2(s * 0.5, 0.0), vec2(-s * 0.5, s)]
    };
    let stroke = Stroke::new(1.3, canvas.tokens.weak);
    canvas.painter.line(points.map(|p| centre + p).to_vec(), stroke);
}

/// The short lines between the operations of an open group.
fn links_ui(canvas: &Canvas<'_>, group: &GroupBox) {
    for pair in group.nodes.windows(2) {
        let (from, to) = (pair[0].rect.center_bottom(), pair[1].rect.center_top());
        let points = [from, to].map(|p| canvas.camera.to_screen(canvas.rect, p));
        canvas.painter.line_segment(points, Stroke::new(1.2, canvas.tokens.edge));
    }
}

/// An operation: a row of an open group, or a cell of a closed one.
fn node_ui(ui: &Ui, canvas: &Canvas<'_>, is_row: bool, placed: &NodeBox, out: &mut Actions) {
    let t = canvas.tokens;
    let node = canvas.model.network.node(placed.node);
    let rect = canvas.camera.rect_to_screen(canvas.rect, placed.rect);
    let figure = canvas.figures.get(node.name.as_str()).copied();
    let selected = canvas.selection == Some(node.name.as_str());
    let clickable = rect.intersect(canvas.rect);
    let response = ui.interact(clickable, id(ui, "node", placed.node.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &node.name));

    let colour = match (canvas.heat, figure, canvas.scale) {
        (Heat::Off, _, _) => t.card_hovered,
        (_, Some(figure), Some(scale)) => scale.colour(figure),
        _ => t.unmeasured,
    };
    if is_row {
        row_ui(canvas, placed.node, rect, colour, figure, response.hovered());
    } else {
        cell_ui(canvas, placed.node, rect, colour);
    }
    if selected || response.hovered() {
        let line = if selected { Stroke::new(2.0, t.accent) } else { Stroke::new(1.0, t.text) };
        canvas.painter.rect_stroke(rect, corners(4.0, canvas.camera.zoom), line, StrokeKind::Outside);
    }
    if response.clicked() {
        select(canvas, placed.node, out);
    }
    response.on_hover_ui_at_pointer(|ui| {
        ui.label(words::long(&canvas.model.network, placed.node));
        ui.label(egui::RichText::new(&node.name).small().color(t.weak));
        let text = match figure {
            Some(figure) => format!("{} {}", canvas.heat.words(), format::percent(figure)),
            None if canvas.heat == Heat::Off => String::new(),
            None => "not measured".to_owned(),
        };
        if !text.is_empty() {
            ui.label(egui::RichText::new(text).font(crate::window::theme::figures()));
        }
    });
}

fn row_ui(
    canvas: &Canvas<'_>,
    node: NodeId,
    rect: Rect,
    colour: Color32,
    figure: Option<f64>,
    hovered: bool,
) {
    let (t, zoom) = (canvas.tokens, canvas.camera.zoom);
    let network = &canvas.model.network;
    let measured = is_measured(&network.node(node).op);
    let fill = if hovered { t.card } else { t.panel };
    canvas.painter.rect(rect, corners(4.0, zoom), fill, Stroke::new(1.0, t.line), StrokeKind::Inside);
    if !measured {
        text_ui(canvas, rect.center(), Align2::CENTER_CENTER, &words::long(network, node), 10.0, t.weak);
        return;
    }
    // Too small for text, the whole row carries the colour.
    let legible = size(11.5, zoom) >= LEGIBLE;
    let right = if legible { rect.left() + 6.0 * zoom } else { rect.right() };
    let heat = Rect::from_min_max(rect.min, pos2(right, rect.bottom()));
    canvas.painter.rect_filled(heat, corners(3.0, zoom), colour);
    if !legible {
        return;
    }
    let left = rect.left() + 12.0 * zoom;
    let top = rect.top() + 12.0 * zoom;
    text_ui(canvas, pos2(left, top), Align2::LEFT_CENTER, &words::medium(network, node), 11.5, t.text);
    let name = words::tail(&network.node(node).name, 25);
    text_ui(canvas, pos2(left, rect.bottom() - 10.0 * zoom), Align2::LEFT_CENTER, &name, 8.5, t.weak);
    if let Some(figure) = figure {
        let font = FontId::new(size(10.0, zoom), FontFamily::Monospace);
        if font.size >= LEGIBLE {
            let at = pos2(rect.right() - 6.0 * zoom, top);
            canvas.painter.text(at, Align2::RIGHT_CENTER, format::percent(figure), font, t.strong);
        }
    }
}

fn cell_ui(canvas: &Canvas<'_>, node: NodeId, rect: Rect, colour: Color32) {
    canvas.painter.rect_filled(rect, corners(3.0, canvas.camera.zoom), colour);
    let text = words::short(&canvas.model.network, node);
    let unmeasured = colour == canvas.tokens.unmeasured || canvas.heat == Heat::Off;
    let ink = if unmeasured { canvas.tokens.text } else { heat::text_on(colour) };
    text_ui(canvas, rect.center(), Align2::CENTER_CENTER, &text, 9.5, ink);
}

/// Text of this size at zoom 1; left out when it would be too small to read.
fn text_ui(canvas: &Canvas<'_>, at: Pos2, align: Align2, text: &str, points: f32, colour: Color32) {
    let font = FontId::proportional(size(points, canvas.camera.zoom));
    if font.size >= LEGIBLE {
        canvas.painter.text(at, align, text, font, colour);
    }
}

/// Sizes go in half points, so that zooming does not fill the font atlas.
fn size(points: f32, zoom: f32) -> f32 {
    (points * zoom * 2.0).round() / 2.0
}

fn corners(radius: f32, zoom: f32) -> CornerRadius {
    CornerRadius::same((radius * zoom).clamp(1.0, 24.0) as u8)
}

fn id(ui: &Ui, kind: &str, index: usize) -> Id {
    ui.scope_id().with((kind, index))
}

fn select(canvas: &Canvas<'_>, node: NodeId, out: &mut Actions) {
    out.push(Action::Select(Some(canvas.model.network.node(node).name.clone())));
}
