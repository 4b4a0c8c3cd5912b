//! An engine without models and pictures: a small network, made-up statistics, and a record of what was asked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use octet_engine::draft::{Bits, Draft, Slot, SlotRole};
use octet_engine::network::{
    Conv, Gemm, InputLayout, Network, Node, NodeId, Op, Padding, Tensor, TensorId, Window,
};
use octet_engine::strategy::{
    Cost, ExportKind, LogLevel, PictureSet, Score, ScoreKind, StatisticsRequest, StrategyError, StrategyHost,
    TensorStatistics, WeightsUse,
};
use octet_engine::target::{Granularity, TargetSpec};

pub(crate) struct Fake {
    network: Network,
    target: &'static TargetSpec,
    pub(crate) draft: Draft,
    /// Each request, with the number of weights that had no exponents then.
    pub(crate) requests: Vec<(StatisticsRequest, usize)>,
    /// What `complete` was told, once it was called.
    pub(crate) repaired: Option<bool>,
    pub(crate) log: Vec<(LogLevel, String)>,
    pub(crate) snapshots: Vec<Draft>,
    pub(crate) exported: Vec<(ExportKind, String)>,
    pub(crate) points: Vec<(String, f64, f64)>,
    pub(crate) finish_early: bool,
    held_out: usize,
    pub(crate) cancelled: bool,
    pub(crate) panics_in_statistics: bool,
}

impl Fake {
    pub(crate) fn new(target: &'static TargetSpec) -> Fake {
        Fake {
            network: network(),
            target,
            draft: Draft::default(),
            requests: Vec::new(),
            repaired: None,
            log: Vec::new(),
            snapshots: Vec::new(),
            exported: Vec::new(),
            points: Vec::new(),
            finish_early: false,
            held_out: 0,
            cancelled: false,
            panics_in_statistics: false,
        }
    }

    /// Slots without exponents.
    pub(crate) fn open_slots(&self) -> Vec<Slot> {
        self.slots().into_iter().filter(|slot| !self.is_decided(slot)).collect()
    }

    fn is_decided(&self, slot: &Slot) -> bool {
        match slot.role {
            SlotRole::Activation => self.draft.activation_exponents.contains_key(&(slot.tensor, slot.bits)),
            SlotRole::Weights { .. } => self.draft.weight_exponents.contains_key(&slot.tensor),
        }
    }
}

/// Numbers that look random and are the same everywhere.
fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

/// input -> conv -> clip -> depthwise -> gemm, with the picture 3 x 4 x 4.
fn network() -> Network {
    let mut tensors = Vec::new();
    let mut tensor = |name: &str, shape: &[usize], data: Option<Vec<f32>>| {
        tensors.push(Tensor { name: name.to_owned(), shape: shape.to_vec(), data: data.map(Into::into) });
        TensorId(tensors.len() - 1)
    };
    let input = tensor("input", &[1, 3, 4, 4], None);
    let conv_w = tensor("conv.weight", &[5, 3, 1, 1], Some(noise(15, 1)));
    let conv_b = tensor("conv.bias", &[5], Some(noise(5, 2)));
    let conv = tensor("conv_out", &[1, 5, 4, 4], None);
    let low = tensor("zero", &[], Some(vec![0.0]));
    let high = tensor("six", &[], Some(vec![6.0]));
    let clip = tensor("clip_out", &[1, 5, 4, 4], None);
    let depthwise_w = tensor("depthwise.weight", &[5, 1, 4, 4], Some(noise(80, 3)));
    let depthwise = tensor("depthwise_out", &[1, 5, 1, 1], None);
    let flat = tensor("flat", &[1, 5], None);
    let gemm_w = tensor("gemm.weight", &[5, 4], Some(noise(20, 4)));
    let output = tensor("scores", &[1, 4], None);

    let window = |kernel| Window { kernel, strides: [1, 1], dilations: [1, 1], pads: Padding::default() };
    let node = |name: &str, op, inputs: &[TensorId], output| Node {
        name: name.to_owned(),
        op,
        inputs: inputs.to_vec(),
        outputs: vec![output],
        absorbed: vec![format!("{name}_bn")],
    };
    Network {
        name: "fake".to_owned(),
        nodes: vec![
            node("conv", Op::Conv(Conv { window: window([1, 1]), group: 1 }), &[input, conv_w, conv_b], conv),
            node("clip", Op::Clip, &[conv, low, high], clip),
            node(
                "depthwise",
                Op::Conv(Conv { window: window([4, 4]), group: 5 }),
                &[clip, depthwise_w],
                depthwise,
            ),
            node("flatten", Op::Flatten { axis: 1 }, &[depthwise], flat),
            node("gemm", Op::Gemm(Gemm { trans_b: false }), &[flat, gemm_w], output),
        ],
        tensors,
        input,
        output,
        input_layout: InputLayout::Nchw,
        metadata: BTreeMap::from([("mean".to_owned(), "0.5".to_owned())]),
        opset: 13,
        ir_version: 8,
    }
}

