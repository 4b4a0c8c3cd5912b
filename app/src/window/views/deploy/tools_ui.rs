//! What of the tool chain is there, and how to get what is missing.

use egui::{Align, Label, Layout, RichText, Ui};
use octet_engine::doctor::{Finding, State as Found};

use super::steps_ui::sign_ui;
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::state::{State, StepStatus, command_of, in_window};
use crate::window::theme::{GAP, SECTION, tokens};
use crate::window::views::icon_ui::{Icon, icon_button};
use crate::window::views::widgets::{caption, card, quiet_button};
use crate::{key, tr};

/// The tools for the run's chip.
pub(super) fn tools_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    let deploy = &state.deploy;
    ui.add_space(SECTION - GAP);
    ui.horizontal(|ui| {
        ui.label(RichText::new(tr!("Tools")).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if deploy.looks_at_tools {
                ui.add(egui::Spinner::new().size(16.0).color(t.accent));
            } else if icon_button(ui, Icon::Again, &tr!("Look at the tools again")).clicked() {
                out.push(Action::Deploy(DeployAction::ExamineTools));
            }
        });
    });
    card(ui, |ui| {
        if deploy.tools.is_none() {
            caption(ui, "Looking at the tools…");
            return;
        }
        let chip = state.report().map_or("", |r| r.target.as_str());
        for tool in deploy.tools_for(chip) {
            tool_ui(ui, tool, out);
        }
    });
}

fn tool_ui(ui: &mut Ui, tool: &Finding, out: &mut Actions) {
    let t = tokens(ui);
    let (status, word, colour) = match tool.state {
        Found::Present => (StepStatus::Done, "found", t.weak),
        Found::Missing => (StepStatus::Failed, "missing", t.error),
        Found::Problem => (StepStatus::Failed, key!("not good enough"), t.warn),
    };
    ui.horizontal(|ui| {
        sign_ui(ui, status, 14.0);
        ui.label(RichText::new(tr!(tool.name)).color(t.text));
        ui.label(RichText::new(tr!(word)).small().color(colour)).on_hover_text(tr!(tool.needed_for));
    });
    let is_version = tool.state != Found::Missing && !tool.details.is_empty();
    if is_version {
        ui.horizontal(|ui| {
            ui.add_space(14.0 + ui.spacing().item_spacing.x);
            let details = RichText::new(&tool.details).small().color(t.weak);
            ui.add(Label::new(details).truncate()).on_hover_text(&tool.details);
        });
    }
    let Some(remedy) = &tool.remedy else { return };
    ui.add(Label::new(RichText::new(in_window(remedy)).small().color(t.text)).wrap());
    if let Some(command) = command_of(remedy) {
        let button = quiet_button(ui, "Copy the command").on_hover_text(command);
        if button.accessible_name(tr!("Copy %{command}", command = command)).clicked() {
            out.push(Action::Deploy(DeployAction::Copy(command.to_owned())));
        }
    }
    ui.add_space(2.0);
}
