//! How a chip copes, in a sentence.

use crate::report::{
    ActivationPlace, ChipMemory, FittingInput, MemoryMaps, chip_in_words, size_in_words, whole_kib,
};

/// How a chip copes, in a sentence.
pub fn sentence(maps: &MemoryMaps, memory: &ChipMemory) -> String {
    let chip = chip_in_words(&memory.chip);
    let about = if memory.same_file { "" } else { "about " };
    let need = format!("{about}{}", whole_kib(memory.needed_bytes));
    let sram = whole_kib(memory.sram_bytes);
    let at = maps.input.map_or_else(String::new, |size| format!(" at {}", size_in_words(size)));
    let streamed = maps.after(memory).is_some_and(|m| m.streamed_blocks > 0);
    let whole = maps.before().map_or(0, |m| m.arena_bytes);
    match memory.place {
        ActivationPlace::Sram if streamed => format!(
            "needs {need} fused ({} layer by layer): fits the {chip}'s SRAM ({sram})",
            whole_kib(whole)
        ),
        ActivationPlace::Sram => format!("needs {need} layer by layer: fits the {chip}'s SRAM ({sram})"),
        ActivationPlace::Psram => format!(
            "needs PSRAM{at}: {need} fused do not fit the {chip}'s SRAM ({sram}); {}",
            remedy(memory.fitting)
        ),
        ActivationPlace::Nowhere => format!(
            "does not fit the {chip}{at}: {need} fused, {sram} of SRAM, no PSRAM; {}",
            remedy(memory.fitting)
        ),
    }
}

fn remedy(fitting: Option<FittingInput>) -> String {
    match fitting {
        Some(FittingInput { size, planned }) => {
            let about = if planned { "" } else { "about " };
            format!("SRAM suffices from {about}{} down", size_in_words(size))
        }
        None => "no smaller input fits either".to_owned(),
    }
}
