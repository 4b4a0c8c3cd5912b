//! Controls of changes by hand, for one operation or for several at once.

use egui::{Button, ComboBox, RichText, Ui};

use super::widgets::{card, section};
use crate::window::actions::{Action, Actions, EditAction};
use crate::window::backend::{SettingChoice, SettingKind};
use crate::window::state::{State, can_leave_alone};
use crate::window::theme::{figures, tokens};
use crate::{key, tr, trn};

/// Why operations cannot be left alone.
const NOBODY_LEAVES_ALONE: &str =
    key!("None of the chosen strategies can leave operations alone: add equalization or mixed-precision");

/// Exponents that can be set by hand.
const EXPONENTS: std::ops::RangeInclusive<i32> = -30..=30;

fn edit(out: &mut Actions, action: EditAction) {
    out.push(Action::Edit(action));
}

/// The ways to calibrate that the chosen strategies know, with what each does.
fn observers(state: &State) -> &[SettingChoice] {
    let strategies = &state.strategies;
    let chosen = strategies.chain.iter().filter_map(|c| strategies.plugin(&c.id));
    let takes =
        |p: &&crate::window::backend::PluginDescription| p.fields.iter().any(|f| f.key == "observer_of");
    let field = chosen.filter(takes).flat_map(|p| &p.fields).find(|f| f.key == "observer");
    match field.map(|f| &f.kind) {
        Some(SettingKind::Choice { options }) => options,
        _ => &[],
    }
}

/// The menu of an operation, or of all that are marked.
pub(super) fn edit_menu_ui(ui: &mut Ui, state: &State, operations: &[String], out: &mut Actions) {
    let owned = || operations.to_vec();
    let title = match operations {
        [one] => super::words::tail(one, 40),
        many => trn!(many.len(), "1 operation", "%{n} operations").into_owned(),
    };
    ui.label(RichText::new(title).small().color(tokens(ui).weak));
    for (text, bits) in [
        (key!("To int16"), Some(16)),
        (key!("To int8"), Some(8)),
        (key!("Width as the strategies say"), None),
    ] {
        if ui.button(tr!(text)).clicked() {
            edit(out, EditAction::SetWidth(owned(), bits));
            ui.close();
        }
    }
    let observers = observers(state);
    if !observers.is_empty() {
        ui.menu_button(crate::tr!("Calibrate by"), |ui| {
            for observer in observers {
                if ui.button(&observer.value).on_hover_text(tr!(&observer.description)).clicked() {
                    edit(out, EditAction::SetObserver(owned(), Some(observer.value.clone())));
                    ui.close();
                }
            }
            if ui.button(crate::tr!("As the rest")).clicked() {
                edit(out, EditAction::SetObserver(owned(), None));
                ui.close();
            }
        });
    }
    let excluded = operations.iter().all(|name| state.edits.excluded.contains(name));
    let text =
        if excluded { key!("Strategies may change it again") } else { key!("Strategies leave it alone") };
    let possible = excluded || can_leave_alone(&state.strategies);
    let button = ui.add_enabled(possible, Button::new(tr!(text)));
    if button.on_disabled_hover_text(tr!(NOBODY_LEAVES_ALONE)).clicked() {
        edit(out, EditAction::Exclude(owned(), !excluded));
        ui.close();
    }
    let touched = operations.iter().any(|name| state.edits.touches(name));
    ui.separator();
    if ui.add_enabled(touched, Button::new(crate::tr!("Take back changes by hand"))).clicked() {
        edit(out, EditAction::Reset(owned()));
        ui.close();
    }
}

/// The card of changes in the inspector.
pub(super) fn edit_card_ui(ui: &mut Ui, state: &State, operation: &str, out: &mut Actions) {
    section(ui, "Change");
    card(ui, |ui| {
        width_ui(ui, state, operation, out);
        exponent_ui(ui, state, operation, out);
        weights_ui(ui, state, operation, out);
        observer_ui(ui, state, operation, out);
        let mut excluded = state.edits.excluded.contains(operation);
        let possible = excluded || can_leave_alone(&state.strategies);
        let shown = ui.add_enabled(
            possible,
            egui::Checkbox::new(&mut excluded, crate::tr!("Strategies leave it alone")),
        );
        let hint = tr!("Equalization keeps its weights, and searches keep it at 8 bits");
        if shown.on_hover_text(hint).on_disabled_hover_text(tr!(NOBODY_LEAVES_ALONE)).changed() {
            edit(out, EditAction::Exclude(vec![operation.to_owned()], excluded));
        }
        if state.edits.touches(operation) {
            let text = RichText::new(crate::tr!("Take back changes by hand")).small();
            if ui.add(Button::new(text).frame_when_inactive(false)).clicked() {
                edit(out, EditAction::Reset(vec![operation.to_owned()]));
            }
        }
    });
}

