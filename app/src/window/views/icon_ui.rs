//! Icons, painted: no font has to bring them, and they are as sharp as the text.

use std::f32::consts::TAU;

use egui::{
    Color32, CornerRadius, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, vec2,
};

use crate::window::theme::{RADIUS, tokens};

/// What a button shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    /// Light colours.
    Sun,
    /// Dark colours.
    Moon,
    /// Take away.
    Cross,
    /// Back to how it was.
    Back,
    /// The menu.
    Menu,
    /// Undo.
    Undo,
    /// Redo.
    Redo,
    /// Earlier.
    Up,
    /// Later.
    Down,
    /// What others are held against.
    Pin,
    /// The same, for what is not.
    Unpinned,
    /// Look once more.
    Again,
}

/// A button with an icon only; `name` is its tooltip and its name for screen readers.
pub(super) fn icon_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    let name = crate::tr!(name);
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(24.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &*name));
    let colour = if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), t.card_hovered);
        t.strong
    } else {
        t.weak
    };
    paint(ui, icon, rect, colour);
    response.on_hover_text(name)
}

fn paint(ui: &Ui, icon: Icon, rect: Rect, colour: Color32) {
    let (painter, c) = (ui.painter(), rect.center());
    let stroke = Stroke::new(1.5, colour);
    match icon {
        Icon::Sun => {
            painter.circle_stroke(c, 3.6, stroke);
            for i in 0..8 {
                let ray = Vec2::angled(i as f32 * TAU / 8.0);
                painter.line_segment([c + ray * 6.0, c + ray * 8.0], stroke);
            }
        }
        Icon::Moon => {
            // The outer arc, then the inner one back: a crescent.
            let outer = (0..=20).map(|i| c + Vec2::angled(TAU * (0.05 + 0.7 * i as f32 / 20.0)) * 7.0);
            let outer: Vec<Pos2> = outer.collect();
            let (first, last) = (outer[0], outer[outer.len() - 1]);
            let middle = c + vec2(-0.5, 0.5);
            let inner = (1..10).map(|i| {
                let f = i as f32 / 10.0;
                let straight = last + (first - last) * f;
                straight + (middle - straight) * (4.0 * f * (1.0 - f)) * 0.75
            });
            let outline: Vec<Pos2> = outer.iter().copied().chain(inner).collect();
            painter.add(Shape::closed_line(outline, stroke));
        }
        Icon::Cross => {
            let d = 4.0;
            painter.line_segment([c - vec2(d, d), c + vec2(d, d)], stroke);
            painter.line_segment([c + vec2(-d, d), c + vec2(d, -d)], stroke);
        }
        Icon::Menu => {
            for y in [-4.5, 0.0, 4.5] {
                painter.line_segment([c + vec2(-6.0, y), c + vec2(6.0, y)], stroke);
            }
        }
        Icon::Undo | Icon::Redo => {
            let side = if icon == Icon::Undo { 1.0 } else { -1.0 };
            let arc = (0..=14).map(|i| {
                let angle = TAU * (0.5 + 0.5 * i as f32 / 14.0);
                c + vec2(side * angle.cos() * 5.0, 2.0 + angle.sin() * 5.0)
            });
            let arc: Vec<Pos2> = arc.collect();
            let tip = arc[0];
            painter.add(Shape::line(arc, stroke));
            painter.line_segment([tip, tip + vec2(-side * 3.0, -3.0)], stroke);
            painter.line_segment([tip, tip + vec2(side * 3.5, -2.0)], stroke);
        }
        Icon::Up | Icon::Down => {
            let tip = if icon == Icon::Up { -3.0 } else { 3.0 };
            let line =
                [c + vec2(-4.5, -tip * 0.5), c + vec2(0.0, tip * 0.5 + tip * 0.2), c + vec2(4.5, -tip * 0.5)];
            painter.line(line.to_vec(), stroke);
        }
        Icon::Pin | Icon::Unpinned => {
            let head = Rect::from_center_size(c - vec2(0.0, 3.0), vec2(6.5, 5.0));
            if icon == Icon::Pin {
                painter.rect_filled(head, CornerRadius::same(2), colour);
            } else {
                painter.rect_stroke(head, CornerRadius::same(2), stroke, egui::StrokeKind::Middle);
            }
            painter.line_segment([c + vec2(-5.0, 1.0), c + vec2(5.0, 1.0)], stroke);
            painter.line_segment([c + vec2(0.0, 1.0), c + vec2(0.0, 7.0)], stroke);
        }
        Icon::Again => {
            let arc = (0..=18).map(|i| c + Vec2::angled(TAU * (0.05 + 0.8 * i as f32 / 18.0)) * 5.5);
            let arc: Vec<Pos2> = arc.collect();
            let tip = arc[arc.len() - 1];
            painter.add(Shape::line(arc, stroke));
            painter.line_segment([tip, tip + vec2(0.8, -3.8)], stroke);
            painter.line_segment([tip, tip + vec2(-3.8, 0.6)], stroke);
        }
        Icon::Back => {
            let arc = (0..=18).map(|i| c + Vec2::angled(TAU * (0.62 + 0.76 * i as f32 / 18.0)) * 5.5);
            let arc: Vec<Pos2> = arc.collect();
            let tip = arc[0];
            painter.add(Shape::line(arc, stroke));
            painter.line_segment([tip, tip + vec2(0.5, -4.5)], stroke);
            painter.line_segment([tip, tip + vec2(4.5, 0.5)], stroke);
        }
    }
}
