//! The sheet that puts a run onto a board, its page, and its line in the status bar.

mod console_ui;
mod log_ui;
mod setup_ui;
mod status_ui;
mod steps_ui;
mod tools_ui;
mod verdict_ui;

pub(super) use status_ui::status_ui;
pub(super) use verdict_ui::measured_facts_ui;

use egui::{Align, Frame, Id, Label, Layout, Margin, Modal, RichText, ScrollArea, Ui, vec2};
use egui_extras::{Size, StripBuilder};

use super::bar_ui::chip;
use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, heading, notice, primary_button, quiet_button};
use crate::tr;
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::backend::Pick;
use crate::window::state::{DeployEnd, DeployStep, Run, State, StepStatus};
use crate::window::theme::{GAP, SECTION, tokens};

/// The widest sheet.
const WIDTH: f32 = 1120.0;
/// Width of the column with what is chosen.
const SETUP_WIDTH: f32 = 336.0;
/// A narrower sheet has one column.
const TWO_COLUMNS: f32 = 760.0;

/// The sheet, while it is open.
pub(super) fn sheet_ui(ui: &Ui, state: &State, out: &mut Actions) {
    if !state.deploy.is_open {
        return;
    }
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let room = ui.ctx().content_rect().size() - vec2(72.0, 96.0);
    let shown = Modal::new(Id::unique("deploy")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(room.x.clamp(240.0, WIDTH));
        let Some(run) = state.runs.shown() else {
            heading_ui(ui, None, state, out);
            empty_ui(ui, state, out);
            return;
        };
        ui.set_height(room.y.clamp(160.0, 840.0));
        heading_ui(ui, Some(run), state, out);
        if ui.available_width() < TWO_COLUMNS {
            ScrollArea::vertical().id_salt("deploy").auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(ui.available_width() - 12.0);
                setup_ui::port_ui(ui, state, out);
                ui.add_space(SECTION);
                steps_ui::steps_ui(ui, state, out);
                ui.add_space(GAP);
                setup_ui::rest_ui(ui, state, out);
            });
            return;
        }
        let columns = StripBuilder::new(ui).size(Size::exact(SETUP_WIDTH)).size(Size::remainder());
        columns.horizontal(|mut strip| {
            strip.cell(|ui| {
                ScrollArea::vertical().id_salt("setup").auto_shrink([false, false]).show(ui, |ui| {
                    ui.set_max_width(ui.available_width() - 12.0);
                    setup_ui::port_ui(ui, state, out);
                    ui.add_space(GAP);
                    setup_ui::rest_ui(ui, state, out);
                });
            });
            strip.cell(|ui| {
                ScrollArea::vertical().id_salt("steps").auto_shrink([false, false]).show(ui, |ui| {
                    ui.set_max_width(ui.available_width() - 12.0);
                    steps_ui::steps_ui(ui, state, out);
                });
            });
        });
    });
    if shown.should_close() {
        out.push(Action::Deploy(DeployAction::Close));
    }
}

fn heading_ui(ui: &mut Ui, run: Option<&Run>, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new(tr!("Deploy")).size(18.0).color(t.strong));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::Cross, &tr!("Close the sheet (Esc); what is at work goes on")).clicked()
            {
                out.push(Action::Deploy(DeployAction::Close));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let Some(run) = run else { return };
                ui.label(RichText::new(chip(&run.report.target)).color(t.accent));
                let name = RichText::new(state.runs.name(run)).color(t.weak);
                ui.add(Label::new(name).truncate()).on_hover_text(run.folder().display().to_string());
            });
        });
    });
    ui.add_space(GAP / 2.0);
}

/// Without a run there is nothing to deploy; how to come to one.
fn empty_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    caption(
        ui,
        "There is no finished run yet. Quantize a model, or open a run; then one click puts it onto a board and compares it with the desktop.",
    );
    ui.add_space(GAP);
    let obstacle = state.obstacle();
    ui.horizontal(|ui| {
        if primary_button(ui, "Quantize now", obstacle.is_none()).clicked() {
            out.push(Action::Deploy(DeployAction::Close));
            out.push(Action::Start);
        }
        if quiet_button(ui, "Open a run folder…").clicked() {
            out.push(Action::Deploy(DeployAction::Close));
            out.push(Action::Ask(Pick::Run));
        }
    });
    if let Some(obstacle) = obstacle {
        caption(ui, obstacle);
    }
}

/// The step's page: where the deployment is, and what a board measured.
pub(super) fn page_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    heading(ui, "Deploy");
    if state.runs.shown().is_none() {
        caption(ui, "Quantize a model first; then it can be put onto a board.");
        return;
    }
    if let Some(deployment) = state.deployment() {
        match (&deployment.end, deployment.running()) {
            (None, Some(view)) => caption(ui, &tr!(crate::window::state::StepView::title(view.step))),
            (Some(DeployEnd::Failed(failure)), _) if failure.cause.is_question() => {
                notice(
                    ui,
                    t.warn,
                    steps_ui::question(failure.cause).0,
                    "The Deploy sheet asks before it builds this firmware",
                );
            }
            (Some(DeployEnd::Failed(failure)), _) => {
                notice(ui, t.error, &failure.message, failure.help.as_deref().unwrap_or_default());
            }
            (Some(DeployEnd::Done), _) if deployment.step(DeployStep::Flash).status == StepStatus::Done => {
                notice(ui, t.accent, "The board has this run", "");
            }
            _ => {}
        }
    } else if state.measured().is_none() {
        caption(
            ui,
            "One click builds the firmware, writes it to a board, and compares every tensor with the desktop's.",
        );
    }
    ui.add_space(GAP);
    let button = primary_button(ui, "Open the sheet…", true);
    if button.clicked() {
        out.push(Action::Deploy(DeployAction::Open));
    }
    verdict_ui::measured_ui(ui, state, out);
}
