//! Finetuning without labels: exponents, rounding and biases are trained, part by part, so that each part of the
//! quantized network answers what the float network answers on the calibration pictures.
//!
//! Thresholds are trained after Jain et al. (arXiv 1903.08066), rounding after Nagel et al. (arXiv 2004.10568). Each part
//! sees its input as the chip computes it, with the errors of the parts before it, and learns to make up for them.
//! Some pictures are held out: what does not help those is not kept.

mod graph;
mod model;
mod ops;
mod origin;
mod pictures;
mod segments;
mod settings;
mod start;
mod train;
mod weights;

use graph::Graph;
use model::{Model, failed};
use octet_plugin_api::sdk::{Error, Host, Info, Log, Pictures, Score, ScoreKind, Strategy};
use origin::Origins;
use pictures::Examples;
use segments::Segment;
use settings::Settings;
use train::{Losses, Stop, Training, Watch};

/// Fewer pictures held out than this say nothing.
const LEAST_HELD_OUT: u64 = 4;
/// A part may raise the noise of the scores so much: later parts, trained on its output, make up for it.
const TOLERATED: f64 = 0.05;
/// Pictures of a score between parts.
const SCORED: u64 = 256;

struct Finetune;

impl Strategy for Finetune {
    const INFO: Info = Info {
        id: "dev.octet.finetune",
        name: "finetune",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Trains exponents, the rounding of weights and biases on the calibration pictures, without labels. \
                      Takes minutes. Starts from int8 or equalization, or by itself.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        host.progress(0.0, "exponents to begin with")?;
        hold_out(settings, host)?;
        start::decide_open(host)?;
        tell(host, true)?;
        let before = score(host)?;
        let untouched = host.snapshot()?;
        let graph = Graph::read(host)?;
        let origins = Origins::find(host, &graph)?;
        let network = Whole { graph: &graph, origins: &origins };
        let segments = segments::cut(&graph, host.network()?.input);
        let total: u64 = segments.len() as u64;
        let mut kept = before.output_nsr;
        for (number, segment) in segments.iter().enumerate() {
            let share = Share { number: number as f32, total: total as f32 };
            if !train(settings, host, network, segment, share, &mut kept)? {
                host.log(Log::Info, "ended early; the parts trained so far are kept");
                break;
            }
        }
        let after = score(host)?;
        let words = format!("{} before, {} after", in_words(&before), in_words(&after));
        // Not the other way round, so that an undefined figure counts as worse.
        let better = after.output_nsr <= before.output_nsr;
        if !better {
            host.restore(untouched)?;
            host.log(Log::Warning, &format!("training made it worse and was taken back: {words}"));
        } else {
            host.log(Log::Info, &format!("training: {words}"));
        }
        tell(host, true)?;
        host.progress(1.0, "done")
    }
}

/// Sets pictures aside, more of few so that there are some.
fn hold_out(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
    let pictures = host.pictures(Pictures::Calibration)?;
    let mut every = u64::from(settings.held_out);
    while every > 3 && pictures / every < LEAST_HELD_OUT {
        every /= 2;
    }
    if every > 1 && pictures / every >= LEAST_HELD_OUT {
        return host.hold_out(every);
    }
    let words = format!(
        "no picture of {pictures} is held out, so that nothing tells when training only learns them by heart"
    );
    host.log(Log::Warning, &words);
    Ok(())
}

/// Completes the draft and tells what was found.
fn tell(host: &mut Host<'_>, repair: bool) -> Result<(), Error> {
    for finding in host.complete(repair)? {
        let level = if finding.ends_with("(done)") { Log::Info } else { Log::Warning };
        host.log(level, &finding);
    }
    Ok(())
}

/// On held-out pictures, where there are any.
fn score(host: &mut Host<'_>) -> Result<Score, Error> {
    let held_out = host.pictures(Pictures::HeldOut)? > 0;
    let pictures = if held_out { Pictures::HeldOut } else { Pictures::Calibration };
    host.score(pictures, ScoreKind::Output, SCORED)
}

fn in_words(score: &Score) -> String {
    format!(
        "noise:signal {:.2} % and agreement {:.1} % on {} pictures",
        score.output_nsr * 100.0,
        score.agreement * 100.0,
        score.pictures
    )
}

