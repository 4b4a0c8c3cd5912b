//! The memory map as text: both maps beside each other by operation, what is where, and what each chip makes of it.

use octet_engine::report::{ActivationPlace, ChipMemory, MemoryMap, MemoryMaps, PlacedTensor, chip_in_words};

use super::compare::plain;

/// Characters of the longest bar.
const BAR: usize = 20;
/// Characters of an operation's name; what is cut off is its start, since ends tell names apart.
const NAME: usize = 44;

/// The whole text.
pub(super) fn lines(maps: &MemoryMaps) -> Vec<String> {
    let mut lines = Vec::new();
    let of_target = maps.chip(&maps.target).and_then(|chip| Some((chip, maps.after(chip)?)));
    if let (Some(before), Some((chip, after))) = (maps.before(), of_target) {
        lines.extend(totals(maps, before, chip, after));
        lines.extend(by_operation(maps, before, chip, after));
        lines.push(String::new());
        lines.push("tensors as the firmware places them (operations: first to last)".to_owned());
        lines.push(format!("{:>9} {:>9}  {:<9} tensor", "offset", "bytes", "operations"));
        lines.extend(after.tensors.iter().map(tensor));
    }
    lines.push(String::new());
    lines.push("chips".to_owned());
    lines.extend(maps.chips.iter().map(|c| format!("  {:<10} {}", chip_in_words(&c.chip), c.verdict)));
    lines
}

fn totals(maps: &MemoryMaps, before: &MemoryMap, chip: &ChipMemory, after: &MemoryMap) -> Vec<String> {
    let used = |map: &MemoryMap| {
        let name = maps.operations.get(map.peak_operation).map_or("", String::as_str);
        let (all, peak) = (map.arena_bytes, map.peak_bytes);
        format!("{all} bytes, of which {peak} are in use at {} {}", map.peak_operation, plain(name))
    };
    let place = match chip.place {
        ActivationPlace::Sram => "lies in SRAM",
        ActivationPlace::Psram => "lies in PSRAM",
        ActivationPlace::Nowhere => "fits nowhere",
    };
    let streamed = format!("{} of {} blocks streamed row by row", after.streamed_blocks, maps.blocks);
    let mut lines = vec![
        format!("memory for activations; the firmware is that of {}", chip_in_words(&chip.chip)),
        format!("layer by layer  {}", used(before)),
        format!("firmware        {}", used(after)),
        format!("                {streamed}, the arena {place}"),
        String::new(),
        "at the firmware's peak".to_owned(),
    ];
    lines.extend(after.during(after.peak_operation).map(tensor));
    lines.push(String::new());
    lines
}

fn by_operation(maps: &MemoryMaps, before: &MemoryMap, chip: &ChipMemory, after: &MemoryMap) -> Vec<String> {
    let most = before.arena_bytes.max(after.arena_bytes).max(1);
    let bar = |bytes: u64, limit: u64| {
        let cells = |bytes: u64| (bytes.min(most) as u128 * BAR as u128).div_ceil(u128::from(most)) as usize;
        let mut bar: Vec<char> = "█".repeat(cells(bytes)).chars().collect();
        bar.resize(BAR, ' ');
        // The first cell beyond the chip's memory.
        let beyond = (u128::from(limit) * BAR as u128 / u128::from(most)) as usize;
        if let Some(cell) = bar.get_mut(beyond).filter(|c| **c == ' ') {
            *cell = '|';
        }
        bar.into_iter().collect::<String>()
    };
    let cell = |map: &MemoryMap, operation: usize, limit: u64| {
        let stage = map.stages.iter().find(|s| (s.first..=s.last).contains(&operation));
        stage.map_or_else(String::new, |stage| {
            let sign = if stage.streamed { '~' } else { ' ' };
            let kib = stage.arena_bytes as f64 / 1024.0;
            format!("{kib:>8.1}{sign} {}", bar(stage.arena_bytes, limit))
        })
    };
    let head = format!(
        "KiB by operation; ~ is streamed, | the end of the chip's SRAM ({} KiB)",
        chip.sram_bytes / 1024
    );
    let mut lines = vec![head, format!("{:<4} {:<NAME$} {:<32}{}", "", "", "  layer by layer", "  firmware")];
    for (number, name) in maps.operations.iter().enumerate() {
        let (before, after) = (cell(before, number, u64::MAX), cell(after, number, chip.sram_bytes));
        let line = format!("{number:>4} {:<NAME$} {before:<32}{after}", tail(&plain(name)));
        lines.push(line.trim_end().to_owned());
    }
    lines
}

fn tensor(tensor: &PlacedTensor) -> String {
    let mut notes = Vec::new();
    if tensor.streamed {
        notes.push(format!("some rows of {} bytes", tensor.bytes));
    }
    if let Some(other) = &tensor.in_place_of {
        notes.push(format!("in place of {}", plain(other)));
    }
    if let Some(other) = &tensor.runs_into {
        notes.push(format!("runs into {}", plain(other)));
    }
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) };
    let operations = format!("{}..{}", tensor.first, tensor.last);
    format!("{:>9} {:>9}  {operations:<9}  {}{notes}", tensor.offset, tensor.held_bytes, plain(&tensor.name))
}

fn tail(name: &str) -> String {
    let count = name.chars().count();
    match count.checked_sub(NAME) {
        None | Some(0) => name.to_owned(),
        Some(beyond) => format!("…{}", name.chars().skip(beyond + 1).collect::<String>()),
    }
}
