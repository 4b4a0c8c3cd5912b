//! The buttons in the canvas's corner, painted like all icons.

use egui::{
    Align2, Color32, CornerRadius, FontId, Painter, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui,
    Vec2, WidgetInfo, vec2,
};

use crate::tr;
use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::commands::FIND;
use crate::window::picture::Scene;
use crate::window::state::State;
use crate::window::theme::RADIUS;

/// Side of a button.
const SIDE: f32 = 26.0;
/// From the canvas's corner.
const MARGIN: f32 = 10.0;
/// What a click on a zoom button does.
const STEP: f32 = 1.35;

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Find,
    ZoomIn,
    ZoomOut,
    Fit,
    FitSelection,
    Fold,
    Constants,
    Save,
}

const TOOLS: [Tool; 8] = [
    Tool::Find,
    Tool::ZoomIn,
    Tool::ZoomOut,
    Tool::Fit,
    Tool::FitSelection,
    Tool::Fold,
    Tool::Constants,
    Tool::Save,
];

/// Where the buttons lie; `None` where there is no room.
pub(super) fn place(canvas: Rect) -> Option<Rect> {
    let size = vec2(SIDE, SIDE * TOOLS.len() as f32);
    let rect = Rect::from_min_size(canvas.right_top() + vec2(-MARGIN - SIDE, MARGIN), size);
    (canvas.height() > size.y + 2.0 * MARGIN && canvas.width() > 240.0).then_some(rect)
}

/// Draws them.
pub(super) fn tools_ui(ui: &Ui, state: &State, scene: &Scene<'_>, dark: bool, out: &mut Actions) {
    let Some(rect) = place(scene.rect) else { return };
    let t = scene.tokens;
    let painter = ui.painter();
    painter.rect(
        rect.expand(3.0),
        CornerRadius::same(RADIUS + 2),
        t.panel.gamma_multiply(0.94),
        Stroke::new(1.0, t.line),
        StrokeKind::Inside,
    );
    let all_open = state.graph.open.len() == scene.model.groups.len();
    for (i, tool) in TOOLS.into_iter().enumerate() {
        let place = Rect::from_min_size(rect.min + vec2(0.0, SIDE * i as f32), Vec2::splat(SIDE));
        let name = name(tool, ui, state, all_open);
        let enabled = tool != Tool::FitSelection || state.selection.is_some();
        let pressed = tool == Tool::Constants && state.graph.constants;
        let response = ui.interact(place, ui.scope_id().with(("tool", i)), Sense::click());
        response.widget_info(|| match tool {
            Tool::Constants => WidgetInfo::selected(Role::Button, enabled, pressed, &name),
            _ => WidgetInfo::labeled(Role::Button, enabled, &name),
        });
        paint(painter, tool, place, &response, scene, (enabled, pressed, all_open));
        if response.clicked() && enabled {
            out.extend(action(tool, state, scene, all_open, dark).map(Action::Graph));
        }
        response.on_hover_text(name);
    }
}

fn name(tool: Tool, ui: &Ui, state: &State, all_open: bool) -> String {
    match tool {
        Tool::Find => tr!("Find an operation (%{keys})", keys = ui.ctx().format_shortcut(&FIND)).into_owned(),
        Tool::ZoomIn => tr!("Zoom in").into_owned(),
        Tool::ZoomOut => tr!("Zoom out").into_owned(),
        Tool::Fit => tr!("Fit the graph (F)").into_owned(),
        Tool::FitSelection => tr!("Fit the selection (Shift+F)").into_owned(),
        Tool::Fold if all_open => tr!("Fold all").into_owned(),
        Tool::Fold => tr!("Unfold all").into_owned(),
        Tool::Constants if state.graph.constants => tr!("Hide constants").into_owned(),
        Tool::Constants => tr!("Show constants").into_owned(),
        Tool::Save => tr!("Save as a picture").into_owned(),
    }
}

