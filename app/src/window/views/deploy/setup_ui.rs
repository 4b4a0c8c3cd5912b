//! What a deployment is made of: the board, the options, the tools.

use egui::{
    Align, Checkbox, CollapsingHeader, ComboBox, DragValue, Id, Label, Layout, RichText, TextEdit, Ui,
};
use octet_engine::deploy::{ChipFacts, Flavour, ModelPlace, Psram};

use super::tools_ui::tools_ui;
use crate::window::actions::{Action, Actions, DeployAction};
use crate::window::backend::Pick;
use crate::window::state::{BAUDS, DeployOptions, State};
use crate::window::theme::{figures, tokens};
use crate::window::views::icon_ui::{Icon, icon_button};
use crate::window::views::widgets::{caption, card, notice, section};
use crate::{key, tr};

/// Ports of other things that are listed; old computers have dozens.
const OTHER_PORTS: usize = 6;

/// The field for a port that is not listed.
pub(super) fn port_field() -> Id {
    Id::unique("port of the board")
}

/// The board.
pub(super) fn port_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let mut options = state.deploy.options.clone();
    board_ui(ui, state, &mut options, out);
    set(options, state, out);
}

/// The options and the tools.
pub(super) fn rest_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let mut options = state.deploy.options.clone();
    options_ui(ui, state, &mut options, out);
    set(options, state, out);
    tools_ui(ui, state, out);
}

fn set(options: DeployOptions, state: &State, out: &mut Actions) {
    if options != state.deploy.options {
        out.push(Action::Deploy(DeployAction::Set(Box::new(options))));
    }
}

/// The ports, boards first; a click chooses one.
fn board_ui(ui: &mut Ui, state: &State, options: &mut DeployOptions, out: &mut Actions) {
    let (t, deploy) = (tokens(ui), &state.deploy);
    ui.horizontal(|ui| {
        ui.label(RichText::new(tr!("Board")).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if deploy.looks_for_ports {
                ui.add(egui::Spinner::new().size(16.0).color(t.accent));
            } else if icon_button(ui, Icon::Again, &tr!("Look for boards again")).clicked() {
                out.push(Action::Deploy(DeployAction::FindPorts));
            }
        });
    });
    card(ui, |ui| {
        let chosen = deploy.port().map(str::to_owned);
        let others = deploy.ports.iter().flatten().filter(|p| !p.is_board).take(OTHER_PORTS);
        for port in deploy.boards().chain(others) {
            let is_chosen = chosen.as_deref() == Some(port.name.as_str());
            let colour = if port.is_board { t.strong } else { t.weak };
            if ui.radio(is_chosen, RichText::new(&port.name).font(figures()).color(colour)).clicked() {
                options.port = if is_chosen { String::new() } else { port.name.clone() };
            }
            let serial = port.serial_number.as_ref().map_or_else(String::new, |s| format!("  ·  {s}"));
            let words = RichText::new(format!("{}{serial}", port.description)).small().color(t.weak);
            ui.horizontal(|ui| {
                ui.add_space(22.0);
                ui.add(Label::new(words).wrap());
            });
        }
        if deploy.ports.is_none() {
            caption(ui, "Looking for boards…");
        } else if deploy.boards().next().is_none() && options.port().is_none() {
            notice(
                ui,
                t.warn,
                "No board is connected",
                "Plug one in with a cable that carries data: it appears here by itself. If it does not, hold BOOT while you plug it in.",
            );
        } else if chosen.is_none() {
            notice(ui, t.warn, "Several boards are connected", "Choose the one to write to.");
        }
        ui.add_space(2.0);
        // Links, pseudo-terminals and networked ports are not listed.
        let field = TextEdit::singleline(&mut options.port)
            .id(port_field())
            .hint_text(if cfg!(windows) { "COM3" } else { "/dev/ttyUSB0" })
            .desired_width(f32::INFINITY);
        ui.add(field)
            .accessible_name(tr!("Port"))
            .on_hover_text(tr!("Another port, typed by hand; empty takes the only board"));
    });
}

/// Everything else that can be chosen; the defaults need no look.
fn options_ui(ui: &mut Ui, state: &State, options: &mut DeployOptions, out: &mut Actions) {
    let (port, board) = (options.port.clone(), options.board.clone());
    let kept = DeployOptions { port, board, ..DeployOptions::default() };
    let facts = state.report().and_then(|r| ChipFacts::by_name(&r.target));
    // What another chip is remembered with changes nothing here.
    let is_default = options.for_chip(facts) == kept.for_chip(facts);
    let title = if is_default { tr!("Options") } else { tr!("Options (changed)") };
    let header = CollapsingHeader::new(RichText::new(title).color(tokens(ui).text)).id_salt("deploy options");
    header.show_unindented(ui, |ui| {
        card(ui, |ui| {
            what_ui(ui, options, facts);
            how_ui(ui, options, facts);
            path_ui(ui, "ESP-IDF", key!("the first that is found"), &mut options.idf, Pick::EspIdf, out);
            path_ui(
                ui,
                "Class names",
                key!("from the calibration pictures"),
                &mut options.names,
                Pick::ClassNames,
                out,
            );
            if !is_default && ui.button(tr!("Back to the defaults")).clicked() {
                *options = kept;
            }
        });
    });
}

