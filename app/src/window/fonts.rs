//! The faces of the window: egui's own, and glyphs for Chinese.

use std::sync::Arc;

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use egui::{Context, FontData, FontDefinitions, FontFamily};

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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use egui::FontId;

    use super::*;

    #[test]
    fn every_character_of_the_translations_has_a_glyph() {
        let all: HashMap<String, String> =
            serde_json::from_str(include_str!("../../locales/zh.json")).unwrap();
        let ctx = Context::default();
        install(&ctx);
        let _ = ctx.run_ui(egui::RawInput::default(), |_| {});
        let mut characters: Vec<char> = all.values().flat_map(|text| text.chars()).collect();
        characters.sort_unstable();
        characters.dedup();
        for font in [FontId::proportional(13.0), FontId::monospace(13.0)] {
            let lacks = |c: &char| !c.is_whitespace() && !ctx.fonts_mut(|f| f.has_glyph(&font, *c));
            let missing: String = characters.iter().copied().filter(lacks).collect();
            assert!(missing.is_empty(), "run tools/make_font.py: {missing}");
        }
    }
}
