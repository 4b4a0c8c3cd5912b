//! Feature maps: one channel large on both sides, and a page of small ones to choose from.

use std::sync::Arc;

use egui::{
    Align, Color32, ColorImage, CornerRadius, Id, Layout, Rect, RichText, Role, Sense, Stroke, StrokeKind,
    TextureFilter, TextureHandle, TextureOptions, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use octet_engine::probe::{FeatureMap, FeatureMaps};

use crate::tr;
use crate::window::actions::{Action, Actions, InspectAction};
use crate::window::state::{Inspect, MAPS_PER_PAGE, MapKind};
use crate::window::theme::{GAP, RADIUS, tokens};
use crate::window::views::widgets::quiet_button;
use crate::window::{format, heat};

/// Every system can show textures of this side; larger ones end the program on some.
const MAX_SIDE: usize = 2048;
/// Small maps in a row.
const COLUMNS: usize = 4;

/// The maps of a page as one texture for each side, row by row.
#[derive(Clone)]
struct Sheets {
    of: Arc<FeatureMaps>,
    textures: [TextureHandle; 3],
}

pub(super) fn maps_ui(ui: &mut Ui, inspect: &Inspect, maps: &FeatureMaps, out: &mut Actions) {
    let Some(sheets) = sheets(ui, inspect) else { return };
    let large = shown_large(inspect, maps);
    if maps.height == 1 && maps.channels == 1 {
        strips_ui(ui, maps, &sheets);
    } else {
        large_ui(ui, maps, &sheets, large);
    }
    scale_ui(ui, maps);
    if maps.channels > 1 {
        ui.add_space(4.0);
        bar_ui(ui, inspect, maps, out);
        page_ui(ui, inspect, &sheets, large, out);
    }
}

/// The place on the page of the chosen channel, else of the one with the largest error.
fn shown_large(inspect: &Inspect, maps: &FeatureMaps) -> usize {
    let chosen = inspect.map.and_then(|channel| maps.maps.iter().position(|m| m.channel == channel));
    let worst = || (0..maps.maps.len()).rev().max_by(|&a, &b| maps.maps[a].nsr.total_cmp(&maps.maps[b].nsr));
    chosen.or_else(worst).unwrap_or(0)
}

fn bytes(map: &FeatureMap, kind: MapKind) -> &[u8] {
    match kind {
        MapKind::Float => &map.float,
        MapKind::Quantized => &map.quantized,
        MapKind::Difference => &map.difference,
    }
}

/// Blue below zero, grey at zero, orange above: as far as possible apart for every kind of colour vision.
fn diverging(byte: u8) -> Color32 {
    const BELOW: [f32; 3] = [33.0, 145.0, 240.0];
    const NONE: [f32; 3] = [38.0, 38.0, 40.0];
    const ABOVE: [f32; 3] = [250.0, 148.0, 30.0];
    let t = (f32::from(byte) - 128.0) / 127.0;
    let end = if t < 0.0 { BELOW } else { ABOVE };
    // Small differences are the point: the square root lifts them.
    let share = t.abs().min(1.0).sqrt();
    let mix = |c: usize| (NONE[c] + (end[c] - NONE[c]) * share).round() as u8;
    Color32::from_rgb(mix(0), mix(1), mix(2))
}

fn colour(byte: u8, kind: MapKind) -> Color32 {
    match kind {
        MapKind::Difference => diverging(byte),
        _ => heat::colour(f32::from(byte) / 255.0),
    }
}

/// The textures of the page, made when the page is a new one.
fn sheets(ui: &Ui, inspect: &Inspect) -> Option<Sheets> {
    let maps = inspect.maps.here()?;
    let id = Id::unique("feature maps");
    let known: Option<Sheets> = ui.data(|d| d.get_temp(id));
    if let Some(sheets) = known.filter(|s| Arc::ptr_eq(&s.of, maps)) {
        return Some(sheets);
    }
    let textures = MapKind::ALL.map(|kind| {
        let image = sheet(maps, kind);
        let options = TextureOptions { minification: TextureFilter::Linear, ..TextureOptions::NEAREST };
        ui.ctx().load_texture(format!("maps {}", kind.word()), image, options)
    });
    let sheets = Sheets { of: Arc::clone(maps), textures };
    ui.data_mut(|d| d.insert_temp(id, sheets.clone()));
    Some(sheets)
}

fn sheet(maps: &FeatureMaps, kind: MapKind) -> ColorImage {
    let (columns, rows) = extents(maps);
    let step = (maps.width.div_ceil(MAX_SIDE / columns).max(1), maps.height.div_ceil(MAX_SIDE / rows).max(1));
    let (wide, high) = (maps.width.div_ceil(step.0), maps.height.div_ceil(step.1));
    let width = columns * wide;
    let mut image = ColorImage::filled([width.max(1), (rows * high).max(1)], Color32::TRANSPARENT);
    for (i, map) in maps.maps.iter().enumerate() {
        let (x0, y0) = (i % columns * wide, i / columns * high);
        let lines: Vec<&[u8]> = bytes(map, kind).chunks(maps.width.max(1)).collect();
        for (row, block) in lines.chunks(step.1).enumerate() {
            let from = (y0 + row) * width + x0;
            let Some(target) = image.pixels.get_mut(from..from + wide) else { continue };
            for (column, pixel) in target.iter_mut().enumerate() {
                let cell = block.iter().flat_map(|line| line.iter().skip(column * step.0).take(step.0));
                *pixel = colour(standing_for(cell.copied(), kind), kind);
            }
        }
    }
    image
}

/// The byte that stands for several where a map has more than a texture can hold: the largest difference, else the largest
/// value.
fn standing_for(bytes: impl Iterator<Item = u8>, kind: MapKind) -> u8 {
    match kind {
        MapKind::Difference => bytes.max_by_key(|b| b.abs_diff(128)).unwrap_or(128),
        _ => bytes.max().unwrap_or(0),
    }
}

/// Columns and rows of a sheet.
fn extents(maps: &FeatureMaps) -> (usize, usize) {
    let columns = maps.maps.len().clamp(1, COLUMNS);
    (columns, maps.maps.len().div_ceil(columns).max(1))
}

/// Where a map lies on its sheet.
fn uv(maps: &FeatureMaps, place: usize) -> Rect {
    let (columns, rows) = extents(maps);
    let (w, h) = (1.0 / columns as f32, 1.0 / rows as f32);
    let (x, y) = ((place % columns) as f32 * w, (place / columns) as f32 * h);
    Rect::from_min_max(pos2(x, y), pos2(x + w, y + h))
}

fn kind_index(kind: MapKind) -> usize {
    kind as usize
}

fn image_ui(ui: &Ui, sheets: &Sheets, kind: MapKind, place: usize, rect: Rect) {
    let texture = sheets.textures[kind_index(kind)].id();
    ui.painter().image(texture, rect, uv(&sheets.of, place), Color32::WHITE);
}

/// The size of a map in a square of this side.
fn fitted(maps: &FeatureMaps, side: f32) -> Vec2 {
    let (w, h) = (maps.width.max(1) as f32, maps.height.max(1) as f32);
    vec2(w, h) * (side / w.max(h))
}

/// One channel on both sides, and their difference.
fn large_ui(ui: &mut Ui, maps: &FeatureMaps, sheets: &Sheets, place: usize) {
    let t = tokens(ui);
    let Some(map) = maps.maps.get(place) else { return };
    let side = ((ui.available_width() - 2.0 * GAP) / 3.0).max(24.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        for kind in MapKind::ALL {
            ui.allocate_ui(vec2(side, side + 18.0), |ui| {
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
                    let label = tr!("Channel %{n}, %{kind}", n = map.channel, kind = tr!(kind.word()));
                    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
                    let rect = Rect::from_center_size(rect.center(), fitted(maps, side));
                    image_ui(ui, sheets, kind, place, rect);
                    ui.label(RichText::new(tr!(kind.word())).small().color(t.weak));
                });
            });
        }
    });
    ui.horizontal(|ui| {
        ui.label(RichText::new(tr!("Channel %{n}", n = map.channel)).color(t.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let error = RichText::new(format::percent(map.nsr)).monospace().color(t.strong);
            ui.label(error).on_hover_text(crate::tr!("Noise to signal of this channel alone"));
        });
    });
}

