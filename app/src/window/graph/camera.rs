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
    pub const ZOOM: std::ops::RangeInclusive<f32> = 0.01..=4.0;

    /// Shows all of `bounds` on `canvas`, never larger than life.
    pub fn fit(bounds: Rect, canvas: Rect) -> Self {
        Self::close(bounds, canvas, 1.15)
    }

    /// Shows all of `bounds` on `canvas`, as large as fits, but no larger than `most`.
    pub fn close(bounds: Rect, canvas: Rect, most: f32) -> Self {
        let wanted = (canvas.width() / bounds.width()).min(canvas.height() / bounds.height());
        let zoom = if wanted.is_finite() { wanted.clamp(*Self::ZOOM.start(), most) } else { 1.0 };
        let centre = if bounds.is_finite() { bounds.center() } else { Pos2::ZERO };
        Self { centre, zoom }
    }

    /// The part of the plane that is seen.
    pub fn view(&self, canvas: Rect) -> Rect {
        Rect::from_center_size(self.centre, canvas.size() / self.zoom)
    }

    /// Moved just so far that `rect` of the plane is in view, if it is not.
    pub fn with_in_view(&self, canvas: Rect, rect: Rect) -> Self {
        let room = self.view(canvas).shrink(24.0 / self.zoom);
        let axis = |low: f32, high: f32, min: f32, max: f32| {
            if max - min > high - low {
                (min + max - low - high) / 2.0
            } else if min < low {
                min - low
            } else if max > high {
                max - high
            } else {
                0.0
            }
        };
        let x = axis(room.left(), room.right(), rect.left(), rect.right());
        let y = axis(room.top(), room.bottom(), rect.top(), rect.bottom());
        Self { centre: self.centre + egui::vec2(x, y), zoom: self.zoom }
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

/// A short way from one camera to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flight {
    /// Where it starts.
    pub from: Camera,
    /// Where it ends.
    pub to: Camera,
    /// When it starts, in seconds of the window's clock.
    pub start_secs: f64,
    /// How long it takes.
    pub duration_secs: f64,
}

impl Flight {
    /// The camera at a time; `None` when the flight is over.
    pub fn at(&self, now_secs: f64) -> Option<Camera> {
        let t = (now_secs - self.start_secs) / self.duration_secs;
        if !(0.0..1.0).contains(&t) {
            return None;
        }
        let t = t as f32;
        let eased = t * t * (3.0 - 2.0 * t);
        let zoom = self.from.zoom * (self.to.zoom / self.from.zoom).powf(eased);
        // Where the zoom changes, the centre follows it, so that the goal comes closer along a straight line.
        let part = if (self.to.zoom / self.from.zoom - 1.0).abs() < 1e-3 {
            eased
        } else {
            (1.0 / self.from.zoom - 1.0 / zoom) / (1.0 / self.from.zoom - 1.0 / self.to.zoom)
        };
        Some(Camera { centre: self.from.centre + (self.to.centre - self.from.centre) * part, zoom })
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

    #[test]
    fn a_flight_starts_and_ends_where_it_should_and_never_leaves_the_way() {
        let from = Camera { centre: pos2(0.0, 0.0), zoom: 0.2 };
        let to = Camera { centre: pos2(900.0, -300.0), zoom: 1.6 };
        let flight = Flight { from, to, start_secs: 5.0, duration_secs: 0.25 };
        assert_eq!(flight.at(5.0), Some(from));
        assert_eq!(flight.at(5.25), None);
        let mut last = 0.0;
        for i in 0..10 {
            let camera = flight.at(5.0 + 0.024 * f64::from(i)).unwrap();
            assert!((0.2..=1.6).contains(&camera.zoom) && camera.centre.x >= last);
            last = camera.centre.x;
        }
        let still = Flight { to: from, ..flight };
        assert_eq!(still.at(5.1), Some(from));
    }

    #[test]
    fn what_is_in_view_does_not_move_the_camera() {
        let canvas = Rect::from_min_max(pos2(0.0, 0.0), pos2(800.0, 400.0));
        let camera = Camera { centre: pos2(0.0, 0.0), zoom: 1.0 };
        let seen = Rect::from_center_size(pos2(10.0, 10.0), egui::vec2(50.0, 20.0));
        assert_eq!(camera.with_in_view(canvas, seen), camera);
        let far = seen.translate(egui::vec2(5000.0, 0.0));
        let moved = camera.with_in_view(canvas, far);
        assert!(moved.view(canvas).contains_rect(far) && moved.centre.y == 0.0);
    }
}
