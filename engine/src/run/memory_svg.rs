//! A memory map as an inline picture for `report.html`: operations from left to right, the arena from below upwards.

use std::fmt::Write as _;

use super::curves_svg::escaped;
use crate::report::{MemoryMap, MemoryMaps, PlacedTensor, whole_kib};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
/// Room for the figures on the left, and above and below the plot.
const LEFT: f64 = 58.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 22.0;
/// Figures closer than this would be drawn over each other.
const LINE: f64 = 13.0;

/// What the colours mean. Their values are in the page's style.
pub(super) const LEGEND: &str = "<p class=\"legend dim\"><span><i class=\"t0\"></i>whole tensor</span>\
    <span><i class=\"t1\"></i>in place of its input</span>\
    <span><i class=\"t2\"></i>runs into rows of its input that were read</span>\
    <span><i class=\"t3\"></i>some rows of a streamed tensor</span>\
    <span><i class=\"t4\"></i>working memory</span></p>";

/// Where things are drawn.
struct Scale {
    /// Bytes at the upper end.
    most: f64,
    operations: f64,
}

impl Scale {
    fn x(&self, operation: usize) -> f64 {
        LEFT + operation as f64 / self.operations * (WIDTH - LEFT)
    }

    fn y(&self, bytes: u64) -> f64 {
        HEIGHT - BOTTOM - bytes as f64 / self.most * (HEIGHT - BOTTOM - TOP)
    }

    /// A box over operations and bytes.
    fn rect(&self, class: &str, [first, last]: [usize; 2], [low, high]: [u64; 2], title: &str) -> String {
        let (x, y) = (self.x(first), self.y(high));
        format!(
            "<rect class=\"tensor {class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            self.x(last.saturating_add(1)) - x,
            (self.y(low) - y).max(0.5),
            escaped(title)
        )
    }
}

/// Draws the map of this number; empty when there is none. All maps of the chip share one scale.
pub(super) fn memory_svg(maps: &MemoryMaps, number: usize) -> String {
    let Some(map) = maps.maps.get(number).filter(|_| !maps.operations.is_empty()) else {
        return String::new();
    };
    let chip = maps.chip(&maps.target);
    let sram = chip.map_or(0, |c| c.sram_bytes);
    let arenas = [maps.before(), chip.and_then(|c| maps.after(c))];
    let most = arenas.into_iter().flatten().map(|m| m.arena_bytes).max().unwrap_or(0).max(sram).max(1);
    let scale = Scale { most: most as f64, operations: maps.operations.len() as f64 };
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-size=\"11\">");
    for tensor in &map.tensors {
        let bytes = [tensor.offset, tensor.offset.saturating_add(tensor.held_bytes)];
        svg += &scale.rect(class(tensor), [tensor.first, tensor.last], bytes, &title(tensor, maps));
    }
    for stage in map.stages.iter().filter(|s| s.scratch_bytes > 0) {
        let bytes = [stage.arena_bytes.saturating_sub(stage.scratch_bytes), stage.arena_bytes];
        let title = format!("working memory of the kernels, {}", whole_kib(stage.scratch_bytes));
        svg += &scale.rect("t4", [stage.first, stage.last], bytes, &title);
    }
    svg += &marks(&scale, map, sram);
    svg + "</svg>"
}

/// The lines across, with their figures, and the peak.
fn marks(scale: &Scale, map: &MemoryMap, sram: u64) -> String {
    let mut svg = String::new();
    let mut taken = vec![scale.y(0)];
    let mut line = |bytes: u64, words: &str, style: &str| {
        let y = scale.y(bytes);
        // Writing into a string cannot fail.
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"currentColor\" {style}/>"
        );
        let free = taken.iter().all(|t| (t - y).abs() >= LINE);
        if free || words.is_empty() {
            let _ = write!(
                svg,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"currentColor\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                whole_kib(bytes)
            );
            taken.push(y);
        }
        if !words.is_empty() {
            let _ = write!(
                svg,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"currentColor\">{words}</text>",
                WIDTH - 4.0,
                y - 4.0
            );
        }
    };
    line(map.arena_bytes, "", "stroke-width=\"0.6\"");
    if sram > 0 {
        line(
            sram,
            &format!("SRAM of the chip: {}", whole_kib(sram)),
            "stroke-width=\"1.4\" stroke-dasharray=\"6 4\"",
        );
    }
    line(0, "", "stroke-width=\"0.6\"");
    let x = (scale.x(map.peak_operation) + scale.x(map.peak_operation.saturating_add(1))) / 2.0;
    let _ = write!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"{}\" fill=\"currentColor\">peak: operation {}</text>",
        HEIGHT - 6.0,
        if x > WIDTH / 2.0 { "end" } else { "start" },
        map.peak_operation
    );
    let _ = write!(
        svg,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"currentColor\"/>",
        scale.y(0),
        scale.y(0) + 8.0
    );
    svg
}

