//! `octet compare`.

use std::path::Path;

use octet_engine::compare::{
    ComparedRun, Comparison, LayerCell, LayerOrder, LayerRow, Run, compare, to_html,
};
use octet_engine::run::{RunError, is_file_of_run, write_file};

use super::UsageError;
use super::args::{CompareArgs, LayerSort};
use super::output::{print_json, print_line};
use super::table::Table;

pub(super) fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let mut paths = args.runs.clone();
    let reference = match &args.reference {
        None => 0,
        Some(path) => paths.iter().position(|run| same(run, path)).unwrap_or_else(|| {
            paths.insert(0, path.clone());
            0
        }),
    };
    if paths.len() < 2 {
        let text = "one run alone cannot be compared; name a second run folder";
        return Err(UsageError(text.to_owned()).into());
    }
    let runs: Vec<Run> = paths.iter().map(|path| Run::read(path)).collect::<Result<_, _>>()?;
    let order = match args.sort {
        LayerSort::Graph => LayerOrder::Graph,
        LayerSort::Change => LayerOrder::Change,
    };
    let comparison = compare(&runs, reference, order);
    if let Some(file) = &args.html {
        if runs.iter().any(|run| is_of_run(file, &run.path)) {
            let text = format!("`{}` belongs to a run that is compared; name another file", file.display());
            return Err(UsageError(text).into());
        }
        write_page(&comparison, file)?;
    }
    if args.json {
        return print_json(&comparison);
    }
    print(&comparison);
    if let Some(file) = &args.html {
        print_line("");
        print_line(&format!("page  {}", file.display()));
    }
    Ok(())
}

/// True for one of the files that make up a run, which is named by its folder or by its report.
fn is_of_run(file: &Path, run: &Path) -> bool {
    let folder = if run.is_file() { folder_of(run) } else { run };
    file.file_name().is_some_and(is_file_of_run) && same(folder_of(file), folder)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Two ways to write the path of one folder.
fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn write_page(comparison: &Comparison, file: &Path) -> anyhow::Result<()> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()).filter(|_| !file.is_dir()) else {
        let text = format!("--html needs the name of a file, and `{}` is none", file.display());
        return Err(UsageError(text).into());
    };
    write_file(folder_of(file), name, to_html(comparison)?.as_bytes()).map_err(|error| match error {
        RunError::Write { path, source } => {
            anyhow::anyhow!("cannot write `{}`: {source}; choose another file with --html", path.display())
        }
        other => other.into(),
    })
}

fn print(c: &Comparison) {
    for (i, run) in c.runs.iter().enumerate() {
        let role = if i == c.reference { "  (reference)" } else { "" };
        print_line(&format!("{} = {}{role}", run.label, plain(&run.run)));
        // What tells runs of one strategy apart.
        for setting in &run.settings {
            print_line(&format!("    {}", plain(setting)));
        }
    }
    for note in &c.notes {
        print_line(&format!("! {}", plain(&note.text())));
    }
    print_line("");
    figures(c).lines().iter().for_each(|line| print_line(line));
    verdicts(c);
    layers(c, "graphwise", |cell| {
        (cell.graphwise_nsr, cell.difference.as_ref().and_then(|d| d.graphwise_nsr))
    });
    layers(c, "layerwise", |cell| {
        (cell.layerwise_nsr, cell.difference.as_ref().and_then(|d| d.layerwise_nsr))
    });
}

