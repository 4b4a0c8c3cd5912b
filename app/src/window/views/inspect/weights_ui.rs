//! Weights of the operation: a box for each output channel between the ends of its grid, and a histogram.

use egui::{Align, ComboBox, Layout, RichText, Stroke, Ui};
use egui_plot::{Bar, BarChart, BoxElem, BoxPlot, BoxSpread, FilledArea, Line, PlotPoints};
use octet_engine::probe::{ChannelFigures, WeightFigures};

use super::answer_ui;
use super::plot::{self, grid_ui, plot, show, y_axis};
use crate::window::actions::{Action, Actions, InspectAction};
use crate::window::format;
use crate::window::state::Inspect;
use crate::window::theme::{Tokens, tokens};
use crate::window::views::widgets::{caption, card, fact, section};
use crate::{key, tr, trn};

/// More channels are drawn as bands.
const MOST_BOXES: usize = 48;
const HEIGHT: f32 = 116.0;

/// The section of weights.
pub(super) fn weights_ui(ui: &mut Ui, inspect: &Inspect, out: &mut Actions) {
    section(ui, "Weights");
    card(ui, |ui| {
        answer_ui(ui, &inspect.weights, key!("the weights"), 2.0 * HEIGHT, |ui, weights| {
            facts_ui(ui, weights);
            channels_ui(ui, weights, out);
            histogram_ui(ui, inspect, weights, out);
        });
    });
}

fn facts_ui(ui: &mut Ui, weights: &WeightFigures) {
    fact(ui, "Rounding error", &format::percent(weights.nsr))
        .on_hover_text(crate::tr!("Noise to signal of the rounded weights"));
    if weights.clipped > 0.0 {
        fact(ui, "Clipped weights", &format::percent(weights.clipped));
    }
    match weights.exponents.as_slice() {
        [(one, _)] => {
            fact(ui, "Exponent", &one.to_string());
        }
        many => {
            let each = many.iter().map(|(e, n)| format!("{e} ({n})"));
            let words = each.collect::<Vec<_>>().join(", ").replace('-', "−");
            caption_ui(ui, &tr!("Exponents and how many channels have them: %{words}", words = words));
        }
    }
    if weights.corrected {
        caption(ui, "A strategy gave the quantized network other weights; these are the float network's.");
    }
}

/// The channels side by side. A click chooses one.
fn channels_ui(ui: &mut Ui, weights: &WeightFigures, out: &mut Actions) {
    let t = tokens(ui);
    let channels = &weights.channels;
    let count = channels.len();
    let drawn = plot(ui, "weights by channel", HEIGHT).custom_y_axes(vec![y_axis(t, plot::figure)]);
    let name = trn!(
        count,
        "Weights of 1 output channel with the ends of its integers",
        "Weights of %{n} output channels with the ends of their integers"
    );
    let shown = show(ui, drawn, &name, |plot| {
        if count <= MOST_BOXES {
            plot.box_plot(boxes(channels, weights.channel, t));
        } else {
            bands_ui(plot, channels, t);
        }
        ends_ui(plot, channels, t);
    });
    let response = shown.response;
    let at = response.hover_pos().map(|p| shown.transform.value_from_position(p).x.round());
    let channel = at.filter(|c| *c >= 0.0).map(|c| c as usize).and_then(|c| Some((c, channels.get(c)?)));
    if let Some((index, c)) = channel {
        if response.clicked() {
            let chosen = (weights.channel != Some(index)).then_some(index);
            out.push(Action::Inspect(InspectAction::ShowChannel(chosen)));
        }
        let figure = |v: f32| format!("{v:.4}");
        response.on_hover_text_at_pointer(tr!(
            "channel %{channel}\n%{min} to %{max}, median %{median}\nexponent %{exponent}, integers reach %{low} to %{high}\nrounding error %{error}",
            channel = index,
            min = figure(c.min),
            max = figure(c.max),
            median = figure(c.median),
            exponent = c.grid.exponent,
            low = figure(c.grid.low),
            high = figure(c.grid.high),
            error = format::percent(c.nsr)
        ));
    }
    caption_ui(ui, &tr!("By output channel: range, quartiles, and in red the ends of the integers"));
}

fn caption_ui(ui: &mut Ui, words: &str) {
    let t = tokens(ui);
    ui.add(egui::Label::new(RichText::new(words).small().color(t.weak)).wrap());
}

fn boxes(channels: &[ChannelFigures], chosen: Option<usize>, t: &Tokens) -> BoxPlot {
    let elements = channels.iter().enumerate().map(|(i, c)| {
        let figures = [c.min, c.quarter, c.median, c.three_quarters, c.max].map(f64::from);
        let [a, b, m, d, e] = figures;
        let colour = if chosen == Some(i) { t.strong } else { t.accent };
        BoxElem::new(i as f64, BoxSpread::new(a, b, m, d, e))
            .box_width(0.6)
            .whisker_width(0.0)
            .fill(colour.gamma_multiply(0.35))
            .stroke(Stroke::new(1.0, colour))
    });
    BoxPlot::new("", elements.collect()).allow_hover(false)
}

