//! Findings of the advisor, each with the button that does what it says.

use egui::{CornerRadius, Frame, Label, Margin, RichText, Ui, pos2};
use octet_engine::report::{Finding, Report, Severity};

use super::widgets::{caption, section};
use crate::i18n::said;
use crate::tr;
use crate::window::actions::{Action, Actions, InspectAction};
use crate::window::theme::{Tokens, tokens};

/// The whole advice of a run.
pub(super) fn advice_ui(ui: &mut Ui, report: &Report, out: &mut Actions) {
    section(ui, "Advice");
    if report.advice.is_empty() {
        caption(ui, "No rule of Octet's finds anything to mend. Other strategies may still do better.");
    }
    report.advice.iter().for_each(|finding| finding_ui(ui, finding, out));
}

/// One finding: a coloured bar, what was found, and its remedy.
pub(super) fn finding_ui(ui: &mut Ui, finding: &Finding, out: &mut Actions) {
    let t = tokens(ui);
    let colour = colour(finding.severity, t);
    ui.add_space(4.0);
    let frame = Frame::new().inner_margin(Margin { left: 12, right: 0, top: 2, bottom: 4 });
    let shown = frame.show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        let words = said(&finding.text, finding.words.as_ref());
        ui.add(Label::new(RichText::new(words).color(t.text)).wrap());
        if !finding.button.is_empty() {
            let button = ui.button(RichText::new(tr!(&finding.button)).color(t.accent));
            let button = match finding.arguments.as_str() {
                "" => button,
                arguments => button.on_hover_text(arguments),
            };
            if button.clicked() {
                out.push(Action::Inspect(InspectAction::Apply(Box::new(finding.clone()))));
            }
        }
    });
    let rect = shown.response.rect;
    let bar = egui::Rect::from_min_max(rect.min, pos2(rect.left() + 3.0, rect.bottom()));
    ui.painter().rect_filled(bar, CornerRadius::same(1), colour);
}

fn colour(severity: Severity, t: &Tokens) -> egui::Color32 {
    match severity {
        Severity::Hint => t.edge,
        Severity::Warning => t.warn,
        Severity::Problem => t.error,
    }
}
