//! Where a map's operations and bytes lie on the screen.

use std::ops::RangeInclusive;

use egui::{Pos2, Rect, pos2};

/// The scale of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The plot.
    pub(super) rect: Rect,
    operations: usize,
    bytes: u64,
}

impl Scale {
    /// So many operations from left to right, so many bytes from below upwards.
    pub(super) fn new(rect: Rect, operations: usize, bytes: u64) -> Self {
        Self { rect, operations: operations.max(1), bytes: bytes.max(1) }
    }

    pub(super) fn x(&self, operation: usize) -> f32 {
        let share = operation as f32 / self.operations as f32;
        self.rect.left() + share.min(1.0) * self.rect.width()
    }

    pub(super) fn y(&self, bytes: u64) -> f32 {
        let share = (bytes as f64 / self.bytes as f64).min(1.0) as f32;
        self.rect.bottom() - share * self.rect.height()
    }

    /// The box over operations, the last included, and bytes.
    pub(super) fn area(&self, operations: RangeInclusive<usize>, from: u64, to: u64) -> Rect {
        let end = operations.end().saturating_add(1);
        Rect::from_min_max(pos2(self.x(*operations.start()), self.y(to)), pos2(self.x(end), self.y(from)))
    }

    /// The operation under a place.
    pub(super) fn operation(&self, place: Pos2) -> usize {
        let share = ((place.x - self.rect.left()) / self.rect.width().max(1.0)).clamp(0.0, 1.0);
        ((share * self.operations as f32) as usize).min(self.operations - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_lie_within_the_plot_whatever_a_report_says() {
        let plot = Rect::from_min_size(pos2(10.0, 20.0), egui::vec2(100.0, 50.0));
        let scale = Scale::new(plot, 10, 1000);
        let all = scale.area(0..=9, 0, 1000);
        assert_eq!(all, plot);
        assert_eq!(scale.area(2..=2, 0, 500).left_top(), pos2(30.0, 45.0));
        assert!(plot.contains_rect(scale.area(7..=usize::MAX, 900, u64::MAX)));
        for x in [-5.0, 10.0, 109.9, 500.0] {
            assert!(scale.operation(pos2(x, 0.0)) < 10);
        }
        assert_eq!(scale.operation(pos2(35.0, 0.0)), 2);
        assert!(Scale::new(plot, 0, 0).area(0..=0, 0, 0).is_finite());
    }
}
