//! The form of a strategy's settings, drawn from its schema.

use std::cell::Cell;

use egui::{Align, ComboBox, DragValue, Id, Label, Layout, RichText, TextEdit, Ui};
use serde_json::Value;

use super::icon_ui::{Icon, icon_button};
use super::widgets::{notice, quiet_button};
use crate::tr;
use crate::window::actions::{Action, Actions, StrategyAction};
use crate::window::backend::{PluginDescription, SettingChoice, SettingField, SettingKind};
use crate::window::state::State;
use crate::window::theme::tokens;

/// One line for each setting of a chosen strategy.
pub(super) fn settings_ui(ui: &mut Ui, state: &State, plugin: &PluginDescription, out: &mut Actions) {
    let strategies = &state.strategies;
    let selection = state.selection.as_deref();
    let changed = strategies.position(&plugin.id).map_or(0, |i| strategies.chain[i].settings.len());
    if changed > 0 {
        let button = quiet_button(ui, "Reset all");
        if button.accessible_name(tr!("Reset all settings of %{name}", name = plugin.name)).clicked() {
            out.push(Action::Strategy(StrategyAction::Reset(plugin.id.clone())));
        }
    }
    for field in &plugin.fields {
        let value = strategies.value(&plugin.id, &field.key).unwrap_or(&field.default);
        let changed = ui.push_id((&plugin.id, &field.key), |ui| field_ui(ui, field, value, selection)).inner;
        if let Some(value) = changed {
            out.push(Action::Set { id: plugin.id.clone(), key: field.key.clone(), value });
        }
    }
}

/// A setting; its new value when it was changed.
fn field_ui(ui: &mut Ui, field: &SettingField, value: &Value, selection: Option<&str>) -> Option<Value> {
    let t = tokens(ui);
    let mut changed = None;
    let reason = ui.scope_id().with("reason");
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        let is_default = *value == field.default;
        let colour = if is_default { t.text } else { t.accent };
        if field.kind != SettingKind::Bool {
            ui.add(Label::new(RichText::new(tr!(&field.title)).color(colour)).truncate())
                .on_hover_text(&field.key);
        } else {
            changed = bool_ui(ui, field, value);
        }
        if !is_default {
            let name =
                tr!("Reset %{name} to %{value}", name = tr!(&field.title), value = plain(&field.default));
            if icon_button(ui, Icon::Back, &name).clicked() {
                changed = Some(field.default.clone());
                ui.data_mut(|d| d.remove::<Option<String>>(reason));
            }
        }
        // Numbers are short: they stand beside their names.
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let number = match &field.kind {
                SettingKind::Integer { min, max } => integer_ui(ui, field, value, (*min, *max), reason),
                SettingKind::Number { min, max } => number_ui(ui, field, value, (*min, *max), reason),
                _ => None,
            };
            changed = changed.take().or(number);
        });
    });
    let edited = match &field.kind {
        SettingKind::Bool | SettingKind::Integer { .. } | SettingKind::Number { .. } => None,
        SettingKind::Choice { options } => choice_ui(ui, field, value, options),
        SettingKind::Text => text_ui(ui, field, value),
        SettingKind::Patterns => patterns_ui(ui, field, value, selection),
    };
    range_ui(ui, field, reason);
    if !field.description.is_empty() {
        let text = RichText::new(tr!(&field.description)).small().color(t.weak);
        ui.add(egui::Label::new(text).wrap());
    }
    changed.or(edited)
}

fn bool_ui(ui: &mut Ui, field: &SettingField, value: &Value) -> Option<Value> {
    let mut on = value.as_bool().unwrap_or(false);
    ui.checkbox(&mut on, tr!(&field.title)).changed().then(|| Value::from(on))
}

fn integer_ui(
    ui: &mut Ui,
    field: &SettingField,
    value: &Value,
    (min, max): (Option<i64>, Option<i64>),
    reason: Id,
) -> Option<Value> {
    let mut number = value.as_i64().or(field.default.as_i64()).unwrap_or(0);
    let range = min.unwrap_or(i64::MIN)..=max.unwrap_or(i64::MAX);
    let typed = Typed::default();
    let edit = ui.add(
        DragValue::new(&mut number).range(range).speed(0.2).custom_parser(|text| typed.take(field, text)),
    );
    typed.tell(ui, reason);
    edit.accessible_name(tr!(&field.title)).changed().then(|| Value::from(number))
}

fn number_ui(
    ui: &mut Ui,
    field: &SettingField,
    value: &Value,
    (min, max): (Option<f64>, Option<f64>),
    reason: Id,
) -> Option<Value> {
    let mut number = value.as_f64().or(field.default.as_f64()).unwrap_or(0.0);
    let range = min.unwrap_or(f64::NEG_INFINITY)..=max.unwrap_or(f64::INFINITY);
    let speed = match (min, max) {
        (Some(min), Some(max)) if max > min => (max - min) / 400.0,
        _ => (number.abs() / 100.0).max(1e-4),
    };
    let typed = Typed::default();
    let edit = ui.add(
        DragValue::new(&mut number)
            .range(range)
            .speed(speed)
            .max_decimals(6)
            .custom_parser(|text| typed.take(field, text)),
    );
    typed.tell(ui, reason);
    let changed = edit.accessible_name(tr!(&field.title)).changed();
    (changed && number.is_finite()).then(|| Value::from(number))
}

