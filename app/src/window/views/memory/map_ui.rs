//! Draws one map: operations from left to right, the arena from below upwards, a box for each tensor.

use egui::{
    Align2, Color32, CornerRadius, FontId, Id, Painter, Rect, Response, Role, Sense, Shape, Stroke,
    StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use octet_engine::report::{MemoryMap, PlacedTensor, whole_kib};

use super::hover_ui::{operation_tip_ui, tensor_tip_ui};
use super::legend_ui::Kind;
use super::scale::Scale;
use crate::tr;
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::state::{MapSide, ShownMemory, State};
use crate::window::theme::{SMALL_SIZE, Tokens, tokens};

/// Room for the figures on the left, the title above, and the axis below.
const LEFT: f32 = 60.0;
const TOP: f32 = 22.0;
const BOTTOM: f32 = 18.0;
/// Figures closer than this would be drawn over each other.
const LINE: f32 = 13.0;
/// Plots smaller than this show nothing.
const SMALLEST: Vec2 = vec2(40.0, 30.0);

/// Draws the map of one side in a place of this size.
pub(super) fn map_ui(
    ui: &mut Ui,
    state: &State,
    memory: ShownMemory<'_>,
    side: MapSide,
    size: Vec2,
    out: &mut Actions,
) {
    let t = tokens(ui);
    let map = if side == MapSide::Before { memory.before } else { memory.after };
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let plot = Rect::from_min_max(rect.min + vec2(LEFT, TOP), rect.max - vec2(2.0, BOTTOM));
    let painter = ui.painter_at(rect);
    let title = title(map, side);
    let font = FontId::proportional(SMALL_SIZE);
    painter.text(rect.min + vec2(LEFT, 2.0), Align2::LEFT_TOP, &title, font, t.text);
    if plot.width() < SMALLEST.x || plot.height() < SMALLEST.y {
        return;
    }
    let scale = Scale::new(plot, memory.maps.operations.len(), memory.scale_bytes());
    painter.rect_filled(plot, CornerRadius::ZERO, t.canvas);
    let selected = state.selection.as_ref();
    let selected = selected.and_then(|s| memory.maps.operations.iter().position(|o| o == s));
    if let Some(operation) = selected {
        band(&painter, &scale, operation, t.accent_faint);
    }

    let id = Id::unique("memory map").with(side as u8);
    let background = interact(ui, plot, id.with("operations"), &title);
    let mut hovered = None;
    for tensor in &map.tensors {
        let area = area(&scale, tensor);
        let is_selected = selected.is_some() && tensor.operation == selected;
        let response = interact(ui, area.intersect(plot), id.with(tensor.operation), &name(tensor));
        draw(&painter, area, Kind::of(tensor), is_selected, t);
        if response.contains_pointer() {
            hovered = Some((tensor, response));
        } else if response.clicked() {
            click(state, memory, tensor.operation.unwrap_or(tensor.first), out);
        }
    }
    for stage in map.stages.iter().filter(|s| s.scratch_bytes > 0) {
        let from = stage.arena_bytes.saturating_sub(stage.scratch_bytes);
        let area = scale.area(stage.first..=stage.last, from, stage.arena_bytes);
        draw(&painter, area, Kind::Working, false, t);
    }
    lines(&painter, &scale, memory, map, t);
    match hovered {
        Some((tensor, response)) => {
            let operation = tensor.operation.unwrap_or(tensor.first);
            let area = area(&scale, tensor);
            painter.rect_stroke(area, 1.0, Stroke::new(1.6, t.strong), StrokeKind::Inside);
            if response.clicked() {
                click(state, memory, operation, out);
            }
            response.on_hover_ui_at_pointer(|ui| tensor_tip_ui(ui, memory, tensor));
        }
        None => {
            if let Some(pointer) = background.hover_pos() {
                let operation = scale.operation(pointer);
                band(&painter, &scale, operation, t.line.gamma_multiply(0.5));
                if background.clicked() {
                    click(state, memory, operation, out);
                }
                background.on_hover_ui_at_pointer(|ui| operation_tip_ui(ui, memory, map, operation));
            } else if background.clicked() {
                // A screen reader's click names no place: the peak is what the map is about.
                click(state, memory, map.peak_operation, out);
            }
        }
    }
}

/// A place that can be pointed at and clicked, with a name; keys move the selection, so that none stops here.
fn interact(ui: &Ui, rect: Rect, id: Id, name: &str) -> Response {
    let response = ui.interact(rect, id, Sense::CLICK);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response
}

fn click(state: &State, memory: ShownMemory<'_>, operation: usize, out: &mut Actions) {
    let name = memory.name(operation);
    if state.knows_operation(name) {
        out.push(Action::Select(Some(name.to_owned())));
    }
}

fn title(map: &MemoryMap, side: MapSide) -> String {
    let bytes = whole_kib(map.arena_bytes);
    let words = match (side, map.streamed_blocks) {
        (MapSide::Before, _) => tr!("Layer by layer: %{bytes}", bytes = bytes),
        (_, 0) => tr!("On the chip: %{bytes}, layer by layer", bytes = bytes),
        (_, n) => tr!("On the chip: %{bytes}, blocks streamed: %{n}", bytes = bytes, n = n),
    };
    words.into_owned()
}

fn name(tensor: &PlacedTensor) -> String {
    format!("{}, {}", tensor.name, format::bytes(tensor.held_bytes))
}

fn area(scale: &Scale, tensor: &PlacedTensor) -> Rect {
    let end = tensor.offset.saturating_add(tensor.held_bytes);
    scale.area(tensor.first..=tensor.last, tensor.offset, end)
}

fn draw(painter: &Painter, area: Rect, kind: Kind, is_selected: bool, t: &Tokens) {
    // Where one runs into the other, both are seen.
    let fill = kind.colour(t).gamma_multiply(if kind == Kind::RunsInto { 0.7 } else { 0.85 });
    let stroke = match is_selected {
        true => Stroke::new(2.0, t.strong),
        false => Stroke::new(0.5, t.canvas),
    };
    // Small tensors are a line, not nothing.
    let area = area.with_min_y(area.top().min(area.bottom() - 1.0));
    painter.rect(area, CornerRadius::ZERO, fill, stroke, StrokeKind::Inside);
}

fn band(painter: &Painter, scale: &Scale, operation: usize, colour: Color32) {
    let rect = scale.rect.with_min_x(scale.x(operation)).with_max_x(scale.x(operation.saturating_add(1)));
    painter.rect_filled(rect, CornerRadius::ZERO, colour);
}

/// The end of the chip's memory, the arena, the peak, and their figures.
fn lines(painter: &Painter, scale: &Scale, memory: ShownMemory<'_>, map: &MemoryMap, t: &Tokens) {
    let plot = scale.rect;
    let font = FontId::monospace(SMALL_SIZE - 1.0);
    let mut taken: Vec<f32> = Vec::new();
    let mut figure = |bytes: u64, colour: Color32| {
        let y = scale.y(bytes).clamp(plot.top() + 2.0, plot.bottom() - 4.0);
        if taken.iter().all(|other| (other - y).abs() >= LINE) {
            let place = pos2(plot.left() - 6.0, y);
            painter.text(place, Align2::RIGHT_CENTER, whole_kib(bytes), font.clone(), colour);
            taken.push(y);
        }
    };
    let beyond = map.arena_bytes > memory.chip.sram_bytes;
    figure(map.arena_bytes, if beyond { t.warn } else { t.strong });
    figure(memory.chip.sram_bytes, t.accent);
    figure(0, t.weak);
    let y = scale.y(memory.chip.sram_bytes);
    let line = [pos2(plot.left(), y), pos2(plot.right(), y)];
    painter.extend(Shape::dashed_line(&line, Stroke::new(1.5, t.accent), 6.0, 4.0));
    let words = tr!("SRAM %{bytes}", bytes = whole_kib(memory.chip.sram_bytes));
    let small = FontId::proportional(SMALL_SIZE - 1.0);
    painter.text(pos2(plot.right() - 3.0, y - 1.0), Align2::RIGHT_BOTTOM, words, small.clone(), t.accent);
    painter.hline(plot.x_range(), plot.bottom(), Stroke::new(1.0, t.edge));

    let peak = scale.area(map.peak_operation..=map.peak_operation, 0, 0).center().x;
    let foot = pos2(peak, plot.bottom() + 1.0);
    let sign = vec![foot, foot + vec2(-4.0, 6.0), foot + vec2(4.0, 6.0)];
    painter.add(Shape::convex_polygon(sign, t.strong, Stroke::NONE));
    let (align, aside) = match peak > plot.center().x {
        true => (Align2::RIGHT_TOP, -8.0),
        false => (Align2::LEFT_TOP, 8.0),
    };
    let words = tr!("peak %{bytes}", bytes = whole_kib(map.peak_bytes));
    painter.text(foot + vec2(aside, 1.0), align, words, small, t.weak);
}
