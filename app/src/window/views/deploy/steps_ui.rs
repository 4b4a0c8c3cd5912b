//! The steps, one under the other: where each is, how long it took, what it says.

use std::time::Instant;

use egui::{
    Align, Button, CornerRadius, Label, Layout, ProgressBar, Rect, RichText, Sense, Stroke, StrokeKind, Ui,
    Vec2, vec2,
};
use octet_engine::deploy::Cause;

use super::setup_ui::port_field;
use super::{console_ui, log_ui, verdict_ui};
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::format;
use crate::window::state::{
    DEPLOY_STEPS, DeployStep, DeployWork, Deployment, Failure, State, StepStatus, StepView,
};
use crate::window::theme::{GAP, figures, tokens};
use crate::window::views::icon_ui::{Icon, icon_button};
use crate::window::views::widgets::{caption, card, notice, primary_button, quiet_button};
use crate::{key, tr};

/// The column.
pub(super) fn steps_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let deployment = state.deployment();
    start_ui(ui, state, deployment, out);
    ui.add_space(GAP);
    let fresh = DEPLOY_STEPS.map(|step| fresh(step, state));
    for view in deployment.map_or(&fresh, |d| &d.steps) {
        step_ui(ui, state, deployment, view, out);
    }
    if deployment.is_some_and(|d| d.end.is_none()) {
        ui.ctx().request_repaint_after_secs(0.25);
    }
}

/// A step before the first deployment.
fn fresh(step: DeployStep, state: &State) -> StepView {
    let options = &state.deploy.options;
    let is_left_out = match step {
        DeployStep::Build => options.model_only,
        DeployStep::Verify => !options.verify,
        _ => false,
    };
    let status = if is_left_out { StepStatus::LeftOut } else { StepStatus::ToDo };
    StepView { status, ..StepView::new(step) }
}

/// The one button, or the one that ends it; beside it the board, or what stands in the way.
fn start_ui(ui: &mut Ui, state: &State, deployment: Option<&Deployment>, out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        if let Some(running) = deployment.filter(|d| d.end.is_none()) {
            let words = match (running.cancelling, running.work) {
                (true, _) => tr!("Cancelling…"),
                (false, DeployWork::Monitor) => tr!("Stop watching"),
                (false, _) => tr!("Cancel"),
            };
            let button = Button::new(words).min_size(vec2(96.0, 30.0));
            if ui.add_enabled(!running.cancelling, button).clicked() {
                out.push(Action::Deploy(DeployAction::Cancel));
            }
            if let Some(overall) = running.overall() {
                let bar = ProgressBar::new(overall).desired_width(150.0).desired_height(8.0).fill(t.accent);
                ui.add(bar).accessible_name(tr!("Progress in all"));
            }
        } else {
            let obstacle = state.deploy_obstacle();
            let was_deployed = |d: &Deployment| {
                d.work != DeployWork::Build || d.step(DeployStep::Flash).status == StepStatus::Done
            };
            let is_again = deployment.is_some_and(was_deployed);
            let words = if is_again { key!("Deploy again") } else { key!("Deploy now") };
            if primary_button(ui, words, obstacle.is_none()).clicked() {
                out.push(Action::Deploy(DeployAction::Start));
            }
            if state.build_obstacle().is_none()
                && quiet_button(ui, "Build only")
                    .on_hover_text(tr!("Writes the project and builds it, without a board"))
                    .clicked()
            {
                out.push(Action::Deploy(DeployAction::Build));
            }
            if let Some(obstacle) = obstacle {
                // Whoever builds alone needs no board.
                let is_build = deployment.is_some_and(|d| d.work == DeployWork::Build);
                let colour = if is_build { t.weak } else { t.warn };
                ui.label(RichText::new(tr!(obstacle)).color(colour));
                return;
            }
        }
        let board = deployment.and_then(|d| d.device.as_ref()).map(|device| {
            let revision =
                device.revision.map_or_else(String::new, |(major, minor)| format!(" v{major}.{minor}"));
            let mac = device.mac.as_ref().map_or_else(String::new, |mac| format!("  ·  {mac}"));
            let chip = crate::window::views::bar_ui::chip(&device.chip);
            format!("{chip}{revision}  ·  {}{mac}", format::bytes(device.flash_bytes))
        });
        let port = state.deploy.port().unwrap_or_default().to_owned();
        let words = board.unwrap_or(port);
        ui.add(Label::new(RichText::new(words).small().color(t.weak)).truncate());
    });
}

