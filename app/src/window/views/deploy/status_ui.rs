//! The deployment in the status bar.

use std::time::Instant;

use egui::{Button, ProgressBar, RichText, Ui};

use crate::tr;
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::format;
use crate::window::state::{DeployWork, State, StepView};
use crate::window::theme::{figures, tokens};

/// From right to left: cancel, time, bar, step. Nothing while nothing is at work.
pub(in crate::window::views) fn status_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let Some(deployment) = state.deploy.deployment.as_ref().filter(|d| d.end.is_none()) else { return };
    let t = tokens(ui);
    let words = match (deployment.cancelling, deployment.work) {
        (true, _) => tr!("Cancelling…"),
        (false, DeployWork::Monitor) => tr!("Stop"),
        (false, _) => tr!("Cancel"),
    };
    let button = ui.add_enabled(!deployment.cancelling, Button::new(words).small());
    if button.accessible_name(tr!("Cancel the deployment")).clicked() {
        out.push(Action::Deploy(DeployAction::Cancel));
    }
    let time = format::took(deployment.elapsed(Instant::now()));
    ui.label(RichText::new(time).font(figures()).color(t.weak));
    if let Some(overall) = deployment.overall() {
        let bar = ProgressBar::new(overall).desired_width(120.0).desired_height(8.0).fill(t.accent);
        ui.add(bar).accessible_name(tr!("Progress of the deployment"));
    }
    let step = deployment.running().map_or("starting", |view| StepView::title(view.step));
    let words = tr!("Deploy: %{step}", step = tr!(step));
    let link = ui.add(Button::new(RichText::new(words).color(t.text)).small().frame_when_inactive(false));
    if link.on_hover_text(tr!("Show the sheet")).clicked() {
        out.push(Action::Deploy(DeployAction::Open));
    }
    // The time goes on while the board is silent.
    ui.ctx().request_repaint_after_secs(0.25);
}