fn bands_ui(plot: &mut egui_plot::PlotUi<'_>, channels: &[ChannelFigures], t: &Tokens) {
    let xs: Vec<f64> = (0..channels.len()).map(|i| i as f64).collect();
    let band = |low: fn(&ChannelFigures) -> f32, high: fn(&ChannelFigures) -> f32, strength: f32| {
        let ys = |pick: fn(&ChannelFigures) -> f32| -> Vec<f64> {
            channels.iter().map(|c| f64::from(pick(c))).collect()
        };
        let colour = t.accent.gamma_multiply(strength);
        FilledArea::new("", &xs, &ys(low), &ys(high)).fill_color(colour).allow_hover(false)
    };
    plot.add(band(|c| c.min, |c| c.max, 0.30));
    plot.add(band(|c| c.quarter, |c| c.three_quarters, 0.65));
    let median: PlotPoints<'_> =
        channels.iter().enumerate().map(|(i, c)| [i as f64, f64::from(c.median)]).collect();
    plot.line(Line::new("", median).stroke(Stroke::new(1.0, t.strong)).allow_band(false).allow_hover(false));
}

/// Either end of the integers, as steps from channel to channel.
fn ends_ui(plot: &mut egui_plot::PlotUi<'_>, channels: &[ChannelFigures], t: &Tokens) {
    let ends: [fn(&ChannelFigures) -> f32; 2] = [|c| c.grid.low, |c| c.grid.high];
    for end in ends {
        let steps = channels.iter().enumerate().flat_map(|(i, c)| {
            let y = f64::from(end(c));
            [[i as f64 - 0.5, y], [i as f64 + 0.5, y]]
        });
        let steps: PlotPoints<'_> = steps.collect();
        plot.line(
            Line::new("", steps)
                .stroke(Stroke::new(1.0, t.error.gamma_multiply(0.8)))
                .allow_band(false)
                .allow_hover(false),
        );
    }
}

fn histogram_ui(ui: &mut Ui, inspect: &Inspect, weights: &WeightFigures, out: &mut Actions) {
    let t = tokens(ui);
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        chooser_ui(ui, inspect, weights, out);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            logarithmic_ui(ui, inspect, &tr!("Logarithmic heights of weights"), out)
        });
    });
    // One grid belongs to the bars where one channel is shown or all share an exponent.
    let grid = match weights.channel {
        Some(channel) => weights.channels.get(channel).map(|c| c.grid),
        None if weights.exponents.len() == 1 => weights.channels.first().map(|c| c.grid),
        None => None,
    };
    let width = ui.available_width();
    let bars = bars(&weights.histogram.bars(), inspect.logarithmic, t);
    show(ui, plot(ui, "weights", 84.0), &tr!("Histogram of the weights"), |plot| {
        if let Some(grid) = grid {
            grid_ui(plot, grid, width, t);
        }
        plot.bar_chart(bars);
    });
    if grid.is_none() {
        caption_ui(ui, &tr!("Channels have different grids: choose one to see it"));
    }
}

/// Bars of a histogram.
pub(super) fn bars(bars: &[octet_engine::probe::Bar], logarithmic: bool, t: &Tokens) -> BarChart {
    let bar = |b: &octet_engine::probe::Bar| {
        let (low, high) = (f64::from(b.low), f64::from(b.high));
        Bar::new((low + high) / 2.0, plot::height(b, logarithmic))
            .width(high - low)
            .fill(t.accent.gamma_multiply(0.85))
            .stroke(Stroke::NONE)
    };
    BarChart::new("", bars.iter().map(bar).collect()).allow_hover(false)
}

fn chooser_ui(ui: &mut Ui, inspect: &Inspect, weights: &WeightFigures, out: &mut Actions) {
    let words = |channel: Option<usize>| match channel {
        Some(channel) => tr!("channel %{n}", n = channel),
        None => tr!("all channels"),
    };
    let combo =
        ComboBox::from_id_salt("channel of weights").selected_text(words(inspect.channel)).width(120.0);
    let shown = combo.show_ui(ui, |ui| {
        for channel in std::iter::once(None).chain((0..weights.channels.len()).map(Some)) {
            if ui.selectable_label(inspect.channel == channel, words(channel)).clicked() {
                out.push(Action::Inspect(InspectAction::ShowChannel(channel)));
            }
        }
    });
    shown.response.accessible_name(tr!("Channel whose weights are counted"));
}

/// Chooses the heights of histograms; `name` is what a reader of the screen hears.
pub(super) fn logarithmic_ui(ui: &mut Ui, inspect: &Inspect, name: &str, out: &mut Actions) {
    let mut on = inspect.logarithmic;
    let check = ui.checkbox(&mut on, RichText::new(crate::tr!("log")).small());
    if check.accessible_name(name).changed() {
        out.push(Action::Inspect(InspectAction::SetLogarithmic(on)));
    }
}
