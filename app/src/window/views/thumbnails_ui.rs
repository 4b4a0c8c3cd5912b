//! Small pictures of a set, a bounded number of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{
    ColorImage, CornerRadius, Id, Rect, Role, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui,
    WidgetInfo, pos2, vec2,
};
use octet_engine::pictures::Rgb;
use octet_engine::report::PictureRole;

use super::widgets::{caption, quiet_button};
use crate::tr;
use crate::window::actions::{Action, Actions, PicturesAction};
use crate::window::state::{State, Thumbnail};
use crate::window::theme::tokens;

/// Side of a thumbnail on the screen.
const SIDE: f32 = 50.0;
const SPACE: f32 = 4.0;
/// Rows that are shown until the user asks for more.
const ROWS: usize = 2;

/// The pictures of a sample, and how many more there are.
pub(super) fn thumbnails_ui(
    ui: &mut Ui,
    state: &State,
    sample: &[&Path],
    total: usize,
    what: PictureRole,
    out: &mut Actions,
) {
    if sample.is_empty() {
        return;
    }
    let columns = ((ui.available_width() + SPACE) / (SIDE + SPACE)).floor().max(1.0) as usize;
    let id = ui.scope_id().with("all thumbnails");
    let mut all = ui.data(|d| d.get_temp::<bool>(id)).unwrap_or(false);
    let shown = if all { sample.len() } else { sample.len().min(columns * ROWS) };
    let rows = shown.div_ceil(columns);
    let height = rows as f32 * (SIDE + SPACE) - SPACE;
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let previewed = state.pictures.previewed();
    for (i, &file) in sample[..shown].iter().enumerate() {
        let at = vec2((i % columns) as f32, (i / columns) as f32) * (SIDE + SPACE);
        let rect = Rect::from_min_size(area.min + at, vec2(SIDE, SIDE));
        if ui.is_rect_visible(rect) {
            thumbnail_ui(ui, state, file, rect, previewed == Some(file), out);
        }
    }
    ui.horizontal(|ui| {
        if total > shown {
            caption(ui, &tr!("and %{n} more", n = thousands(total - shown)));
        }
        if sample.len() > columns * ROWS {
            let words = if all { tr!("Show fewer") } else { tr!("Show %{n}", n = sample.len()) };
            if quiet_button(ui, &words).accessible_name(more_words(what, all, sample.len())).clicked() {
                all = !all;
                ui.data_mut(|d| d.insert_temp(id, all));
            }
        }
    });
}

/// What the button under the thumbnails does, in full.
fn more_words(what: PictureRole, all: bool, n: usize) -> Cow<'static, str> {
    match (what, all) {
        (PictureRole::Calibration, true) => tr!("Show fewer calibration pictures"),
        (PictureRole::Calibration, false) => tr!("Show %{n} calibration pictures", n = n),
        (PictureRole::Evaluation, true) => tr!("Show fewer evaluation pictures"),
        (PictureRole::Evaluation, false) => tr!("Show %{n} evaluation pictures", n = n),
    }
}

fn thumbnail_ui(ui: &mut Ui, state: &State, file: &Path, rect: Rect, chosen: bool, out: &mut Actions) {
    let t = tokens(ui);
    let response = ui.interact(rect, ui.scope_id().with(file), Sense::click());
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let label = tr!("Picture %{name}", name = name);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &label));
    let radius = CornerRadius::same(4);
    let thumbnail = state.pictures.thumbnails.get(file);
    match thumbnail {
        Some(Thumbnail::Ready(picture)) => {
            let texture = texture(ui, file, picture, TextureOptions::LINEAR);
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), rect, uv, egui::Color32::WHITE);
        }
        Some(Thumbnail::Failed(_)) => {
            ui.painter().rect_filled(rect, radius, t.card);
            let (a, b) = (rect.shrink(17.0).min, rect.shrink(17.0).max);
            ui.painter().line_segment([a, b], Stroke::new(1.5, t.error));
            ui.painter().line_segment([pos2(a.x, b.y), pos2(b.x, a.y)], Stroke::new(1.5, t.error));
        }
        Some(Thumbnail::Loading) | None => {
            ui.painter().rect_filled(rect, radius, t.card);
        }
    }
    if chosen || response.hovered() || response.has_focus() {
        let colour = if chosen { t.accent } else { t.edge };
        ui.painter().rect_stroke(rect, radius, Stroke::new(2.0, colour), StrokeKind::Inside);
    }
    let hint = match thumbnail {
        Some(Thumbnail::Failed(reason)) => format!("{name}: {reason}"),
        _ => tr!("%{name}\nClick to see what the network receives of it", name = name).into_owned(),
    };
    if response.on_hover_text(hint).clicked() {
        out.push(Action::Pictures(PicturesAction::Preview(file.to_owned())));
    }
}

/// Textures by what they show; those of an earlier picture of the same name give way.
#[derive(Clone, Default)]
struct Textures(HashMap<PathBuf, (Arc<Rgb>, TextureHandle)>);

/// More textures than this are thrown away together; the visible ones are made again.
const MAX_TEXTURES: usize = 300;

/// The texture of a picture, made when it is first shown.
pub(super) fn texture(ui: &Ui, name: &Path, picture: &Arc<Rgb>, options: TextureOptions) -> TextureHandle {
    let id = Id::unique("textures");
    let known = ui.data_mut(|d| {
        let textures: &mut Textures = d.get_temp_mut_or_default(id);
        textures.0.get(name).filter(|(of, _)| Arc::ptr_eq(of, picture)).map(|(_, texture)| texture.clone())
    });
    known.unwrap_or_else(|| {
        let image = bounded(picture);
        let texture = ui.ctx().load_texture(name.to_string_lossy(), image, options);
        let entry = (picture.clone(), texture.clone());
        ui.data_mut(|d| {
            let textures: &mut Textures = d.get_temp_mut_or_default(id);
            if textures.0.len() >= MAX_TEXTURES {
                textures.0.clear();
            }
            textures.0.insert(name.to_owned(), entry);
        });
        texture
    })
}

/// A picture in a size that every system can show as a texture: every second pixel, every third, and so on.
fn bounded(picture: &Rgb) -> ColorImage {
    const MAX_SIDE: usize = 2048;
    let step = picture.width.max(picture.height).div_ceil(MAX_SIDE).max(1);
    if step == 1 {
        return ColorImage::from_rgb([picture.width, picture.height], &picture.pixels);
    }
    let lines = picture.pixels.chunks_exact((3 * picture.width).max(1)).step_by(step);
    let pixels: Vec<u8> =
        lines.flat_map(|line| line.chunks_exact(3).step_by(step).flatten()).copied().collect();
    ColorImage::from_rgb([picture.width.div_ceil(step), picture.height.div_ceil(step)], &pixels)
}

/// A count with commas between thousands.
pub(super) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0, 999, 9_940, 1_234_567].map(thousands), ["0", "999", "9,940", "1,234,567"]);
    }
}
