//! `report.html`: one self-contained page.

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use serde::Deserialize;

use super::RunError;
use super::curves_svg::curves_svg;
use super::memory_svg::{LEGEND, memory_svg};
use crate::report::{Curve, MemoryMaps, Report};

const TEMPLATE: &str = include_str!("report.html.j2");

/// Renders a report. All text is escaped.
pub fn to_html(report: &Report) -> Result<String, RunError> {
    let failed = |e: minijinja::Error| RunError::Html(e.to_string());
    let mut environment = environment();
    environment.add_filter("curves", curves);
    environment.add_filter("memory_map", memory_map);
    environment.add_global("memory_legend", Value::from_safe_string(LEGEND.to_owned()));
    // The extension turns escaping on.
    environment.add_template("report.html", TEMPLATE).map_err(failed)?;
    let template = environment.get_template("report.html").map_err(failed)?;
    template.render(context! { report => Value::from(Serde(report)) }).map_err(failed)
}

/// The filters that all pages share.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.add_filter("percent", percent);
    environment.add_filter("bytes", bytes);
    environment.add_filter("fixed", fixed);
    environment.add_filter("bar", bar);
    environment
}

/// `7.22 %`, with digits enough for small figures; `–` for none.
fn percent(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(v) if v != 0.0 && v.abs() < 0.001 => format!("{:.4} %", v * 100.0),
        Some(v) => format!("{:.2} %", v * 100.0),
    }
}

fn bytes(value: u64) -> String {
    match value {
        v if v >= 1 << 20 => format!("{:.2} MiB", v as f64 / f64::from(1 << 20)),
        v if v >= 1 << 10 => format!("{:.1} KiB", v as f64 / 1024.0),
        v => format!("{v} B"),
    }
}

/// The picture of a strategy's curves.
fn curves(value: &Value) -> Result<Value, minijinja::Error> {
    let curves: Vec<Curve> = Vec::deserialize(value)?;
    Ok(Value::from_safe_string(curves_svg(&curves)))
}

/// The picture of the map with this number, for the chip of the run; both maps of a page have one scale.
fn memory_map(value: &Value, number: usize) -> Result<Value, minijinja::Error> {
    let maps = MemoryMaps::deserialize(value)?;
    Ok(Value::from_safe_string(memory_svg(&maps, number)))
}

fn fixed(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
}

/// Width of an error bar in per cent of the column: logarithmic from 0.01 % to 20 %.
fn bar(value: Option<f64>) -> String {
    let (low, high) = (0.0001f64.ln(), 0.2f64.ln());
    let position = value.filter(|v| *v > 0.0).map_or(0.0, |v| (v.ln() - low) / (high - low));
    format!("{:.1}", position.clamp(0.0, 1.0) * 100.0)
}