fn step_ui(ui: &mut Ui, state: &State, deployment: Option<&Deployment>, view: &StepView, out: &mut Actions) {
    let t = tokens(ui);
    card(ui, |ui| {
        row_ui(ui, state, deployment, view, out);
        if view.status == StepStatus::Running
            && let Some(fraction) = view.fraction
        {
            let bar = ProgressBar::new(fraction).desired_height(6.0).fill(t.accent);
            let name = tr!("Progress of %{step}", step = tr!(StepView::title(view.step)));
            ui.add(bar).accessible_name(name);
        }
        let Some(deployment) = deployment else { return };
        if view.step == DeployStep::Build && !deployment.diagnostics.is_empty() {
            log_ui::diagnostics_ui(ui, &deployment.diagnostics, out);
        }
        if view.step == DeployStep::Verify {
            verdict_ui::verdict_ui(ui, state, deployment, out);
        }
        if let Some(failure) = deployment.failure().filter(|f| f.step == view.step) {
            failure_ui(ui, state, failure, out);
        }
        if view.is_open && view.step == DeployStep::Monitor {
            console_ui::console_ui(ui, state, deployment, out);
        }
        if view.is_open {
            log_ui::log_ui(ui, deployment, view, out);
        }
    });
    ui.add_space(4.0);
}

/// Sign, name, word, message; flush right the time and the button for the log.
fn row_ui(ui: &mut Ui, state: &State, deployment: Option<&Deployment>, view: &StepView, out: &mut Actions) {
    let t = tokens(ui);
    let title = tr!(StepView::title(view.step));
    ui.horizontal(|ui| {
        sign_ui(ui, view.status, 18.0);
        ui.label(RichText::new(title.as_ref()).color(t.strong))
            .on_hover_text(tr!(StepView::explanation(view.step)));
        let colour = match view.status {
            StepStatus::Done | StepStatus::Running => t.accent,
            StepStatus::Failed => t.error,
            StepStatus::Cancelled => t.warn,
            StepStatus::ToDo | StepStatus::LeftOut => t.weak,
        };
        let word = if view.step == DeployStep::Monitor && view.status == StepStatus::ToDo {
            key!("when you like")
        } else {
            view.status.words()
        };
        ui.label(RichText::new(tr!(word)).small().color(colour));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if deployment.is_some() {
                let (icon, words) = match view.is_open {
                    true => (Icon::Up, tr!("Hide the log of %{step}", step = title)),
                    false => (Icon::Down, tr!("Show the log of %{step}", step = title)),
                };
                if icon_button(ui, icon, &words).clicked() {
                    out.push(Action::Deploy(DeployAction::Toggle(view.step)));
                }
            }
            if let Some(time) = view.time(Instant::now()) {
                ui.label(RichText::new(format::took(time)).font(figures()).color(t.text));
            }
            again_ui(ui, state, view, out);
            let message = message(view);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(message).small().color(t.weak)).truncate());
            });
        });
    });
}

/// Two steps can be done by themselves.
fn again_ui(ui: &mut Ui, state: &State, view: &StepView, out: &mut Actions) {
    let watches = state.deployment().is_some_and(|d| d.end.is_none() && d.work == DeployWork::Monitor);
    let (words, action) = match view.step {
        DeployStep::Monitor if watches => ("Stop", DeployAction::Cancel),
        DeployStep::Monitor => (key!("Watch the console"), DeployAction::Watch),
        DeployStep::Verify if view.secs.is_none() => (key!("Verify now"), DeployAction::Verify),
        DeployStep::Verify => (key!("Verify again"), DeployAction::Verify),
        _ => return,
    };
    let is_possible = (watches && view.step == DeployStep::Monitor) || state.deploy_obstacle().is_none();
    if is_possible && ui.button(tr!(words)).clicked() {
        out.push(Action::Deploy(action));
    }
}

fn message(view: &StepView) -> String {
    match (view.status, view.bytes) {
        (StepStatus::Running, Some([done, all])) => {
            format!("{} / {}  {}", format::bytes(done), format::bytes(all), view.message)
        }
        (StepStatus::Running, None) => view.message.clone(),
        _ => String::new(),
    }
}