impl StrategyHost for Fake {
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
        let mut slots = Vec::new();
        for (id, node) in self.network.node_ids().filter(|(_, node)| node.op.is_computing()) {
            let axis = usize::from(matches!(node.op, Op::Gemm(Gemm { trans_b: false })));
            let tensor = node.inputs[1];
            let channels = match self.target.weights {
                Granularity::PerChannel => self.network.tensor(tensor).shape[axis],
                Granularity::PerTensor => 1,
            };
            let role = SlotRole::Weights { channels, axis };
            slots.push(Slot { tensor, bits: self.draft.bits_of(id), role, node: Some(id) });
        }
        let (bits, role) = (Bits::Int8, SlotRole::Activation);
        slots.push(Slot { tensor: self.network.input, bits, role, node: None });
        for (id, node) in self.network.node_ids().filter(|(_, node)| !node.op.is_passive()) {
            slots.push(Slot { tensor: node.output(), bits: self.draft.bits_of(id), role, node: Some(id) });
        }
        slots
    }

    fn set_bits(&mut self, node: NodeId, bits: Bits) -> Result<(), StrategyError> {
        self.draft.bits.insert(node, bits);
        Ok(())
    }

    fn set_exponents(
        &mut self,
        tensor: TensorId,
        bits: Bits,
        exponents: &[i32],
    ) -> Result<(), StrategyError> {
        let slot = self.slots().into_iter().find(|slot| slot.tensor == tensor && slot.bits == bits);
        match slot.map(|slot| slot.role) {
            Some(SlotRole::Activation) if exponents.len() == 1 => {
                self.draft.activation_exponents.insert((tensor, bits), exponents[0]);
            }
            Some(SlotRole::Weights { channels, .. }) if exponents.len() == channels => {
                self.draft.weight_exponents.insert(tensor, exponents.to_vec());
            }
            _ => return Err(StrategyError::Invalid(format!("tensor {} has no such slot", tensor.0))),
        }
        Ok(())
    }

    fn set_weights(&mut self, tensor: TensorId, values: &[f32]) -> Result<(), StrategyError> {
        self.draft.changed_weights.insert(tensor, values.into());
        Ok(())
    }

    fn correct_weights(&mut self, tensor: TensorId, values: Option<&[f32]>) -> Result<(), StrategyError> {
        match values {
            Some(values) => self.draft.corrected_weights.insert(tensor, values.into()),
            None => self.draft.corrected_weights.remove(&tensor),
        };
        Ok(())
    }

    fn set_relu_for_clip(&mut self, node: NodeId, relu: bool) -> Result<(), StrategyError> {
        match relu {
            true => self.draft.relu_for_clip.insert(node),
            false => self.draft.relu_for_clip.remove(&node),
        };
        Ok(())
    }

    fn weights(&self, tensor: TensorId) -> Option<&[f32]> {
        let changed = self.draft.replaced(tensor);
        changed.or(self.network.tensor(tensor).data.as_ref()).map(|values| &**values)
    }

    fn pictures(&self, set: PictureSet) -> usize {
        match set {
            PictureSet::Calibration => 4,
            PictureSet::HeldOut => self.held_out,
        }
    }

    fn hold_out(&mut self, every: usize) -> Result<(), StrategyError> {
        self.held_out = 4usize.checked_div(every).unwrap_or(0);
        Ok(())
    }

    fn run_quantized(
        &mut self,
        _set: PictureSet,
        picture: usize,
        tensors: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, StrategyError> {
        Ok(tensors.iter().map(|&t| noise(self.network.tensor(t).len(), (picture + t.0 + 7) as u32)).collect())
    }

    fn statistics(&mut self, request: &StatisticsRequest) -> Result<Vec<TensorStatistics>, StrategyError> {
        assert!(!self.panics_in_statistics, "made to panic");
        let open = |slot: &Slot| matches!(slot.role, SlotRole::Weights { .. }) && !self.is_decided(slot);
        let weights_open = self.slots().iter().filter(|slot| open(slot)).count();
        self.requests.push((request.clone(), weights_open));
        Ok(request.tensors.iter().zip(&request.bins).map(|(&t, &bins)| made_up(t, bins, request)).collect())
    }

    fn run_float(
        &mut self,
        _set: PictureSet,
        picture: usize,
        _weights: WeightsUse,
        tensors: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, StrategyError> {
        Ok(tensors.iter().map(|&t| noise(self.network.tensor(t).len(), (picture + t.0) as u32)).collect())
    }

    fn complete(&mut self, repair: bool) -> Result<Vec<String>, StrategyError> {
        self.repaired = Some(repair);
        Ok(vec!["`conv` would shift left: raise its exponent".to_owned()])
    }

    fn score(
        &mut self,
        _set: PictureSet,
        _kind: ScoreKind,
        max_pictures: usize,
    ) -> Result<Score, StrategyError> {
        let nodes = vec![(NodeId(0), 0.01), (NodeId(4), 0.02)];
        Ok(Score { output_nsr: 0.05, agreement: 0.9, pictures: max_pictures.min(4), nodes })
    }

    fn cost(&mut self) -> Result<Cost, StrategyError> {
        let wide = self.draft.bits.len() as u64;
        Ok(Cost {
            latency_ms: 10.0 + wide as f64,
            flash_bytes: 1000 + 100 * wide,
            arena_bytes: 500 + 10 * wide,
        })
    }

    fn snapshot(&mut self) -> Result<usize, StrategyError> {
        self.snapshots.push(self.draft.clone());
        Ok(self.snapshots.len() - 1)
    }

    fn restore(&mut self, snapshot: usize) -> Result<(), StrategyError> {
        let known = self.snapshots.get(snapshot).cloned();
        self.draft =
            known.ok_or_else(|| StrategyError::Invalid(format!("there is no snapshot {snapshot}")))?;
        Ok(())
    }

    fn picture_file(&self, _set: PictureSet, picture: usize) -> Result<PathBuf, StrategyError> {
        Ok(PathBuf::from(format!("/pictures/{picture}.png")))
    }

    fn model_file(&self) -> Result<PathBuf, StrategyError> {
        Ok(PathBuf::from("/models/fake.onnx"))
    }

    fn job_folder(&mut self) -> Result<PathBuf, StrategyError> {
        Ok(PathBuf::from("/runs/1/strategies/1-fake"))
    }

    fn export_model(&mut self, kind: ExportKind, name: &str) -> Result<(), StrategyError> {
        self.exported.push((kind, name.to_owned()));
        Ok(())
    }

    fn point(&mut self, curve: &str, x: f64, y: f64) -> Result<(), StrategyError> {
        self.points.push((curve.to_owned(), x, y));
        Ok(())
    }

    fn finish_early(&mut self) -> bool {
        self.finish_early
    }

    fn progress(&mut self, fraction: f32, _message: &str) {
        assert!((0.0..=1.0).contains(&fraction));
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.log.push((level, message.to_owned()));
    }
}

/// Numbers of a tensor: a bell from `-max` to `max`, a different one for each.
fn made_up(tensor: TensorId, bins: usize, request: &StatisticsRequest) -> TensorStatistics {
    let max = 1.0 + tensor.0 as f32 * 0.7;
    let histogram: Vec<u64> = (0..bins)
        .map(|i| {
            let x = i as f64 / bins as f64;
            (1e5 * (-x * x * 8.0).exp()) as u64 + 1
        })
        .collect();
    TensorStatistics {
        min: -0.8 * max,
        max,
        count: histogram.iter().sum(),
        histogram,
        bin_width: if bins == 0 { 0.0 } else { f64::from(max) / bins as f64 },
        percentiles: request.percentile.map(|_| (-0.4 * max, 0.45 * max)),
    }
}
