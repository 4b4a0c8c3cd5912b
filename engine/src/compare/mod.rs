//! Runs side by side: accuracy with a paired test, memory, time, and every layer, each against one reference run.

mod html;
mod layers;
mod mcnemar;
mod notes;
mod paired;

pub use html::to_html;
pub use layers::{LayerCell, LayerDifference, LayerOrder, LayerRow};
pub use mcnemar::{holm, mcnemar_exact};
pub use paired::{PairedTest, PairedTests, Verdict, p_in_words};

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::job::StrategyRequest;
use crate::report::{
    EvaluationFacts, FinalFacts, LayerFacts, MemoryFacts, ModelFacts, Prediction, Report, Words,
    typed_settings,
};
use crate::run::{FLOAT_MODEL, RunError, read_predictions, read_report};
use layers::minus;
use paired::{Common, judge_all};

/// Version of the form of [`Comparison`] as JSON; grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// A run as it lies in its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The folder, or the `report.json` in it, as the user named it.
    pub path: PathBuf,
    /// Its report.
    pub report: Report,
    /// What both networks answered to every evaluation picture; `None` where nothing was kept.
    pub predictions: Option<Vec<Prediction>>,
    /// Its figures on calibration pictures are against a float network that its strategies changed.
    pub changed_float: bool,
}

impl Run {
    /// Reads a run folder, or the `report.json` in one.
    ///
    /// # Errors
    /// There is no report, or what lies there is none of this version.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let report = read_report(path)?;
        let predictions = read_predictions(path, &report)?;
        let beside = if path.is_dir() { path.join(FLOAT_MODEL) } else { path.with_file_name(FLOAT_MODEL) };
        Ok(Run { path: path.to_owned(), report, predictions, changed_float: beside.is_file() })
    }
}

/// Any number of runs, compared. Ratios are fractions, never per cent; differences are run minus reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// Index into `runs` of the one that the others are held against.
    pub reference: usize,
    /// The runs in the order in which they were named.
    pub runs: Vec<ComparedRun>,
    /// All layers of all runs.
    pub layers: Vec<LayerRow>,
    /// Why something could not be compared, and what to do; in English as data.
    #[serde(serialize_with = "in_english")]
    pub notes: Vec<Words>,
}

fn in_english<S: Serializer>(notes: &[Words], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(notes.iter().map(Words::text))
}

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedRun {
    /// `A`, `B`, ... by which tables and notes name it.
    pub label: String,
    /// Its path.
    pub run: String,
    /// The model that was quantized.
    pub model: ModelFacts,
    /// The chip.
    pub target: String,
    /// Ids of its strategies.
    pub strategy: Vec<String>,
    /// Their settings that were asked for, as `--set` takes them: `int8.observer=kl`.
    pub settings: Vec<String>,
    /// The scores on the calibration pictures.
    pub r#final: FinalFacts,
    /// Accuracy on the evaluation pictures.
    pub evaluation: Option<EvaluationFacts>,
    /// Flash and RAM.
    pub memory: MemoryFacts,
    /// Estimated time of one inference.
    pub latency_ms: Option<f64>,
    /// Its layers as its report has them.
    pub layers: Vec<LayerFacts>,
    /// Its figures minus the reference's; `None` for the reference itself.
    pub difference: Option<Difference>,
    /// The paired tests against the reference; `None` for the reference, and where a note says why.
    pub tests: Option<PairedTests>,
}

/// A run's figures minus the reference's, as the reports have them: each over all pictures of its own run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Of the first class being right.
    pub top1: Option<f64>,
    /// Of the right class being among the first five.
    pub top5: Option<f64>,
    /// Of the agreement with the float network.
    pub agreement: Option<f64>,
    /// Of the scores' noise:signal on the evaluation pictures.
    pub output_nsr: Option<f64>,
    /// Of the scores' noise:signal on the calibration pictures.
    pub graphwise_nsr: Option<f64>,
    /// Of the file's bytes.
    pub flash_bytes: i64,
    /// Of the activation arena's bytes.
    pub arena_bytes: i64,
    /// Of the estimated milliseconds.
    pub latency_ms: Option<f64>,
}

