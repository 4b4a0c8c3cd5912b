//! Design tokens: every colour, size and distance of the window, for both themes. Views take colours from here
//! and nowhere else.

use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Ui, vec2};

use super::fonts;

/// The colours of one theme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tokens {
    /// Behind everything; the graph is drawn on it.
    pub canvas: Color32,
    /// Side panels and bars.
    pub panel: Color32,
    /// Boxes on the canvas, cards in panels.
    pub card: Color32,
    /// A card under the pointer.
    pub card_hovered: Color32,
    /// Text fields.
    pub field: Color32,
    /// Hairlines between regions and around cards.
    pub line: Color32,
    /// Edges of the graph.
    pub edge: Color32,
    /// Running text.
    pub text: Color32,
    /// Text that steps back: units, captions.
    pub weak: Color32,
    /// Headings and figures.
    pub strong: Color32,
    /// The one accent.
    pub accent: Color32,
    /// The accent, thinned out for large areas.
    pub accent_faint: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Needs a look.
    pub warn: Color32,
    /// Went wrong.
    pub error: Color32,
    /// "Not measured": never a colour of the heat scale.
    pub unmeasured: Color32,
    /// Tensors of the memory map: whole, in place, running into another, streamed. Told apart by lightness as well.
    pub map: [Color32; 4],
}

/// The dark theme.
pub const DARK: Tokens = Tokens {
    canvas: Color32::from_rgb(20, 22, 26),
    panel: Color32::from_rgb(27, 29, 34),
    card: Color32::from_rgb(36, 39, 45),
    card_hovered: Color32::from_rgb(44, 48, 55),
    field: Color32::from_rgb(17, 19, 22),
    line: Color32::from_rgb(50, 54, 62),
    edge: Color32::from_rgb(96, 103, 116),
    text: Color32::from_rgb(205, 209, 216),
    weak: Color32::from_rgb(139, 146, 158),
    strong: Color32::from_rgb(240, 242, 246),
    accent: Color32::from_rgb(74, 186, 196),
    accent_faint: Color32::from_rgb(29, 56, 62),
    on_accent: Color32::from_rgb(8, 28, 31),
    warn: Color32::from_rgb(232, 182, 88),
    error: Color32::from_rgb(240, 113, 108),
    unmeasured: Color32::from_rgb(70, 75, 84),
    map: [
        Color32::from_rgb(52, 110, 158),
        Color32::from_rgb(112, 188, 190),
        Color32::from_rgb(150, 122, 196),
        Color32::from_rgb(226, 164, 84),
    ],
};

/// The light theme.
pub const LIGHT: Tokens = Tokens {
    canvas: Color32::from_rgb(250, 250, 251),
    panel: Color32::from_rgb(242, 243, 245),
    card: Color32::from_rgb(255, 255, 255),
    card_hovered: Color32::from_rgb(246, 249, 250),
    field: Color32::from_rgb(255, 255, 255),
    line: Color32::from_rgb(216, 219, 224),
    edge: Color32::from_rgb(150, 156, 166),
    text: Color32::from_rgb(52, 57, 66),
    weak: Color32::from_rgb(103, 110, 121),
    strong: Color32::from_rgb(18, 21, 26),
    accent: Color32::from_rgb(0, 122, 136),
    accent_faint: Color32::from_rgb(218, 239, 241),
    on_accent: Color32::from_rgb(255, 255, 255),
    warn: Color32::from_rgb(154, 96, 0),
    error: Color32::from_rgb(190, 43, 41),
    unmeasured: Color32::from_rgb(178, 182, 189),
    map: [
        Color32::from_rgb(70, 130, 180),
        Color32::from_rgb(126, 196, 196),
        Color32::from_rgb(158, 136, 206),
        Color32::from_rgb(232, 172, 92),
    ],
};

