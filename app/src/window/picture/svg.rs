//! Shapes as SVG: boxes, lines and text, which stay what they are, so that the picture can be edited.

use std::fmt::{Display, Formatter, Write};

use egui::epaint::{ColorMode, PathShape, RectShape, TextShape};
use egui::{Color32, FontFamily, Mesh, Pos2, Shape, Stroke, StrokeKind, Vec2};

/// An SVG document of these shapes on a background.
pub(super) fn document<'a>(
    shapes: impl Iterator<Item = &'a Shape>,
    size: Vec2,
    background: Color32,
    title: &str,
) -> String {
    let (w, h) = (Number(size.x), Number(size.y));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n\
         <title>{}</title>\n<rect width=\"{w}\" height=\"{h}\"{}/>\n",
        Escaped(title),
        Paint("fill", background),
    );
    shapes.for_each(|shape| element(&mut out, shape));
    out.push_str("</svg>\n");
    out
}

/// Adds a shape; kinds that the graph's picture does not have are left out.
fn element(out: &mut String, shape: &Shape) {
    // Writing to a string cannot fail.
    let _ = match shape {
        Shape::Vec(all) => {
            all.iter().for_each(|s| element(out, s));
            Ok(())
        }
        Shape::Circle(c) => writeln!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}{}/>",
            Number(c.center.x),
            Number(c.center.y),
            Number(c.radius),
            Paint("fill", c.fill),
            Line(c.stroke),
        ),
        Shape::LineSegment { points: [a, b], stroke } => writeln!(
            out,
            "<path d=\"M{} {}L{} {}\" fill=\"none\"{}/>",
            Number(a.x),
            Number(a.y),
            Number(b.x),
            Number(b.y),
            Line(*stroke),
        ),
        Shape::Path(path) => write_path(out, path),
        Shape::Rect(rect) => write_rect(out, rect),
        Shape::Text(text) => write_text(out, text),
        Shape::Mesh(mesh) => write_mesh(out, mesh),
        _ => Ok(()),
    };
}

fn write_path(out: &mut String, path: &PathShape) -> std::fmt::Result {
    let colour = match &path.stroke.color {
        ColorMode::Solid(colour) => *colour,
        ColorMode::UV(_) => Color32::TRANSPARENT,
    };
    let line = Line(Stroke::new(path.stroke.width, colour));
    let outline = Outline(&path.points, path.closed);
    writeln!(out, "<path d=\"{outline}\"{}{line}/>", Paint("fill", path.fill))
}

fn write_rect(out: &mut String, shape: &RectShape) -> std::fmt::Result {
    let half = shape.stroke.width / 2.0;
    let rect = match shape.stroke_kind {
        _ if shape.stroke.is_empty() => shape.rect,
        StrokeKind::Inside => shape.rect.shrink(half),
        StrokeKind::Middle => shape.rect,
        StrokeKind::Outside => shape.rect.expand(half),
    };
    writeln!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"{}{}/>",
        Number(rect.left()),
        Number(rect.top()),
        Number(rect.width()),
        Number(rect.height()),
        shape.corner_radius.nw,
        Paint("fill", shape.fill),
        Line(shape.stroke),
    )
}

/// Each row as one element, as wide as it is on the screen whatever fonts the reader has.
fn write_text(out: &mut String, text: &TextShape) -> std::fmt::Result {
    for row in &text.galley.rows {
        let Some(first) = row.glyphs.first() else { continue };
        let Some(section) = text.galley.job.sections.first() else { continue };
        let at = text.pos + row.pos.to_vec2() + first.pos.to_vec2();
        let font = &section.format.font_id;
        let family = match font.family {
            FontFamily::Monospace => "Hack, DejaVu Sans Mono, monospace",
            _ => "Ubuntu, DejaVu Sans, sans-serif",
        };
        let colour = match text.override_text_color {
            Some(colour) => colour,
            None if section.format.color == Color32::PLACEHOLDER => text.fallback_color,
            None => section.format.color,
        };
        let words: String = row.glyphs.iter().map(|g| g.chr).collect();
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-family=\"{family}\" font-size=\"{}\" textLength=\"{}\" xml:space=\"preserve\"{}>{}</text>",
            Number(at.x),
            Number(at.y),
            Number(font.size),
            Number(row.size.x),
            Paint("fill", colour),
            Escaped(&words),
        )?;
    }
    Ok(())
}

