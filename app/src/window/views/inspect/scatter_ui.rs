//! Float against quantized values.

use egui::{RichText, Stroke, Ui};
use egui_plot::{HLine, Line, PlotPoints, Points};
use octet_engine::probe::Scatter;

use super::plot::{self, plot, show, y_axis};
use crate::tr;
use crate::window::format;
use crate::window::theme::tokens;
use crate::window::views::widgets::fact;

pub(super) fn scatter_ui(ui: &mut Ui, scatter: &Scatter) {
    let t = tokens(ui);
    fact(ui, "Error on this picture", &format::percent(scatter.nsr))
        .on_hover_text(crate::tr!("Everything quantized: noise to signal of what this operation leaves"));
    fact(ui, "Largest difference", &format!("{:.4}", scatter.largest_error));
    let drawn = plot(ui, "scatter", 150.0).custom_y_axes(vec![y_axis(t, plot::figure)]);
    show(ui, drawn, &tr!("Float against quantized values"), |plot| {
        let xs = || scatter.points.iter().map(|[f, _]| f64::from(*f));
        let (low, high) = (xs().fold(f64::MAX, f64::min), xs().fold(f64::MIN, f64::max));
        if low <= high {
            let diagonal: PlotPoints<'_> = vec![[low, low], [high, high]].into();
            plot.line(
                Line::new("", diagonal).stroke(Stroke::new(1.0, t.edge)).allow_band(false).allow_hover(false),
            );
        }
        // The ends of the integers, where the values come near them.
        for end in scatter.grid.iter().flat_map(|g| [g.low, g.high]).map(f64::from) {
            if low <= end && end <= high {
                let line = HLine::new("", end).stroke(Stroke::new(1.0, t.error.gamma_multiply(0.8)));
                plot.hline(line.allow_hover(false));
            }
        }
        let points: PlotPoints<'_> = scatter.points.iter().map(|p| p.map(f64::from)).collect();
        let points = Points::new("", points).radius(1.3).color(t.accent.gamma_multiply(0.7));
        plot.points(points.allow_hover(false));
    });
    let words = if scatter.points.len() < scatter.elements {
        tr!(
            "Float (right) against quantized (up), %{n} of %{total} values",
            n = scatter.points.len(),
            total = scatter.elements
        )
    } else {
        tr!("Float (right) against quantized (up), %{n} values", n = scatter.elements)
    };
    ui.add(egui::Label::new(RichText::new(words).small().color(t.weak)).wrap());
}