/// Distance between things that belong together.
pub const GAP: f32 = 8.0;
/// Distance between things that do not.
pub const SECTION: f32 = 18.0;
/// Corners of cards, buttons and boxes.
pub const RADIUS: u8 = 6;
/// Width of the left rail.
pub const RAIL_WIDTH: f32 = 188.0;
/// Default width of the right panel.
pub const SIDE_WIDTH: f32 = 316.0;
/// Height of a table row.
pub const ROW_HEIGHT: f32 = 24.0;
/// Size of running text.
pub const TEXT_SIZE: f32 = 13.5;
/// Size of captions.
pub const SMALL_SIZE: f32 = 11.5;
/// Size of figures in tables.
pub const FIGURE_SIZE: f32 = 12.5;

/// The colours of the theme that `ui` is drawn in.
pub fn tokens(ui: &Ui) -> &'static Tokens {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// The monospaced face for figures.
pub fn figures() -> FontId {
    FontId::new(FIGURE_SIZE, FontFamily::Monospace)
}

/// Puts the faces and the tokens into egui's styles of both themes.
pub fn install(ctx: &Context) {
    fonts::install(ctx);
    ctx.style_mut_of(Theme::Dark, |style| restyle(style, &DARK));
    ctx.style_mut_of(Theme::Light, |style| restyle(style, &LIGHT));
}

fn restyle(style: &mut egui::Style, t: &Tokens) {
    style.text_styles = [
        (TextStyle::Small, FontId::new(SMALL_SIZE, FontFamily::Proportional)),
        (TextStyle::Body, FontId::new(TEXT_SIZE, FontFamily::Proportional)),
        (TextStyle::Button, FontId::new(TEXT_SIZE, FontFamily::Proportional)),
        (TextStyle::Heading, FontId::new(18.0, FontFamily::Proportional)),
        (TextStyle::Monospace, figures()),
    ]
    .into();
    style.spacing.item_spacing = vec2(GAP, 6.0);
    style.spacing.button_padding = vec2(10.0, 5.0);
    style.spacing.interact_size.y = 26.0;
    style.spacing.menu_margin = Margin::same(6);
    style.interaction.selectable_labels = false;

    let v = &mut style.visuals;
    v.panel_fill = t.panel;
    v.window_fill = t.panel;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(RADIUS + 2);
    v.menu_corner_radius = CornerRadius::same(RADIUS);
    v.extreme_bg_color = t.field;
    v.faint_bg_color = t.card;
    v.hyperlink_color = t.accent;
    v.warn_fg_color = t.warn;
    v.error_fg_color = t.error;
    v.weak_text_color = Some(t.weak);
    v.selection.bg_fill = t.accent_faint;
    v.selection.stroke = Stroke::new(1.0, t.accent);
    v.slider_trailing_fill = true;

    let radius = CornerRadius::same(RADIUS);
    for (w, fill, line, text) in [
        (&mut v.widgets.noninteractive, t.panel, t.line, t.text),
        (&mut v.widgets.inactive, t.card, t.line, t.text),
        (&mut v.widgets.hovered, t.card_hovered, t.edge, t.strong),
        (&mut v.widgets.active, t.accent_faint, t.accent, t.strong),
        (&mut v.widgets.open, t.card_hovered, t.edge, t.strong),
    ] {
        // Boxes of checkboxes and rails of sliders stand out from the cards they lie on.
        w.bg_fill = if fill == t.card { t.field } else { fill };
        w.weak_bg_fill = fill;
        w.bg_stroke = Stroke::new(1.0, line);
        w.fg_stroke = Stroke::new(1.0, text);
        w.corner_radius = radius;
        w.expansion = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f32 {
        let channel = |v: u8| {
            let x = f32::from(v) / 255.0;
            if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(c.r()) + 0.7152 * channel(c.g()) + 0.0722 * channel(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn text_keeps_the_contrast_of_wcag_aa_on_every_surface() {
        for t in [&DARK, &LIGHT] {
            for surface in [t.canvas, t.panel, t.card] {
                for text in [t.text, t.weak, t.strong, t.accent, t.warn, t.error] {
                    assert!(contrast(text, surface) >= 4.5, "{text:?} on {surface:?}");
                }
            }
            assert!(contrast(t.on_accent, t.accent) >= 4.5);
        }
    }
}
