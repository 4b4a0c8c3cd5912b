//! What the operation leaves, over pictures of the run, on the grid of its integers.

use egui::{Align, Layout, RichText, Ui};
use octet_engine::probe::ActivationFigures;

use super::answer_ui;
use super::plot::{grid_ui, plot, show};
use super::weights_ui::{bars, logarithmic_ui};
use crate::window::actions::Actions;
use crate::window::format;
use crate::window::state::Inspect;
use crate::window::theme::tokens;
use crate::window::views::widgets::{caption, card, fact, section};
use crate::{key, tr};

/// The section of activations.
pub(super) fn activations_ui(ui: &mut Ui, inspect: &Inspect, out: &mut Actions) {
    section(ui, "Activations");
    card(ui, |ui| {
        answer_ui(ui, &inspect.activations, key!("the activations"), 150.0, |ui, figures| {
            facts_ui(ui, figures);
            histogram_ui(ui, inspect, figures, out);
        });
    });
}

fn facts_ui(ui: &mut Ui, figures: &ActivationFigures) {
    if let Some([low, high]) = figures.histogram.range {
        fact(ui, "Float values", &format!("{low:.3} … {high:.3}"));
    }
    match figures.grid {
        Some(grid) => {
            let words = format!("{:.3} … {:.3}", grid.low, grid.high);
            fact(ui, &tr!("int%{bits} reaches", bits = grid.bits), &words).on_hover_text(tr!(
                "exponent %{exponent}: steps of %{step}",
                exponent = grid.exponent,
                step = grid.step
            ));
            fact(ui, "Clipped", &format::percent(figures.clipped))
                .on_hover_text(crate::tr!("Float values beyond the integers by more than half a step"));
        }
        None => caption(ui, "Floats in the quantized network too."),
    }
    if figures.histogram.zeros > 0 {
        fact(ui, "Zeros", &format::percent(figures.histogram.zero_share()))
            .on_hover_text(crate::tr!("Left out of the bars"));
    }
}

fn histogram_ui(ui: &mut Ui, inspect: &Inspect, figures: &ActivationFigures, out: &mut Actions) {
    let t = tokens(ui);
    let width = ui.available_width();
    let bars = bars(&figures.histogram.bars(), inspect.logarithmic, t);
    show(ui, plot(ui, "activations", 100.0), &tr!("Histogram of the activations"), |plot| {
        if let Some(grid) = figures.grid {
            grid_ui(plot, grid, width, t);
        }
        plot.bar_chart(bars);
    });
    ui.horizontal(|ui| {
        let words = tr!("%{n} of %{total} pictures", n = figures.pictures, total = figures.of);
        ui.label(RichText::new(words).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            logarithmic_ui(ui, inspect, &tr!("Logarithmic heights of activations"), out);
        });
    });
}
