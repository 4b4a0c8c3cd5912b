//! What the pointer tells about a tensor, or about an operation, of the memory map.

use egui::{Label, RichText, Ui};
use octet_engine::report::{MemoryMap, PlacedTensor, whole_kib};

use super::legend_ui::Kind;
use crate::tr;
use crate::window::format;
use crate::window::state::ShownMemory;
use crate::window::theme::{figures, tokens};

/// Widest that names may make it.
const WIDTH: f32 = 420.0;

/// A tensor: what it takes, where, and how long.
pub(super) fn tensor_tip_ui(ui: &mut Ui, memory: ShownMemory<'_>, tensor: &PlacedTensor) {
    ui.set_max_width(WIDTH);
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(&tensor.name).color(t.strong)).wrap());
    let (held, from) = (format::bytes(tensor.held_bytes), format::bytes(tensor.offset));
    let place = tr!("%{bytes}, from %{place} on", bytes = held, place = from);
    ui.label(RichText::new(place).font(figures()).color(t.text));
    if tensor.streamed {
        weak(ui, &tr!("Only some rows exist at a time; whole it has %{n}", n = format::bytes(tensor.bytes)));
    } else {
        weak(ui, &tr!(Kind::of(tensor).words()));
    }
    if let Some(other) = &tensor.in_place_of {
        weak(ui, &tr!("Written over %{name}", name = other));
    }
    if let Some(other) = &tensor.runs_into {
        weak(ui, &tr!("Runs into the rows of %{name} that were read", name = other));
    }
    weak(
        ui,
        &tr!(
            "There from operation %{first} to %{last} of %{all}",
            first = tensor.first,
            last = tensor.last,
            all = memory.maps.operations.len()
        ),
    );
    weak(ui, memory.name(tensor.first));
    if tensor.last != tensor.first {
        weak(ui, &tr!("to %{name}", name = memory.name(tensor.last)));
    }
}

/// An operation: what is in memory during it.
pub(super) fn operation_tip_ui(ui: &mut Ui, memory: ShownMemory<'_>, map: &MemoryMap, operation: usize) {
    ui.set_max_width(WIDTH);
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(memory.name(operation)).color(t.strong)).wrap());
    if let Some(stage) = map.stages.iter().find(|s| (s.first..=s.last).contains(&operation)) {
        let words = tr!("%{bytes} of the arena are in use", bytes = whole_kib(stage.arena_bytes));
        ui.label(words);
        if stage.streamed {
            let (first, last) = (stage.first, stage.last);
            weak(ui, &tr!("Streamed row by row: operations %{first} to %{last}", first = first, last = last));
        }
        if stage.scratch_bytes > 0 {
            weak(ui, &tr!("%{bytes} of it for the kernels", bytes = format::bytes(stage.scratch_bytes)));
        }
    }
    for tensor in map.during(operation) {
        weak(ui, &format!("{:>9}  {}", format::bytes(tensor.held_bytes), tensor.name));
    }
}

fn weak(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).small().color(tokens(ui).weak);
    ui.add(Label::new(text).wrap());
}
