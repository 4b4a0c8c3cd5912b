//! The panel of the memory map: a chip and its verdict above, what lies where below.

mod hover_ui;
mod legend_ui;
mod map_ui;
mod scale;

use egui::{ComboBox, Label, RichText, ScrollArea, Ui};
use octet_engine::report::{ActivationPlace, ChipMemory, whole_kib};

use super::bar_ui::chip;
use super::widgets::caption;
use crate::tr;
use crate::window::actions::{Action, Actions, MemoryAction};
use crate::window::state::{MapSide, ShownMemory, State, verdict_words};
use crate::window::theme::{Tokens, tokens};

/// Least height of a map that is worth drawing; below it the panel scrolls.
const LEAST_HEIGHT: f32 = 110.0;
/// Two maps lie beside each other from this width on, above each other below it.
const BESIDE: f32 = 620.0;
/// Between two maps.
const BETWEEN: f32 = 14.0;

/// The panel.
pub(super) fn memory_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let Some(memory) = state.memory() else {
        let words = match state.report() {
            Some(_) => tr!("This run was made before Octet drew memory maps: quantize again to see it."),
            None => {
                tr!("What lies where in the chip's memory will be shown here, before anything is flashed.")
            }
        };
        ui.centered_and_justified(|ui| {
            ui.add(Label::new(RichText::new(words).color(tokens(ui).weak)).wrap());
        });
        return;
    };
    let height = ui.available_height();
    ScrollArea::vertical().id_salt("memory map").auto_shrink([false, false]).show(ui, |ui| {
        let top = ui.cursor().top();
        tools_ui(ui, state, memory, out);
        let words = verdict_words(memory.maps, memory.chip);
        let text = RichText::new(sentence_case(&words)).color(colour(memory.chip, tokens(ui)));
        ui.add(Label::new(text).wrap());
        if memory.maps.operations.is_empty() {
            caption(ui, "The network has no operations.");
            return;
        }
        let used = ui.cursor().top() - top;
        maps_ui(ui, state, memory, height - used - legend_ui::HEIGHT, out);
        legend_ui::legend_ui(ui, memory);
    });
}

fn maps_ui(ui: &mut Ui, state: &State, memory: ShownMemory<'_>, height: f32, out: &mut Actions) {
    let width = ui.available_width();
    let sides: &[MapSide] = match state.memory.side {
        MapSide::Both => &[MapSide::Before, MapSide::After],
        MapSide::Before => &[MapSide::Before],
        MapSide::After => &[MapSide::After],
    };
    if sides.len() == 2 && width >= BESIDE {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = BETWEEN;
            for &side in sides {
                let size = egui::vec2((width - BETWEEN) / 2.0, height.max(LEAST_HEIGHT));
                map_ui::map_ui(ui, state, memory, side, size, out);
            }
        });
        return;
    }
    let each = height / sides.len() as f32 - ui.spacing().item_spacing.y;
    for &side in sides {
        map_ui::map_ui(ui, state, memory, side, egui::vec2(width, each.max(LEAST_HEIGHT)), out);
    }
}

/// The choice of chip and of maps.
fn tools_ui(ui: &mut Ui, state: &State, memory: ShownMemory<'_>, out: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        let combo = ComboBox::from_id_salt("chip of the memory map")
            .selected_text(chip(&memory.chip.chip))
            .width(104.0);
        let shown = combo.show_ui(ui, |ui| {
            for other in &memory.maps.chips {
                let chosen = other.chip == memory.chip.chip;
                if ui.selectable_label(chosen, line(other)).clicked() {
                    out.push(Action::Memory(MemoryAction::SetChip(other.chip.clone())));
                }
            }
        });
        shown
            .response
            .accessible_name(tr!("Chip of the memory map"))
            .on_hover_text(tr!("The chip whose memory is drawn; the run stays as it is"));
        for side in MapSide::ALL {
            let chosen = state.memory.side == side;
            let label = ui.selectable_label(chosen, tr!(side.title()));
            if label.on_hover_text(tr!(side.explanation())).clicked() {
                out.push(Action::Memory(MemoryAction::SetSide(side)));
            }
        }
    });
}

/// A chip in the menu, with how it copes.
fn line(memory: &ChipMemory) -> String {
    let (chip, need) = (chip(&memory.chip), whole_kib(memory.needed_bytes));
    let words = match memory.place {
        ActivationPlace::Sram => tr!("%{chip}: SRAM, %{need}", chip = chip, need = need),
        ActivationPlace::Psram => tr!("%{chip}: PSRAM", chip = chip),
        ActivationPlace::Nowhere => tr!("%{chip}: does not fit", chip = chip),
    };
    words.into_owned()
}

/// Fine, to be looked at, impossible.
fn colour(memory: &ChipMemory, t: &Tokens) -> egui::Color32 {
    match memory.place {
        ActivationPlace::Sram => t.strong,
        ActivationPlace::Psram => t.warn,
        ActivationPlace::Nowhere => t.error,
    }
}

/// The verdicts of all chips, for a page.
pub(super) fn verdicts_ui(ui: &mut Ui, memory: ShownMemory<'_>) {
    let t = tokens(ui);
    for chip in &memory.maps.chips {
        let words = verdict_words(memory.maps, chip);
        let text = RichText::new(sentence_case(&words)).small().color(colour(chip, t));
        ui.add(Label::new(text).wrap());
    }
}

/// With a capital and a full stop, where the script has them.
pub(super) fn sentence_case(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) if first.is_ascii() => format!("{}{}.", first.to_ascii_uppercase(), letters.as_str()),
        Some(first) => format!("{first}{}。", letters.as_str()),
        None => String::new(),
    }
}
