//! What the colours of the memory map mean.

use egui::{Color32, CornerRadius, RichText, Sense, Ui, vec2};
use octet_engine::report::PlacedTensor;

use crate::tr;
use crate::window::state::ShownMemory;
use crate::window::theme::{SMALL_SIZE, Tokens, tokens};

/// Its height, for a line.
pub(super) const HEIGHT: f32 = 24.0;

/// How a tensor came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    InPlace,
    RunsInto,
    Rows,
    Working,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Whole, Kind::InPlace, Kind::RunsInto, Kind::Rows, Kind::Working];

    pub(super) fn of(tensor: &PlacedTensor) -> Self {
        match tensor {
            PlacedTensor { streamed: true, .. } => Kind::Rows,
            PlacedTensor { in_place_of: Some(_), .. } => Kind::InPlace,
            PlacedTensor { runs_into: Some(_), .. } => Kind::RunsInto,
            _ => Kind::Whole,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::Whole => "whole tensor",
            Kind::InPlace => "in place of its input",
            Kind::RunsInto => "runs into read rows of its input",
            Kind::Rows => "some rows of a streamed tensor",
            Kind::Working => "working memory",
        }
    }

    pub(super) fn colour(self, t: &Tokens) -> Color32 {
        match self {
            Kind::Whole => t.map[0],
            Kind::InPlace => t.map[1],
            Kind::RunsInto => t.map[2],
            Kind::Rows => t.map[3],
            Kind::Working => t.unmeasured,
        }
    }
}

/// A line of squares and words: only what is in the maps.
pub(super) fn legend_ui(ui: &mut Ui, memory: ShownMemory<'_>) {
    let t = tokens(ui);
    let maps = [memory.before, memory.after];
    let is_there = |kind: Kind| {
        maps.iter().any(|map| match kind {
            Kind::Working => map.stages.iter().any(|s| s.scratch_bytes > 0),
            kind => map.tensors.iter().any(|tensor| Kind::of(tensor) == kind),
        })
    };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for kind in Kind::ALL.into_iter().filter(|k| is_there(*k)) {
            let (square, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
            ui.painter().rect_filled(square, CornerRadius::same(2), kind.colour(t));
            ui.label(RichText::new(tr!(kind.words())).size(SMALL_SIZE).color(t.weak));
            ui.add_space(8.0);
        }
    });
}
