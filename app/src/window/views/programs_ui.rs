//! The question whether programs may run that the settings of a file name.

use egui::{Frame, Id, Label, Margin, Modal, RichText, ScrollArea, Ui};

use super::widgets::{caption, primary_button};
use crate::tr;
use crate::window::actions::{Action, Actions, StrategyAction};
use crate::window::state::{Program, State};
use crate::window::theme::{GAP, figures, tokens};

/// Shows each command line, and asks.
pub(super) fn programs_ui(ui: &Ui, state: &State, out: &mut Actions) {
    let Some(question) = &state.strategies.asks else { return };
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(20));
    let shown = Modal::new(Id::unique("programs")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(520.0);
        let t = tokens(ui);
        let title = RichText::new(tr!("May this program run?")).size(18.0).color(t.strong);
        ui.label(title);
        caption(
            ui,
            "Nobody typed this command here: it came with a project, a pipeline or a report. A program may do whatever you may, so let it run only if you know what it does.",
        );
        ui.add_space(GAP);
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            question.programs.iter().for_each(|program| program_ui(ui, state, program));
        });
        ui.add_space(GAP);
        ui.horizontal(|ui| {
            if primary_button(ui, "Do not run it", true).clicked() {
                out.push(Action::Strategy(StrategyAction::RefusePrograms));
            }
            if ui.button(tr!("Let it run")).clicked() {
                out.push(Action::Strategy(StrategyAction::AllowPrograms));
            }
        });
    });
    if shown.should_close() {
        out.push(Action::Strategy(StrategyAction::RefusePrograms));
    }
}

fn program_ui(ui: &mut Ui, state: &State, program: &Program) {
    let t = tokens(ui);
    let plugin = state.strategies.plugin(&program.id);
    let field = plugin.and_then(|p| p.fields.iter().find(|f| f.key == program.key));
    let (strategy, setting) =
        (plugin.map_or(&program.id, |p| &p.name), field.map_or(&program.key, |f| &f.title));
    let of = tr!("%{setting} of %{strategy}", setting = tr!(setting), strategy = tr!(strategy));
    ui.label(RichText::new(of).small().color(t.weak));
    let command = RichText::new(program.shown()).font(figures()).color(t.warn);
    ui.add(Label::new(command).wrap().selectable(true));
    ui.add_space(4.0);
}
