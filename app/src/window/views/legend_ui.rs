//! Under the graph: what the colours mean.

use egui::{ComboBox, CornerRadius, FontId, RichText, Sense, Ui, vec2};

use crate::window::actions::{Action, Actions, GraphAction};
use crate::window::picture::paint_scale;
use crate::window::state::{Heat, HeatSide, State};
use crate::window::theme::tokens;
use crate::{key, tr};

/// The strip under the graph.
pub(super) fn legend_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    if state.model.open.is_none() {
        return;
    }
    ui.horizontal_centered(|ui| {
        let t = tokens(ui);
        ui.label(RichText::new(tr!("Heat")).color(t.weak));
        heat_choice_ui(ui, state, out);
        if state.report().is_none() {
            ui.label(RichText::new(tr!("Quantize to see where the error is.")).color(t.weak));
            return;
        }
        if state.runs.all.len() > 1 {
            side_choice_ui(ui, state, out);
        }
        if state.graph.heat != Heat::Off {
            scale_ui(ui, state, out);
        }
    });
}

fn heat_choice_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let combo = ComboBox::from_id_salt("heat").selected_text(tr!(state.graph.heat.words())).width(126.0);
    let shown = combo.show_ui(ui, |ui| {
        for heat in Heat::ALL {
            let label = ui.selectable_label(state.graph.heat == heat, tr!(heat.words()));
            if label.on_hover_text(tr!(heat.explanation())).clicked() {
                out.push(Action::Graph(GraphAction::SetHeat(heat)));
            }
        }
    });
    shown.response.accessible_name(tr!("Heat")).on_hover_text(tr!(state.graph.heat.explanation()));
}

/// Whose figures: of the run on display, of the one it is compared with, or the difference.
fn side_choice_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let runs = &state.runs;
    let reference = runs.reference();
    let side = if reference.is_some() { state.graph.side } else { HeatSide::Shown };
    let combo = ComboBox::from_id_salt("heat side").selected_text(tr!(side.words())).width(92.0);
    let shown = combo.show_ui(ui, |ui| {
        if let (Some(a), Some(b)) = (reference, runs.shown()) {
            for choice in HeatSide::ALL {
                let text = match choice {
                    HeatSide::Shown => format!("{}: {}", tr!(choice.words()), b.name()),
                    HeatSide::Reference => format!("{}: {}", tr!(choice.words()), a.name()),
                    HeatSide::Difference => tr!(choice.words()).into_owned(),
                };
                if ui.selectable_label(side == choice, text).clicked() {
                    out.push(Action::Graph(GraphAction::SetSide(choice)));
                }
            }
            ui.separator();
        }
        ui.label(RichText::new(tr!("Compare with run A:")).small().color(tokens(ui).weak));
        for (index, run) in runs.all.iter().enumerate().filter(|(i, _)| Some(*i) != runs.shown) {
            let is_reference = runs.reference == Some(index);
            if ui.selectable_label(is_reference, format!("#{} {}", index + 1, run.name())).clicked() {
                let choice = (!is_reference).then_some(index);
                out.push(Action::Graph(GraphAction::CompareWith(choice)));
            }
        }
    });
    let tip = tr!("Colours show the run on display (B), the one it is compared with (A), or what changed");
    shown.response.accessible_name(tr!("Run")).on_hover_text(tip);
}

/// The colours with their numbers, and grey.
fn scale_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    let Some(heat) = super::graph::heat_map(ui, state) else { return };
    let request = &heat.request;
    let font = FontId::monospace(10.5);
    let Some(scale) = &heat.scale else {
        ui.label(RichText::new(tr!("not measured in this run")).color(t.weak));
        return;
    };
    if !request.heat.is_linear() {
        let (text, other) = if state.graph.linear { (key!("linear"), false) } else { (key!("log"), true) };
        let button = ui
            .button(RichText::new(tr!(text)).color(t.weak))
            .on_hover_text(tr!("Logarithmic or linear scale"));
        button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, tr!("Scale")));
        if button.clicked() {
            out.push(Action::Graph(GraphAction::SetLinear(other)));
        }
    }
    ui.label(RichText::new(request.words(scale.low)).font(font.clone()).color(t.text));
    let width = (ui.available_width() - 190.0).clamp(60.0, 240.0);
    let (rect, _) = ui.allocate_exact_size(vec2(width, 26.0), Sense::hover());
    paint_scale(ui.painter(), rect, scale, request, t);
    ui.label(RichText::new(request.words(scale.high)).font(font).color(t.text));
    ui.add_space(8.0);
    let (chip, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
    ui.painter().rect_filled(chip, CornerRadius::same(3), t.unmeasured);
    ui.label(RichText::new(tr!("not measured")).small().color(t.weak));
}