/// What went wrong, what to do, and buttons where a button can do it.
fn failure_ui(ui: &mut Ui, state: &State, failure: &Failure, out: &mut Actions) {
    let t = tokens(ui);
    ui.add_space(2.0);
    if failure.cause.is_question() {
        return question_ui(ui, failure, out);
    }
    let help = failure.help.as_deref().unwrap_or_default();
    let left_alone = state.deploy.options.no_reset
        || state.deployment().is_some_and(|deployment| deployment.without_reset);
    match failure.cause {
        // The verdict above names the tensor.
        Cause::Differs => caption(ui, help),
        _ => notice(ui, t.error, &failure.message, help),
    }
    ui.horizontal_wrapped(|ui| {
        if ui.button(tr!("Try again")).clicked() {
            out.push(Action::Deploy(DeployAction::Retry));
        }
        let may_leave = failure.may_be_the_reset() && !left_alone;
        if may_leave && ui.button(tr!("Try again without a reset")).clicked() {
            out.push(Action::Deploy(DeployAction::RetryWithoutReset));
        }
        let wants_board = state.deployment().is_some_and(|d| d.work != DeployWork::Build);
        if wants_board && failure.may_be_the_port() && ui.button(tr!("Choose another port")).clicked() {
            out.push(Action::Deploy(DeployAction::OtherPort));
            ui.memory_mut(|m| m.request_focus(port_field()));
        }
        if failure.cause == Cause::Tool && ui.button(tr!("Look at the tools again")).clicked() {
            out.push(Action::Deploy(DeployAction::ExamineTools));
        }
        if quiet_button(ui, "Copy details").clicked() {
            out.push(Action::Deploy(DeployAction::Copy(failure.text())));
        }
    });
    if failure.may_be_the_reset() && left_alone {
        caption(ui, "The reset is left to you: hold BOOT, press RESET, release both, then try again.");
    }
}

/// What is asked before a build that would run what is not Octet's, and why.
pub(super) fn question(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::ForeignSettings => (
            key!("Settings that are not Octet's lie around this firmware"),
            key!(
                "cargo, rustup and git look for settings in the folders above the firmware, and run the programs that they name, with your rights. Build it only if they are yours, or if you looked through them."
            ),
        ),
        _ => (
            key!("Octet did not write this firmware"),
            key!(
                "Octet has no note that it wrote this: it came with the run, or was moved. A build runs the programs that its files name, with your rights. Octet can move it aside and write its own."
            ),
        ),
    }
}

/// Nothing that is not Octet's is run without a yes. The folder and the file are named.
fn question_ui(ui: &mut Ui, failure: &Failure, out: &mut Actions) {
    let (title, why) = question(failure.cause);
    notice(ui, tokens(ui).warn, title, why);
    caption(ui, &failure.message);
    ui.horizontal_wrapped(|ui| {
        // A project that is written anew lies among the same settings.
        if failure.cause == Cause::Untrusted {
            let anew = ui.button(tr!("Write it anew"));
            if anew.on_hover_text(tr!("What is in the folder now is moved beside it")).clicked() {
                out.push(Action::Deploy(DeployAction::WriteAnew));
            }
        }
        if ui.button(tr!("Build it anyway")).on_hover_text(&failure.message).clicked() {
            out.push(Action::Deploy(DeployAction::BuildAnyway));
        }
    });
}

/// The sign of a step or a tool: shapes tell them apart, not colours alone.
pub(super) fn sign_ui(ui: &mut Ui, status: StepStatus, size: f32) {
    let t = tokens(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
    let (painter, c, r) = (ui.painter(), rect.center(), size / 2.0 - 1.0);
    let line = |from: Vec2, to: Vec2, colour| {
        painter.line_segment([c + from * r, c + to * r], Stroke::new(1.7, colour));
    };
    match status {
        StepStatus::ToDo => {
            painter.circle_stroke(c, r, Stroke::new(1.2, t.edge));
        }
        StepStatus::LeftOut => {
            painter.circle_stroke(c, r, Stroke::new(1.0, t.line));
            line(vec2(-0.45, 0.0), vec2(0.45, 0.0), t.weak);
        }
        StepStatus::Running => {
            painter.circle_stroke(c, r, Stroke::new(1.8, t.accent));
            painter.circle_filled(c, r * 0.45, t.accent);
        }
        StepStatus::Done => {
            painter.circle_filled(c, r, t.accent);
            line(vec2(-0.42, 0.05), vec2(-0.12, 0.36), t.on_accent);
            line(vec2(-0.12, 0.36), vec2(0.46, -0.32), t.on_accent);
        }
        StepStatus::Failed => {
            painter.circle_filled(c, r, t.error);
            line(vec2(-0.38, -0.38), vec2(0.38, 0.38), t.panel);
            line(vec2(-0.38, 0.38), vec2(0.38, -0.38), t.panel);
        }
        StepStatus::Cancelled => {
            painter.circle_stroke(c, r, Stroke::new(1.8, t.warn));
            let square = Rect::from_center_size(c, Vec2::splat(r * 0.8));
            painter.rect(square, CornerRadius::same(1), t.warn, Stroke::NONE, StrokeKind::Inside);
        }
    }
}
