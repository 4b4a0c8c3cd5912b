//! `octet quantize`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use octet_engine::host::{self, Found, check_order};
use octet_engine::job::{
    Cancel, Event, HandEdits, Library, Pipeline, QuantizeRequest, StrategyRequest, Workers, start,
};
use octet_engine::run;

use super::args::QuantizeArgs;
use super::output::EventPrinter;
use super::{Cancelled, UsageError, plugins, summary};

pub(super) fn run(args: &QuantizeArgs) -> anyhow::Result<()> {
    let target = super::target(&args.target)?;
    if args.memory_limit_mib < 64 {
        return Err(UsageError("--memory-limit-mib below 64 leaves no room for the model".to_owned()).into());
    }
    let paths = [Some(&args.model), args.eval.as_ref(), args.labels.as_ref(), args.out.as_ref()];
    if let Some(odd) = paths.into_iter().flatten().chain(&args.images).find(|path| path.to_str().is_none()) {
        return Err(UsageError(format!("`{}` is not UTF-8; rename it", odd.display())).into());
    }
    let workers = Workers::of_this_program()?.with_memory_limit(args.memory_limit_mib << 20);
    let installed = plugins::discover(&workers)?;
    let pipeline = match &args.pipeline {
        Some(path) => Pipeline::read(path)?.strategies,
        None => {
            let named = |id: &String| StrategyRequest { id: id.clone(), settings: BTreeMap::new() };
            args.strategy.iter().map(named).collect()
        }
    };
    let chosen: Vec<&Found> =
        pipeline.iter().map(|s| plugins::resolve(&installed, &s.id)).collect::<anyhow::Result<_>>()?;
    let order = chosen.iter().map(|found| (found.description.id.as_str(), found.description.exponents()));
    check_order(order).map_err(|e| UsageError(e.to_string()))?;
    let strategies = with_settings(&chosen, pipeline, &args.settings)?;
    for (found, request) in chosen.iter().zip(&strategies) {
        host::settings(&found.description, &request.settings).map_err(|e| UsageError(e.to_string()))?;
    }
    let out = match &args.out {
        Some(out) => out.clone(),
        None => new_run_folder(&args.model, target.name, &chosen)?,
    };
    let request = QuantizeRequest {
        model: args.model.clone(),
        images: args.images.clone(),
        eval: args.eval.clone(),
        labels: args.labels.clone(),
        strategies,
        target: target.name.to_owned(),
        out,
        graphwise_pictures: args.graphwise_pictures,
        layerwise_pictures: args.layerwise_pictures,
        layerwise_outputs: args.layerwise_outputs,
        keep_clip: args.keep_clip,
        preprocessing: args.preprocessing.settings(),
        threads: args.threads,
        reuse: false,
        leave_out: args.leave_out.clone(),
        edits: exponents(&args.exponents)?,
    };
    let libraries = chosen.iter().map(|found| Library::from(*found)).collect();
    let folder = follow(&workers, request, libraries, args.json)?;
    if !args.json {
        summary::print(&run::read_report(&folder)?, &folder);
    }
    Ok(())
}

/// `OPERATION=EXPONENT` of the command line; the last `=` counts, since names may have some.
fn exponents(given: &[String]) -> anyhow::Result<HandEdits> {
    let mut edits = HandEdits::default();
    for text in given {
        let (name, exponent) = text
            .rsplit_once('=')
            .and_then(|(name, exponent)| Some((name, exponent.trim().parse::<i32>().ok()?)))
            .ok_or_else(|| {
                anyhow::anyhow!("`--exponent {text}` is not OPERATION=EXPONENT, e.g. /conv/Conv=-5")
            })?;
        edits.output_exponents.insert(name.to_owned(), exponent);
    }
    Ok(edits)
}