/// What is put onto the board.
fn what_ui(ui: &mut Ui, options: &mut DeployOptions, facts: Option<&ChipFacts>) {
    let has_esp_dl = facts.is_some_and(|f| f.esp_dl);
    // What was chosen for another chip is shown as this one has it.
    let fitted = options.for_chip(facts);
    let words = |flavour: Flavour| match flavour {
        Flavour::Octet => tr!("Octet's runtime"),
        Flavour::EspDl => tr!("ESP-DL, to compare"),
    };
    choice_ui(ui, key!("Executes the model"), &words(fitted.flavour), |ui| {
        for flavour in [Flavour::Octet, Flavour::EspDl] {
            ui.add_enabled_ui(flavour == Flavour::Octet || has_esp_dl, |ui| {
                ui.selectable_value(&mut options.flavour, flavour, words(flavour))
                    .on_disabled_hover_text(tr!("Espressif's ESP-DL is not prepared for this chip"));
            });
        }
    });
    let words = |place: ModelPlace| match place {
        ModelPlace::Partition => tr!("its own partition"),
        ModelPlace::Rodata => tr!("the application"),
    };
    choice_ui(ui, key!("The model lies in"), &words(options.model_place), |ui| {
        for place in [ModelPlace::Partition, ModelPlace::Rodata] {
            ui.selectable_value(&mut options.model_place, place, words(place));
        }
    });
    let has_psram = facts.is_none_or(|f| f.psram != Psram::None);
    let words = |psram: Option<bool>| match psram {
        None => tr!("as needed"),
        Some(true) => tr!("on"),
        Some(false) => tr!("off"),
    };
    choice_ui(ui, "PSRAM", &words(fitted.psram), |ui| {
        for psram in [None, Some(true), Some(false)] {
            ui.add_enabled_ui(psram != Some(true) || has_psram, |ui| {
                ui.selectable_value(&mut options.psram, psram, words(psram))
                    .on_disabled_hover_text(tr!("This chip cannot have external RAM"));
            });
        }
    });
    row_ui(ui, "Test pictures", |ui| {
        let range = 0..=DeployOptions::MAX_PICTURES;
        ui.add(DragValue::new(&mut options.pictures).range(range).speed(0.1))
            .accessible_name(tr!("Test pictures"))
            .on_hover_text(tr!("Calibration pictures that the firmware takes along"));
    });
}

/// How it gets there.
fn how_ui(ui: &mut Ui, options: &mut DeployOptions, facts: Option<&ChipFacts>) {
    ui.add(Checkbox::new(&mut options.model_only, tr!("Only the model changed")))
        .on_hover_text(tr!("Writes the model's partition alone, in seconds; nothing is built"));
    ui.add(Checkbox::new(&mut options.no_reset, tr!("Leave the reset to me"))).on_hover_text(tr!(
        "For boards without the circuit for it: hold BOOT, press RESET, release both, then deploy; press RESET afterwards"
    ));
    if facts.is_some_and(|f| f.name == "esp32p4") {
        ui.add(Checkbox::new(&mut options.p4_below_revision_3, tr!("The chip is older than revision 3")))
            .on_hover_text(tr!(
                "Asked of the board where that can be: choose it to build without one, or when the reset is left to you"
            ));
    }
    ui.add(Checkbox::new(&mut options.verify, tr!("Compare with the desktop in the end")));
    for (name, baud) in [
        (key!("Baud of flashing"), &mut options.baud),
        (key!("Baud of the console"), &mut options.console_baud),
    ] {
        choice_ui(ui, name, &baud.to_string(), |ui| {
            for speed in BAUDS {
                ui.selectable_value(baud, speed, speed.to_string());
            }
        });
    }
}

/// A name on the left, a widget flush right.
fn row_ui(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(tr!(name)).color(tokens(ui).weak));
        ui.with_layout(Layout::right_to_left(Align::Center), add);
    });
}

fn choice_ui(ui: &mut Ui, name: &str, chosen: &str, add: impl FnOnce(&mut Ui)) {
    row_ui(ui, name, |ui| {
        let combo = ComboBox::from_id_salt(name).selected_text(chosen).width(136.0);
        combo.show_ui(ui, add).response.accessible_name(tr!(name));
    });
}

/// A path to type, or to choose.
fn path_ui(
    ui: &mut Ui,
    name: &str,
    otherwise: &'static str,
    text: &mut String,
    pick: Pick,
    out: &mut Actions,
) {
    section(ui, name);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let button = ui.button(tr!("Choose…"));
            if button.accessible_name(tr!(pick.title())).clicked() {
                out.push(Action::Ask(pick));
            }
            let field = TextEdit::singleline(text).hint_text(tr!(otherwise)).desired_width(f32::INFINITY);
            ui.add(field).accessible_name(tr!(name));
        });
    });
}
