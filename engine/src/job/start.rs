//! A whole job: the worker quantizes and analyses, then this process, which never loads a plugin, evaluates.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use octet_runtime::{Data, Simulator};
use rayon::prelude::*;

use super::overlap::overlap;
use super::pool::in_pool;
use super::protocol::{Ask, Tell};
use super::quantize::JobError;
use super::relay::{EVENTS_IN_FLIGHT, Relay};
use super::runner::{WorkerError, Workers};
use super::{Cancel, Event, JobHandle, Library, Phase, QuantizeRequest};
use crate::advise::advise;
use crate::analyse::{
    AnalysisError, Answers, Ticker, check_labels, dequantized_nchw, evaluate_answers, to_nhwc, top1,
};
use crate::float::{FloatExecutor, FloatPlan, Tract};
use crate::onnx::{Opened, hex};
use crate::pictures::{Entry, Listing, Picture, Preprocessing, load_one};
use crate::report::{EvaluationFacts, Prediction, Report, SkippedPicture};
use crate::strategy::LogLevel;
use crate::{onnx, run};

/// Starts a job in the background. `libraries` are the plugin files of the request's strategies, in its order.
pub fn start(workers: &Workers, request: QuantizeRequest, libraries: Vec<Library>) -> JobHandle {
    let (sender, events) = sync_channel(EVENTS_IN_FLIGHT);
    let cancel = Cancel::default();
    let (workers, token) = (workers.clone(), cancel.clone());
    std::thread::spawn(move || {
        let relay = Relay::new(sender, token.clone());
        let report_before = run::report_written(&request.out);
        let last = match run_job(&workers, &request, libraries, &token, &|event| relay.tell(event)) {
            Ok(run) => Event::Done { run },
            Err(message) => Event::Error { message },
        };
        relay.finish(&request.out, report_before, last);
    });
    JobHandle { events, cancel }
}

fn run_job(
    workers: &Workers,
    request: &QuantizeRequest,
    libraries: Vec<Library>,
    cancel: &Cancel,
    forward: &(dyn Fn(Event) + Sync),
) -> Result<PathBuf, String> {
    // What would fail at the end is better told at the beginning.
    run::probe(&request.out).map_err(|e| e.to_string())?;
    let evaluation = request.eval.as_deref().map(|folder| Evaluation::prepare(request, folder));
    let evaluation = evaluation.transpose().map_err(|e| e.to_string())?;
    let mut overlapping = None;
    if let Some(evaluation) = &evaluation {
        for unlisted in &evaluation.listing.unlisted {
            forward(Event::Log { level: LogLevel::Warning, message: unlisted.to_string() });
        }
        let look = || Ok(overlap(request, &evaluation.listing, cancel));
        overlapping = in_pool(request.threads, look).map_err(|e| e.to_string())?;
    }
    if let Some(finding) = &overlapping {
        forward(Event::Warning(Box::new(finding.clone())));
    }
    if cancel.is_cancelled() {
        return Err(JobError::Cancelled.to_string());
    }
    // The evaluation folder stays here until the last plugin has returned.
    let blind = QuantizeRequest { eval: None, labels: None, ..request.clone() };
    let ask = Ask::Quantize { request: Box::new(blind), libraries };
    let answer = workers.ask(&ask, cancel, &mut |event| forward(event));
    let mut report = match answer.map_err(|e: WorkerError| e.to_string())? {
        Tell::Quantized { report } => *report,
        other => {
            // What else it has to say belongs to no question.
            workers.restart();
            let kind = other.kind();
            return Err(format!(
                "the worker process answered a job with {kind} and was ended; start the job again"
            ));
        }
    };
    report.calibration.findings.extend(overlapping);
    report.advice = advise(&report, None);
    // The analysis is done and does not depend on what happens to the evaluation.
    run::write_report(&request.out, &report).map_err(|e| e.to_string())?;
    if let Some(evaluation) = evaluation {
        let started = Instant::now();
        let tell = |fraction: f32, message: &str| {
            forward(Event::Progress { phase: Phase::Evaluate, fraction, message: message.to_owned() });
        };
        let ticker = Ticker::new(cancel, &tell);
        in_pool(request.threads, || evaluate(request, evaluation, &mut report, &ticker)).map_err(|e| {
            format!("{e}; the report without evaluation is in the run folder `{}`", request.out.display())
        })?;
        report.timings_secs.insert("evaluate".to_owned(), started.elapsed().as_secs_f64());
        report.advice = advise(&report, None);
        run::write_report(&request.out, &report).map_err(|e| e.to_string())?;
    }
    Ok(request.out.clone())
}

/// Scores of both networks on one picture.
struct Both {
    file: String,
    float: Vec<f32>,
    quantized: Vec<f32>,
    class: Option<usize>,
    sha256: [u8; 32],
}

/// What an evaluation needs besides the `.espdl` file, looked at before the long work begins.
struct Evaluation<'a> {
    folder: &'a Path,
    opened: Opened,
    preprocessing: Preprocessing,
    listing: Listing,
}

