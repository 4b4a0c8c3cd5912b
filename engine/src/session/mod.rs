//! One network, one set of calibration pictures, one chip: what strategies and analyses work on.
//!
//! A session implements [`StrategyHost`]. It keeps what is expensive (decoded pictures within a budget, plans of the
//! float network, statistics), so that a second strategy or a second score does not compute it again.

mod cache;
mod pictures;
mod statistics;
pub mod weights;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use octet_runtime::Simulator;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use cache::StatisticsCache;
pub use pictures::{PictureGone, PictureStore, fingerprint, list_folders};

use crate::analyse::{self, AnalysisError, Ticker};
use crate::draft::{Bits, Draft, Slot, SlotRole};
use crate::float::{FloatExecutor, FloatPlan};
use crate::job::{Cancel, Event, Phase};
use crate::lower::{LowerOptions, lower};
use crate::network::{Network, NodeId, Op, TensorId};
use crate::plan::{self, Finding, Plan};
use crate::strategy::{
    LogLevel, PictureSet, Score, ScoreKind, StatisticsRequest, StrategyError, StrategyHost, TensorStatistics,
    WeightsUse,
};
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
        let (draft, calibrate_secs) = (Draft::default(), 0.0);
        Session { network, target, executor, pictures, statistics, draft, cancel, sink, calibrate_secs }
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
        let all = self.pictures.len();
        (0..all).into_par_iter().try_for_each(|picture| {
            if self.cancel.is_cancelled() {
                return Err(StrategyError::Cancelled);
            }
            let input = self.pictures.input(picture).map_err(|e| StrategyError::Failed(e.to_string()))?;
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
        let ranges = statistics::ranges(request, self.pictures.len());
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
        hash.update(format!("{request:?} {:?}", self.draft.relu_for_clip));
        for (tensor, values) in &self.draft.changed_weights {
            hash.update(tensor.0.to_le_bytes());
            for value in values.iter() {
                hash.update(value.to_le_bytes());
            }
        }
        if request.weights == WeightsUse::Quantized {
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

impl StrategyHost for Session {
    fn network(&self) -> &Network {
        &self.network
    }

    fn target(&self) -> &TargetSpec {
        self.target
    }

    fn draft(&self) -> &Draft {
        &self.draft
    }

    fn slots(&self) -> Vec<Slot> {
        plan::slots(&self.network, &self.draft, self.target)
    }

    fn set_bits(&mut self, node: NodeId, bits: Bits) -> Result<(), StrategyError> {
        if node.0 >= self.network.nodes.len() {
            return Err(StrategyError::Invalid(format!("there is no node {}", node.0)));
        }
        match bits {
            Bits::Int8 => self.draft.bits.remove(&node),
            Bits::Int16 => self.draft.bits.insert(node, bits),
        };
        Ok(())
    }

    fn set_exponents(
        &mut self,
        tensor: TensorId,
        bits: Bits,
        exponents: &[i32],
    ) -> Result<(), StrategyError> {
        let slot = self.slots().into_iter().find(|s| s.tensor == tensor && s.bits == bits);
        let name = self.network.tensors.get(tensor.0).map_or("?", |t| t.name.as_str());
        let Some(slot) = slot else {
            return Err(StrategyError::Invalid(format!(
                "`{name}` (tensor {}) has no slot of {} bits",
                tensor.0,
                u32::from(bits)
            )));
        };
        let expected = match slot.role {
            SlotRole::Activation => 1,
            SlotRole::Weights { channels, .. } => channels,
        };
        weights::check_exponents(name, expected, exponents).map_err(StrategyError::Invalid)?;
        match slot.role {
            SlotRole::Activation => {
                self.draft.activation_exponents.insert((tensor, bits), exponents[0]);
            }
            SlotRole::Weights { .. } => {
                self.draft.weight_exponents.insert(tensor, exponents.to_vec());
            }
        }
        Ok(())
    }

    fn set_weights(&mut self, tensor: TensorId, values: &[f32]) -> Result<(), StrategyError> {
        weights::check_values(&self.network, tensor, values).map_err(StrategyError::Invalid)?;
        self.draft.changed_weights.insert(tensor, values.into());
        Ok(())
    }

    fn set_relu_for_clip(&mut self, node: NodeId, relu: bool) -> Result<(), StrategyError> {
        weights::check_clip(&self.network, node).map_err(StrategyError::Invalid)?;
        match relu {
            true => self.draft.relu_for_clip.insert(node),
            false => self.draft.relu_for_clip.remove(&node),
        };
        Ok(())
    }

    fn weights(&self, tensor: TensorId) -> Option<&[f32]> {
        let data = self.network.tensors.get(tensor.0)?.data.as_deref()?;
        Some(self.draft.changed_weights.get(&tensor).map_or(data, |v| v))
    }

    fn pictures(&self, set: PictureSet) -> usize {
        match set {
            PictureSet::Calibration => self.pictures.len(),
            PictureSet::HeldOut => 0,
        }
    }

    fn statistics(&mut self, request: &StatisticsRequest) -> Result<Vec<TensorStatistics>, StrategyError> {
        if request.bins.len() != request.tensors.len() {
            return Err(StrategyError::Invalid("`bins` must have one entry per tensor".to_owned()));
        }
        request.tensors.iter().try_for_each(|&t| self.activation(t))?;
        let total_bins: usize = request.bins.iter().fold(0, |sum, &b| sum.saturating_add(b));
        if total_bins > MAX_BINS {
            let message = format!("{total_bins} bins in one request; at most {MAX_BINS} are possible");
            return Err(StrategyError::Invalid(message));
        }
        if request.percentile.is_some_and(|q| !(0.5..=1.0).contains(&q)) {
            return Err(StrategyError::Invalid("the percentile must lie in 0.5..=1".to_owned()));
        }
        let key = self.statistics_key(request);
        if let Some(known) = self.statistics.get(&key) {
            return Ok(known);
        }
        let started = Instant::now();
        let statistics = self.collect(request)?;
        self.calibrate_secs += started.elapsed().as_secs_f64();
        self.statistics.insert(key, &statistics);
        Ok(statistics)
    }

    fn run_float(
        &mut self,
        set: PictureSet,
        picture: usize,
        weights: WeightsUse,
        tensors: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, StrategyError> {
        tensors.iter().try_for_each(|&t| self.activation(t))?;
        if picture >= StrategyHost::pictures(self, set) {
            return Err(StrategyError::Invalid(format!("there is no picture {picture} in this set")));
        }
        let started = Instant::now();
        let plan = self.float_plan(&self.weights(weights), tensors)?;
        let failed = |e: String| StrategyError::Failed(e);
        let input = self.pictures.input(picture).map_err(|e| failed(e.to_string()))?;
        let values = plan.run(&[&input]).map_err(|e| failed(e.to_string()))?;
        self.calibrate_secs += started.elapsed().as_secs_f64();
        Ok(values)
    }

    fn complete(&mut self, repair: bool) -> Result<Vec<String>, StrategyError> {
        let (plan, findings) = plan_draft(&self.network, &mut self.draft, self.target, repair)
            .map_err(|e| StrategyError::Invalid(e.to_string()))?;
        let open = plan::check(&self.network, &self.draft, &plan);
        let mended = |f: &Finding| !open.iter().any(|o| o.rule == f.rule && o.node == f.node);
        let message = |f: Finding| if mended(&f) { format!("{} (done)", f.message) } else { f.message };
        Ok(findings.into_iter().map(message).collect())
    }

    fn score(
        &mut self,
        set: PictureSet,
        kind: ScoreKind,
        max_pictures: usize,
    ) -> Result<Score, StrategyError> {
        let pictures = StrategyHost::pictures(self, set).min(max_pictures);
        if pictures == 0 {
            let reason = format!("a score needs pictures, and there are none among {set:?}");
            return Err(StrategyError::Invalid(reason));
        }
        let inputs: Result<Vec<Vec<f32>>, _> = (0..pictures).map(|i| self.pictures.input(i)).collect();
        let inputs = inputs.map_err(|e| StrategyError::Failed(e.to_string()))?;
        let (planned, _) = plan_draft(&self.network, &mut self.draft, self.target, false)
            .map_err(|e| StrategyError::Invalid(e.to_string()))?;
        let network = float_network(&self.network, &self.draft);
        let sink = Arc::clone(&self.sink);
        let report = move |fraction: f32, message: &str| {
            sink(Event::Progress { phase: Phase::Strategy, fraction, message: format!("score: {message}") });
        };
        let ticker = Ticker::new(&self.cancel, &report);
        let simulator = simulator(&self.network, &self.draft, &planned).map_err(StrategyError::Failed)?;
        let (draft, executor) = (&self.draft, self.executor.as_ref());
        let graphwise = analyse::graphwise(&network, draft, &planned, &simulator, executor, &inputs, &ticker)
            .map_err(strategy_error)?;
        let nodes = match kind {
            ScoreKind::Graphwise => graphwise.nodes.iter().map(|n| (n.node, n.nsr)).collect(),
            ScoreKind::Layerwise => {
                analyse::layerwise(&network, draft, &planned, executor, &inputs, false, &ticker)
                    .map_err(strategy_error)?
                    .nodes
                    .iter()
                    .map(|(id, f)| (*id, f.own))
                    .collect()
            }
        };
        let (output_nsr, agreement) = (graphwise.output_nsr, graphwise.agreement);
        Ok(Score { output_nsr, agreement, pictures, nodes })
    }

    fn progress(&mut self, fraction: f32, message: &str) {
        let (fraction, message) = (fraction.clamp(0.0, 1.0), message.to_owned());
        (self.sink)(Event::Progress { phase: Phase::Strategy, fraction, message });
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        (self.sink)(Event::Log { level, message: message.to_owned() });
    }
}

/// Most histogram bins of one request: 63 activations at ESP-PPQ's 1,048,576 bins of int16.
const MAX_BINS: usize = 128 << 20;

fn strategy_error(error: AnalysisError) -> StrategyError {
    match error {
        AnalysisError::Cancelled => StrategyError::Cancelled,
        other => StrategyError::Failed(other.to_string()),
    }
}

/// A plan as the runtime executes it.
pub fn simulator(network: &Network, draft: &Draft, plan: &Plan) -> Result<Simulator, String> {
    let file = lower(network, draft, plan, LowerOptions::default()).map_err(|e| e.to_string())?;
    let bytes = crate::espdl::write(&file).map_err(|e| e.to_string())?;
    Simulator::new(bytes.into(), Some(plan.target.target)).map_err(|e| e.to_string())
}
