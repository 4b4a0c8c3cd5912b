//! Triangles to pixels: what egui's tessellator makes, painted in memory. The picture needs no window, no graphics
//! card and no second set of fonts.

use std::collections::HashMap;

use egui::epaint::textures::TexturesDelta;
use egui::epaint::{ClippedPrimitive, ImageData, Primitive, Vertex};
use egui::{Color32, Mesh, Rect, TextureId};
use image::{ExtendedColorType, ImageEncoder};

/// A texture's pixels, row by row, premultiplied.
#[derive(Default)]
struct Texture {
    size: [usize; 2],
    pixels: Vec<Color32>,
}

impl Texture {
    /// The pixel at `u`, `v` in 0..=1, without blending: glyphs are cut for whole pixels.
    fn at(&self, u: f32, v: f32) -> [f32; 4] {
        let [w, h] = self.size;
        let x = ((u * w as f32) as usize).min(w.saturating_sub(1));
        let y = ((v * h as f32) as usize).min(h.saturating_sub(1));
        let pixel = self.pixels.get(y * w + x).copied().unwrap_or(Color32::WHITE);
        pixel.to_array().map(|c| f32::from(c) / 255.0)
    }
}

/// A picture in the making: RGB, row by row, opaque.
pub(super) struct Sheet {
    size: [usize; 2],
    pixels: Vec<[f32; 3]>,
}

impl Sheet {
    /// An empty one.
    pub(super) fn new(size: [usize; 2], background: Color32) -> Self {
        let [r, g, b, _] = background.to_array().map(f32::from);
        Self { size, pixels: vec![[r, g, b]; size[0] * size[1]] }
    }

    /// Paints everything, in order.
    pub(super) fn draw(
        &mut self,
        primitives: &[ClippedPrimitive],
        delta: &TexturesDelta,
        pixels_per_point: f32,
    ) {
        let textures = textures(delta);
        let blank = Texture::default();
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            if let Primitive::Mesh(mesh) = primitive {
                let texture = textures.get(&mesh.texture_id).unwrap_or(&blank);
                self.mesh(mesh, texture, *clip_rect * pixels_per_point, pixels_per_point);
            }
        }
    }

    fn mesh(&mut self, mesh: &Mesh, texture: &Texture, clip: Rect, pixels_per_point: f32) {
        for corners in mesh.indices.chunks_exact(3) {
            let vertex = |i: usize| {
                let v = mesh.vertices.get(corners[i] as usize)?;
                Some(Vertex { pos: v.pos * pixels_per_point, ..*v })
            };
            if let (Some(a), Some(b), Some(c)) = (vertex(0), vertex(1), vertex(2)) {
                self.triangle([a, b, c], texture, clip);
            }
        }
    }

    /// One triangle; pixels on an edge that two triangles share belong to one of them.
    fn triangle(&mut self, mut v: [Vertex; 3], texture: &Texture, clip: Rect) {
        let cross = |a: &Vertex, b: &Vertex, x: f32, y: f32| {
            (b.pos.x - a.pos.x) * (y - a.pos.y) - (b.pos.y - a.pos.y) * (x - a.pos.x)
        };
        let mut area = cross(&v[0], &v[1], v[2].pos.x, v[2].pos.y);
        if area < 0.0 {
            v.swap(1, 2);
            area = -area;
        }
        if area.is_nan() || area <= 0.0 {
            return;
        }
        // With y downwards and a positive area, upper edges run to the right and left edges run upwards.
        let owns = |a: &Vertex, b: &Vertex| b.pos.y < a.pos.y || (a.pos.y == b.pos.y && b.pos.x > a.pos.x);
        let owned = [owns(&v[1], &v[2]), owns(&v[2], &v[0]), owns(&v[0], &v[1])];
        let bounds = Rect::from_points(&[v[0].pos, v[1].pos, v[2].pos]).intersect(clip);
        let range = |low: f32, high: f32, size: usize| {
            let end = (high.ceil().max(0.0) as usize).min(size);
            (low.floor().max(0.0) as usize).min(end)..end
        };
        let columns = range(bounds.left(), bounds.right(), self.size[0]);
        for y in range(bounds.top(), bounds.bottom(), self.size[1]) {
            for x in columns.clone() {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let w =
                    [cross(&v[1], &v[2], px, py), cross(&v[2], &v[0], px, py), cross(&v[0], &v[1], px, py)];
                let inside = w.iter().zip(owned).all(|(w, owned)| *w > 0.0 || (*w == 0.0 && owned));
                if inside && clip.contains(egui::pos2(px, py)) {
                    let w = w.map(|w| w / area);
                    self.blend(y * self.size[0] + x, shade(&v, w, texture));
                }
            }
        }
    }

    fn blend(&mut self, at: usize, [r, g, b, a]: [f32; 4]) {
        if let Some(pixel) = self.pixels.get_mut(at) {
            for (below, above) in pixel.iter_mut().zip([r, g, b]) {
                *below = above + *below * (1.0 - a);
            }
        }
    }

    /// The file.
    pub(super) fn png(&self) -> Result<Vec<u8>, image::ImageError> {
        let bytes: Vec<u8> =
            self.pixels.iter().flatten().map(|c| c.round().clamp(0.0, 255.0) as u8).collect();
        let mut file = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut file);
        encoder.write_image(&bytes, self.size[0] as u32, self.size[1] as u32, ExtendedColorType::Rgb8)?;
        Ok(file)
    }
}