fn class(tensor: &PlacedTensor) -> &'static str {
    match tensor {
        PlacedTensor { streamed: true, .. } => "t3",
        PlacedTensor { in_place_of: Some(_), .. } => "t1",
        PlacedTensor { runs_into: Some(_), .. } => "t2",
        _ => "t0",
    }
}

fn title(tensor: &PlacedTensor, maps: &MemoryMaps) -> String {
    let name = |number: usize| maps.operations.get(number).map_or("", String::as_str);
    let mut title = format!("{}\n{} bytes at {}", tensor.name, tensor.held_bytes, tensor.offset);
    if tensor.streamed {
        let _ = write!(title, ": some rows of {}", tensor.bytes);
    }
    let _ = write!(title, "\noperations {} to {}", tensor.first, tensor.last);
    let _ = write!(title, "\n{} to {}", name(tensor.first), name(tensor.last));
    for (words, other) in [("in place of", &tensor.in_place_of), ("runs into", &tensor.runs_into)] {
        if let Some(other) = other {
            let _ = write!(title, "\n{words} {other}");
        }
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ActivationPlace, ChipMemory, MemoryStage};

    fn maps() -> MemoryMaps {
        let tensor = PlacedTensor {
            name: "<script>\"&".to_owned(),
            bytes: 4096,
            held_bytes: 1024,
            offset: 512,
            first: 0,
            last: 1,
            streamed: true,
            ..PlacedTensor::default()
        };
        let stage = MemoryStage { first: 0, last: 1, streamed: true, arena_bytes: 2048, scratch_bytes: 512 };
        MemoryMaps {
            target: "esp32p4".to_owned(),
            operations: vec!["a".to_owned(), "b".to_owned()],
            maps: vec![MemoryMap {
                arena_bytes: 2048,
                stages: vec![stage],
                tensors: vec![tensor],
                ..MemoryMap::default()
            }],
            chips: vec![ChipMemory {
                chip: "esp32p4".to_owned(),
                sram_bytes: 4096,
                same_file: true,
                map: 0,
                place: ActivationPlace::Sram,
                needed_bytes: 2048,
                fitting: None,
                verdict: String::new(),
            }],
            ..MemoryMaps::default()
        }
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let svg = memory_svg(&maps(), 0);
        assert!(svg.contains("&lt;script&gt;&quot;&amp;") && !svg.contains("<script>"));
    }

    #[test]
    fn a_tensor_is_a_box_over_its_operations_and_bytes() {
        let svg = memory_svg(&maps(), 0);
        // 4096 bytes are 264 high: 1024 of them 66, from 512 upwards.
        assert!(
            svg.contains("class=\"tensor t3\" x=\"58.0\" y=\"179.0\" width=\"502.0\" height=\"66.0\""),
            "{svg}"
        );
        assert!(
            svg.contains("class=\"tensor t4\" x=\"58.0\" y=\"146.0\" width=\"502.0\" height=\"33.0\""),
            "{svg}"
        );
    }

    #[test]
    fn what_is_missing_or_nonsense_is_not_drawn() {
        assert_eq!(memory_svg(&maps(), 7), "");
        assert_eq!(memory_svg(&MemoryMaps::default(), 0), "");
        let mut nonsense = maps();
        nonsense.maps[0].tensors[0].last = usize::MAX;
        nonsense.maps[0].tensors[0].offset = u64::MAX;
        nonsense.maps[0].peak_operation = usize::MAX;
        assert!(!memory_svg(&nonsense, 0).contains("NaN"));
        nonsense.chips[0].map = 9;
        nonsense.maps[0].arena_bytes = 0;
        nonsense.chips[0].sram_bytes = 0;
        assert!(!memory_svg(&nonsense, 0).contains("NaN"));
    }
}