fn action(tool: Tool, state: &State, scene: &Scene<'_>, all_open: bool, dark: bool) -> Option<GraphAction> {
    let zoomed = |factor| GraphAction::Look(scene.camera.zoomed(scene.rect, scene.rect.center(), factor));
    Some(match tool {
        Tool::Find => GraphAction::ShowFind(state.graph.find.is_none()),
        Tool::ZoomIn => zoomed(STEP),
        Tool::ZoomOut => zoomed(1.0 / STEP),
        Tool::Fit => GraphAction::Fit,
        Tool::FitSelection => GraphAction::FitSelection,
        Tool::Fold => GraphAction::OpenAll(!all_open),
        Tool::Constants => GraphAction::ShowConstants(!state.graph.constants),
        Tool::Save => GraphAction::AskPicture { dark },
    })
}

fn paint(
    painter: &Painter,
    tool: Tool,
    rect: Rect,
    response: &Response,
    scene: &Scene<'_>,
    (enabled, pressed, all_open): (bool, bool, bool),
) {
    let t = scene.tokens;
    let is_lit = response.hovered() || response.has_focus();
    if pressed || (is_lit && enabled) {
        let fill = if pressed { t.accent_faint } else { t.card_hovered };
        painter.rect_filled(rect.shrink(1.0), CornerRadius::same(RADIUS - 1), fill);
    }
    let colour = match (enabled, is_lit || pressed) {
        (false, _) => t.line,
        (true, true) => t.strong,
        (true, false) => t.weak,
    };
    icon(painter, tool, rect, colour, all_open);
}

fn icon(painter: &Painter, tool: Tool, rect: Rect, colour: Color32, all_open: bool) {
    let c = rect.center();
    let stroke = Stroke::new(1.4, colour);
    let line = |a: Vec2, b: Vec2| {
        painter.line_segment([c + a, c + b], stroke);
    };
    let frame = |size: Vec2| {
        painter.rect_stroke(Rect::from_center_size(c, size), 2.0, stroke, StrokeKind::Middle);
    };
    match tool {
        Tool::Find => {
            painter.circle_stroke(c - vec2(1.2, 1.2), 4.6, stroke);
            line(vec2(2.2, 2.2), vec2(6.2, 6.2));
        }
        Tool::ZoomIn | Tool::ZoomOut => {
            line(vec2(-5.0, 0.0), vec2(5.0, 0.0));
            if tool == Tool::ZoomIn {
                line(vec2(0.0, -5.0), vec2(0.0, 5.0));
            }
        }
        Tool::Fit | Tool::FitSelection => {
            for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
                let corner = vec2(6.0 * x, 6.0 * y);
                line(corner, corner - vec2(3.6 * x, 0.0));
                line(corner, corner - vec2(0.0, 3.6 * y));
            }
            if tool == Tool::FitSelection {
                painter.rect_filled(Rect::from_center_size(c, Vec2::splat(5.0)), 1.0, colour);
            }
        }
        Tool::Fold => {
            // Arrows that come together or part.
            let (tip, end) = if all_open { (1.6, 5.6) } else { (5.6, 1.6) };
            for side in [-1.0, 1.0] {
                line(vec2(-3.6, side * end), vec2(0.0, side * tip));
                line(vec2(0.0, side * tip), vec2(3.6, side * end));
            }
        }
        Tool::Constants => {
            frame(vec2(13.0, 9.0));
            painter.text(c, Align2::CENTER_CENTER, "W", FontId::proportional(8.0), colour);
        }
        Tool::Save => {
            line(vec2(0.0, -6.0), vec2(0.0, 2.0));
            line(vec2(-3.2, -1.2), vec2(0.0, 2.0));
            line(vec2(3.2, -1.2), vec2(0.0, 2.0));
            line(vec2(-6.0, 5.6), vec2(6.0, 5.6));
        }
    }
}
