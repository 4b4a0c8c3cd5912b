//! The board against the desktop, and how long it took.

use egui::{Align, Label, Layout, RichText, Sense, Ui};
use octet_engine::deploy::{Measurement, Verification};

use crate::tr;
use crate::window::actions::{Action, Actions, DeployAction, GraphAction};
use crate::window::format;
use crate::window::state::{Deployment, Heat, State};
use crate::window::theme::{figures, tokens};
use crate::window::views::bar_ui::chip;
use crate::window::views::widgets::{caption, card, fact, notice, quiet_button, section};
use crate::window::words;

/// Layers that are listed.
const SLOWEST: usize = 8;

/// Equal, or the first tensor that differs.
pub(super) fn verdict_ui(ui: &mut Ui, state: &State, deployment: &Deployment, out: &mut Actions) {
    let Some(verification) = &deployment.verification else { return };
    let t = tokens(ui);
    match (&verification.first_difference, verification.output_matches) {
        (Some(difference), _) => {
            let title = tr!(
                "The first tensor that differs is number %{n}: %{name}",
                n = difference.index,
                name = difference.name
            );
            let detail = tr!(
                "CRC32 %{board} on the board, %{desktop} on the desktop",
                board = format!("{:08x}", difference.board_crc32),
                desktop = format!("{:08x}", difference.desktop_crc32)
            );
            notice(ui, t.error, &title, &detail);
            if ui.button(tr!("Show it in the graph")).clicked() {
                out.push(Action::Deploy(DeployAction::ShowTensor(difference.name.clone())));
            }
        }
        (None, false) => notice(ui, t.error, "The output is not the one that is stored in the model", ""),
        (None, true) => equal_ui(ui, verification),
    }
    measured_facts_ui(ui, &verification.measurement);
    if let Some(estimated) = state.report().and_then(|r| r.latency.estimated_ms) {
        fact(ui, "Estimate", &format!("≈ {estimated:.0} ms"));
    }
}

fn equal_ui(ui: &mut Ui, verification: &Verification) {
    let t = tokens(ui);
    if verification.tensors == 0 {
        notice(ui, t.accent, "The output is the one that is stored in the model", "");
        return;
    }
    let title = tr!("All %{n} tensors are equal", n = verification.tensors);
    let untold = match verification.untold {
        0 => String::new(),
        n => tr!("%{n} more lie inside of fused blocks", n = n).into_owned(),
    };
    notice(ui, t.accent, &title, &untold);
}

/// The times of one inference.
pub(in crate::window::views) fn measured_facts_ui(ui: &mut Ui, measured: &Measurement) {
    fact(ui, &chip(&measured.chip), &format::milliseconds(measured.network_us as f64));
    // The self-test prepares no picture.
    if let Some(us) = measured.preprocess_us.filter(|us| *us > 0) {
        fact(ui, "Pre-processing", &format::milliseconds(us as f64));
    }
    if let Some(us) = measured.postprocess_us.filter(|us| *us > 0) {
        fact(ui, "Post-processing", &format::milliseconds(us as f64));
    }
    if let Some(bytes) = measured.arena_bytes {
        fact(ui, "RAM for activations", &format::bytes(bytes));
    }
}

/// What a board measured of the run on display: in all, and the slowest operations.
pub(super) fn measured_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let Some(measured) = state.measured() else { return };
    let t = tokens(ui);
    section(ui, "Time of one inference (measured)");
    card(ui, |ui| {
        measured_facts_ui(ui, &measured.measurement);
        if let Some(estimated) = state.report().and_then(|r| r.latency.estimated_ms) {
            fact(ui, "Estimate", &format!("≈ {estimated:.0} ms"));
        }
    });
    let mut slowest: Vec<_> = measured.measurement.layers.iter().collect();
    if slowest.is_empty() {
        return;
    }
    slowest.sort_by(|a, b| b.micros.cmp(&a.micros).then_with(|| a.name.cmp(&b.name)));
    section(ui, "The slowest operations");
    card(ui, |ui| {
        caption(ui, "Measured, and before it the estimate.");
        for layer in slowest.into_iter().take(SLOWEST) {
            let estimated = state.layer(&layer.name).and_then(|l| l.latency_us);
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let time = format::milliseconds(layer.micros as f64);
                    ui.label(RichText::new(time).font(figures()).color(t.strong));
                    if let Some(estimated) = estimated {
                        let text = RichText::new(format!("≈{}", format::milliseconds_column(estimated)));
                        ui.label(text.small().color(t.weak));
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let chars = (ui.available_width() / 6.9) as usize;
                        let text = RichText::new(words::tail(&layer.name, chars.max(8))).color(t.text);
                        let name = ui.add(Label::new(text).extend().sense(Sense::click()));
                        if name.on_hover_text(&layer.name).clicked() {
                            out.push(Action::Select(Some(layer.name.clone())));
                        }
                    });
                });
            });
        }
        if state.graph.heat != Heat::Measured && quiet_button(ui, "Colour the graph by it").clicked() {
            out.push(Action::Graph(GraphAction::SetHeat(Heat::Measured)));
        }
    });
}