impl<'a> Evaluation<'a> {
    fn prepare(request: &QuantizeRequest, folder: &'a Path) -> Result<Self, JobError> {
        let listing = Listing::of_folder(folder, request.labels.as_deref())?;
        if let ([], Some(first)) = (&listing.entries[..], listing.skipped.first()) {
            let folder = folder.display();
            return Err(JobError::Request(format!(
                "there is no usable evaluation picture in `{folder}`; `{}`: {}",
                first.file, first.reason
            )));
        }
        let opened = onnx::open(&request.model)?;
        let preprocessing = Preprocessing::of_network(&opened.network, &request.preprocessing)?;
        let labels = listing.entries.iter().map(|e| (e.file.as_str(), e.class));
        let classes = opened.network.tensor(opened.network.output).len();
        check_labels(labels, classes).map_err(JobError::Request)?;
        Ok(Evaluation { folder, opened, preprocessing, listing })
    }
}

fn evaluate(
    request: &QuantizeRequest,
    evaluation: Evaluation<'_>,
    report: &mut Report,
    ticker: &Ticker<'_>,
) -> Result<(), JobError> {
    let Evaluation { folder, opened, preprocessing, listing } = evaluation;
    if opened.sha256 != report.model.sha256 {
        let model = request.model.display();
        return Err(JobError::Request(format!("`{model}` was changed while the job ran; start it again")));
    }
    let network = &opened.network;
    let path = request.out.join("model.espdl");
    let bytes = std::fs::read(&path).map_err(|source| run::RunError::Read { path, source })?;
    let runtime = |e: octet_runtime::SimulatorError| AnalysisError::Runtime(e.to_string());
    let simulator = Simulator::new(bytes.into(), None).map_err(runtime)?;
    let plan = Tract.scores(network, &Default::default()).map_err(AnalysisError::from)?;
    let (input_shape, output_shape) =
        (&network.tensor(network.input).shape, &network.tensor(network.output).shape);
    let done = AtomicUsize::new(0);
    let results: Result<Vec<Result<Both, SkippedPicture>>, JobError> = listing
        .entries
        .par_iter()
        .map_init(
            || simulator.scratch(),
            |scratch, entry: &Entry| {
                ticker.check()?;
                let picture = match load_one(entry, &preprocessing) {
                    Ok(picture) => picture,
                    Err(skipped) => return Ok(Err(skipped)),
                };
                let nchw = picture.to_nchw(&preprocessing);
                let float = scores(plan.as_ref(), &nchw)?;
                let nhwc = to_nhwc(&nchw, input_shape);
                let output = simulator.run(scratch, Data::F32(&nhwc), None).map_err(runtime)?;
                let quantized = dequantized_nchw(&output.data, output.exponent, output_shape);
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                ticker.tick(count, listing.entries.len(), "evaluation pictures")?;
                let Picture { file, class, sha256, .. } = picture;
                Ok(Ok(Both { file, float, quantized, class, sha256 }))
            },
        )
        .collect();
    let (facts, predictions) = facts(request, folder, report, listing.skipped, results?)?;
    run::write_predictions(&request.out, predictions)?;
    report.evaluation = Some(facts);
    Ok(())
}

fn scores(plan: &dyn FloatPlan, nchw: &[f32]) -> Result<Vec<f32>, AnalysisError> {
    Ok(plan.run(&[nchw])?.pop().unwrap_or_default())
}

fn facts(
    request: &QuantizeRequest,
    folder: &Path,
    report: &Report,
    mut skipped: Vec<SkippedPicture>,
    results: Vec<Result<Both, SkippedPicture>>,
) -> Result<(EvaluationFacts, Vec<Prediction>), JobError> {
    let calibration: HashSet<[u8; 32]> = calibration_hashes(request, report);
    let (mut float, mut quantized) = (Answers::default(), Answers::default());
    let (mut labels, mut predictions, mut calibration_overlap) = (Vec::new(), Vec::new(), 0);
    for result in results {
        match result {
            Ok(both) => {
                predictions.push(Prediction {
                    file: both.file,
                    sha256: hex(&both.sha256),
                    label: both.class,
                    float: top1(&both.float),
                    quantized: top1(&both.quantized),
                });
                float.scores.push(both.float);
                quantized.scores.push(both.quantized);
                labels.push(both.class);
                calibration_overlap += usize::from(calibration.contains(&both.sha256));
            }
            Err(reason) => skipped.push(reason),
        }
    }
    if labels.is_empty() {
        return Err(JobError::Request(format!(
            "there is no usable evaluation picture in `{}`{}",
            folder.display(),
            skipped.first().map_or_else(String::new, |s| format!("; `{}`: {}", s.file, s.reason))
        )));
    }
    let of_float = evaluate_answers(&float, &labels, None);
    let of_quantized = evaluate_answers(&quantized, &labels, Some(&float));
    let facts = EvaluationFacts {
        images: labels.len(),
        skipped,
        float: of_float.accuracy,
        quantized: of_quantized.accuracy,
        agreement: of_quantized.agreement.unwrap_or(0.0),
        agreement_interval95: of_quantized.agreement_interval95.unwrap_or([0.0, 1.0]),
        output_nsr: of_quantized.output_nsr.unwrap_or(0.0),
        calibration_overlap,
    };
    Ok((facts, predictions))
}

/// SHA-256 of the calibration files that the report names.
fn calibration_hashes(request: &QuantizeRequest, report: &Report) -> HashSet<[u8; 32]> {
    use sha2::{Digest, Sha256};
    let used: HashSet<&String> = report.calibration.used.iter().collect();
    let files: Vec<PathBuf> =
        request.images.iter().flat_map(|folder| used.iter().map(move |file| folder.join(file))).collect();
    files.par_iter().filter_map(|f| Some(Sha256::digest(std::fs::read(f).ok()?).into())).collect()
}
