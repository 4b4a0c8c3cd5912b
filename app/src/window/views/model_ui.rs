//! The first step's page: the model in figures.

use egui::{RichText, Ui};

use super::missing_ui::missing_ui;
use super::widgets::{caption, card, fact, heading, problem_ui, quiet_button, section};
use crate::window::actions::{Action, Actions};
use crate::window::backend::Pick;
use crate::window::format;
use crate::window::graph::GroupKind;
use crate::window::state::{Model, Place, State};
use crate::window::theme::{GAP, tokens};

/// The model's page.
pub(super) fn model_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Model");
    problem_ui(ui, state, Place::Model, out);
    missing_ui(ui, state, out);
    if let Some(model) = &state.model.open {
        facts_ui(ui, model);
    } else if state.model.opening.is_some() {
        caption(ui, "The file is being read.");
    } else {
        caption(ui, "Open a MobileNetV2 as an .onnx file, or drop one on the window.");
    }
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        if ui.button(crate::tr!("Open…")).clicked() {
            out.push(Action::Ask(Pick::Model));
        }
        if quiet_button(ui, "Type a path…").clicked() {
            out.push(Action::ShowPathField(Pick::Model));
        }
    });
}

fn facts_ui(ui: &mut Ui, model: &Model) {
    let t = tokens(ui);
    let network = &model.network;
    ui.label(RichText::new(&network.name).color(t.text));
    ui.add_space(4.0);
    let blocks = model.groups.iter().filter(|g| matches!(g.kind, GroupKind::InvertedResidual { .. }));
    card(ui, |ui| {
        fact(ui, "Input", &format::shape(&network.tensor(network.input).shape));
        fact(ui, "Output", &format::shape(&network.tensor(network.output).shape));
        fact(ui, "Nodes", &network.nodes.len().to_string());
        fact(ui, "Inverted residual blocks", &blocks.count().to_string());
        fact(ui, "Multiply-accumulates", &format::count(model.macs));
        fact(ui, "Parameters", &format::count(model.parameters));
        fact(ui, "Opset", &network.opset.to_string());
    });
    if !model.notes.is_empty() {
        section(ui, "While opening");
        for note in &model.notes {
            caption(ui, note);
        }
    }
    section(ui, "File");
    let path = model.path.display().to_string();
    ui.add(egui::Label::new(RichText::new(&path).small().color(t.weak)).wrap());
    if !model.sha256.is_empty() {
        let short: String = model.sha256.chars().take(16).collect();
        let label = ui.label(RichText::new(format!("SHA-256 {short}…")).small().color(t.weak));
        label.on_hover_text(&model.sha256);
    }
}
