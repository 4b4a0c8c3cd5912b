//! The chain of strategies: their order, ready-made chains, and files of chains.

use egui::{Align, Id, Label, Layout, RichText, Sense, Ui};

use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, card, notice, quiet_button, section};
use crate::window::actions::{Action, Actions, StrategyAction};
use crate::window::backend::{Pick, PluginDescription};
use crate::window::state::State;
use crate::window::theme::{GAP, figures, tokens};
use crate::{tr, trn};

/// The pipeline.
pub(super) fn pipeline_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    section(ui, "Pipeline");
    let chain = &state.strategies.chain;
    if chain.is_empty() {
        caption(ui, "Nothing yet: take a ready-made one, or tick plugins below.");
    } else {
        card(ui, |ui| {
            for index in 0..chain.len() {
                strategy_ui(ui, state, index, out);
            }
        });
    }
    if let Some(words) = state.strategies.order_in_words() {
        notice(ui, tokens(ui).warn, "This pipeline cannot run", &words);
    }
    presets_ui(ui, state, out);
    ui.horizontal(|ui| {
        if quiet_button(ui, "Load…")
            .on_hover_text(crate::tr!("Load a pipeline from a file or a run folder"))
            .clicked()
        {
            out.push(Action::Ask(Pick::OpenPipeline));
        }
        ui.add_enabled_ui(!chain.is_empty(), |ui| {
            if quiet_button(ui, "Save…")
                .on_hover_text(crate::tr!("Save the strategies with their settings"))
                .clicked()
            {
                out.push(Action::Ask(Pick::SavePipeline));
            }
        });
    });
}

/// A strategy of the chain: it can be dragged, moved by buttons, or taken out.
fn strategy_ui(ui: &mut Ui, state: &State, index: usize, out: &mut Actions) {
    let t = tokens(ui);
    let chain = &state.strategies.chain;
    let id = &chain[index].id;
    let name = state.strategies.plugin(id).map_or(id.as_str(), |p| p.name.as_str());
    let changed = chain[index].settings.len();
    let is_here = state.strategies.found.is_none() || state.strategies.plugin(id).is_some();
    let row = ui.horizontal(|ui| {
        let number = RichText::new((index + 1).to_string()).font(figures()).color(t.weak);
        ui.label(number);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::Cross, &tr!("Take %{name} out of the pipeline", name = name)).clicked() {
                out.push(Action::ToggleStrategy(id.clone()));
            }
            if index + 1 < chain.len()
                && icon_button(ui, Icon::Down, &tr!("Run %{name} later", name = name)).clicked()
            {
                out.push(Action::Strategy(StrategyAction::Move { from: index, to: index + 1 }));
            }
            if index > 0 && icon_button(ui, Icon::Up, &tr!("Run %{name} earlier", name = name)).clicked() {
                out.push(Action::Strategy(StrategyAction::Move { from: index, to: index - 1 }));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(
                    Label::new(RichText::new(name).color(if is_here { t.strong } else { t.warn })).truncate(),
                );
                if !is_here {
                    let words = RichText::new(tr!("missing")).small().color(t.warn);
                    ui.add(Label::new(words).truncate())
                        .on_hover_text(tr!("No plugin of this name is here. Its settings are kept."));
                }
                if changed > 0 {
                    let words = trn!(changed, "1 setting", "%{n} settings");
                    ui.add(Label::new(RichText::new(words).small().color(t.accent)).truncate());
                }
            });
        });
    });
    if chain.len() < 2 {
        return;
    }
    // The handle is what the buttons leave free of the row.
    let mut handle = row.response.rect;
    handle.set_right(handle.right() - 3.0 * (24.0 + GAP));
    let drag = ui.interact(handle, Id::unique(("strategy of the chain", id)), Sense::drag());
    drag.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{}: {name}", index + 1)));
    drag.dnd_set_drag_payload(index);
    if drag.hovered() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Grab);
    }
    if row.response.contains_pointer() && egui::DragAndDrop::has_payload_of_type::<usize>(ui.ctx()) {
        ui.painter().hline(
            handle.x_range(),
            row.response.rect.bottom() + 2.0,
            egui::Stroke::new(2.0, t.accent),
        );
    }
    let target = ui.interact(row.response.rect, Id::unique(("place of the chain", index)), Sense::hover());
    if let Some(from) = target.dnd_release_payload::<usize>().filter(|from| **from != index) {
        out.push(Action::Strategy(StrategyAction::Move { from: *from, to: index }));
    }
}

/// Ready-made chains, of the plugins that are there.
fn presets_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let presets = state.strategies.presets();
    if presets.is_empty() {
        return;
    }
    ui.add_space(2.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for preset in presets {
            let last = |p: &&PluginDescription| p.id.rsplit('.').next().unwrap_or(&p.id).to_owned();
            let words = preset.iter().map(last).collect::<Vec<_>>().join(" → ");
            let ids: Vec<String> = preset.iter().map(|p| p.id.clone()).collect();
            let is_it = state.strategies.chain.iter().map(|c| &c.id).eq(ids.iter());
            let button = egui::Button::selectable(is_it, RichText::new(&words).small());
            let button = ui.add(button.frame(true).frame_when_inactive(true));
            if button.accessible_name(tr!("Pipeline %{words}", words = words)).clicked() {
                out.push(Action::Strategy(StrategyAction::Preset(ids)));
            }
        }
    });
}
