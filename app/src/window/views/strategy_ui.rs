//! The third step's page: strategies and their settings.

use egui::{Label, RichText, Ui};

use super::bar_ui::chip;
use super::settings_ui::settings_ui;
use super::widgets::{caption, card, heading, notice, problem_ui, quiet_button};
use crate::window::actions::{Action, Actions};
use crate::window::backend::{PluginDescription, RefusedPlugin};
use crate::window::state::{Place, State};
use crate::window::theme::{GAP, tokens};

/// The strategies' page.
pub(super) fn strategy_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Strategy");
    caption(
        ui,
        "A strategy decides widths and exponents. Several run one after the other, in the order in which they are ticked.",
    );
    problem_ui(ui, state, Place::Strategy);
    ui.add_space(GAP);
    match state.strategies.found.as_deref() {
        None => caption(ui, "Looking for plugins…"),
        Some([]) => {
            let t = tokens(ui);
            let detail = "Octet looks in $OCTET_PLUGIN_PATH, in the data folder octet/plugins, and next to its binary.";
            notice(ui, t.warn, "No strategy plugins were found", detail);
        }
        Some(found) => {
            for plugin in found {
                plugin_ui(ui, state, plugin, out);
                ui.add_space(2.0);
            }
        }
    }
    for refused in &state.strategies.refused {
        refused_ui(ui, refused, out);
    }
    if quiet_button(ui, "Look again").on_hover_text("Look for plugins again").clicked() {
        out.push(Action::FindPlugins);
    }
}

fn plugin_ui(ui: &mut Ui, state: &State, plugin: &PluginDescription, out: &mut Actions) {
    let t = tokens(ui);
    let position = state.strategies.position(&plugin.id);
    card(ui, |ui| {
        let mut ticked = position.is_some();
        ui.horizontal(|ui| {
            if ui.checkbox(&mut ticked, &plugin.name).changed() {
                out.push(Action::ToggleStrategy(plugin.id.clone()));
            }
            if let Some(position) = position.filter(|_| state.strategies.chain.len() > 1) {
                ui.label(RichText::new(format!("runs {}", ordinal(position + 1))).small().color(t.accent));
            }
        });
        ui.add(Label::new(RichText::new(&plugin.description).small().color(t.weak)).wrap());
        let origin = format!("{} {} · {}", plugin.id, plugin.version, plugin.vendor);
        ui.add(Label::new(RichText::new(origin).small().color(t.weak)).truncate());
        let target = state.target.0.name;
        if !plugin.targets.is_empty() && !plugin.targets.iter().any(|p| p == target) {
            let made = plugin.targets.iter().map(|p| chip(p)).collect::<Vec<_>>().join(", ");
            let title = format!("Not made for {}", chip(target));
            notice(ui, t.warn, &title, &format!("It is made for {made}."));
        }
        if position.is_some() && !plugin.fields.is_empty() {
            ui.add_space(4.0);
            ui.separator();
            settings_ui(ui, &state.strategies, plugin, out);
        }
    });
}

/// A library that is not used; one click trusts it when that is all it needs.
fn refused_ui(ui: &mut Ui, refused: &RefusedPlugin, out: &mut Actions) {
    let name = refused.path.file_name().unwrap_or(refused.path.as_os_str()).to_string_lossy();
    ui.add_space(GAP);
    let title = if refused.can_be_trusted { "New plugin" } else { "Not used" };
    notice(ui, tokens(ui).warn, &format!("{title}: {name}"), &refused.reason);
    if refused.can_be_trusted {
        let button = ui.button("Trust and load").on_hover_text(
            "A plugin is a program that runs with your rights. Octet remembers this very file by its SHA-256.",
        );
        if button.accessible_name(format!("Trust and load {name}")).clicked() {
            out.push(Action::Trust(refused.path.clone()));
        }
    }
}

fn ordinal(n: usize) -> String {
    match n {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        n => format!("as number {n}"),
    }
}
