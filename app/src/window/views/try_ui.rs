//! Both networks on one picture: their best classes side by side, and where they part.

use std::sync::Arc;

use egui::{
    Align, Color32, ColorImage, CornerRadius, Id, Label, Layout, Rect, RichText, Role, Sense, Stroke,
    TextureHandle, TextureOptions, Ui, WidgetInfo, vec2,
};
use egui_plot::{HLine, Line, PlotPoints, Points, VLine};
use octet_engine::probe::{Parting, PartingRule, Score, TriedPicture};

use super::inspect::plot::{plot, show, y_axis};
use super::inspect::{problem_ui, skeleton_ui};
use super::widgets::{caption, card, fact, heading, quiet_button, section};
use crate::tr;
use crate::window::actions::{Action, Actions};
use crate::window::backend::Pick;
use crate::window::format;
use crate::window::state::{NOTHING_TO_TRY, State};
use crate::window::theme::{GAP, tokens};

/// Noise:signal below is drawn at the bottom of the plot.
const FLOOR: f64 = 1e-6;

/// A button that asks for a picture.
pub(super) fn choose_ui(ui: &mut Ui, text: &str, out: &mut Actions) {
    let button = ui
        .button(text)
        .on_hover_text(crate::tr!("Both networks' answers to one picture; or drop it anywhere"));
    if button.accessible_name(tr!("Choose a picture to try")).clicked() {
        out.push(Action::Ask(Pick::Picture));
    }
}

/// The page.
pub(super) fn try_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Try a picture");
    let Some(tried) = state.inspect.tried.as_ref().filter(|_| state.report().is_some()) else {
        caption(ui, NOTHING_TO_TRY);
        return;
    };
    let t = tokens(ui);
    let name = tried.path.file_name().unwrap_or(tried.path.as_os_str()).to_string_lossy();
    let label = ui.add(Label::new(RichText::new(name.as_ref()).small().color(t.weak)).truncate());
    label.on_hover_text(tried.path.display().to_string());
    ui.add_space(GAP / 2.0);
    let answer = &state.inspect.answer;
    match &answer.value {
        Some(Ok(answer)) => answer_ui(ui, answer, out),
        Some(Err(problem)) => problem_ui(ui, problem),
        None => {
            skeleton_ui(ui, &tr!("Both networks look at the picture…"), 160.0);
            ui.add_space(GAP);
            skeleton_ui(ui, "", 150.0);
        }
    }
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        choose_ui(ui, &tr!("Another picture…"), out);
        let button = quiet_button(ui, "Type a path…");
        if button.accessible_name(tr!("Type a path: %{what}", what = tr!(Pick::Picture.title()))).clicked() {
            out.push(Action::ShowPathField(Pick::Picture));
        }
    });
}

fn answer_ui(ui: &mut Ui, answer: &Arc<TriedPicture>, out: &mut Actions) {
    let t = tokens(ui);
    picture_ui(ui, answer);
    ui.add_space(GAP);
    let best = |scores: &[Score]| scores.first().map(name_of).unwrap_or_default();
    let (words, colour) = match answer.agrees {
        true => (tr!("Both say %{class}", class = best(&answer.float)), t.accent),
        false => (tr!("The networks disagree"), t.warn),
    };
    ui.add(Label::new(RichText::new(words).size(15.0).color(colour)).truncate());
    ui.add_space(2.0);
    card(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * GAP;
        ui.columns(2, |columns| {
            scores_ui(&mut columns[0], &tr!("Float"), &answer.float, t.edge);
            scores_ui(&mut columns[1], &tr!("Quantized"), &answer.quantized, t.accent);
        });
        if let Some(from) = &answer.labels_from {
            let words = tr!("Names from %{file}", file = from);
            ui.add(Label::new(RichText::new(words).small().color(t.weak)).truncate());
        }
    });
    section(ui, "Where they part");
    card(ui, |ui| {
        if let Some(parting) = &answer.parting {
            parting_ui(ui, answer, parting, out);
        }
        depth_ui(ui, answer, out);
        fact(ui, "Error of the scores", &format::percent(answer.output_nsr))
            .on_hover_text(crate::tr!("Noise to signal of the scores on this picture"));
    });
}

/// The picture as the networks see it.
fn picture_ui(ui: &mut Ui, answer: &Arc<TriedPicture>) {
    let side = ui.available_width().min(190.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), side), Sense::hover());
    response
        .widget_info(|| WidgetInfo::labeled(Role::Image, true, tr!("The picture as the networks see it")));
    if let Some(texture) = texture(ui, answer) {
        let (w, h) = (answer.picture.width.max(1) as f32, answer.picture.height.max(1) as f32);
        let size = vec2(w, h) * (side / w.max(h));
        let rect = Rect::from_min_size(rect.min, size);
        let uv = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
        ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
    }
    response.on_hover_text(crate::tr!("As the networks see it: resized and cropped"));
}

fn texture(ui: &Ui, answer: &Arc<TriedPicture>) -> Option<TextureHandle> {
    let id = Id::unique("picture tried");
    let known: Option<(Arc<TriedPicture>, TextureHandle)> = ui.data(|d| d.get_temp(id));
    if let Some((_, texture)) = known.filter(|(of, _)| Arc::ptr_eq(of, answer)) {
        return Some(texture);
    }
    let picture = &answer.picture;
    let size = [picture.width, picture.height];
    if picture.pixels.len() != size[0] * size[1] * 3 || picture.pixels.is_empty() {
        return None;
    }
    let image = ColorImage::from_rgb(size, &picture.pixels);
    let texture = ui.ctx().load_texture("picture tried", image, TextureOptions::LINEAR);
    ui.data_mut(|d| d.insert_temp(id, (Arc::clone(answer), texture.clone())));
    Some(texture)
}