fn choice_ui(ui: &mut Ui, field: &SettingField, value: &Value, options: &[SettingChoice]) -> Option<Value> {
    let chosen = value.as_str().unwrap_or_default();
    let mut picked = None;
    let combo = ComboBox::from_id_salt("choice").selected_text(chosen).width(ui.available_width().min(220.0));
    let shown = combo.show_ui(ui, |ui| {
        for option in options {
            let mut label = ui.selectable_label(option.value == chosen, &option.value);
            if !option.description.is_empty() {
                label = label.on_hover_text(tr!(&option.description));
            }
            if label.clicked() {
                picked = Some(Value::from(option.value.as_str()));
            }
        }
    });
    shown.response.accessible_name(tr!(&field.title));
    picked
}

fn text_ui(ui: &mut Ui, field: &SettingField, value: &Value) -> Option<Value> {
    let mut text = plain(value);
    let edit = ui.add(TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
    edit.accessible_name(tr!(&field.title)).changed().then(|| Value::from(text))
}

/// What is typed into a number's field: what cannot be is not taken, instead of being taken as something else, and
/// the reason is told until something better is typed.
#[derive(Default)]
struct Typed {
    reason: Cell<Option<Option<String>>>,
}

impl Typed {
    fn take(&self, field: &SettingField, text: &str) -> Option<f64> {
        let accepted = field.accept(&Value::from(text));
        self.reason.set(Some(accepted.as_ref().err().cloned()));
        accepted.ok()?.as_f64()
    }

    fn tell(self, ui: &Ui, id: Id) {
        if let Some(reason) = self.reason.into_inner() {
            ui.data_mut(|d| d.insert_temp(id, reason));
        }
    }
}

/// Why what was typed last is not taken.
fn range_ui(ui: &mut Ui, field: &SettingField, id: Id) {
    let reason = ui.data(|d| d.get_temp::<Option<String>>(id)).flatten();
    if let Some(reason) = reason {
        let colour = tokens(ui).error;
        notice(ui, colour, &tr!("%{reason}: not taken", reason = reason), &possible(field));
    }
}

/// What a number may be, in words.
fn possible(field: &SettingField) -> String {
    let ends = match field.kind {
        SettingKind::Integer { min, max } => (min.map(|n| n.to_string()), max.map(|n| n.to_string())),
        SettingKind::Number { min, max } => (min.map(|n| n.to_string()), max.map(|n| n.to_string())),
        _ => (None, None),
    };
    match ends {
        (Some(min), Some(max)) => tr!("%{min} to %{max} is possible.", min = min, max = max).into_owned(),
        (Some(min), None) => tr!("%{min} or more is possible.", min = min).into_owned(),
        (None, Some(max)) => tr!("%{max} or less is possible.", max = max).into_owned(),
        (None, None) => String::new(),
    }
}

/// Patterns, one a line; the last line is for the next one.
fn patterns_ui(ui: &mut Ui, field: &SettingField, value: &Value, selection: Option<&str>) -> Option<Value> {
    let whole = plain(value);
    let mut patterns: Vec<String> = whole.split(',').map(|p| p.trim_start().to_owned()).collect();
    patterns.retain(|p| !p.is_empty());
    let mut changed = false;
    let mut gone = None;
    let known = patterns.len();
    patterns.push(String::new());
    for (i, pattern) in patterns.iter_mut().enumerate() {
        ui.horizontal(|ui| {
            let width = ui.available_width() - if i < known { 32.0 } else { 0.0 };
            let edit = TextEdit::singleline(pattern)
                .id_salt(("pattern", i))
                .hint_text(crate::tr!("add a name or a pattern, e.g. *features.1/*"))
                .desired_width(width);
            let title = tr!(&field.title);
            let name = if i < known { format!("{title} {}", i + 1) } else { title.clone().into_owned() };
            changed |= ui.add(edit).accessible_name(name).changed();
            if i < known
                && icon_button(ui, Icon::Cross, &tr!("Remove %{name} %{n}", name = title, n = i + 1))
                    .clicked()
            {
                gone = Some(i);
            }
        });
    }
    if let Some(i) = gone {
        patterns.remove(i);
        changed = true;
    }
    if let Some(name) = selection.filter(|name| !name.contains(',') && patterns.iter().all(|p| p != name)) {
        let button = quiet_button(ui, "Add the selected operation").on_hover_text(name);
        if button
            .accessible_name(tr!("Add the selected operation to %{name}", name = tr!(&field.title)))
            .clicked()
        {
            patterns.push(name.to_owned());
            changed = true;
        }
    }
    patterns.retain(|p| !p.trim().is_empty());
    changed.then(|| Value::from(patterns.join(", ")))
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
