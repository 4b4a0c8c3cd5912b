//! The picture of the graph: drawn from a layout and its heat, on the canvas or into a file.

mod edges;
mod export;
mod far;
mod groups;
mod raster;
mod scale;
mod svg;

pub use export::{PictureError, save_picture};
pub use scale::paint_scale;

use egui::{Align2, Color32, CornerRadius, FontFamily, FontId, Painter, Pos2, Rect};
use octet_engine::network::NodeId;

use super::graph::{Camera, Layout, Target};
use super::heat::HeatMap;
use super::state::Model;
use super::theme::Tokens;

/// Text smaller than this is left out.
const LEGIBLE: f32 = 6.5;

/// How much is drawn of each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Boxes with text, as far as it can be read.
    Near,
    /// Coloured patches.
    Far,
}

impl Detail {
    /// Below this zoom, groups are patches.
    const FAR: f32 = 0.24;

    /// What this zoom allows.
    pub fn at(zoom: f32) -> Self {
        if zoom < Self::FAR { Detail::Far } else { Detail::Near }
    }
}

/// What the graph is drawn with.
pub struct Scene<'a> {
    /// Where to, clipped to `rect`.
    pub painter: Painter,
    /// The canvas.
    pub rect: Rect,
    /// What is seen.
    pub camera: Camera,
    /// Colours.
    pub tokens: &'static Tokens,
    /// The model.
    pub model: &'a Model,
    /// Where things lie.
    pub layout: &'a Layout,
    /// How things are coloured.
    pub heat: &'a HeatMap,
    /// How much is drawn.
    pub detail: Detail,
    /// The selected operation.
    pub selection: Option<NodeId>,
    /// Operations marked beside it, in order.
    pub marked: Vec<NodeId>,
    /// What lies under the pointer.
    pub hovered: Option<Target>,
}

impl Scene<'_> {
    /// Draws everything that is in view.
    pub fn paint(&self) {
        match self.detail {
            Detail::Far => far::paint(self),
            Detail::Near => {
                edges::paint(self, false);
                groups::paint(self);
                edges::paint(self, true);
            }
        }
    }

    /// From the plane to the screen.
    pub fn to_screen(&self, p: Pos2) -> Pos2 {
        self.camera.to_screen(self.rect, p)
    }

    /// From the plane to the screen.
    pub fn rect_to_screen(&self, r: Rect) -> Rect {
        self.camera.rect_to_screen(self.rect, r)
    }

    /// The group that holds the selection.
    fn selected_group(&self) -> Option<usize> {
        self.layout.owner.get(self.selection?.0).copied()
    }

    /// Text of this size at zoom 1, within `max_width` of the screen; false when it would be too small or too wide,
    /// so that it was left out.
    fn text(&self, style: &Text, at: Pos2, text: &str) -> bool {
        // Sizes go in half points, so that zooming does not fill the font atlas.
        let points = (style.points * self.camera.zoom * 2.0).round() / 2.0;
        if points < LEGIBLE || text.is_empty() {
            return false;
        }
        let font = FontId::new(points, style.family.clone());
        let galley = self.painter.layout_no_wrap(text.to_owned(), font, style.colour);
        if galley.size().x > style.max_width {
            return false;
        }
        let rect = style.align.anchor_size(at, galley.size());
        self.painter.galley(rect.min, galley, style.colour);
        true
    }

    /// Corners of this radius at zoom 1.
    fn corners(&self, radius: f32) -> CornerRadius {
        CornerRadius::same((radius * self.camera.zoom).clamp(1.0, 24.0) as u8)
    }
}

/// How a text looks.
struct Text {
    points: f32,
    family: FontFamily,
    colour: Color32,
    align: Align2,
    max_width: f32,
}

impl Text {
    fn new(points: f32, colour: Color32, align: Align2) -> Self {
        Self { points, family: FontFamily::Proportional, colour, align, max_width: f32::INFINITY }
    }

    fn mono(self) -> Self {
        Self { family: FontFamily::Monospace, ..self }
    }

    fn within(self, max_width: f32) -> Self {
        Self { max_width, ..self }
    }
}