fn figures(c: &Comparison) -> Table {
    let mut table = Table::new(c.runs.iter().map(|run| run.label.clone()));
    let mut row = |name: &str, cell: &dyn Fn(&ComparedRun) -> String| {
        table.row(name.to_owned(), c.runs.iter().map(cell).collect());
    };
    row("model", &|r| plain(&r.model.name));
    row("target", &|r| plain(&r.target));
    let last = |id: &String| id.rsplit('.').next().unwrap_or(id).to_owned();
    row("strategy", &|r| plain(&r.strategy.iter().map(last).collect::<Vec<_>>().join(",")));
    row("evaluation pictures", &|r| r.evaluation.as_ref().map_or_else(dash, |e| e.images.to_string()));
    let evaluated = |r: &ComparedRun| r.evaluation.clone();
    let float = |r: &ComparedRun| Some(evaluated(r)?.float?.top1);
    row("top-1 float", &|r| float(r).map_or_else(dash, percent));
    let difference = |r: &ComparedRun| r.difference.clone();
    let top1 = |r: &ComparedRun| Some(evaluated(r)?.quantized?.top1);
    row("top-1", &|r| with_change(top1(r), difference(r).and_then(|d| d.top1)));
    let top5 = |r: &ComparedRun| Some(evaluated(r)?.quantized?.top5);
    row("top-5", &|r| with_change(top5(r), difference(r).and_then(|d| d.top5)));
    let agreement = |r: &ComparedRun| Some(evaluated(r)?.agreement);
    row("agreement", &|r| with_change(agreement(r), difference(r).and_then(|d| d.agreement)));
    let noise = |r: &ComparedRun| Some(evaluated(r)?.output_nsr);
    row("noise:signal of the scores", &|r| with_change(noise(r), difference(r).and_then(|d| d.output_nsr)));
    let nsr =
        |r: &ComparedRun| with_change(r.r#final.graphwise_nsr, difference(r).and_then(|d| d.graphwise_nsr));
    row("the same, calibration", &nsr);
    let bytes = |value: u64, change: Option<i64>| {
        change.map_or_else(
            || value.to_string(),
            |change| format!("{value} ({})", signed(format!("{change:+}"))),
        )
    };
    row("flash bytes", &|r| bytes(r.memory.flash_bytes, difference(r).map(|d| d.flash_bytes)));
    row("arena bytes", &|r| bytes(r.memory.arena_bytes, difference(r).map(|d| d.arena_bytes)));
    row("estimated ms", &|r| match (r.latency_ms, difference(r).and_then(|d| d.latency_ms)) {
        (Some(ms), Some(change)) => format!("{ms:.1} ({})", signed(format!("{change:+.1}"))),
        (Some(ms), None) => format!("{ms:.1}"),
        (None, _) => dash(),
    });
    table
}

/// The paired tests in words, one run a line.
fn verdicts(c: &Comparison) {
    let Some(reference) = c.runs.get(c.reference) else { return };
    let tested: Vec<_> = c.runs.iter().filter_map(|run| Some((run, run.tests.as_ref()?))).collect();
    if tested.is_empty() {
        return;
    }
    print_line("");
    let corrected = if tested.len() > 1 { "; p after Holm's correction" } else { "" };
    print_line(&format!("against {} (exact McNemar test{corrected})", reference.label));
    for (run, tests) in tested {
        let questions =
            [("top-1", "right", &tests.top1), ("agreement", "as the float network", &tests.agreement)];
        for (name, yes, test) in questions {
            let Some(test) = test else { continue };
            print_line(&format!(
                "  {} {name:<10} {}; of {} pictures {} are {yes} only in {}, {} only in {}",
                run.label,
                test.words,
                test.pictures,
                test.only_run,
                run.label,
                test.only_reference,
                reference.label
            ));
        }
    }
}

/// One figure of every layer, if any run has it. Differing widths are told behind the figure.
fn layers(c: &Comparison, title: &str, figure: impl Fn(&LayerCell) -> (Option<f64>, Option<f64>)) {
    if c.layers.iter().flat_map(|row| row.cells.iter().flatten()).all(|cell| figure(cell).0.is_none()) {
        return;
    }
    let mut table = Table::new(c.runs.iter().map(|run| run.label.clone()));
    let has_figure = |row: &&LayerRow| row.cells.iter().flatten().any(|cell| figure(cell).0.is_some());
    for row in c.layers.iter().filter(has_figure) {
        let cell = |cell: &Option<LayerCell>| match cell {
            None => dash(),
            Some(cell) => {
                let (value, change) = figure(cell);
                let bits = if row.bits_differ { format!(" {:>2} bit", cell.bits) } else { String::new() };
                with_change(value, change) + &bits
            }
        };
        let mark = if row.bits_differ { "* " } else { "  " };
        table.row(format!("{mark}{}", plain(&row.name)), row.cells.iter().map(cell).collect());
    }
    print_line("");
    print_line(&format!("{title} noise:signal by operation; * where widths differ"));
    table.lines().iter().for_each(|line| print_line(line));
}

fn dash() -> String {
    "–".to_owned()
}

fn percent(value: f64) -> String {
    format!("{:.3} %", value * 100.0)
}

/// A change with its sign; one that rounds to nothing has none.
fn signed(text: String) -> String {
    match text.contains(|c: char| ('1'..='9').contains(&c)) {
        true => text,
        false => "±0".to_owned(),
    }
}

/// `7.221 % (+0.391)`, the change in percentage points.
fn with_change(value: Option<f64>, change: Option<f64>) -> String {
    match (value, change) {
        (None, _) => dash(),
        (Some(value), None) => percent(value),
        (Some(value), Some(change)) => {
            format!("{} ({})", percent(value), signed(format!("{:+.3}", change * 100.0)))
        }
    }
}

/// Text of a file without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
