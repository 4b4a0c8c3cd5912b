//! Under the graph: what the colours mean, and how much of the graph is unfolded.

use egui::{
    Align, Align2, ComboBox, CornerRadius, FontId, Layout, Mesh, Rect, RichText, Sense, Ui, pos2, vec2,
};

use super::widgets::quiet_button;
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::heat::{self, Scale};
use crate::window::state::{Heat, State};
use crate::window::theme::tokens;

/// The strip under the graph.
pub(super) fn legend_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    if state.model.open.is_none() {
        return;
    }
    ui.horizontal_centered(|ui| {
        let t = tokens(ui);
        ui.label(RichText::new("Heat").color(t.weak));
        heat_choice_ui(ui, state, out);
        match super::graph::scale(state) {
            Some(scale) if state.graph.heat != Heat::Off => scale_ui(ui, scale),
            _ if state.report().is_none() => {
                ui.label(RichText::new("Quantize to see where the error is.").color(t.weak));
            }
            _ => {}
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if quiet_button(ui, "Fit").on_hover_text("Keep the whole graph in view (F)").clicked() {
                out.push(Action::Fit);
            }
            let all_open =
                state.model.open.as_ref().is_some_and(|m| state.graph.open.len() == m.groups.len());
            let text = if all_open { "Fold all" } else { "Unfold all" };
            if quiet_button(ui, text).on_hover_text("Blocks list their operations").clicked() {
                out.push(Action::OpenAllGroups(!all_open));
            }
        });
    });
}

fn heat_choice_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let combo = ComboBox::from_id_salt("heat").selected_text(state.graph.heat.words()).width(126.0);
    let shown = combo.show_ui(ui, |ui| {
        for heat in Heat::ALL {
            let label = ui.selectable_label(state.graph.heat == heat, heat.words());
            if label.on_hover_text(heat.explanation()).clicked() {
                out.push(Action::SetHeat(heat));
            }
        }
    });
    shown.response.accessible_name("Heat").on_hover_text(state.graph.heat.explanation());
}

/// The colours with their numbers, and grey.
fn scale_ui(ui: &mut Ui, scale: Scale) {
    let t = tokens(ui);
    let font = FontId::monospace(10.5);
    ui.label(RichText::new(format::percent(scale.low)).font(font.clone()).color(t.text));
    let (rect, _) = ui.allocate_exact_size(vec2(180.0, 26.0), Sense::hover());
    let bar = Rect::from_min_max(rect.min + vec2(0.0, 3.0), pos2(rect.right(), rect.top() + 13.0));
    gradient_ui(ui, bar);
    for tick in scale.ticks() {
        let at = scale.position(tick);
        let x = bar.left() + at * bar.width();
        ui.painter().vline(x, bar.bottom()..=bar.bottom() + 2.0, egui::Stroke::new(1.0, t.edge));
        if (0.08..0.92).contains(&at) {
            ui.painter().text(
                pos2(x, bar.bottom() + 2.0),
                Align2::CENTER_TOP,
                short_percent(tick),
                FontId::monospace(9.0),
                t.weak,
            );
        }
    }
    ui.label(RichText::new(format::percent(scale.high)).font(font).color(t.text));
    ui.add_space(8.0);
    let (chip, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
    ui.painter().rect_filled(chip, CornerRadius::same(3), t.unmeasured);
    ui.label(RichText::new("not measured").small().color(t.weak));
}

/// A power of ten as per cent, without zeros behind the point.
fn short_percent(fraction: f64) -> String {
    let text = format!("{:.6}", fraction * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn gradient_ui(ui: &Ui, bar: Rect) {
    const STEPS: u32 = 48;
    let mut mesh = Mesh::default();
    for i in 0..=STEPS {
        let f = i as f32 / STEPS as f32;
        let x = bar.left() + f * bar.width();
        mesh.colored_vertex(pos2(x, bar.top()), heat::colour(f));
        mesh.colored_vertex(pos2(x, bar.bottom()), heat::colour(f));
        if i > 0 {
            let k = i * 2;
            mesh.add_triangle(k - 2, k - 1, k);
            mesh.add_triangle(k - 1, k, k + 1);
        }
    }
    ui.painter().add(mesh);
}