/// A tensor without pixels, as one row for each side.
fn strips_ui(ui: &mut Ui, maps: &FeatureMaps, sheets: &Sheets) {
    let t = tokens(ui);
    for kind in MapKind::ALL {
        ui.label(RichText::new(tr!(kind.word())).small().color(t.weak));
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
        let label = tr!("%{n} values, %{kind}", n = maps.width, kind = tr!(kind.word()));
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
        image_ui(ui, sheets, kind, 0, rect);
    }
}

/// What the colours stand for.
fn scale_ui(ui: &mut Ui, maps: &FeatureMaps) {
    let t = tokens(ui);
    let figure = |v: f32| format!("{v:.3}").replace('-', "−");
    let end = maps.largest_difference;
    let scales = [
        (MapKind::Quantized, figure(maps.low), figure(maps.high)),
        (MapKind::Difference, figure(-end), figure(end)),
    ];
    for (kind, low, high) in scales {
        ui.horizontal(|ui| {
            let text = |text: String| RichText::new(text).small().monospace().color(t.weak);
            ui.add_sized(vec2(62.0, 12.0), egui::Label::new(text(low)));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_sized(vec2(62.0, 12.0), egui::Label::new(text(high)));
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 8.0), Sense::hover());
                let steps = 48;
                for i in 0..steps {
                    let (a, b) = (i as f32 / steps as f32, (i + 1) as f32 / steps as f32);
                    let part = Rect::from_min_max(
                        pos2(rect.left() + a * rect.width(), rect.top()),
                        pos2(rect.left() + b * rect.width(), rect.bottom()),
                    );
                    ui.painter().rect_filled(part, 0.0, colour((a * 255.0).round() as u8, kind));
                }
            });
        });
    }
}

