//! A session as strategies see it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use octet_runtime::{Data, Simulator, TensorView};

use super::split::Split;
use super::{PlanKey, Session, curves, exported, float_network, plan_draft, simulator, weights};
use crate::analyse::{self, AnalysisError, Ticker, dequantized_nchw, to_nhwc};
use crate::draft::{Bits, Draft, Slot, SlotRole};
use crate::job::{Event, Phase};
use crate::network::{Network, NodeId, TensorId};
use crate::plan::{self, Finding};
use crate::strategy::{
    Cost, ExportKind, LogLevel, PictureSet, Score, ScoreKind, StatisticsRequest, StrategyError, StrategyHost,
    TensorStatistics, WeightsUse,
};
use crate::target::TargetSpec;
use crate::{onnx, qdq};

/// Most histogram bins of one request: 63 activations at ESP-PPQ's 1,048,576 bins of int16.
const MAX_BINS: usize = 128 << 20;

/// What the pictures of one score may hold as floats.
const SCORE_BYTES: usize = 1 << 30;

/// Most drafts that one strategy has remembered.
const MAX_SNAPSHOTS: usize = 4096;

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
            Bits::Int8 => self.draft_mut().bits.remove(&node),
            Bits::Int16 => self.draft_mut().bits.insert(node, bits),
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
                self.draft_mut().activation_exponents.insert((tensor, bits), exponents[0]);
            }
            SlotRole::Weights { .. } => {
                self.draft_mut().weight_exponents.insert(tensor, exponents.to_vec());
            }
        }
        Ok(())
    }

    fn set_weights(&mut self, tensor: TensorId, values: &[f32]) -> Result<(), StrategyError> {
        weights::check_values(&self.network, tensor, values).map_err(StrategyError::Invalid)?;
        let draft = self.draft_mut();
        draft.changed_weights.insert(tensor, values.into());
        draft.corrected_weights.remove(&tensor);
        Ok(())
    }

    fn correct_weights(&mut self, tensor: TensorId, values: Option<&[f32]>) -> Result<(), StrategyError> {
        match values {
            Some(values) => {
                weights::check_values(&self.network, tensor, values).map_err(StrategyError::Invalid)?;
                self.draft_mut().corrected_weights.insert(tensor, values.into());
            }
            None => {
                self.draft_mut().corrected_weights.remove(&tensor);
            }
        }
        Ok(())
    }

    fn set_relu_for_clip(&mut self, node: NodeId, relu: bool) -> Result<(), StrategyError> {
        weights::check_clip(&self.network, node).map_err(StrategyError::Invalid)?;
        match relu {
            true => self.draft_mut().relu_for_clip.insert(node),
            false => self.draft_mut().relu_for_clip.remove(&node),
        };
        Ok(())
    }

    fn weights(&self, tensor: TensorId) -> Option<&[f32]> {
        let data = self.network.tensors.get(tensor.0)?.data.as_deref()?;
        Some(self.draft.replaced(tensor).map_or(data, |v| v))
    }

    fn pictures(&self, set: PictureSet) -> usize {
        self.split.len(set, self.pictures.len())
    }

    fn hold_out(&mut self, every: usize) -> Result<(), StrategyError> {
        let split = Split::every(every).ok_or_else(|| {
            StrategyError::Invalid("holding out every picture leaves none to calibrate on".to_owned())
        })?;
        self.split = split;
        Ok(())
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
        self.has_picture(set, picture)?;
        let started = Instant::now();
        let key = PlanKey { version: self.version, weights, tensors: tensors.to_vec() };
        let plan = match self.last_plan.take() {
            Some((known, plan)) if known == key => plan,
            _ => self.float_plan(&self.weights(weights), tensors)?,
        };
        let failed = |e: String| StrategyError::Failed(e);
        let input = self.input(set, picture)?;
        let values = plan.run(&[&input]).map_err(|e| failed(e.to_string()))?;
        self.last_plan = Some((key, plan));
        self.calibrate_secs += started.elapsed().as_secs_f64();
        Ok(values)
    }

    fn run_quantized(
        &mut self,
        set: PictureSet,
        picture: usize,
        tensors: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, StrategyError> {
        tensors.iter().try_for_each(|&t| self.activation(t))?;
        self.has_picture(set, picture)?;
        let started = Instant::now();
        let simulator = match self.last_simulator.take() {
            Some((version, simulator)) if version == self.version => simulator,
            _ => {
                let planned = plan::complete(&self.network, &self.draft, self.target)
                    .map_err(|e| StrategyError::Invalid(e.to_string()))?;
                simulator(&self.network, &self.draft, &planned).map_err(StrategyError::Failed)?
            }
        };
        let input = to_nhwc(&self.input(set, picture)?, &self.network.tensor(self.network.input).shape);
        let mut values: Vec<Option<Vec<f32>>> = vec![None; tensors.len()];
        let mut observe = |view: TensorView<'_>| {
            for (&id, value) in tensors.iter().zip(&mut values) {
                let tensor = self.network.tensor(id);
                let is_input = view.node.is_none() && id == self.network.input;
                if is_input || (view.node.is_some() && tensor.name == view.name) {
                    *value = Some(dequantized_nchw(&view.data, view.exponent, &tensor.shape));
                }
            }
        };
        simulator
            .run(&mut simulator.scratch(), Data::F32(&input), Some(&mut observe))
            .map_err(|e| StrategyError::Failed(e.to_string()))?;
        self.last_simulator = Some((self.version, simulator));
        self.calibrate_secs += started.elapsed().as_secs_f64();
        let missing = |id: &TensorId| {
            StrategyError::Invalid(format!(
                "`{}` has no integers of its own: it is fused with the operation behind it, ask for that one's output",
                self.network.tensor(*id).name
            ))
        };
        tensors.iter().zip(values).map(|(id, value)| value.ok_or_else(|| missing(id))).collect()
    }

    fn complete(&mut self, repair: bool) -> Result<Vec<String>, StrategyError> {
        self.version += u64::from(repair);
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
        let all = StrategyHost::pictures(self, set);
        let input_bytes = 4 * self.network.tensor(self.network.input).len();
        let pictures = all.min(max_pictures).min((SCORE_BYTES / input_bytes.max(1)).max(1));
        if pictures == 0 {
            let reason = format!("a score needs pictures, and there are none among {set:?}");
            return Err(StrategyError::Invalid(reason));
        }
        let inputs: Result<Vec<Vec<f32>>, _> =
            self.pictures.sample_of(all, pictures).into_iter().map(|i| self.input(set, i)).collect();
        let inputs = inputs?;
        let (planned, _) = plan_draft(&self.network, &mut self.draft, self.target, false)
            .map_err(|e| StrategyError::Invalid(e.to_string()))?;
        let network = float_network(&self.network, &self.draft);
        let sink = Arc::clone(&self.sink);
        let report = move |fraction: f32, message: &str| {
            sink(Event::Progress { phase: Phase::Strategy, fraction, message: format!("score: {message}") });
        };
        let cancel = self.cancel.clone();
        let ticker = Ticker::new(&cancel, &report);
        let simulator = simulator(&self.network, &self.draft, &planned).map_err(StrategyError::Failed)?;
        if kind == ScoreKind::Output {
            return self.score_output(set, &simulator, &inputs, &ticker);
        }
        let (draft, executor) = (&self.draft, self.executor.as_ref());
        let graphwise = analyse::graphwise(&network, draft, &planned, &simulator, executor, &inputs, &ticker)
            .map_err(strategy_error)?;
        let nodes = match kind {
            ScoreKind::Graphwise | ScoreKind::Output => {
                graphwise.nodes.iter().map(|n| (n.node, n.nsr)).collect()
            }
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

    fn cost(&mut self) -> Result<Cost, StrategyError> {
        let planned = plan::complete(&self.network, &self.draft, self.target)
            .map_err(|e| StrategyError::Invalid(e.to_string()))?;
        let (_, latency) = analyse::estimate(&self.network, &planned);
        let bytes = exported(&self.network, &self.draft, &planned).map_err(StrategyError::Failed)?;
        let flash_bytes = bytes.len() as u64;
        let simulator = Simulator::new(bytes.into(), Some(planned.target.target))
            .map_err(|e| StrategyError::Failed(e.to_string()))?;
        let arena_bytes = simulator.memory().arena_bytes as u64;
        Ok(Cost { latency_ms: latency.estimated_ms.unwrap_or_default(), flash_bytes, arena_bytes })
    }

    fn snapshot(&mut self) -> Result<usize, StrategyError> {
        if self.snapshots.len() >= MAX_SNAPSHOTS {
            let reason = format!("there are {MAX_SNAPSHOTS} snapshots already; restore an older one instead");
            return Err(StrategyError::Invalid(reason));
        }
        self.snapshots.push(self.draft.clone());
        Ok(self.snapshots.len() - 1)
    }

    fn restore(&mut self, snapshot: usize) -> Result<(), StrategyError> {
        let Some(draft) = self.snapshots.get(snapshot).cloned() else {
            return Err(StrategyError::Invalid(format!("there is no snapshot {snapshot}")));
        };
        *self.draft_mut() = draft;
        Ok(())
    }

    fn picture_file(&self, set: PictureSet, picture: usize) -> Result<PathBuf, StrategyError> {
        self.has_picture(set, picture)?;
        let path = self.pictures.path(self.split.place(set, picture));
        let path =
            path.ok_or_else(|| StrategyError::Invalid(format!("there is no picture {picture} in this set")))?;
        std::path::absolute(path).map_err(|e| StrategyError::Failed(format!("`{}`: {e}", path.display())))
    }

    fn model_file(&self) -> Result<PathBuf, StrategyError> {
        self.workplace.as_ref().ok_or_else(no_workplace)?.model_file()
    }

    fn job_folder(&mut self) -> Result<PathBuf, StrategyError> {
        self.workplace.as_mut().ok_or_else(no_workplace)?.folder()
    }

    fn export_model(&mut self, kind: ExportKind, name: &str) -> Result<(), StrategyError> {
        let network = float_network(&self.network, &self.draft);
        let bytes = match kind {
            ExportKind::Float => onnx::float_model(&network, &self.draft.changed_weights)
                .map_err(|e| StrategyError::Failed(e.to_string()))?,
            ExportKind::Qdq => {
                let planned = plan::complete(&self.network, &self.draft, self.target)
                    .map_err(|e| StrategyError::Invalid(e.to_string()))?;
                qdq::to_qdq(&self.network, &self.draft, &planned)
            }
        };
        self.workplace.as_mut().ok_or_else(no_workplace)?.write(name, &bytes)
    }

    fn point(&mut self, curve: &str, x: f64, y: f64) -> Result<(), StrategyError> {
        curves::add(&mut self.curves, curve, x, y).map_err(StrategyError::Invalid)?;
        (self.sink)(Event::Point { curve: curve.to_owned(), x, y });
        Ok(())
    }

    fn finish_early(&mut self) -> bool {
        if !std::mem::replace(&mut self.can_finish, true) {
            (self.sink)(Event::CanFinish { can: true });
        }
        self.cancel.asks_to_finish()
    }

    fn progress(&mut self, fraction: f32, message: &str) {
        // What is no number stays none through `clamp`.
        let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
        let message = message.to_owned();
        (self.sink)(Event::Progress { phase: Phase::Strategy, fraction, message });
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        (self.sink)(Event::Log { level, message: message.to_owned() });
    }
}

pub(super) fn strategy_error(error: AnalysisError) -> StrategyError {
    match error {
        AnalysisError::Cancelled => StrategyError::Cancelled,
        other => StrategyError::Failed(other.to_string()),
    }
}

fn no_workplace() -> StrategyError {
    StrategyError::Failed("this session has no run folder".to_owned())
}