fn name_of(score: &Score) -> String {
    score.label.clone().unwrap_or_else(|| tr!("class %{n}", n = score.class).into_owned())
}

/// One network's best classes with bars.
fn scores_ui(ui: &mut Ui, title: &str, scores: &[Score], colour: Color32) {
    let t = tokens(ui);
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.label(RichText::new(title).small().color(t.weak));
    for (rank, score) in scores.iter().enumerate() {
        let name = name_of(score);
        let strength = if rank == 0 { t.strong } else { t.text };
        let label = ui.add(Label::new(RichText::new(&name).color(strength)).truncate());
        label.on_hover_text(tr!("class %{n}: %{name}", n = score.class, name = name));
        let percent = format::accuracy(f64::from(score.probability));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let text = RichText::new(percent).small().monospace().color(strength);
                ui.add_sized(vec2(50.0, 12.0), Label::new(text));
                let (rect, _) =
                    ui.allocate_exact_size(vec2(ui.available_width().max(1.0), 6.0), Sense::hover());
                let round = CornerRadius::same(3);
                ui.painter().rect_filled(rect, round, t.unmeasured.gamma_multiply(0.4));
                let share = score.probability.clamp(0.0, 1.0);
                let bar = Rect::from_min_size(rect.min, vec2((rect.width() * share).max(2.0), rect.height()));
                ui.painter().rect_filled(bar, round, colour);
            });
        });
        ui.add_space(3.0);
    }
}

fn parting_ui(ui: &mut Ui, answer: &TriedPicture, parting: &Parting, out: &mut Actions) {
    let limit = format::percent(answer.threshold);
    let words = match parting.rule {
        PartingRule::Threshold => tr!("The first operation over %{limit} noise to signal:", limit = limit),
        PartingRule::LargestRise => {
            tr!("No operation exceeds %{limit} noise to signal; most is added by:", limit = limit)
        }
    };
    caption(ui, &words);
    operation_ui(ui, parting, &format::percent(parting.nsr), out);
    let steepest = answer.largest_rise.as_ref().filter(|_| parting.rule == PartingRule::Threshold);
    if let Some(steepest) = steepest.filter(|s| s.place != parting.place) {
        caption(ui, "Most is added by:");
        operation_ui(ui, steepest, &format!("+{}", format::percent(steepest.rise)), out);
    }
    ui.add_space(4.0);
}

/// An operation that a click selects.
fn operation_ui(ui: &mut Ui, parting: &Parting, figure: &str, out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(figure).monospace().color(t.strong));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                // About this many characters fit; the end of a name tells it from others.
                let chars = (ui.available_width() / 7.2) as usize;
                let text = super::words::tail(&parting.name, chars.max(8));
                let link = ui.link(RichText::new(text).color(t.accent));
                let link = link.on_hover_text(tr!("Select %{name}", name = parting.name));
                if link.accessible_name(tr!("Select %{name}", name = parting.name)).clicked() {
                    out.push(Action::Select(Some(parting.name.clone())));
                }
            });
        });
    });
}

/// Noise:signal from the input to the scores. A click selects the operation.
fn depth_ui(ui: &mut Ui, answer: &TriedPicture, out: &mut Actions) {
    let t = tokens(ui);
    let height = |nsr: f64| nsr.max(FLOOR).log10();
    let points: Vec<[f64; 2]> =
        answer.depth.iter().enumerate().map(|(i, d)| [i as f64, height(d.nsr)]).collect();
    let percent = |mark: egui_plot::GridMark| {
        let whole = mark.value.fract().abs() < 1e-6;
        if whole { format!("{}%", 10f64.powf(mark.value + 2.0)) } else { String::new() }
    };
    let drawn = plot(ui, "depth", 130.0)
        .custom_y_axes(vec![y_axis(t, percent)])
        .custom_x_axes(Vec::new())
        .y_grid_spacer(egui_plot::uniform_grid_spacer(|_| [1.0, 1.0, 1.0]));
    let name = tr!("Noise to signal along the network");
    let (threshold, place) = (height(answer.threshold), answer.parting.as_ref().map(|p| p.place));
    let shown = show(ui, drawn, &name, |plot| {
        plot.hline(HLine::new("", threshold).stroke(Stroke::new(1.0, t.warn)).allow_hover(false));
        if let Some(place) = place {
            let line = VLine::new("", place as f64).stroke(Stroke::new(1.0, t.edge)).allow_hover(false);
            plot.vline(line);
        }
        let line: PlotPoints<'_> = points.clone().into();
        plot.line(
            Line::new("", line).stroke(Stroke::new(1.2, t.accent)).allow_band(false).allow_hover(false),
        );
        let dots: PlotPoints<'_> = points.into();
        plot.points(Points::new("", dots).radius(1.8).color(t.accent).allow_hover(false));
        if let Some(place) = place {
            let dot: PlotPoints<'_> = vec![[place as f64, height(answer.depth[place].nsr)]].into();
            plot.points(Points::new("", dot).radius(4.0).color(t.warn).allow_hover(false));
        }
    });
    let response = shown.response;
    let at = response.hover_pos().map(|p| shown.transform.value_from_position(p).x.round().max(0.0) as usize);
    let point = at.and_then(|i| answer.depth.get(i));
    if let Some(point) = point {
        if response.clicked() && !point.is_input {
            out.push(Action::Select(Some(point.name.clone())));
        }
        response.on_hover_text_at_pointer(format!("{}\n{}", point.name, format::percent(point.nsr)));
    }
    let words = tr!("From the input to the scores; a click selects the operation");
    ui.add(Label::new(RichText::new(words).small().color(t.weak)).wrap());
}
