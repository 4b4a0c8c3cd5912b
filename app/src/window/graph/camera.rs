//! Pan and zoom.

use egui::{Pos2, Rect, Vec2, pos2};

/// What part of the graph's plane is seen: the point in the middle of the canvas, and points per unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// In the middle of the canvas.
    pub centre: Pos2,
    /// Screen points per unit of the plane.
    pub zoom: f32,
}

impl Camera {
    /// Smallest and largest zoom.
    pub const ZOOM: std::ops::RangeInclusive<f32> = 0.08..=4.0;

    /// Shows all of `bounds` on `canvas`, never larger than life.
    pub fn fit(bounds: Rect, canvas: Rect) -> Self {
        let wanted = (canvas.width() / bounds.width()).min(canvas.height() / bounds.height());
        let zoom = if wanted.is_finite() { wanted.clamp(*Self::ZOOM.start(), 1.15) } else { 1.0 };
        Self { centre: bounds.center(), zoom }
    }

    /// From the plane to the screen.
    pub fn to_screen(&self, canvas: Rect, p: Pos2) -> Pos2 {
        canvas.center() + (p - self.centre) * self.zoom
    }

    /// From the plane to the screen.
    pub fn rect_to_screen(&self, canvas: Rect, r: Rect) -> Rect {
        Rect::from_min_max(self.to_screen(canvas, r.min), self.to_screen(canvas, r.max))
    }

    /// From the screen to the plane.
    pub fn to_plane(&self, canvas: Rect, p: Pos2) -> Pos2 {
        self.centre + (p - canvas.center()) / self.zoom
    }

    /// Moved with the pointer.
    pub fn panned(&self, delta: Vec2) -> Self {
        Self { centre: self.centre - delta / self.zoom, zoom: self.zoom }
    }

    /// Zoomed so that the plane's point under `pointer` stays there.
    pub fn zoomed(&self, canvas: Rect, pointer: Pos2, factor: f32) -> Self {
        let zoom = (self.zoom * factor).clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
        let held = self.to_plane(canvas, pointer);
        let offset = (pointer - canvas.center()) / zoom;
        Self { centre: pos2(held.x - offset.x, held.y - offset.y), zoom }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooming_holds_the_point_under_the_pointer() {
        let canvas = Rect::from_min_max(pos2(100.0, 50.0), pos2(900.0, 450.0));
        let before = Camera { centre: pos2(10.0, 20.0), zoom: 0.5 };
        let pointer = pos2(200.0, 100.0);
        let after = before.zoomed(canvas, pointer, 1.7);
        let moved = after.to_plane(canvas, pointer) - before.to_plane(canvas, pointer);
        assert!(moved.length() < 1e-3);
    }

    #[test]
    fn fit_shows_all() {
        let canvas = Rect::from_min_max(pos2(0.0, 0.0), pos2(800.0, 400.0));
        let bounds = Rect::from_min_max(pos2(-50.0, 0.0), pos2(4000.0, 900.0));
        let camera = Camera::fit(bounds, canvas);
        assert!(canvas.expand(0.1).contains_rect(camera.rect_to_screen(canvas, bounds)));
    }
}