/// What the small maps show, and which page of them.
fn bar_ui(ui: &mut Ui, inspect: &Inspect, maps: &FeatureMaps, out: &mut Actions) {
    let t = tokens(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for kind in MapKind::ALL {
            let text = RichText::new(tr!(kind.word())).small();
            let chosen = ui.selectable_label(inspect.map_kind == kind, text);
            if chosen.accessible_name(tr!("Small maps: %{kind}", kind = tr!(kind.word()))).clicked() {
                out.push(Action::Inspect(InspectAction::SetMapKind(kind)));
            }
        }
    });
    if maps.channels <= MAPS_PER_PAGE {
        return;
    }
    ui.horizontal(|ui| {
        let first = inspect.first_map;
        let last = (first + MAPS_PER_PAGE).min(maps.channels);
        let words = tr!(
            "channels %{first} to %{last} of %{total}",
            first = first,
            last = last.saturating_sub(1),
            total = maps.channels
        );
        ui.label(RichText::new(words).small().color(t.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut go = |ui: &mut Ui, sign: &str, name: &str, to: Option<usize>| {
                let button = ui.add_enabled_ui(to.is_some(), |ui| quiet_button(ui, sign)).inner;
                if let (true, Some(to)) = (button.accessible_name(name).clicked(), to) {
                    out.push(Action::Inspect(InspectAction::ShowMaps(to)));
                }
            };
            let next = first + MAPS_PER_PAGE;
            go(ui, "→", &tr!("Next channels"), (next < maps.channels).then_some(next));
            go(ui, "←", &tr!("Previous channels"), first.checked_sub(MAPS_PER_PAGE));
        });
    });
}

/// The small maps.
fn page_ui(ui: &mut Ui, inspect: &Inspect, sheets: &Sheets, large: usize, out: &mut Actions) {
    let (t, maps) = (tokens(ui), sheets.of.as_ref());
    let gap = 4.0;
    let side = ((ui.available_width() - gap * (COLUMNS - 1) as f32) / COLUMNS as f32).max(16.0);
    ui.spacing_mut().item_spacing = vec2(gap, gap);
    for row in maps.maps.chunks(COLUMNS).enumerate() {
        ui.horizontal(|ui| {
            for (column, map) in row.1.iter().enumerate() {
                let place = row.0 * COLUMNS + column;
                let (square, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
                let chosen = place == large;
                let label = tr!("Channel %{n}", n = map.channel);
                response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &label));
                let rect = Rect::from_center_size(square.center(), fitted(maps, side - 2.0));
                image_ui(ui, sheets, inspect.map_kind, place, rect);
                if chosen || response.hovered() || response.has_focus() {
                    let line = Stroke::new(1.5, if chosen { t.accent } else { t.edge });
                    ui.painter().rect_stroke(
                        square,
                        CornerRadius::same(RADIUS / 2),
                        line,
                        StrokeKind::Inside,
                    );
                }
                if response.clicked() {
                    out.push(Action::Inspect(InspectAction::ShowMap(map.channel)));
                }
                response.on_hover_text(tr!(
                    "channel %{n}: error %{error}",
                    n = map.channel,
                    error = format::percent(map.nsr)
                ));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(count: usize, height: usize, width: usize) -> FeatureMaps {
        let map = |channel| FeatureMap {
            channel,
            float: vec![0; height * width],
            quantized: vec![0; height * width],
            difference: (0..height * width).map(|i| if i == 7 { 200 } else { 128 }).collect(),
            nsr: 0.0,
        };
        FeatureMaps {
            tensor: String::new(),
            height,
            width,
            channels: count,
            low: 0.0,
            high: 1.0,
            largest_difference: 1.0,
            maps: (0..count).map(map).collect(),
        }
    }

    #[test]
    fn no_tensor_makes_a_texture_that_is_too_large() {
        for (count, height, width) in [(1, 1, 500_000), (16, 600, 600), (16, 56, 56), (1, 1, 1), (3, 9000, 2)]
        {
            let sheet = sheet(&maps(count, height, width), MapKind::Difference);
            assert!(sheet.size.iter().all(|&side| (1..=MAX_SIDE).contains(&side)), "{:?}", sheet.size);
        }
        let small = sheet(&maps(16, 56, 56), MapKind::Float);
        assert_eq!(small.size, [4 * 56, 4 * 56], "what fits is shown pixel by pixel");
    }

    #[test]
    fn a_single_large_difference_is_seen_among_many_values() {
        let sheet = sheet(&maps(1, 1, 500_000), MapKind::Difference);
        assert_eq!(sheet.pixels[0], diverging(200));
        assert_eq!(sheet.pixels[9], diverging(128));
    }
}
