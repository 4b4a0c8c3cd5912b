//! What the network receives of a picture: the exact integers.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Color32, CornerRadius, Label, Rect, RichText, Sense, TextureOptions, Ui, pos2, vec2};
use octet_engine::pictures::{InputPreview, Rgb};

use super::thumbnails_ui::texture;
use super::widgets::{caption, card, fact, notice, section};
use crate::tr;
use crate::window::actions::input_format;
use crate::window::format;
use crate::window::state::State;
use crate::window::theme::{figures, tokens};

/// More of the integers at the ends of the range than this look like a wrong unit.
const SUSPICIOUS: f64 = 0.05;

/// The preview.
pub(super) fn preview_ui(ui: &mut Ui, state: &State) {
    if state.model.open.is_none() || state.pictures.previewed().is_none() {
        return;
    }
    section(ui, "What the network receives");
    let shown = &state.pictures.preview.shown;
    let t = tokens(ui);
    if let Some(Err(_)) = state.preprocessing() {
        caption(ui, "Once the pre-processing is right, the integers of a picture are shown here.");
        return;
    }
    match shown {
        None => {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(14.0).color(t.accent));
                caption(ui, "Preparing a picture…");
            });
        }
        Some((key, Err(reason))) => {
            let name = key.file.file_name().unwrap_or_default().to_string_lossy();
            notice(ui, t.error, &tr!("%{name} cannot be used", name = name), reason);
        }
        Some((key, Ok(preview))) => {
            let name = key.file.file_name().unwrap_or_default().to_string_lossy();
            let is_measured = input_format(state, &key.preprocessing).1;
            card(ui, |ui| {
                ui.add(Label::new(RichText::new(name.as_ref()).small().color(t.weak)).truncate());
                picture_ui(ui, preview);
                histogram_ui(ui, preview);
                facts_ui(ui, preview, key.preprocessing.bgr, is_measured);
            });
        }
    }
}

/// The integers as a picture; hovering tells those of a pixel.
fn picture_ui(ui: &mut Ui, preview: &Arc<InputPreview>) {
    let (width, height) = preview.size;
    let scale = (ui.available_width() / width.max(1) as f32).min(260.0 / height.max(1) as f32);
    let size = vec2(width as f32, height as f32) * scale;
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), size.y), Sense::hover());
    let rect = Rect::from_center_size(area.center(), size);
    let response = ui.interact(rect, ui.scope_id().with("integers"), Sense::hover());
    let words = tr!("The network's input, %{width} by %{height} pixels", width = width, height = height);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &*words));
    let name = PathBuf::from("\u{0}preview");
    let texture = texture(ui, &name, &picture_of(ui, preview), TextureOptions::NEAREST);
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
    if let Some(at) = response.hover_pos() {
        let at = (at - rect.min) / scale;
        let (x, y) = (at.x.max(0.0) as usize, at.y.max(0.0) as usize);
        let integers = preview.pixel(x, y).iter().map(i16::to_string).collect::<Vec<_>>().join("  ");
        if !integers.is_empty() {
            response.on_hover_text_at_pointer(
                RichText::new(tr!("pixel %{x}, %{y}\n%{integers}", x = x, y = y, integers = integers))
                    .font(figures()),
            );
        }
    }
}

/// The shown picture behind a pointer that stays the same while the preview does.
fn picture_of(ui: &Ui, preview: &Arc<InputPreview>) -> Arc<Rgb> {
    type Kept = Option<(Arc<InputPreview>, Arc<Rgb>)>;
    let id = egui::Id::unique("shown preview");
    let kept: Kept = ui.data(|d| d.get_temp::<Kept>(id)).flatten();
    if let Some((_, picture)) = kept.filter(|(of, _)| Arc::ptr_eq(of, preview)) {
        return picture;
    }
    let picture = Arc::new(preview.shown.clone());
    ui.data_mut(|d| d.insert_temp::<Kept>(id, Some((preview.clone(), picture.clone()))));
    picture
}

/// How often each integer occurs; the ends of the range are marked where something lies there.
fn histogram_ui(ui: &mut Ui, preview: &InputPreview) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::hover());
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, tr!("Histogram of the integers")));
    let most = preview.histogram.iter().copied().max().unwrap_or(0).max(1) as f32;
    let bars = preview.histogram.len().max(1);
    let step = rect.width() / bars as f32;
    for (i, &count) in preview.histogram.iter().enumerate().filter(|(_, c)| **c > 0) {
        // The root makes rare integers visible beside frequent ones.
        let height = ((count as f32 / most).sqrt() * rect.height()).max(1.0);
        let left = rect.left() + i as f32 * step;
        let bar = Rect::from_min_max(
            pos2(left, rect.bottom() - height),
            pos2(left + (step - 0.5).max(0.5), rect.bottom()),
        );
        let clips =
            (i == 0 && preview.at_ends.0 > SUSPICIOUS) || (i + 1 == bars && preview.at_ends.1 > SUSPICIOUS);
        ui.painter().rect_filled(bar, CornerRadius::ZERO, if clips { t.warn } else { t.accent });
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), egui::Stroke::new(1.0, t.line));
    ui.horizontal(|ui| {
        let figure = |n: i16| RichText::new(n.to_string()).font(figures()).color(t.weak);
        ui.label(figure(preview.range.0));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(figure(preview.range.1))
        });
    });
}

fn facts_ui(ui: &mut Ui, preview: &InputPreview, bgr: bool, is_measured: bool) {
    let t = tokens(ui);
    let format = preview.format;
    let words = match is_measured {
        true => tr!("%{exponent} (of the run)", exponent = format.exponent),
        false => tr!("%{exponent} (assumed)", exponent = format.exponent),
    };
    let exponent = fact(ui, "Exponent", &words);
    exponent.on_hover_text(tr!(
        "Value = integer × 2^%{exponent}, %{bits} bits",
        exponent = format.exponent,
        bits = format.bits
    ));
    if !is_measured {
        ui.label(
            RichText::new(crate::tr!("Until a run has chosen one: the finest exponent that clips no pixel."))
                .small()
                .color(t.weak),
        );
    }
    let (low, high) = preview.reached;
    fact(ui, "Integers", &format!("{low} … {high}"));
    let (low, high) = preview.values;
    fact(ui, "Values", &format!("{low:.3} … {high:.3}"));
    let (low, high) = preview.at_ends;
    fact(ui, "At the lower end", &format::percent(low));
    fact(ui, "At the upper end", &format::percent(high));
    fact(ui, "Clipped values", &format::percent(preview.beyond));
    let (from, to) = (preview.original, preview.size);
    fact(ui, "Picture, width × height", &format!("{} × {}", from.0, from.1));
    fact(ui, "Input, width × height", &format!("{} × {}", to.0, to.1));
    let order = match (preview.channels, bgr) {
        (1, _) => tr!("grey"),
        (_, true) => tr!("blue, green, red"),
        (_, false) => tr!("red, green, blue"),
    };
    fact(ui, "Channels", &order);
    if low + high > SUSPICIOUS {
        notice(
            ui,
            t.warn,
            "Many integers lie at the ends of the range",
            "Is the picture over-exposed? Otherwise mean and standard deviation may be those of another unit or another model.",
        );
    }
}
