//! How every plot looks: no zoom, no frames, few lines, figures in the monospaced face.

use egui::{Color32, FontId, Id, Role, Stroke, Ui, WidgetInfo};
use egui_plot::{AxisHints, GridMark, HPlacement, Plot, PlotResponse, PlotUi, Span, VLine};
use octet_engine::probe::{Bar, Grid};

use crate::window::theme::{SMALL_SIZE, Tokens, tokens};

/// Ticks that stand closer than the first fade, wider than the second are fully drawn.
const SPACING: egui::Rangef = egui::Rangef { min: 8.0, max: 14.0 };
/// Fewest pixels between two lines of a quantization grid.
const GRID_PIXELS: f64 = 6.0;

/// A plot of a height; `name` is what it shows, for screen readers. The pointer scrolls the page, not the plot.
pub(in crate::window::views) fn plot<'a>(ui: &Ui, id: &str, height: f32) -> Plot<'a> {
    let t = tokens(ui);
    Plot::new(Id::unique(id))
        .height(height)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_background(false)
        .show_crosshair(false)
        .show_grid([false, false])
        .set_margin_fraction(egui::vec2(0.02, 0.06))
        .x_grid_spacer(egui_plot::uniform_grid_spacer(|input| steps(input.bounds)))
        .y_grid_spacer(egui_plot::uniform_grid_spacer(|input| steps(input.bounds)))
        .custom_x_axes(vec![x_axis(t)])
        .custom_y_axes(Vec::new())
        .label_formatter(|_| None)
}

/// The axis below.
pub(in crate::window::views) fn x_axis<'a>(t: &Tokens) -> AxisHints<'a> {
    let font = FontId::monospace(SMALL_SIZE - 1.0);
    let axis = AxisHints::new_x().label_spacing(SPACING).tick_label_color(t.weak).tick_label_font(font);
    axis.formatter(|mark, _| figure(mark))
}

/// The axis on the left.
pub(in crate::window::views) fn y_axis<'a>(
    t: &Tokens,
    formatter: impl Fn(GridMark) -> String + 'a,
) -> AxisHints<'a> {
    let font = FontId::monospace(SMALL_SIZE - 1.0);
    let axis = AxisHints::new_y().placement(HPlacement::Left).tick_label_color(t.weak).tick_label_font(font);
    axis.label_spacing(SPACING).min_thickness(30.0).formatter(move |mark, _| formatter(mark))
}

/// Three to six round steps between the ends of an axis, with no finer ones.
fn steps((low, high): (f64, f64)) -> [f64; 3] {
    let rough = ((high - low) / 4.0).max(1e-9);
    let decade = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|s| s * decade).find(|s| *s >= rough).unwrap_or(decade);
    [step; 3]
}

/// A figure of an axis, with as many decimals as the distance of its neighbours needs.
pub(in crate::window::views) fn figure(mark: GridMark) -> String {
    let decimals = (-(mark.step_size.log10() + 1e-9).floor()).clamp(0.0, 7.0) as usize;
    format!("{:.decimals$}", mark.value).replace('-', "−")
}

/// Shows a plot under a name.
pub(in crate::window::views) fn show<'a>(
    ui: &mut Ui,
    plot: Plot<'a>,
    name: &str,
    draw: impl FnOnce(&mut PlotUi<'a>) + 'a,
) -> PlotResponse<()> {
    let shown = plot.show(ui, draw);
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    shown
}

/// What integers reach: faint lines where the values lie (every so many, where they are close), a line at either end,
/// and a shade over what is clipped.
pub(in crate::window::views) fn grid_ui(plot: &mut PlotUi<'_>, grid: Grid, width: f32, t: &Tokens) {
    let (low, high, step) = (f64::from(grid.low), f64::from(grid.high), f64::from(grid.step));
    let bounds = plot.plot_bounds();
    let (from, to) = (bounds.min()[0].min(low), bounds.max()[0].max(high));
    let pixels = f64::from(width.max(1.0)) / (to - from).max(step);
    let mut every = step;
    while every * pixels < GRID_PIXELS {
        every *= 2.0;
    }
    let mut at = (low / every).ceil() * every;
    while at <= high {
        plot.vline(line(at, 0.5, t.line));
        at += every;
    }
    let clipped = t.error.gamma_multiply(0.10);
    for (from, to) in [(low - (high - low) * 64.0, low - step / 2.0), (high + step / 2.0, high * 64.0 + step)]
    {
        plot.span(Span::new("", from..=to).fill(clipped).border(Stroke::NONE));
    }
    for end in [low, high] {
        plot.vline(line(end, 1.2, t.error));
    }
}

fn line(x: f64, width: f32, colour: Color32) -> VLine {
    VLine::new("", x).stroke(Stroke::new(width, colour)).allow_hover(false)
}

/// The height of a bar: its share, or how many decades it lies above the smallest that is drawn.
pub(in crate::window::views) fn height(bar: &Bar, logarithmic: bool) -> f64 {
    const DECADES: f64 = 6.0;
    match logarithmic {
        true if bar.share > 0.0 => (bar.share.log10() + DECADES).max(0.05),
        _ => bar.share,
    }
}