/// What is trained part by part.
#[derive(Clone, Copy)]
struct Whole<'a> {
    graph: &'a Graph,
    origins: &'a Origins,
}

/// Which part of the whole a progress is about.
#[derive(Clone, Copy)]
struct Share {
    number: f32,
    total: f32,
}

impl Share {
    fn at(self, fraction: f32) -> f32 {
        0.02 + 0.96 * (self.number + fraction) / self.total.max(1.0)
    }
}

/// Trains one part. False when the user asked to end here.
fn train(
    settings: &Settings,
    host: &mut Host<'_>,
    Whole { graph, origins }: Whole<'_>,
    segment: &Segment,
    share: Share,
    kept: &mut f64,
) -> Result<bool, Error> {
    let name =
        graph.nodes.get(segment.nodes.clone()).and_then(|n| n.last()).map_or("", |n| &n.name).to_owned();
    if let Some(reason) = segments::obstacle(graph, segment) {
        host.log(Log::Info, &format!("not trained up to `{name}`: {reason}"));
        return Ok(true);
    }
    if host.finish_early()? {
        return Ok(false);
    }
    let gather = |host: &mut Host<'_>, pictures, from: f32, most: u64| {
        Examples::gather(host, graph, segment, pictures, most, |host, done| {
            host.progress(share.at(0.1 * from + 0.1 * done), &format!("activations up to {name}"))
        })
    };
    let trained = gather(host, Pictures::Calibration, 0.0, u64::from(settings.pictures))?;
    let held_out = gather(host, Pictures::HeldOut, 1.0, train::MEASURED as u64)?;
    let widest = segment.nodes.clone().filter_map(|n| graph.nodes.get(n));
    let widest = widest.map(|n| graph.widest(n)).max().unwrap_or(1);
    let mut model = Model::new(host, graph, segment, origins)?;
    let mut watch = Told { host, name: &name, share, steps: settings.steps };
    let seed = segment.nodes.start as u64 + 1;
    let mut training =
        Training { model: &mut model, trained: &trained, held_out: &held_out, settings, widest, seed };
    let [before, after] = training.run(&mut watch).map_err(|stop| match stop {
        Stop::Failed(error) => failed(&error),
        Stop::Host(error) => error,
    })?;
    let text = format!(
        "{name}: noise:signal {:.3} % became {:.3} % on held-out pictures, {:.3} % became {:.3} % on trained ones",
        before.held_out * 100.0,
        after.held_out * 100.0,
        before.trained * 100.0,
        after.trained * 100.0
    );
    host.log(Log::Info, &text);
    if after.held_out < before.held_out {
        let untouched = host.snapshot()?;
        model.store(host)?;
        // A trained exponent may ask for a shift that the chip cannot do, and the repair may cost more than was gained.
        tell(host, true)?;
        let score = score(host)?.output_nsr;
        if score <= *kept * (1.0 + TOLERATED) {
            *kept = score;
        } else {
            host.restore(untouched)?;
            let text = format!(
                "{name}: taken back, since the scores' noise:signal would rise from {:.3} % to {:.3} %",
                *kept * 100.0,
                score * 100.0
            );
            host.log(Log::Info, &text);
        }
    }
    Ok(!host.finish_early()?)
}

/// Passes a training's course on to the host.
struct Told<'a, 'h, 'n> {
    host: &'a mut Host<'h>,
    name: &'n str,
    share: Share,
    steps: u32,
}

impl Watch for Told<'_, '_, '_> {
    fn step(&mut self, done: u32, all: u32, loss: f64) -> Result<bool, Error> {
        let fraction = 0.2 + 0.8 * done as f32 / all.max(1) as f32;
        let text = format!("{}: noise:signal {:.3} %", self.name, loss * 100.0);
        self.host.progress(self.share.at(fraction), &text)?;
        Ok(!self.host.finish_early()?)
    }

    fn measured(&mut self, done: u32, all: u32, losses: Losses) -> Result<(), Error> {
        let x = f64::from(self.share.number) * f64::from(self.steps) + f64::from(done.min(all));
        self.host.point("noise:signal of each part, trained pictures", x, losses.trained)?;
        self.host.point("noise:signal of each part, held-out pictures", x, losses.held_out)
    }
}

octet_plugin_api::export_strategy!(Finetune);
