//! One network, one set of calibration pictures, one chip: what strategies and analyses work on.
//!
//! A session implements [`StrategyHost`](crate::strategy::StrategyHost). It keeps what is expensive (decoded pictures within a budget, plans of the
//! float network, statistics), so that a second strategy or a second score does not compute it again.

mod cache;
mod curves;
mod host;
mod pictures;
mod score;
mod split;
mod statistics;
pub mod weights;
mod workplace;

use std::borrow::Cow;
use std::sync::Arc;

use octet_runtime::Simulator;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use cache::StatisticsCache;
pub use pictures::{PictureGone, PictureStore, fingerprint, list_folders};

pub use workplace::Workplace;

use crate::draft::Draft;
use crate::float::{FloatExecutor, FloatPlan};
use crate::job::{Cancel, Event, Phase};
use crate::lower::{LowerOptions, lower, with_test_vectors};
use crate::network::{Network, NodeId, Op, TensorId};
use crate::plan::{self, Finding, Plan};
use crate::report::Curve;
use crate::strategy::{PictureSet, StatisticsRequest, StrategyError, TensorStatistics, WeightsUse};
use crate::target::TargetSpec;

/// How often repairs may lead to further repairs before the session gives up.
const REPAIR_ROUNDS: usize = 8;

/// Where a session reports to.
pub type Sink = Arc<dyn Fn(Event) + Send + Sync>;

/// The state of a job.
pub struct Session {
    network: Arc<Network>,
    target: &'static TargetSpec,
    executor: Arc<dyn FloatExecutor>,
    pictures: Arc<PictureStore>,
    statistics: Arc<StatisticsCache>,
    draft: Draft,
    cancel: Cancel,
    sink: Sink,
    calibrate_secs: f64,
    /// Counts the changes of the draft.
    version: u64,
    /// The plan of the last float run, and what it was made for.
    last_plan: Option<(PlanKey, Box<dyn FloatPlan>)>,
    /// Where the running strategy finds and leaves files.
    workplace: Option<Workplace>,
    snapshots: Vec<Draft>,
    curves: Vec<Curve>,
    can_finish: bool,
    split: split::Split,
    /// The simulator of the last quantized run, and the version of the draft that it was made for.
    last_simulator: Option<(u64, Simulator)>,
}

/// What a float run's plan depends on.
#[derive(Debug, PartialEq)]
struct PlanKey {
    version: u64,
    weights: WeightsUse,
    tensors: Vec<TensorId>,
}

/// The network that a draft's float side computes: replaced activations applied, weights left alone.
pub fn float_network<'a>(network: &'a Network, draft: &Draft) -> Cow<'a, Network> {
    if draft.relu_for_clip.is_empty() {
        return Cow::Borrowed(network);
    }
    let mut changed = network.clone();
    for &NodeId(id) in &draft.relu_for_clip {
        if let Some(node) = changed.nodes.get_mut(id).filter(|n| n.op == Op::Clip) {
            node.op = Op::Relu;
            node.inputs.truncate(1);
        }
    }
    Cow::Owned(changed)
}

impl Session {
    /// A session with an empty draft.
    pub fn new(
        network: Arc<Network>,
        target: &'static TargetSpec,
        executor: Arc<dyn FloatExecutor>,
        pictures: Arc<PictureStore>,
        statistics: Arc<StatisticsCache>,
        cancel: Cancel,
        sink: Sink,
    ) -> Self {
        Session {
            network,
            target,
            executor,
            pictures,
            statistics,
            draft: Draft::default(),
            cancel,
            sink,
            calibrate_secs: 0.0,
            version: 0,
            last_plan: None,
            workplace: None,
            snapshots: Vec::new(),
            curves: Vec::new(),
            can_finish: false,
            split: split::Split::default(),
            last_simulator: None,
        }
    }

    /// Tells that a strategy begins, and where it finds and leaves files.
    pub fn begin_strategy(&mut self, workplace: Workplace) {
        self.workplace = Some(workplace);
        self.cancel.take_finish();
    }