/// Compares runs with the one at `reference`; an index beyond them counts as the first.
pub fn compare(runs: &[Run], reference: usize, order: LayerOrder) -> Comparison {
    let reference = if reference < runs.len() { reference } else { 0 };
    let mut notes = Vec::new();
    let mut compared: Vec<ComparedRun> = runs.iter().enumerate().map(|(i, run)| facts(i, run)).collect();
    if let Some(base) = runs.get(reference) {
        let others = runs.iter().zip(&mut compared).enumerate().filter(|(i, _)| *i != reference);
        for (i, (run, compared)) in others {
            compared.difference = Some(difference(&run.report, &base.report));
            let common = notes::comparable(&letter(reference), base, &letter(i), run, &mut notes);
            compared.tests = common.as_ref().map(Common::tests);
        }
    }
    judge(&mut compared, |tests| tests.top1.as_mut());
    judge(&mut compared, |tests| tests.agreement.as_mut());
    let layers: Vec<&[LayerFacts]> = runs.iter().map(|run| run.report.layers.as_slice()).collect();
    let layers = layers::rows(&layers, reference, order);
    Comparison { schema: SCHEMA_VERSION, reference, runs: compared, layers, notes }
}

fn judge(runs: &mut [ComparedRun], question: impl Fn(&mut PairedTests) -> Option<&mut PairedTest>) {
    let tests = runs.iter_mut().filter_map(|run| question(run.tests.as_mut()?));
    judge_all(&mut tests.collect::<Vec<_>>());
}

fn facts(index: usize, Run { path, report, .. }: &Run) -> ComparedRun {
    ComparedRun {
        label: letter(index),
        run: path.display().to_string(),
        model: report.model.clone(),
        target: report.target.clone(),
        strategy: report.strategy.iter().map(|s| s.id.clone()).collect(),
        settings: settings(report),
        r#final: report.r#final.clone(),
        evaluation: report.evaluation.clone(),
        memory: report.memory.clone(),
        latency_ms: report.latency.estimated_ms,
        layers: report.layers.clone(),
        difference: None,
        tests: None,
    }
}

fn settings(report: &Report) -> Vec<String> {
    let asked =
        report.strategy.iter().map(|s| StrategyRequest { id: s.id.clone(), settings: s.requested.clone() });
    typed_settings(&asked.collect::<Vec<_>>())
}

fn difference(run: &Report, reference: &Report) -> Difference {
    let minus_of = |figure: fn(&Report) -> Option<f64>| minus(figure(run), figure(reference));
    Difference {
        top1: minus_of(|r| Some(r.evaluation.as_ref()?.quantized?.top1)),
        top5: minus_of(|r| Some(r.evaluation.as_ref()?.quantized?.top5)),
        agreement: minus_of(|r| Some(r.evaluation.as_ref()?.agreement)),
        output_nsr: minus_of(|r| Some(r.evaluation.as_ref()?.output_nsr)),
        graphwise_nsr: minus_of(|r| r.r#final.graphwise_nsr),
        flash_bytes: bytes_between(run.memory.flash_bytes, reference.memory.flash_bytes),
        arena_bytes: bytes_between(run.memory.arena_bytes, reference.memory.arena_bytes),
        latency_ms: minus_of(|r| r.latency.estimated_ms),
    }
}

/// `a - b`; beyond the range of `i64`, which no file reaches, its end.
fn bytes_between(a: u64, b: u64) -> i64 {
    let distance = i64::try_from(a.abs_diff(b)).unwrap_or(i64::MAX);
    if a < b { -distance } else { distance }
}

/// `A` to `Z`, then `AA`.
fn letter(index: usize) -> String {
    let last = char::from(b'A' + (index % 26) as u8);
    match index / 26 {
        0 => last.to_string(),
        before => letter(before - 1) + &last.to_string(),
    }
}
