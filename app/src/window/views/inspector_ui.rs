//! The selected operation.

use egui::{CornerRadius, Label, Rect, RichText, Sense, Ui, vec2};
use octet_engine::network::{Network, NodeId};
use octet_engine::report::LayerFacts;

use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, card, fact, section};
use super::{bar_ui, edit_ui, inspect, unscored_ui, words};
use crate::window::actions::{Action, Actions};
use crate::window::format;
use crate::window::heat::Scale;
use crate::window::state::{Heat, State};
use crate::window::theme::{GAP, figures, tokens};
use crate::{key, tr};

/// The inspector.
pub(super) fn inspector_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let Some(name) = &state.selection else {
        caption(ui, "Select an operation in the graph or in the table.");
        return;
    };
    let t = tokens(ui);
    let model = state.model.open.as_ref();
    let node = model.and_then(|m| Some((&m.network, m.network.find_node(name)?)));
    let layer = state.layer(name);
    let title = match (node, layer) {
        (Some((network, id)), _) => words::long(network, id),
        (None, Some(layer)) => layer.op.clone(),
        (None, None) => tr!("Operation").into_owned(),
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).size(18.0).color(t.strong));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if icon_button(ui, Icon::Cross, "Clear the selection (Esc)").clicked() {
                out.push(Action::Select(None));
            }
        });
    });
    ui.add(Label::new(RichText::new(name).small().color(t.weak)).wrap());
    ui.add_space(GAP);
    if let Some(layer) = layer {
        errors_ui(ui, state, layer);
        edit_ui::edit_card_ui(ui, state, name, out);
        unscored_ui::unscored_ui(ui, state, out);
        inspect::advice_ui(ui, state, out);
        exponents_ui(ui, state, layer);
    } else if state.report().is_some() {
        caption(ui, "The report has no figures of this operation: it is part of the one before it.");
    } else {
        caption(ui, "Its errors will be shown here once the model is quantized.");
    }
    inspect::parts_ui(ui, state, out);
    if let Some((network, id)) = node {
        inspect::attributes_ui(ui, network, id);
        shapes_ui(ui, network, id);
    }
}

fn errors_ui(ui: &mut Ui, state: &State, layer: &LayerFacts) {
    card(ui, |ui| {
        for heat in [Heat::Layerwise, Heat::Graphwise] {
            let all = state.report().map(|r| r.layers.as_slice()).unwrap_or_default();
            let scale = Scale::of(all.iter().filter_map(|l| heat.figure(l)));
            error_ui(ui, heat, heat.figure(layer), scale);
        }
        if let Some(clipped) = layer.clipped {
            fact(ui, "Clipped values", &format::percent(clipped));
        }
        if let Some(nsr) = layer.layerwise_output_only_nsr {
            fact(ui, "Layerwise, output only", &format::percent(nsr));
        }
    });
}

/// A figure with its place on the scale of all layers.
fn error_ui(ui: &mut Ui, heat: Heat, figure: Option<f64>, scale: Option<Scale>) {
    let t = tokens(ui);
    let text = figure.map_or_else(|| tr!("not measured").into_owned(), format::percent);
    let name = match heat {
        Heat::Layerwise => key!("Layerwise error"),
        _ => key!("Graphwise error"),
    };
    fact(ui, name, &text).on_hover_text(crate::tr!(heat.explanation()));
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(3), t.unmeasured.gamma_multiply(0.4));
    if let (Some(figure), Some(scale)) = (figure, scale) {
        let width = (scale.position(figure) * rect.width()).max(6.0);
        let bar = Rect::from_min_size(rect.min, vec2(width, rect.height()));
        ui.painter().rect_filled(bar, CornerRadius::same(3), scale.colour(figure));
    }
    ui.add_space(4.0);
}

fn exponents_ui(ui: &mut Ui, state: &State, layer: &LayerFacts) {
    section(ui, "Plan");
    card(ui, |ui| {
        fact(ui, "Width", &format!("int{}", layer.bits));
        fact(ui, "Output exponent", &layer.output_exponent.to_string());
        match layer.weight_exponents.as_slice() {
            [] => {}
            [one] => {
                fact(ui, "Weight exponent", &one.to_string());
            }
            many => {
                fact(ui, "Weight exponents", &format::exponents(many));
                fact(ui, "Channels", &many.len().to_string());
            }
        }
        if layer.macs > 0 {
            fact(ui, "Multiply-accumulates", &format::count(layer.macs));
        }
        if layer.weight_bytes > 0 {
            fact(ui, "Weights and bias", &format::bytes(layer.weight_bytes));
        }
        if let (Some(us), Some(report)) = (layer.latency_us, state.report()) {
            let name = tr!("Estimate on %{chip}", chip = bar_ui::chip(&report.target));
            fact(ui, &name, &format!("{:.2} ms", us / 1000.0));
        }
        if let Some(us) = state.measured().and_then(|m| m.layer_us(&layer.name)) {
            fact(ui, "Measured on the board", &format!("{:.2} ms", us / 1000.0));
        }
    });
}

fn shapes_ui(ui: &mut Ui, network: &Network, id: NodeId) {
    let t = tokens(ui);
    let node = network.node(id);
    section(ui, "Tensors");
    card(ui, |ui| {
        for (i, input) in node.inputs.iter().enumerate() {
            let tensor = network.tensor(*input);
            let role = match (tensor.data.is_some(), i) {
                (false, _) => key!("Input"),
                (true, 1) if node.op.is_computing() => key!("Weights"),
                (true, _) if node.op.is_computing() => key!("Bias"),
                (true, _) => key!("Constant"),
            };
            fact(ui, role, &format::shape(&tensor.shape)).on_hover_text(&tensor.name);
        }
        for output in &node.outputs {
            let tensor = network.tensor(*output);
            fact(ui, "Output", &format::shape(&tensor.shape)).on_hover_text(&tensor.name);
        }
    });
    if !node.absorbed.is_empty() {
        section(ui, "Merged while opening");
        for name in &node.absorbed {
            ui.add(Label::new(RichText::new(name).font(figures()).color(t.weak)).truncate());
        }
    }
}
