//! The form of a strategy's settings, drawn from its schema.

use egui::{ComboBox, DragValue, RichText, TextEdit, Ui};
use serde_json::Value;

use super::icon_ui::{Icon, icon_button};
use crate::window::actions::{Action, Actions};
use crate::window::backend::{PluginDescription, SettingChoice, SettingField, SettingKind};
use crate::window::state::Strategies;
use crate::window::theme::tokens;

/// One line for each setting of a chosen strategy.
pub(super) fn settings_ui(
    ui: &mut Ui,
    strategies: &Strategies,
    plugin: &PluginDescription,
    out: &mut Actions,
) {
    for field in &plugin.fields {
        let value = strategies.value(&plugin.id, &field.key).unwrap_or(&field.default);
        let changed = ui.push_id((&plugin.id, &field.key), |ui| field_ui(ui, field, value)).inner;
        if let Some(value) = changed {
            out.push(Action::Set { id: plugin.id.clone(), key: field.key.clone(), value });
        }
    }
}

/// A setting; its new value when it was changed.
fn field_ui(ui: &mut Ui, field: &SettingField, value: &Value) -> Option<Value> {
    let t = tokens(ui);
    let mut changed = None;
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        let is_default = *value == field.default;
        let colour = if is_default { t.text } else { t.accent };
        if field.kind != SettingKind::Bool {
            ui.label(RichText::new(&field.title).color(colour)).on_hover_text(&field.key);
        } else {
            changed = bool_ui(ui, field, value);
        }
        if !is_default {
            let name = format!("Reset {} to {}", field.title, plain(&field.default));
            if icon_button(ui, Icon::Back, &name).clicked() {
                changed = Some(field.default.clone());
            }
        }
    });
    let edited = match &field.kind {
        SettingKind::Bool => None,
        SettingKind::Integer { min, max } => integer_ui(ui, field, value, *min, *max),
        SettingKind::Number { min, max } => number_ui(ui, field, value, *min, *max),
        SettingKind::Choice { options } => choice_ui(ui, field, value, options),
        SettingKind::Text => text_ui(ui, field, value),
    };
    if !field.description.is_empty() {
        let text = RichText::new(&field.description).small().color(t.weak);
        ui.add(egui::Label::new(text).wrap());
    }
    changed.or(edited)
}

fn bool_ui(ui: &mut Ui, field: &SettingField, value: &Value) -> Option<Value> {
    let mut on = value.as_bool().unwrap_or(false);
    ui.checkbox(&mut on, &field.title).changed().then(|| Value::from(on))
}

fn integer_ui(
    ui: &mut Ui,
    field: &SettingField,
    value: &Value,
    min: Option<i64>,
    max: Option<i64>,
) -> Option<Value> {
    let mut number = value.as_i64().or(field.default.as_i64()).unwrap_or(0);
    let range = min.unwrap_or(i64::MIN)..=max.unwrap_or(i64::MAX);
    let edit =
        ui.add(DragValue::new(&mut number).range(range.clone()).speed(0.2).custom_parser(move |text| {
            // What is typed beyond the range is not taken, instead of being taken as something else.
            text.parse::<i64>().ok().filter(|n| range.contains(n)).map(|n| n as f64)
        }));
    edit.accessible_name(&field.title).changed().then(|| Value::from(number))
}

fn number_ui(
    ui: &mut Ui,
    field: &SettingField,
    value: &Value,
    min: Option<f64>,
    max: Option<f64>,
) -> Option<Value> {
    let mut number = value.as_f64().or(field.default.as_f64()).unwrap_or(0.0);
    let range = min.unwrap_or(f64::NEG_INFINITY)..=max.unwrap_or(f64::INFINITY);
    let speed = match (min, max) {
        (Some(min), Some(max)) if max > min => (max - min) / 400.0,
        _ => (number.abs() / 100.0).max(1e-4),
    };
    let edit =
        ui.add(DragValue::new(&mut number).range(range.clone()).speed(speed).max_decimals(6).custom_parser(
            move |text| text.parse::<f64>().ok().filter(|n| n.is_finite() && range.contains(n)),
        ));
    let changed = edit.accessible_name(&field.title).changed();
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
                label = label.on_hover_text(&option.description);
            }
            if label.clicked() {
                picked = Some(Value::from(option.value.as_str()));
            }
        }
    });
    shown.response.accessible_name(&field.title);
    picked
}

fn text_ui(ui: &mut Ui, field: &SettingField, value: &Value) -> Option<Value> {
    let mut text = plain(value);
    let edit = ui.add(TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
    edit.accessible_name(&field.title).changed().then(|| Value::from(text))
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
