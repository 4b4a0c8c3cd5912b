//! The faces of the window: egui's own, and glyphs for Chinese.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use egui::{Context, FontData, FontDefinitions, FontFamily, FontId};

use super::state::State;

/// The glyphs of the translations, out of Noto Sans CJK SC (SIL Open Font License 1.1); made by `tools/make_font.py`.
const CHINESE: &[u8] = include_bytes!("../../assets/fonts/chinese.otf");

/// Where systems keep a face with all Chinese glyphs, which names of files and operations may need, and its place in
/// the file.
const SYSTEM_FACES: [(&str, u32); 7] = [
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/wenquanyi/wqy-microhei/wqy-microhei.ttc", 0),
    ("/System/Library/Fonts/PingFang.ttc", 0),
    ("C:\\Windows\\Fonts\\msyh.ttc", 0),
];

/// The faces that are there from the first frame on. The monospaced face, which has arrows, stands in where the other
/// one lacks a character, and the Chinese one where both do.
pub(super) fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::default();
    if let Some(mono) = fonts.families.get(&FontFamily::Monospace).and_then(|f| f.first().cloned()) {
        fonts.families.entry(FontFamily::Proportional).or_default().push(mono);
    }
    fonts.font_data.insert("chinese".to_owned(), Arc::new(FontData::from_static(CHINESE)));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.entry(family).or_default().push("chinese".to_owned());
    }
    ctx.set_fonts(fonts);
}

/// Looks for a face of the system with all Chinese glyphs and adds it; may take a while.
pub(super) fn add_system_face(ctx: &Context) {
    let found = SYSTEM_FACES.iter().find_map(|(path, index)| Some((std::fs::read(path).ok()?, *index)));
    let Some((bytes, index)) = found else {
        tracing::info!("no font of the system with all Chinese glyphs was found; names may show boxes");
        return;
    };
    let mut data = FontData::from_owned(bytes);
    data.index = index;
    let family = |family| InsertFontFamily { family, priority: FontPriority::Lowest };
    let families = vec![family(FontFamily::Proportional), family(FontFamily::Monospace)];
    ctx.add_font(FontInsert::new("system chinese", data, families));
    ctx.request_repaint();
}

/// Notices names that the faces have no glyphs for, whatever the language of the window is.
#[derive(Debug, Default)]
pub(super) struct MissingGlyphs {
    /// The system's face was asked for; more there is not.
    asked: bool,
    /// What was looked at last.
    seen: Option<Seen>,
}

/// Stands for all names: they change when one of these does.
type Seen = (Option<String>, usize, usize, usize, Option<PathBuf>);

impl MissingGlyphs {
    /// The system's face was asked for.
    pub(super) fn asked(&mut self) {
        self.asked = true;
    }

    /// True once, when a name needs the system's face.
    pub(super) fn appear(&mut self, ctx: &Context, state: &State) -> bool {
        if self.asked {
            return false;
        }
        let seen = (
            state.model.open.as_ref().map(|m| m.path.display().to_string()),
            state.runs.all.len() + state.runs.labels.len() + state.runs.earlier.len(),
            state.pictures.folders.len(),
            state.pictures.evaluation.as_ref().map_or(0, |f| f.pictures),
            state.settings.recent.first().cloned(),
        );
        if self.seen.as_ref() == Some(&seen) {
            return false;
        }
        self.seen = Some(seen);
        let mut rare = BTreeSet::new();
        rare_characters(state, &mut rare);
        let font = FontId::proportional(super::theme::TEXT_SIZE);
        self.asked = ctx.fonts_mut(|fonts| rare.iter().any(|c| !fonts.has_glyph(&font, *c)));
        self.asked
    }
}

/// Pictures whose names are looked at, of each folder.
const NAMED_PICTURES: usize = 200;

/// Characters beyond ASCII in the names that the window shows.
fn rare_characters(state: &State, rare: &mut BTreeSet<char>) {
    let mut add = |text: &str| rare.extend(text.chars().filter(|c| !c.is_ascii() && !c.is_control()));
    if let Some(model) = &state.model.open {
        add(&model.path.to_string_lossy());
        model.network.nodes.iter().for_each(|node| add(&node.name));
    }
    for run in &state.runs.all {
        add(&run.path.to_string_lossy());
    }
    for run in &state.runs.earlier {
        add(&run.name);
    }
    for label in state.runs.labels.values() {
        add(&label.name);
        add(&label.notes);
    }
    for folder in state.pictures.folders.iter().chain(&state.pictures.evaluation) {
        add(&folder.path.to_string_lossy());
        folder.balance.iter().for_each(|class| add(&class.name));
        folder.listing.entries.iter().take(NAMED_PICTURES).for_each(|entry| add(&entry.file));
    }
    for path in &state.settings.recent {
        add(&path.to_string_lossy());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_character_of_the_translations_has_a_glyph() {
        let all: HashMap<String, String> =
            serde_json::from_str(include_str!("../../locales/zh.json")).unwrap();
        let ctx = Context::default();
        install(&ctx);
        ctx.run_ui(egui::RawInput::default(), |_| {}).textures_delta.clear();
        let mut characters: Vec<char> = all.values().flat_map(|text| text.chars()).collect();
        characters.sort_unstable();
        characters.dedup();
        for font in [FontId::proportional(13.0), FontId::monospace(13.0)] {
            let lacks = |c: &char| !c.is_whitespace() && !ctx.fonts_mut(|f| f.has_glyph(&font, *c));
            let missing: String = characters.iter().copied().filter(lacks).collect();
            assert!(missing.is_empty(), "run tools/make_font.py: {missing}");
        }
    }

    #[test]
    fn a_name_without_glyphs_asks_for_the_face_of_the_system_once() {
        let ctx = Context::default();
        install(&ctx);
        ctx.run_ui(egui::RawInput::default(), |_| {}).textures_delta.clear();
        let mut glyphs = MissingGlyphs::default();
        let mut state = State::default();
        state.settings.opened("/models/größe.onnx".as_ref());
        assert!(!glyphs.appear(&ctx, &state), "the faces of the window have these");
        // A character that is in no translation.
        state.settings.opened("/models/龘.onnx".as_ref());
        assert!(glyphs.appear(&ctx, &state));
        assert!(!glyphs.appear(&ctx, &state));
    }
}
