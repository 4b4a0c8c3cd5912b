//! The question whether a plugin may be trusted, and what it says it is once it is.

use egui::{Frame, Id, Label, Margin, Modal, RichText, Ui};
use octet_engine::host::PluginFile;

use super::bar_ui::chip;
use super::widgets::{caption, card, notice, primary_button, quiet_button};
use crate::window::actions::{Action, Actions, StrategyAction};
use crate::window::backend::PluginDescription;
use crate::window::format;
use crate::window::state::{Offer, State};
use crate::window::theme::{GAP, figures, tokens};
use crate::{key, tr};

/// The page about a plugin file on its way in.
pub(super) fn offer_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let Some(offer) = &state.strategies.offer else { return };
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let shown = Modal::new(Id::unique("plugin offer")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(ui.ctx().content_rect().width().min(590.0) - 40.0);
        match offer {
            Offer::Looking(_) => waiting_ui(ui, key!("Looking at the file…")),
            Offer::Ask { file, in_place } => ask_ui(ui, file, *in_place, out),
            Offer::Installing(_) => waiting_ui(ui, key!("Asking the plugin what it is…")),
            Offer::Installed(plugin) => installed_ui(ui, state, plugin, out),
        }
    });
    if shown.should_close() && !matches!(offer, Offer::Installing(_)) {
        out.push(Action::Strategy(StrategyAction::CloseOffer));
    }
}

fn waiting_ui(ui: &mut Ui, words: &str) {
    ui.horizontal(|ui| {
        ui.add(egui::Spinner::new().size(16.0).color(tokens(ui).accent));
        caption(ui, words);
    });
}

fn title(ui: &mut Ui, text: &str) {
    let colour = tokens(ui).strong;
    ui.label(RichText::new(text).size(18.0).color(colour));
    ui.add_space(GAP / 2.0);
}

fn row(ui: &mut Ui, name: &str, value: &str) {
    let t = tokens(ui);
    ui.label(RichText::new(name).small().color(t.weak));
    let text = RichText::new(value).font(figures()).color(t.strong);
    ui.add(Label::new(text).wrap().selectable(true));
}

fn ask_ui(ui: &mut Ui, file: &PluginFile, in_place: bool, out: &mut Actions) {
    let t = tokens(ui);
    title(ui, &tr!("Do you trust this plugin?"));
    caption(
        ui,
        "A plugin is a program that runs with your rights. It has not been loaded; what it says it is can only be asked once you trust it. Compare the SHA-256 with the one that its maker gives.",
    );
    ui.add_space(GAP);
    card(ui, |ui| {
        row(ui, &tr!("File"), &file.path.display().to_string());
        row(ui, "SHA-256", &file.sha256);
        row(ui, &tr!("Size"), &format::bytes(file.bytes));
        if !in_place {
            row(ui, &tr!("Will be copied to"), &file.destination.display().to_string());
        }
    });
    if file.replaces && !in_place {
        notice(ui, t.warn, "Another version lies there and will be replaced", "");
    }
    if file.trusted {
        caption(ui, "You trusted this very file before.");
    }
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        let words = if in_place { key!("Trust and load") } else { key!("Trust and install") };
        if primary_button(ui, words, true).clicked() {
            out.push(Action::Strategy(StrategyAction::AcceptOffer));
        }
        if quiet_button(ui, "Do not trust it").clicked() {
            out.push(Action::Strategy(StrategyAction::CloseOffer));
        }
    });
}

fn installed_ui(ui: &mut Ui, state: &State, plugin: &PluginDescription, out: &mut Actions) {
    title(ui, &tr!("%{name} is installed", name = plugin.name));
    caption(ui, &plugin.description);
    ui.add_space(GAP);
    card(ui, |ui| {
        row(ui, &tr!("It calls itself"), &plugin.id);
        row(ui, &tr!("Version"), &plugin.version);
        row(ui, &tr!("Made by"), &plugin.vendor);
        let all = tr!("all chips");
        let chips = plugin.targets.iter().map(|t| chip(t)).collect::<Vec<_>>().join(", ");
        row(ui, &tr!("For"), if chips.is_empty() { &all } else { &chips });
    });
    ui.add_space(GAP);
    let is_listed = state.strategies.plugin(&plugin.id).is_some();
    let is_chosen = state.strategies.position(&plugin.id).is_some();
    ui.horizontal(|ui| {
        if !is_chosen && primary_button(ui, "Add to the pipeline", is_listed).clicked() {
            out.push(Action::ToggleStrategy(plugin.id.clone()));
            out.push(Action::Strategy(StrategyAction::CloseOffer));
        }
        if quiet_button(ui, "Close").clicked() {
            out.push(Action::Strategy(StrategyAction::CloseOffer));
        }
    });
}
