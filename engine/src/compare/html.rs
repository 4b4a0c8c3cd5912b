//! The comparison as one self-contained page.

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::Comparison;
use crate::run::{RunError, environment};

const TEMPLATE: &str = include_str!("compare.html.j2");

/// Renders a comparison. All text is escaped, nothing is loaded from elsewhere.
///
/// # Errors
/// The template fails, which no content makes it do.
pub fn to_html(comparison: &Comparison) -> Result<String, RunError> {
    let failed = |e: minijinja::Error| RunError::Html(e.to_string());
    let mut environment = environment();
    environment.add_filter("points", points);
    environment.add_filter("signed", signed);
    environment.add_filter("signed_bytes", signed_bytes);
    environment.add_filter("of", of);
    // The extension turns escaping on.
    environment.add_template("compare.html", TEMPLATE).map_err(failed)?;
    let template = environment.get_template("compare.html").map_err(failed)?;
    template.render(context! { c => Value::from(Serde(comparison)) }).map_err(failed)
}

/// A difference of fractions in percentage points with its sign; small ones with more digits.
fn points(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(v) if v != 0.0 && v.abs() < 0.001 => or_nothing(format!("{:+.4}", v * 100.0)),
        Some(v) => or_nothing(format!("{:+.2}", v * 100.0)),
    }
}

fn signed(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |v| or_nothing(format!("{v:+.digits$}")))
}

/// A difference that rounds to nothing has no direction.
fn or_nothing(text: String) -> String {
    match text.contains(|c: char| ('1'..='9').contains(&c)) {
        true => text,
        false => "±0".to_owned(),
    }
}

fn signed_bytes(value: i64) -> String {
    match value.unsigned_abs() {
        v if v >= 1 << 20 => format!("{:+.2} MiB", value as f64 / f64::from(1 << 20)),
        v if v >= 1 << 10 => format!("{:+.1} KiB", value as f64 / 1024.0),
        _ => format!("{value:+} B"),
    }
}

/// Width of a bar in per cent of its cell: `value` of `most`, from 0 to 100.
fn of(value: Option<f64>, most: Option<f64>) -> String {
    let share = value.zip(most).filter(|(_, most)| *most > 0.0).map_or(0.0, |(value, most)| value / most);
    format!("{:.1}", share.clamp(0.0, 1.0) * 100.0)
}
