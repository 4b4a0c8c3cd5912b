//! A report in a screenful of text.

use std::path::Path;

use octet_engine::report::{Accuracy, Finding, LayerFacts, Report, Severity};

use super::output::print_line;

/// Layers shown of the worst.
const WORST: usize = 8;
/// Bytes of a remedy's arguments that are shown; names of a thousand pictures would hide everything else.
const MOST_ARGUMENTS: usize = 1000;
/// Findings shown of the most urgent.
const SHOWN_FINDINGS: usize = 5;

fn percent(value: f64) -> String {
    if value != 0.0 && value < 0.001 {
        format!("{:.4} %", value * 100.0)
    } else {
        format!("{:.2} %", value * 100.0)
    }
}

fn accuracy(a: &Accuracy) -> String {
    let [low, high] = a.top1_interval95;
    format!(
        "top-1 {} (95 %: {} to {}), top-5 {}",
        percent(a.top1),
        percent(low),
        percent(high),
        percent(a.top5)
    )
}

/// Prints a report's main figures and the worst layers.
pub(super) fn print(report: &Report, folder: &Path) {
    print_line(&format!("{} on {}", report.model.name, report.target));
    if let Some(e) = &report.evaluation {
        if let (Some(float), Some(quantized)) = (&e.float, &e.quantized) {
            print_line(&format!("  float       {}", accuracy(float)));
            print_line(&format!("  quantized   {}", accuracy(quantized)));
        }
        print_line(&format!(
            "  agreement   {} of {} pictures; noise:signal of the scores {}",
            percent(e.agreement),
            e.images,
            percent(e.output_nsr)
        ));
    }
    if let (Some(nsr), Some(agreement)) = (report.r#final.graphwise_nsr, report.r#final.agreement) {
        print_line(&format!(
            "  calibration agreement {}; noise:signal of the scores {}",
            percent(agreement),
            percent(nsr)
        ));
    }
    let skipped = &report.calibration.skipped;
    if let Some(first) = skipped.first() {
        print_line(&format!(
            "  skipped     {} pictures: `{}`: {} ...",
            skipped.len(),
            first.file,
            first.reason
        ));
    }
    let memory = &report.memory;
    print_line(&format!(
        "  memory      {} bytes flash, {} bytes of activations layer by layer",
        memory.flash_bytes, memory.arena_bytes
    ));
    if let Some(chip) = report.memory_map.as_ref().and_then(|m| m.chip(&m.target)) {
        print_line(&format!("              {}", chip.verdict));
    }
    if let (Some(ms), Some([low, high])) = (report.latency.estimated_ms, report.latency.range_ms) {
        print_line(&format!("  estimate    {ms:.0} ms ({low:.0} to {high:.0}; no board was measured)"));
    }
    worst("graphwise", report, |l| l.graphwise_nsr);
    worst("layerwise", report, |l| l.layerwise_nsr);
    for warning in &report.warnings {
        print_line(&format!("  ! {warning}"));
    }
    advice(&report.advice, SHOWN_FINDINGS);
    let secs: Vec<String> = report.timings_secs.iter().map(|(k, v)| format!("{k} {v:.2} s")).collect();
    print_line(&format!("  times       {}", secs.join(", ")));
    print_line(&format!("  run folder  {} (open report.html)", folder.display()));
}

/// Prints the most urgent findings, each with its remedy.
pub(super) fn advice(findings: &[Finding], most: usize) {
    for finding in findings.iter().take(most) {
        let word = match finding.severity {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        };
        print_line(&format!("  {word:<11} {}", finding.text));
        print_line(&format!("              -> {}", remedy(finding)));
    }
    if findings.len() > most {
        print_line(&format!("              ... and {} more in report.html", findings.len() - most));
    }
}

/// What helps, in words and as arguments.
pub(super) fn remedy(finding: &Finding) -> String {
    match finding.arguments.as_str() {
        "" => finding.button.clone(),
        arguments if arguments.len() > MOST_ARGUMENTS => {
            let shown = arguments.get(..arguments.floor_char_boundary(MOST_ARGUMENTS)).unwrap_or_default();
            let whole = shown.rsplit_once(" --").map_or(shown, |(whole, _)| whole);
            format!("{}: {whole} ... (report.json has all of it)", finding.button)
        }
        arguments => format!("{}: {arguments}", finding.button),
    }
}

fn worst(title: &str, report: &Report, figure: impl Fn(&LayerFacts) -> Option<f64>) {
    let mut layers: Vec<(f64, &LayerFacts)> =
        report.layers.iter().filter_map(|l| Some((figure(l)?, l))).collect();
    if layers.is_empty() {
        return;
    }
    layers.sort_by(|a, b| b.0.total_cmp(&a.0));
    print_line(&format!("  worst {title} noise:signal"));
    let most = layers.first().map_or(1.0, |l| l.0).max(f64::MIN_POSITIVE);
    for (nsr, layer) in layers.into_iter().take(WORST) {
        let bar = "█".repeat(((nsr / most) * 16.0).round() as usize);
        print_line(&format!("    {:>10}  {bar:<16}  {} ({})", percent(nsr), layer.name, layer.op));
    }
}
