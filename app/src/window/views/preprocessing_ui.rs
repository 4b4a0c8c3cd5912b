//! How a picture becomes the network's input: the settings, with units, and what is wrong with them.

use egui::{Align, Label, Layout, RichText, TextEdit, Ui, vec2};
use octet_engine::pictures::{Preprocessing, SettingError};

use super::icon_ui::{Icon, icon_button};
use super::widgets::{caption, card, notice, quiet_button, section};
use crate::window::actions::{Action, Actions, PicturesAction};
use crate::window::state::State;
use crate::window::theme::{GAP, tokens};
use crate::{key, tr};

/// Name, key, and what may be typed.
const FIELDS: [(&str, &str, &str); 4] = [
    (
        key!("Mean"),
        "mean",
        key!("One number, or three for red, green and blue; pixels run from 0 to 1 here."),
    ),
    (
        key!("Std"),
        "std",
        key!("Standard deviation: what the difference is divided by. Pixels run from 0 to 1 here."),
    ),
    (key!("Resize"), "resize", key!("256 for the shorter side, 224x224 for height and width, or none.")),
    (key!("Crop"), "crop", key!("The middle: 224, 224x224 for height and width, or none.")),
];

/// Ways to scale pixels that models are trained with.
const SCALES: [(&str, &str, &str, &str); 3] = [
    ("ImageNet", "0.485,0.456,0.406", "0.229,0.224,0.225", key!("torchvision's mean and standard deviation")),
    ("−1 … 1", "0.5", "0.5", key!("x / 127.5 − 1, as Keras and TensorFlow have it for MobileNetV2")),
    ("0 … 1", "0", "1", "x / 255"),
];

/// The settings.
pub(super) fn preprocessing_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    section(ui, "Pre-processing");
    let Some(model) = &state.model.open else {
        caption(ui, "Open a model: its file may say how pictures become its input.");
        return;
    };
    let Ok(own) = Preprocessing::of_network(&model.network, &Default::default()) else {
        own_is_wrong_ui(ui, state, out);
        return;
    };
    let told = ["mean", "std", "resize", "crop", "bgr", "grey", "preprocess"];
    let told = told.iter().any(|key| model.network.metadata.contains_key(*key));
    caption(
        ui,
        if told {
            "The model file says how; what you type goes before it."
        } else {
            "The model file says nothing, so these are torchvision's defaults. They must be those that the model was trained with."
        },
    );
    let result = state.preprocessing();
    form_ui(ui, state, &own, result.as_ref(), out);
}

/// The model's own settings are of no use; whatever is typed is still checked.
fn own_is_wrong_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    if let Some(Err(error)) = state.preprocessing() {
        notice(ui, t.error, "The model's own pre-processing cannot be used", &error.to_string());
    }
    for (title, key, hint) in FIELDS {
        field_ui(ui, state, (title, key, hint), "", out);
    }
}

fn form_ui(
    ui: &mut Ui,
    state: &State,
    own: &Preprocessing,
    result: Option<&Result<Preprocessing, SettingError>>,
    out: &mut Actions,
) {
    let t = tokens(ui);
    let defaults = own.settings();
    let error = result.and_then(|r| r.as_ref().err());
    let now = result.and_then(|r| r.as_ref().ok()).unwrap_or(own);
    card(ui, |ui| {
        for (title, key, hint) in FIELDS {
            let default = defaults.get(key).map(String::as_str).unwrap_or_default();
            field_ui(ui, state, (title, key, hint), default, out);
            if let Some(error) = error.filter(|e| e.key == key) {
                notice(ui, t.error, &error.reason, "");
            } else if let Some(words) = in_bytes(now, key) {
                ui.label(RichText::new(words).small().color(t.weak));
            }
        }
        ui.add_space(2.0);
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(crate::tr!("Scale")).small().color(t.weak));
            for (name, mean, std, explanation) in SCALES {
                let button = quiet_button(ui, name).on_hover_text(tr!(explanation));
                if button.accessible_name(tr!("Scale %{name}", name = name)).clicked() {
                    let settings = [("mean", mean), ("std", std)].map(|(k, v)| (k.to_owned(), v.to_owned()));
                    out.push(Action::Pictures(PicturesAction::ChangePreprocessing(settings.into())));
                }
            }
        });
        let flags = [
            (
                key!("Blue first (BGR)"),
                "bgr",
                now.bgr,
                own.bgr,
                key!("The network takes blue, green, red, as OpenCV reads pictures."),
            ),
            (
                key!("Grey"),
                "grey",
                now.grey,
                own.grey,
                key!("Colours are replaced by their luma before the network sees them."),
            ),
        ];
        for (title, key, mut on, default, hint) in flags {
            if ui.checkbox(&mut on, tr!(title)).on_hover_text(tr!(hint)).changed() {
                let value = (on != default).then(|| on.to_string());
                out.push(Action::Pictures(PicturesAction::SetPreprocessing(key.to_owned(), value)));
            }
        }
        if let Some(error) = error.filter(|e| FIELDS.iter().all(|f| f.1 != e.key)) {
            notice(ui, t.error, &error.to_string(), "");
        }
        if !state.pictures.preprocessing.is_empty() {
            ui.add_space(2.0);
            let button = quiet_button(ui, "Reset all");
            if button.accessible_name(tr!("Reset the pre-processing to the model's own")).clicked() {
                out.push(Action::Pictures(PicturesAction::ResetPreprocessing));
            }
        }
    });
}

/// The same in the units that other tools use.
fn in_bytes(now: &Preprocessing, key: &str) -> Option<String> {
    let (mean, std) = now.in_bytes();
    let values = match key {
        "mean" => mean,
        "std" => std,
        _ => return None,
    };
    let short = |v: f32| format!("{v:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
    let list = match values {
        [a, b, c] if a == b && b == c => short(a),
        all => all.map(short).join(", "),
    };
    Some(tr!("0..1; in units of 0..255: %{list}", list = list).into_owned())
}

/// A text field; empty means the model's own.
fn field_ui(
    ui: &mut Ui,
    state: &State,
    (title, key, hint): (&str, &str, &str),
    default: &str,
    out: &mut Actions,
) {
    let t = tokens(ui);
    let typed = state.pictures.preprocessing.get(key);
    let mut text = typed.cloned().unwrap_or_default();
    ui.horizontal(|ui| {
        let colour = if typed.is_some() { t.accent } else { t.weak };
        ui.allocate_ui_with_layout(vec2(46.0, 26.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(46.0);
            ui.add(Label::new(RichText::new(tr!(title)).color(colour)));
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if typed.is_some() {
                let name = tr!("Reset %{name} to %{value}", name = tr!(title), value = default);
                if icon_button(ui, Icon::Back, &name).clicked() {
                    let action = PicturesAction::SetPreprocessing(key.to_owned(), None);
                    out.push(Action::Pictures(action));
                }
            }
            let edit = TextEdit::singleline(&mut text)
                .id_salt(("pre-processing", key))
                .hint_text(default)
                .font(crate::window::theme::figures())
                .margin(vec2(6.0, 4.0))
                .desired_width(ui.available_width() - GAP);
            let edit = ui.add(edit).on_hover_text(tr!(hint)).accessible_name(tr!(title));
            if edit.changed() {
                let value = Some(text.clone()).filter(|text| !text.trim().is_empty());
                out.push(Action::Pictures(PicturesAction::SetPreprocessing(key.to_owned(), value)));
            }
        });
    });
}
