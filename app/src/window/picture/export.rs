//! The picture in a file: drawn by the same code as on the canvas, in a window that nobody sees.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use egui::{Align2, FontId, LayerId, Painter, Pos2, RawInput, Rect, Vec2, pos2, vec2};
use octet_engine::run::replace_file;

use super::{Detail, Scene, paint_scale, raster, svg};
use crate::tr;
use crate::window::graph::{Camera, Layout};
use crate::window::heat::HeatMap;
use crate::window::state::{Heat, Model};
use crate::window::theme::{self, DARK, LIGHT, Tokens};

/// Height of the strip with the scale.
const STRIP: f32 = 48.0;
/// Pixels per point of a picture of pixels, when that is not too many.
const SHARPNESS: f32 = 2.0;
/// The most pixels of a side, and of all.
const MAX_SIDE: f32 = 16_000.0;
const MAX_PIXELS: f32 = 64.0e6;

/// Why a picture was not saved.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The ending of the name says nothing.
    #[error("{}", unknown_ending(.0))]
    Ending(PathBuf),
    /// The file cannot be written.
    #[error("{}", not_written(.path, .source))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The pixels cannot be packed.
    #[error("{}", not_packed(.path, .source))]
    Pack {
        /// The file.
        path: PathBuf,
        /// The encoder's reason.
        source: image::ImageError,
    },
}

fn unknown_ending(path: &Path) -> Cow<'static, str> {
    tr!("a picture's name ends in .svg or .png: %{path}", path = path.display())
}

fn not_written(path: &Path, source: &std::io::Error) -> Cow<'static, str> {
    tr!(
        "cannot write the picture (%{reason}); choose another folder: %{path}",
        reason = source,
        path = path.display()
    )
}

fn not_packed(path: &Path, source: &image::ImageError) -> Cow<'static, str> {
    tr!(
        "cannot pack the picture (%{reason}); save it as .svg instead: %{path}",
        reason = source,
        path = path.display()
    )
}

/// Saves the whole graph with its scale as `.svg` or `.png`, whichever the name says. A file of that name is replaced
/// when the new one is complete.
///
/// # Errors
/// When the name has another ending, or the file cannot be written.
pub fn save_picture(model: &Model, layout: &Layout, heat: &HeatMap, path: &Path) -> Result<(), PictureError> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let size = (layout.bounds.size() + vec2(0.0, STRIP)).max(Vec2::splat(STRIP));
    let sheet = Sheet { model, layout, heat, size };
    let bytes = match ending.as_str() {
        "svg" => sheet.svg().into_bytes(),
        "png" => sheet.png().map_err(|source| PictureError::Pack { path: path.to_owned(), source })?,
        _ => return Err(PictureError::Ending(path.to_owned())),
    };
    replace_file(path, &bytes).map_err(|source| PictureError::Write { path: path.to_owned(), source })
}

/// What is drawn, and how large it is in points.
struct Sheet<'a> {
    model: &'a Model,
    layout: &'a Layout,
    heat: &'a HeatMap,
    size: Vec2,
}

impl Sheet<'_> {
    fn tokens(&self) -> &'static Tokens {
        if self.heat.request.dark { &DARK } else { &LIGHT }
    }

    /// One frame of a window of the picture's size.
    fn drawn(&self, pixels_per_point: f32) -> (egui::Context, egui::FullOutput) {
        let ctx = egui::Context::default();
        theme::install(&ctx);
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, self.size)),
            max_texture_side: Some(8192),
            ..RawInput::default()
        };
        if let Some(viewport) = input.viewports.get_mut(&egui::ViewportId::ROOT) {
            viewport.native_pixels_per_point = Some(pixels_per_point);
        }
        let output = ctx.run_ui(input, |ui| {
            self.paint(ui.ctx().layer_painter(LayerId::background()));
        });
        (ctx, output)
    }

    fn paint(&self, painter: Painter) {
        let rect = Rect::from_min_size(Pos2::ZERO, self.size - vec2(0.0, STRIP));
        let scene = Scene {
            painter,
            rect,
            camera: Camera { centre: self.layout.bounds.center(), zoom: 1.0 },
            tokens: self.tokens(),
            model: self.model,
            layout: self.layout,
            heat: self.heat,
            detail: Detail::Near,
            selection: None,
            marked: Vec::new(),
            hovered: None,
        };
        scene.paint();
        self.strip(&scene.painter, Rect::from_min_max(rect.left_bottom(), self.size.to_pos2()));
    }

    /// The model's name, and what the colours mean.
    fn strip(&self, painter: &Painter, rect: Rect) {
        let (t, request) = (self.tokens(), &self.heat.request);
        let middle = rect.center().y - 8.0;
        let words = |x: f32, text: String| {
            painter
                .text(pos2(x, middle), Align2::LEFT_CENTER, text, FontId::proportional(12.0), t.text)
                .right()
        };
        let mut x = words(rect.left() + 28.0, self.model.file_name());
        let Some(scale) = self.heat.scale.as_ref().filter(|_| request.heat != Heat::Off) else { return };
        let (figure, side) = (tr!(request.heat.words()), tr!(request.side.words()));
        let legend = match request.reference {
            Some(_) => tr!("%{figure}, %{side}", figure = figure, side = side),
            None => figure,
        };
        x = words(x + 24.0, legend.into_owned());
        x = words(x + 14.0, request.words(scale.low));
        let bar = Rect::from_min_size(pos2(x + 8.0, middle - 8.0), vec2(180.0, 26.0));
        paint_scale(painter, bar, scale, request, t);
        x = words(bar.right() + 8.0, request.words(scale.high));
        let chip = Rect::from_center_size(pos2(x + 24.0, middle), Vec2::splat(11.0));
        painter.rect_filled(chip, 3.0, t.unmeasured);
        words(chip.right() + 6.0, tr!("not measured").into_owned());
    }

    fn svg(&self) -> String {
        let (_, mut output) = self.drawn(1.0);
        // Text stays text: nobody needs the glyphs.
        output.textures_delta.clear();
        let shapes = output.shapes.iter().map(|s| &s.shape);
        svg::document(shapes, self.size, self.tokens().canvas, &self.model.file_name())
    }

    fn png(&self) -> Result<Vec<u8>, image::ImageError> {
        let per_side = MAX_SIDE / self.size.max_elem();
        let of_all = (MAX_PIXELS / (self.size.x * self.size.y)).sqrt();
        let pixels_per_point = SHARPNESS.min(per_side).min(of_all);
        let (ctx, mut output) = self.drawn(pixels_per_point);
        let primitives = ctx.tessellate(std::mem::take(&mut output.shapes), output.pixels_per_point);
        let size = (self.size * pixels_per_point).floor().max(Vec2::splat(1.0));
        let mut sheet = raster::Sheet::new([size.x as usize, size.y as usize], self.tokens().canvas);
        sheet.draw(&primitives, &output.textures_delta, output.pixels_per_point);
        output.textures_delta.clear();
        sheet.png()
    }
}