    /// Tells that the strategy has returned. Gives the curves that it drew.
    pub fn end_strategy(&mut self) -> Vec<Curve> {
        self.snapshots.clear();
        self.split = split::Split::default();
        self.last_simulator = None;
        if std::mem::take(&mut self.can_finish) {
            (self.sink)(Event::CanFinish { can: false });
        }
        std::mem::take(&mut self.curves)
    }

    /// Goes on from what strategies of another session of the same network, pictures and chip decided.
    pub fn resume(&mut self, draft: Draft) {
        *self.draft_mut() = draft;
    }

    /// False when what the running strategy does depends on more than the network, the pictures, the chip and its settings:
    /// it works with files of its own, as trainings outside do, or it was asked to finish early.
    pub fn is_repeatable(&self) -> bool {
        !self.cancel.asks_to_finish() && self.workplace.as_ref().is_none_or(|w| !w.is_used())
    }

    /// The draft, to be changed.
    fn draft_mut(&mut self) -> &mut Draft {
        self.version += 1;
        &mut self.draft
    }

    /// Seconds spent on statistics and float runs so far.
    pub fn calibrate_secs(&self) -> f64 {
        self.calibrate_secs
    }

    /// What the strategies decided.
    pub fn into_draft(self) -> Draft {
        self.draft
    }

    fn weights(&self, use_: WeightsUse) -> weights::Weights {
        match use_ {
            WeightsUse::Float => self.draft.changed_weights.clone(),
            WeightsUse::Quantized => weights::quantized(&self.network, &self.draft, self.target),
        }
    }

    fn float_plan(
        &self,
        weights: &weights::Weights,
        tensors: &[TensorId],
    ) -> Result<Box<dyn FloatPlan>, StrategyError> {
        let network = float_network(&self.network, &self.draft);
        let plan = self.executor.outputs(&network, tensors, weights);
        plan.map_err(|e| StrategyError::Failed(e.to_string()))
    }

    /// The network's input for a picture of a set, NCHW.
    fn input(&self, set: PictureSet, picture: usize) -> Result<Vec<f32>, StrategyError> {
        let place = self.split.place(set, picture);
        self.pictures.input(place).map_err(|e| StrategyError::Failed(e.to_string()))
    }

    /// Fails when a set has no such picture.
    fn has_picture(&self, set: PictureSet, picture: usize) -> Result<(), StrategyError> {
        match picture < self.split.len(set, self.pictures.len()) {
            true => Ok(()),
            false => Err(StrategyError::Invalid(format!("there is no picture {picture} in this set"))),
        }
    }

    fn activation(&self, tensor: TensorId) -> Result<(), StrategyError> {
        match self.network.tensors.get(tensor.0) {
            Some(t) if t.data.is_none() => Ok(()),
            Some(t) => Err(StrategyError::Invalid(format!("`{}` is a constant, not an activation", t.name))),
            None => Err(StrategyError::Invalid(format!("there is no tensor {}", tensor.0))),
        }
    }

    /// One pass over the calibration pictures.
    fn pass(
        &self,
        plan: &dyn FloatPlan,
        what: &str,
        add: impl Fn(usize, &[Vec<f32>]) + Sync,
    ) -> Result<(), StrategyError> {
        let done = std::sync::atomic::AtomicUsize::new(0);
        let all = self.split.len(PictureSet::Calibration, self.pictures.len());
        (0..all).into_par_iter().try_for_each(|picture| {
            if self.cancel.is_cancelled() {
                return Err(StrategyError::Cancelled);
            }
            let input = self.input(PictureSet::Calibration, picture)?;
            let values = plan.run(&[&input]).map_err(|e| StrategyError::Failed(e.to_string()))?;
            add(picture, &values);
            let count = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            let (fraction, message) = (count as f32 / all as f32, what.to_owned());
            (self.sink)(Event::Progress { phase: Phase::Calibrate, fraction, message });
            Ok(())
        })
    }

