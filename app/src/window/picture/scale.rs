//! A scale with its numbers.

use egui::{Align2, FontId, Mesh, Painter, Rect, Stroke, pos2, vec2};

use crate::window::heat::{HeatRequest, Scale};
use crate::window::theme::Tokens;

/// Colours side by side in the bar.
const STEPS: u32 = 48;

/// Draws the colours of a scale into `rect`, 26 points high, with the round figures below.
pub fn paint_scale(painter: &Painter, rect: Rect, scale: &Scale, request: &HeatRequest, tokens: &Tokens) {
    let bar = Rect::from_min_max(rect.min + vec2(0.0, 3.0), pos2(rect.right(), rect.top() + 13.0));
    let mut mesh = Mesh::default();
    for i in 0..=STEPS {
        let f = i as f32 / STEPS as f32;
        let (x, colour) = (bar.left() + f * bar.width(), scale.colour_at(f));
        mesh.colored_vertex(pos2(x, bar.top()), colour);
        mesh.colored_vertex(pos2(x, bar.bottom()), colour);
        if i > 0 {
            let k = i * 2;
            mesh.add_triangle(k - 2, k - 1, k);
            mesh.add_triangle(k - 1, k, k + 1);
        }
    }
    painter.add(mesh);
    // Where numbers would touch, the later ones are left out.
    let mut free_from = bar.left() + 16.0;
    for tick in scale.ticks() {
        let x = bar.left() + scale.position(tick) * bar.width();
        painter.vline(x, bar.bottom()..=bar.bottom() + 2.0, Stroke::new(1.0, tokens.edge));
        let font = FontId::monospace(9.0);
        let galley = painter.layout_no_wrap(tick_words(request, tick), font, tokens.weak);
        let at = Align2::CENTER_TOP.anchor_size(pos2(x, bar.bottom() + 2.0), galley.size());
        if at.left() >= free_from && at.right() <= bar.right() - 16.0 {
            free_from = at.right() + 6.0;
            painter.galley(at.min, galley, tokens.weak);
        }
    }
}

/// A figure without spaces and needless zeros.
fn tick_words(request: &HeatRequest, figure: f64) -> String {
    if figure == 0.0 {
        return "0".to_owned();
    }
    let words = request.words(figure);
    let (number, unit) = words.split_once(' ').unwrap_or((&words, ""));
    if number.contains('.') {
        let number = number.trim_end_matches('0').trim_end_matches('.');
        format!("{number}{unit}")
    } else {
        format!("{number}{unit}")
    }
}