/// Triangles in the mean of their corners' colours.
fn write_mesh(out: &mut String, mesh: &Mesh) -> std::fmt::Result {
    for corners in mesh.indices.chunks_exact(3) {
        let vertices: Vec<_> = corners.iter().filter_map(|i| mesh.vertices.get(*i as usize)).collect();
        let points: Vec<Pos2> = vertices.iter().map(|v| v.pos).collect();
        let mean = |c: usize| {
            let sum: u32 = vertices.iter().map(|v| u32::from(v.color.to_array()[c])).sum();
            (sum / 3) as u8
        };
        let colour = Color32::from_rgba_premultiplied(mean(0), mean(1), mean(2), mean(3));
        writeln!(
            out,
            "<path d=\"{}\"{} shape-rendering=\"crispEdges\"/>",
            Outline(&points, true),
            Paint("fill", colour)
        )?;
    }
    Ok(())
}

/// A length with at most two decimals; what is not finite becomes 0.
struct Number(f32);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let value = if self.0.is_finite() { self.0 } else { 0.0 };
        let text = format!("{value:.2}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

/// The path along points.
struct Outline<'a>(&'a [Pos2], bool);

impl Display for Outline<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (i, p) in self.0.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            write!(f, "{command}{} {}", Number(p.x), Number(p.y))?;
        }
        f.write_str(if self.1 { "Z" } else { "" })
    }
}

/// An attribute that names a colour.
struct Paint(&'static str, Color32);

impl Display for Paint {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let [r, g, b, a] = self.1.to_srgba_unmultiplied();
        match a {
            0 => write!(f, " {}=\"none\"", self.0),
            255 => write!(f, " {}=\"#{r:02x}{g:02x}{b:02x}\"", self.0),
            _ => {
                let share = f32::from(a) / 255.0;
                write!(f, " {0}=\"#{r:02x}{g:02x}{b:02x}\" {0}-opacity=\"{share:.3}\"", self.0)
            }
        }
    }
}

/// The attributes of a line, if there is one.
struct Line(Stroke);

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "{} stroke-width=\"{}\"", Paint("stroke", self.0.color), Number(self.0.width))
    }
}

/// Text between tags; characters that XML forbids are left out.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => {}
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_simple_shapes() {
        use egui::{CornerRadius, Rect, pos2, vec2};
        let shapes = [
            Shape::Rect(RectShape::new(
                Rect::from_min_size(pos2(1.0, 2.0), vec2(30.0, 10.5)),
                CornerRadius::same(4),
                Color32::from_rgb(1, 2, 255),
                Stroke::new(1.0, Color32::WHITE),
                StrokeKind::Inside,
            )),
            Shape::line(vec![pos2(0.0, 0.0), pos2(-0.001, 7.25)], Stroke::new(2.0, Color32::BLACK)),
            Shape::circle_filled(pos2(5.0, 5.0), 2.0, Color32::from_rgba_unmultiplied(255, 0, 0, 128)),
        ];
        let text = document(shapes.iter(), vec2(40.0, 20.0), Color32::BLACK, "a<b> & \u{7} c");
        let expected = "\
<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\" viewBox=\"0 0 40 20\">
<title>a&lt;b&gt; &amp;  c</title>
<rect width=\"40\" height=\"20\" fill=\"#000000\"/>
<rect x=\"1.5\" y=\"2.5\" width=\"29\" height=\"9.5\" rx=\"4\" fill=\"#0102ff\" stroke=\"#ffffff\" stroke-width=\"1\"/>
<path d=\"M0 0L0 7.25\" fill=\"none\" stroke=\"#000000\" stroke-width=\"2\"/>
<circle cx=\"5\" cy=\"5\" r=\"2\" fill=\"#ff0000\" fill-opacity=\"0.502\"/>
</svg>
";
        assert_eq!(text, expected);
    }

    #[test]
    fn lengths_that_are_not_numbers_stay_readable() {
        assert_eq!(Number(f32::NAN).to_string(), "0");
        assert_eq!(Number(-0.001).to_string(), "0");
        assert_eq!(Number(12.50).to_string(), "12.5");
    }
}
