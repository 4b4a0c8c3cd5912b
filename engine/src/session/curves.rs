//! The curves that a strategy draws.

use crate::report::Curve;

const MAX_CURVES: usize = 32;
const MAX_POINTS: usize = 10_000;
const MAX_NAME_BYTES: usize = 80;

/// Adds a point to the curve of that name, which is made when it is new.
pub(super) fn add(curves: &mut Vec<Curve>, name: &str, x: f64, y: f64) -> Result<(), String> {
    if !x.is_finite() || !y.is_finite() {
        return Err(format!("curve `{name}`: ({x}, {y}) is no point that can be drawn"));
    }
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(format!("a curve's name has 1 to {MAX_NAME_BYTES} bytes, not {}", name.len()));
    }
    let found = curves.iter().position(|c| c.name == name);
    if found.is_none() && curves.len() >= MAX_CURVES {
        return Err(format!("curve `{name}`: there are {MAX_CURVES} curves already"));
    }
    let at = found.unwrap_or_else(|| {
        curves.push(Curve { name: name.to_owned(), points: Vec::new() });
        curves.len() - 1
    });
    if curves[at].points.len() >= MAX_POINTS {
        return Err(format!("curve `{name}` has {MAX_POINTS} points already; draw fewer"));
    }
    curves[at].points.push([x, y]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_gather_by_name_in_the_order_in_which_they_come() {
        let mut curves = Vec::new();
        for (name, x, y) in [("train", 0.0, 3.0), ("held out", 0.0, 4.0), ("train", 1.0, 2.0)] {
            add(&mut curves, name, x, y).unwrap();
        }
        assert_eq!(curves[0], Curve { name: "train".to_owned(), points: vec![[0.0, 3.0], [1.0, 2.0]] });
        assert_eq!(curves[1].points, [[0.0, 4.0]]);
    }

    #[test]
    fn a_plugin_cannot_fill_the_memory_with_curves() {
        let mut curves = Vec::new();
        assert!(add(&mut curves, "a", f64::NAN, 0.0).is_err());
        assert!(add(&mut curves, "", 0.0, 0.0).is_err());
        assert!(add(&mut curves, &"x".repeat(81), 0.0, 0.0).is_err());
        for i in 0..MAX_CURVES {
            add(&mut curves, &i.to_string(), 0.0, 0.0).unwrap();
        }
        assert!(add(&mut curves, "one more", 0.0, 0.0).is_err());
        for _ in 1..MAX_POINTS {
            add(&mut curves, "0", 0.0, 0.0).unwrap();
        }
        assert!(add(&mut curves, "0", 0.0, 0.0).is_err());
    }
}