/// Runs a job to its end; Ctrl-C ends its strategy early where that can be, or cancels it, which is a [`Cancelled`].
pub(super) fn follow(
    workers: &Workers,
    request: QuantizeRequest,
    libraries: Vec<Library>,
    json: bool,
) -> anyhow::Result<PathBuf> {
    let handle = start(workers, request, libraries);
    let can_finish = Arc::new(AtomicBool::new(false));
    on_interrupt(handle.cancel.clone(), Arc::clone(&can_finish))?;
    let mut printer = EventPrinter::new(json);
    for event in &handle.events {
        match &event {
            Event::CanFinish { can } => {
                can_finish.store(*can, Ordering::Relaxed);
                printer.show(&event)?;
            }
            Event::Done { run } => {
                printer.show(&event)?;
                return Ok(run.clone());
            }
            Event::Error { message } if handle.cancel.is_cancelled() => {
                let message = message.clone();
                drop(printer);
                return Err(Cancelled(message).into());
            }
            Event::Error { message } => {
                // The error itself is printed where all errors are.
                let message = message.clone();
                drop(printer);
                anyhow::bail!(message);
            }
            _ => printer.show(&event)?,
        }
    }
    anyhow::bail!("the job ended without a result")
}

/// The first Ctrl-C while a strategy can finish early asks it to; any other cancels the job.
fn on_interrupt(cancel: Cancel, can_finish: Arc<AtomicBool>) -> anyhow::Result<()> {
    let interrupt = move || match can_finish.swap(false, Ordering::Relaxed) {
        true => cancel.finish_early(),
        false => cancel.cancel(),
    };
    ctrlc::set_handler(interrupt).context("cannot watch for Ctrl-C")
}

/// Sorts `ID.key=value`, `PLACE.key=value` and `key=value` to the strategies, over what the pipeline says. Values are JSON where they
/// read as such, text otherwise.
fn with_settings(
    chosen: &[&Found],
    pipeline: Vec<StrategyRequest>,
    settings: &[String],
) -> anyhow::Result<Vec<StrategyRequest>> {
    let of_pipeline = chosen.iter().zip(pipeline);
    let mut requests: Vec<StrategyRequest> = of_pipeline
        .map(|(found, strategy)| StrategyRequest { id: found.description.id.clone(), ..strategy })
        .collect();
    for setting in settings {
        let wrong = |why: &str| UsageError(format!("--set {setting}: {why}"));
        let (path, value) = setting.split_once('=').ok_or_else(|| wrong("write `ID.key=value`"))?;
        let (of, key) = match path.rsplit_once('.') {
            Some((of, key)) => (Some(of), key),
            None if requests.len() == 1 => (None, path),
            None => return Err(wrong("say of which strategy: `ID.key=value`").into()),
        };
        let value: serde_json::Value =
            serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::String(value.to_owned()));
        let mut is_of_any = false;
        for (position, request) in requests.iter_mut().enumerate() {
            if of.is_none_or(|of| is_named(of, position, &request.id)) {
                request.settings.insert(key.to_owned(), value.clone());
                is_of_any = true;
            }
        }
        if !is_of_any {
            return Err(wrong("no strategy of this run has that id or place").into());
        }
    }
    Ok(requests)
}

/// True when the strategy in this place of the chain (from 0) is meant by its id, the last part of it, or its place from 1.
fn is_named(name: &str, position: usize, id: &str) -> bool {
    id == name || id.rsplit('.').next() == Some(name) || name.parse() == Ok(position + 1)
}

/// `runs/MODEL-TARGET-STRATEGY`, numbered so that nothing is overwritten.
fn new_run_folder(model: &Path, target: &str, chosen: &[&Found]) -> anyhow::Result<PathBuf> {
    let stem = model.file_stem().map_or_else(|| "model".to_owned(), |s| s.to_string_lossy().into_owned());
    let last = |id: &str| id.rsplit('.').next().unwrap_or(id).to_owned();
    let strategies: Vec<String> = chosen.iter().map(|found| last(&found.description.id)).collect();
    let name = format!("{stem}-{target}-{}", strategies.join("-"));
    (1..10_000)
        .map(|n| Path::new("runs").join(if n == 1 { name.clone() } else { format!("{name}-{n}") }))
        .find(|path| !path.exists())
        .with_context(|| format!("runs/{name}-* is full; choose a folder with --out"))
}