    fn collect(&self, request: &StatisticsRequest) -> Result<Vec<TensorStatistics>, StrategyError> {
        let plan = self.float_plan(&self.weights(request.weights), &request.tensors)?;
        let ranges =
            statistics::ranges(request, self.split.len(PictureSet::Calibration, self.pictures.len()));
        self.pass(plan.as_ref(), "ranges of the activations", |picture, values| {
            ranges.visit(picture, |i, range| range.add(picture, &values[i], request.percentile));
        })?;
        let (mut statistics, histograms) = statistics::finish_ranges(ranges, request);
        if request.bins.iter().any(|&b| b > 0) {
            self.pass(plan.as_ref(), "histograms of the activations", |picture, values| {
                histograms.visit(picture, |i, h| statistics::add_to_histogram(h, &values[i]));
            })?;
            statistics::finish_histograms(histograms, &mut statistics);
        }
        if let Some((t, _)) =
            request.tensors.iter().zip(&statistics).find(|(_, s)| !s.min.is_finite() || !s.max.is_finite())
        {
            let name = &self.network.tensor(*t).name;
            return Err(StrategyError::Failed(format!(
                "the float network gives infinite or undefined values in `{name}`; check the model and its pre-processing"
            )));
        }
        Ok(statistics)
    }

    /// What the statistics of a request depend on.
    fn statistics_key(&self, request: &StatisticsRequest) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(format!("{request:?} {:?} {:?}", self.draft.relu_for_clip, self.split));
        for (tensor, values) in &self.draft.changed_weights {
            hash.update(tensor.0.to_le_bytes());
            for value in values.iter() {
                hash.update(value.to_le_bytes());
            }
        }
        if request.weights == WeightsUse::Quantized {
            for (tensor, values) in &self.draft.corrected_weights {
                hash.update(tensor.0.to_be_bytes());
                for value in values.iter() {
                    hash.update(value.to_be_bytes());
                }
            }
            hash.update(format!(
                "{} {:?} {:?}",
                self.target.name, self.draft.weight_exponents, self.draft.bits
            ));
        }
        hash.finalize().into()
    }
}

/// Completes a draft and checks it; with `repair` the remedies are applied until nothing is left to mend, or no
/// remedy helps. Returns the plan, and all findings of the first check.
pub fn plan_draft(
    network: &Network,
    draft: &mut Draft,
    target: &'static TargetSpec,
    repair: bool,
) -> Result<(Plan, Vec<Finding>), plan::PlanError> {
    let mut planned = plan::complete(network, draft, target)?;
    let findings = plan::check(network, draft, &planned);
    let mut open = findings.clone();
    for _ in 0..REPAIR_ROUNDS {
        if !repair || open.is_empty() {
            break;
        }
        plan::apply_repairs(draft, &open);
        planned = plan::complete(network, draft, target)?;
        open = plan::check(network, draft, &planned);
    }
    Ok((planned, findings))
}

/// A plan as the runtime executes it.
pub fn simulator(network: &Network, draft: &Draft, plan: &Plan) -> Result<Simulator, String> {
    let bytes = written(&lowered(network, draft, plan)?)?;
    Simulator::new(bytes.into(), Some(plan.target.target)).map_err(|e| e.to_string())
}

fn lowered(network: &Network, draft: &Draft, plan: &Plan) -> Result<crate::espdl::File, String> {
    lower(network, draft, plan, LowerOptions::default()).map_err(|e| e.to_string())
}

fn written(file: &crate::espdl::File) -> Result<Vec<u8>, String> {
    crate::espdl::write(file).map_err(|e| e.to_string())
}

/// A plan as the bytes of its exported file, which has an input and an output to test with: they grow with their widths.
fn exported(network: &Network, draft: &Draft, plan: &Plan) -> Result<Vec<u8>, String> {
    let file = lowered(network, draft, plan)?;
    let zeros = |values: &[crate::espdl::Value]| {
        let bytes = |value: &crate::espdl::Value| {
            value.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).product::<usize>()
                * value.element_type.bytes()
        };
        vec![0; values.first().map_or(0, bytes)]
    };
    let (input, output) = (zeros(&file.inputs), zeros(&file.outputs));
    written(&with_test_vectors(file, &input, &output))
}
