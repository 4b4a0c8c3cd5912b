//! The third step's page: the pipeline, the plugins and their settings.

use egui::{Label, RichText, Ui};

use super::bar_ui::chip;
use super::pipeline_ui::pipeline_ui;
use super::settings_ui::settings_ui;
use super::widgets::{caption, card, heading, notice, problem_ui, quiet_button, section};
use crate::window::actions::{Action, Actions, StrategyAction};
use crate::window::backend::{Pick, PluginDescription, RefusedPlugin};
use crate::window::state::{Place, State};
use crate::window::theme::{GAP, tokens};
use crate::{key, tr};

/// The strategies' page.
pub(super) fn strategy_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Strategy");
    caption(
        ui,
        "A strategy decides widths and exponents. Several run one after the other, each on what the one before it left.",
    );
    problem_ui(ui, state, Place::Strategy, out);
    pipeline_ui(ui, state, out);
    section(ui, "Plugins");
    match state.strategies.found.as_deref() {
        None => caption(ui, "Looking for plugins…"),
        Some([]) => {
            let t = tokens(ui);
            let detail = key!(
                "Octet looks in $OCTET_PLUGIN_PATH, in the data folder octet/plugins, and next to its binary. Install one below, or drop its file on the window."
            );
            notice(ui, t.warn, "No strategy plugins were found", detail);
        }
        Some(found) => {
            for plugin in found {
                plugin_ui(ui, state, plugin, out);
                ui.add_space(2.0);
            }
        }
    }
    ui.add_space(GAP / 2.0);
    ui.horizontal(|ui| {
        let install = ui.button(crate::tr!("Install a plugin…")).on_hover_text(tr!(
            "Octet shows its path and SHA-256 and asks before it is loaded. A plugin file can be dropped on the window as well."
        ));
        if install.clicked() {
            out.push(Action::Ask(Pick::Plugin));
        }
        if quiet_button(ui, "Look again").on_hover_text(crate::tr!("Look for plugins again")).clicked() {
            out.push(Action::FindPlugins);
        }
    });
    let refused = &state.strategies.refused;
    if !refused.is_empty() {
        section(ui, "Files that are not used");
        for plugin in refused {
            refused_ui(ui, plugin, out);
        }
    }
}

fn plugin_ui(ui: &mut Ui, state: &State, plugin: &PluginDescription, out: &mut Actions) {
    let t = tokens(ui);
    let position = state.strategies.position(&plugin.id);
    card(ui, |ui| {
        let mut ticked = position.is_some();
        if ui.checkbox(&mut ticked, &plugin.name).changed() {
            out.push(Action::ToggleStrategy(plugin.id.clone()));
        }
        ui.add(Label::new(RichText::new(tr!(&plugin.description)).small().color(t.text)).wrap());
        let origin = format!("{} {} · {}", plugin.id, plugin.version, plugin.vendor);
        ui.add(Label::new(RichText::new(origin).small().color(t.weak)).truncate());
        targets_ui(ui, state, plugin);
        if position.is_some() && !plugin.fields.is_empty() {
            ui.add_space(4.0);
            ui.separator();
            settings_ui(ui, state, plugin, out);
        }
    });
}

/// The chips that a plugin is made for; a warning when the chosen one is none of them.
fn targets_ui(ui: &mut Ui, state: &State, plugin: &PluginDescription) {
    let t = tokens(ui);
    if plugin.targets.is_empty() {
        ui.label(RichText::new(crate::tr!("for all chips")).small().color(t.weak));
        return;
    }
    let made = plugin.targets.iter().map(|p| chip(p)).collect::<Vec<_>>().join(", ");
    let target = state.target.0.name;
    if plugin.targets.iter().any(|p| p == target) {
        ui.add(Label::new(RichText::new(tr!("for %{chips}", chips = made)).small().color(t.weak)).wrap());
    } else {
        let title = tr!("Not made for %{chip}", chip = chip(target));
        notice(ui, t.warn, &title, &tr!("It is made for %{chips}.", chips = made));
    }
}

/// A library that is not used, and why; one that nobody trusts yet can be looked at.
fn refused_ui(ui: &mut Ui, refused: &RefusedPlugin, out: &mut Actions) {
    let t = tokens(ui);
    let name = refused.path.file_name().unwrap_or(refused.path.as_os_str()).to_string_lossy();
    ui.add_space(2.0);
    if refused.can_be_trusted {
        notice(
            ui,
            t.accent,
            &tr!("New plugin: %{name}", name = name),
            key!("It is loaded once you say that you trust it."),
        );
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            let button = ui.button(crate::tr!("Look at it…"));
            if button.accessible_name(tr!("Look at %{name}", name = name)).clicked() {
                let offer = StrategyAction::Offer { path: refused.path.clone(), in_place: true };
                out.push(Action::Strategy(offer));
            }
        });
    } else {
        notice(ui, t.warn, &tr!("Not used: %{name}", name = name), &refused.reason);
    }
    let path = RichText::new(refused.path.display().to_string()).small().color(t.weak);
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.add(Label::new(path).truncate());
    });
}
