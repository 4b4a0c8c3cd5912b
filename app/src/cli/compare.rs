//! `octet compare`.

use octet_engine::report::Report;
use octet_engine::run::read_report;
use serde_json::json;

use super::args::CompareArgs;
use super::output::{print_json, print_line};

pub(super) fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let reports: Vec<Report> = args.runs.iter().map(|r| read_report(r)).collect::<Result<_, _>>()?;
    if args.json {
        let rows = reports.iter().zip(&args.runs).map(|(report, run)| {
            json!({
                "run": run,
                "target": report.target,
                "strategy": report.strategy.iter().map(|s| &s.id).collect::<Vec<_>>(),
                "final": report.r#final,
                "evaluation": report.evaluation,
                "memory": report.memory,
                "latency_ms": report.latency.estimated_ms,
                "layers": report.layers,
            })
        });
        return print_json(&json!({"runs": rows.collect::<Vec<_>>()}));
    }
    for (i, run) in args.runs.iter().enumerate() {
        print_line(&format!("{} = {}", letter(i), run.display()));
    }
    print_line("");
    row("", (0..reports.len()).map(letter).collect());
    row("target", reports.iter().map(|r| r.target.clone()).collect());
    let strategies = |r: &Report| {
        let last = r.strategy.iter().map(|s| s.id.rsplit('.').next().unwrap_or(&s.id).to_owned());
        last.collect::<Vec<_>>().join(",")
    };
    row("strategy", reports.iter().map(strategies).collect());
    figures("final graphwise", &reports, |r| r.r#final.graphwise_nsr);
    figures("agreement", &reports, |r| Some(r.evaluation.as_ref()?.agreement));
    figures("top-1", &reports, |r| Some(r.evaluation.as_ref()?.quantized?.top1));
    figures("top-5", &reports, |r| Some(r.evaluation.as_ref()?.quantized?.top5));
    figures("scores' noise", &reports, |r| Some(r.evaluation.as_ref()?.output_nsr));
    row("flash bytes", reports.iter().map(|r| r.memory.flash_bytes.to_string()).collect());
    row("arena bytes", reports.iter().map(|r| r.memory.arena_bytes.to_string()).collect());
    let latency = |r: &Report| r.latency.estimated_ms.map_or_else(dash, |ms| format!("{ms:.0} ms"));
    row("estimate", reports.iter().map(latency).collect());
    print_line("");
    print_line("graphwise noise:signal by operation");
    let Some(first) = reports.first() else { return Ok(()) };
    for layer in &first.layers {
        let of = |r: &Report| {
            let same = r.layers.iter().find(|l| l.name == layer.name);
            same.and_then(|l| l.graphwise_nsr).map_or_else(dash, percent)
        };
        row(&layer.name, reports.iter().map(of).collect());
    }
    Ok(())
}

fn letter(index: usize) -> String {
    // Twenty-six runs do not fit a terminal anyway.
    u8::try_from(index).map_or_else(|_| index.to_string(), |i| char::from(b'A' + i % 26).to_string())
}

fn dash() -> String {
    "–".to_owned()
}

fn percent(value: f64) -> String {
    format!("{:.3} %", value * 100.0)
}

fn figures(name: &str, reports: &[Report], figure: impl Fn(&Report) -> Option<f64>) {
    row(name, reports.iter().map(|r| figure(r).map_or_else(dash, percent)).collect());
}

fn row(name: &str, cells: Vec<String>) {
    let cells: Vec<String> = cells.into_iter().map(|c| format!("{c:>12}")).collect();
    print_line(&format!("{name:<52}{}", cells.join("  ")));
}