/// A row with a name on the left, whose control stands on the right.
fn row_ui(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(tr!(name)).color(tokens(ui).weak));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), add);
    });
}

fn width_ui(ui: &mut Ui, state: &State, operation: &str, out: &mut Actions) {
    let planned = state.layer(operation).map(|l| l.bits);
    let by_hand = state.edits.widths.get(operation).copied();
    row_ui(ui, "Width", |ui| {
        for bits in [16, 8] {
            let chosen = by_hand.or(planned) == Some(bits);
            let name = format!("int{bits}");
            let mut text = RichText::new(&name).font(figures());
            if by_hand == Some(bits) {
                text = text.color(tokens(ui).accent);
            }
            let button = ui.add(Button::selectable(chosen, text));
            let hint = match bits {
                16 => key!("Sixteen bits: less error, more time and memory"),
                _ => key!("Eight bits"),
            };
            if button.accessible_name(tr!("Set %{name}", name = name)).on_hover_text(tr!(hint)).clicked() {
                let bits = Some(bits).filter(|bits| by_hand != Some(*bits));
                edit(out, EditAction::SetWidth(vec![operation.to_owned()], bits));
            }
        }
    });
}

fn exponent_ui(ui: &mut Ui, state: &State, operation: &str, out: &mut Actions) {
    let Some(planned) = state.layer(operation).map(|l| l.output_exponent) else { return };
    let by_hand = state.edits.exponents.output_exponents.get(operation).copied();
    let exponent = by_hand.unwrap_or(planned);
    let set = |value: i32, out: &mut Actions| {
        let value = Some(value.clamp(*EXPONENTS.start(), *EXPONENTS.end()));
        edit(out, EditAction::SetExponent(operation.to_owned(), value));
    };
    row_ui(ui, "Output exponent", |ui| {
        let more = Button::new(crate::tr!("+")).small();
        if ui
            .add(more)
            .on_hover_text(crate::tr!("Coarser steps, twice the range"))
            .accessible_name(tr!("Output exponent plus one"))
            .clicked()
        {
            set(exponent + 1, out);
        }
        let less = Button::new(crate::tr!("−")).small();
        if ui
            .add(less)
            .on_hover_text(crate::tr!("Finer steps, half the range"))
            .accessible_name(tr!("Output exponent minus one"))
            .clicked()
        {
            set(exponent - 1, out);
        }
        let colour = if by_hand.is_some() { tokens(ui).accent } else { tokens(ui).strong };
        ui.label(RichText::new(exponent.to_string()).font(figures()).color(colour));
        if by_hand.is_some_and(|e| e != planned) {
            ui.label(
                RichText::new(planned.to_string()).font(figures()).strikethrough().color(tokens(ui).weak),
            );
        }
    });
}

fn weights_ui(ui: &mut Ui, state: &State, operation: &str, out: &mut Actions) {
    if state.layer(operation).is_none_or(|l| l.weight_exponents.is_empty()) {
        return;
    }
    let by = state.edits.exponents.weight_shifts.get(operation).copied().unwrap_or(0);
    row_ui(ui, "Weight exponents", |ui| {
        for (sign, name, step) in
            [("+", key!("Weight exponents plus one"), 1), ("−", key!("Weight exponents minus one"), -1)]
        {
            if ui.add(Button::new(sign).small()).accessible_name(tr!(name)).clicked() {
                edit(out, EditAction::ShiftWeights(operation.to_owned(), (by + step).clamp(-16, 16)));
            }
        }
        let (text, colour) = match by {
            0 => (tr!("as planned").into_owned(), tokens(ui).weak),
            by => (format!("{by:+}"), tokens(ui).accent),
        };
        ui.label(RichText::new(text).font(figures()).color(colour));
    });
}

fn observer_ui(ui: &mut Ui, state: &State, operation: &str, out: &mut Actions) {
    let choices = observers(state);
    if choices.is_empty() {
        return;
    }
    let by_hand = state.edits.observers.get(operation);
    row_ui(ui, "Calibration", |ui| {
        let shown = by_hand.map_or_else(|| tr!("as the rest"), |name| name.into());
        let combo = ComboBox::from_id_salt("observer of the operation").selected_text(shown).width(120.0);
        let combo = combo.show_ui(ui, |ui| {
            let mut set = |ui: &mut Ui, text: &str, hint: &str, value: Option<String>| {
                if ui.selectable_label(by_hand == value.as_ref(), text).on_hover_text(hint).clicked() {
                    edit(out, EditAction::SetObserver(vec![operation.to_owned()], value));
                }
            };
            set(ui, &tr!("as the rest"), &tr!("As the strategy's settings say"), None);
            for choice in choices {
                set(ui, &choice.value, &tr!(&choice.description), Some(choice.value.clone()));
            }
        });
        combo.response.accessible_name(tr!("Calibration of the operation"));
    });
}
