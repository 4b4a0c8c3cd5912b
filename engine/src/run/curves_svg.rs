//! The curves of a strategy as one inline picture for `report.html`.

use std::fmt::Write as _;

use crate::report::Curve;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers left of and below the plot.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 22.0;
/// Told apart without red against green (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#d55e00"];

/// Draws curves that share their axes; y is logarithmic where everything is above zero. Empty without points.
pub(super) fn curves_svg(curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|c| &c.points);
    let logarithmic = points().all(|p| p[1] > 0.0);
    let height_of = |y: f64| if logarithmic { y.ln() } else { y };
    let range = |pick: &dyn Fn(&[f64; 2]) -> f64| {
        points().map(pick).fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
    };
    let ((x_lo, x_hi), (y_lo, y_hi)) = (range(&|p| p[0]), range(&|p| height_of(p[1])));
    if x_lo > x_hi {
        return String::new();
    }
    let place = |v: f64, lo: f64, hi: f64| if hi > lo { (v - lo) / (hi - lo) } else { 0.5 };
    let x_of = |x: f64| LEFT + place(x, x_lo, x_hi) * (WIDTH - LEFT - 8.0);
    let y_of = |y: f64| 8.0 + (1.0 - place(height_of(y), y_lo, y_hi)) * (HEIGHT - BOTTOM - 16.0);
    let back = |h: f64| if logarithmic { h.exp() } else { h };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" style=\"max-width:{WIDTH}px\" font-size=\"11\">\
         <g fill=\"currentColor\"><text x=\"0\" y=\"18\">{}</text><text x=\"0\" y=\"{:.0}\">{}</text>\
         <text x=\"{LEFT}\" y=\"{:.0}\">{}</text>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text></g>",
        short(back(y_hi)),
        HEIGHT - BOTTOM - 4.0,
        short(back(y_lo)),
        HEIGHT - 4.0,
        short(x_lo),
        WIDTH - 8.0,
        HEIGHT - 4.0,
        short(x_hi),
    );
    for (i, curve) in curves.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        svg.push_str("<polyline fill=\"none\" stroke-width=\"1.6\" points=\"");
        for [x, y] in &curve.points {
            // Writing into a string cannot fail.
            let _ = write!(svg, "{:.1},{:.1} ", x_of(*x), y_of(*y));
        }
        let _ = write!(svg, "\" stroke=\"{colour}\"/>");
        let y = 20 + 15 * i;
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{y}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            WIDTH - 12.0,
            escaped(&curve.name)
        );
    }
    svg + "</svg>"
}

/// A number in four digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        v if v == 0.0 || (0.01..1e5).contains(&v) => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{value:.2e}"),
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let name = "<script>\"&".to_owned();
        let svg = curves_svg(&[Curve { name, points: vec![[0.0, 1.0], [1.0, 0.1]] }]);
        assert!(svg.contains("&lt;script&gt;&quot;&amp;") && !svg.contains("<script>"));
    }

    #[test]
    fn losses_fall_from_the_top_left_to_the_bottom_right() {
        let svg = curves_svg(&[Curve { name: "loss".to_owned(), points: vec![[0.0, 1.0], [10.0, 0.01]] }]);
        assert!(svg.contains("points=\"64.0,8.0 752.0,190.0 \""), "{svg}");
    }

    #[test]
    fn one_point_or_none_is_no_trouble() {
        assert_eq!(curves_svg(&[]), "");
        assert_eq!(curves_svg(&[Curve { name: "a".to_owned(), points: Vec::new() }]), "");
        assert!(!curves_svg(&[Curve { name: "a".to_owned(), points: vec![[1.0, -1.0]] }]).contains("NaN"));
    }
}