/// The colour of a point by its shares of the corners: red, green and blue in 0..=255, premultiplied, alpha in 0..=1.
fn shade(v: &[Vertex; 3], w: [f32; 3], texture: &Texture) -> [f32; 4] {
    let mut colour = [0.0; 4];
    let (mut x, mut y) = (0.0, 0.0);
    for (vertex, w) in v.iter().zip(w) {
        for (sum, c) in colour.iter_mut().zip(vertex.color.to_array()) {
            *sum += f32::from(c) * w;
        }
        x += vertex.uv.x * w;
        y += vertex.uv.y * w;
    }
    let texel = texture.at(x, y);
    let [r, g, b, a] = colour;
    [r * texel[0], g * texel[1], b * texel[2], a / 255.0 * texel[3]]
}

/// The textures of a first frame.
fn textures(delta: &TexturesDelta) -> HashMap<TextureId, Texture> {
    let mut textures: HashMap<TextureId, Texture> = HashMap::new();
    for (id, changes) in &delta.set {
        let texture = textures.entry(*id).or_default();
        for change in changes {
            let ImageData::Color(image) = &change.image;
            match change.pos {
                None => *texture = Texture { size: image.size, pixels: image.pixels.clone() },
                Some([left, top]) => {
                    for (row, line) in image.pixels.chunks(image.size[0].max(1)).enumerate() {
                        let start = (top + row) * texture.size[0] + left;
                        if let Some(place) = texture.pixels.get_mut(start..start + line.len()) {
                            place.copy_from_slice(line);
                        }
                    }
                }
            }
        }
    }
    textures
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{pos2, vec2};

    #[test]
    fn two_triangles_of_a_rectangle_cover_each_pixel_once() {
        let mut mesh = Mesh::default();
        let rect = Rect::from_min_size(pos2(2.0, 1.0), vec2(5.0, 4.0));
        mesh.add_colored_rect(rect, Color32::from_rgba_premultiplied(60, 0, 0, 128));
        let mut sheet = Sheet::new([10, 8], Color32::BLACK);
        sheet.mesh(&mesh, &Texture::default(), Rect::EVERYTHING, 1.0);
        let painted = sheet.pixels.iter().filter(|p| p[0] > 0.0).count();
        assert_eq!(painted, 20);
        assert!(sheet.pixels.iter().all(|p| p[0] == 0.0 || (p[0] - 60.0).abs() < 0.01), "none twice");
    }

    #[test]
    fn what_lies_outside_or_is_not_a_number_paints_nothing() {
        let mut sheet = Sheet::new([4, 4], Color32::BLACK);
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(Rect::from_min_size(pos2(-50.0, 90.0), vec2(5.0, 5.0)), Color32::WHITE);
        mesh.add_colored_rect(Rect::from_min_size(pos2(f32::NAN, 0.0), vec2(5.0, 5.0)), Color32::WHITE);
        sheet.mesh(&mesh, &Texture::default(), Rect::EVERYTHING, 1.0);
        assert!(sheet.pixels.iter().all(|p| *p == [0.0; 3]));
    }
}
